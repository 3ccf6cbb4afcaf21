"""The settings of both buckets, side by side, for a user who moves them by hand."""
