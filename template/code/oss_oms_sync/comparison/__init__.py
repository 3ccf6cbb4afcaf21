"""Comparison of the source with the destination bucket, object by object, and proofs of equality."""
