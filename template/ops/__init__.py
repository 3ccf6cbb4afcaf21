"""What `python ops.py` does: everything there is to do with the deployed project, by one command."""
