"""Comparing buckets: which objects a pass is about, the merged listing, and what each object is."""
