"""Submits keys to OMS, and records the outcomes. May import `ledger` and `clouds`."""
