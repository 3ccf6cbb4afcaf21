"""The cost of a migration: quantities, effort, prices."""
