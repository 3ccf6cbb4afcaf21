"""The commands that create and remove the project's resources in both clouds."""
