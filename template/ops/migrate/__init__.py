"""`ops.py migrate`: copies what was there before the project, once, by a task group of OMS."""
