"""Requests to the clouds from the user's machine with an administrator's keys, by the standard library only.

Only tests use the vendors' SDKs, to check these requests: the SDKs would add some fifty packages with access to the
keys of two accounts.
"""
