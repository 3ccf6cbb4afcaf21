"""Calls of the clouds from the user's machine, with an administrator's keys: standard library only.

The vendors' SDKs are the judges of these requests in the tests, and are nowhere else: they would bring some fifty
packages through which the keys of two accounts pass.
"""
