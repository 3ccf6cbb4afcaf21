"""What `ops.py` does. Needs Python 3.10 and nothing else."""
