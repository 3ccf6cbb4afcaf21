"""Submitting keys to OMS, and recording what became of each."""
