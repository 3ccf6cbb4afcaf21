"""The project's resources in both accounts: roles, users, keys, buckets, sync task, and permissions."""
