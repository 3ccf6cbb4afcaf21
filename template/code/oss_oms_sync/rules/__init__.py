"""Conclusions from facts: pure functions, shared by all readers. Imports only the standard library and `answers`."""
