"""The command `ops.py canary`, which tests the project in the user's own accounts with a few objects.

A canary writes the objects, follows each from OSS to OBS, compares them, and deletes them.
"""
