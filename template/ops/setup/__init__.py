"""The command `ops.py setup`, which creates and removes the project's resources in both clouds."""
