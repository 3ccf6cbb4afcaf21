"""The command `ops.py canary`: tests the project in the user's own accounts with a few objects.

It writes the objects, follows them through every hop, compares them, and deletes them.
"""
