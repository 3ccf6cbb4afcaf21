"""The command `ops.py checklist`, which compares the settings of both buckets for a transfer by hand."""
