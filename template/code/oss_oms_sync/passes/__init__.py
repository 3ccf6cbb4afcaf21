"""Passes: runs over all keys of the source bucket that compare its objects with their records, or with OBS."""
