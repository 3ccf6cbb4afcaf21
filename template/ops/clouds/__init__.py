"""Requests to the clouds from the user's machine with an administrator's keys, by the standard library only.

The vendors' SDKs are used only in tests, to check these requests: they would add some fifty packages that handle the
keys of two accounts.
"""
