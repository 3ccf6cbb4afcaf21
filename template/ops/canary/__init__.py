"""`ops.py canary`: whether it works in the user's own accounts, shown by a few objects that are written, followed
through every hop, compared, and deleted again."""
