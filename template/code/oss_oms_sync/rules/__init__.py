"""Conclusions from facts: pure functions, shared by all readers. Standard library and `answers` only."""
