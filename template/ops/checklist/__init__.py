"""The settings of the two buckets in adjacent columns, for manual transfer."""
