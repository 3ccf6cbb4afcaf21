"""Submission of keys to OMS, and records of the outcomes."""
