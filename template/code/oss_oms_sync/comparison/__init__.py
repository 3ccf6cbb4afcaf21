"""The comparison of the source bucket with the destination, object by object, and proofs that objects are equal."""
