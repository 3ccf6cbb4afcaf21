"""Submission of keys to OMS, and records of the outcomes. The package imports `ledger` and `clouds`, but no job."""
