"""The project's resources in the accounts of both clouds: roles, users, keys, buckets, sync task, and permissions."""
