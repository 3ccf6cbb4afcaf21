"""What is in the destination bucket, object by object, and how well that is proven."""
