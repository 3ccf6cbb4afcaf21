"""Submission of keys to OMS, and records of the outcomes. May import `ledger` and `clouds`."""
