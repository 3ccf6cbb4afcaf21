"""The command `ops.py deletions`: the list of objects that the source has deleted, for the user to delete in OBS."""
