"""The command `cost`, which estimates a migration's cost: its quantities, the effort of each job, and prices."""
