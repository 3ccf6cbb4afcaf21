"""The settings of the two buckets in adjacent columns, for a user who moves them by hand."""
