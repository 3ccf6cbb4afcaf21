"""Answers and stored objects of the jobs: types whose fields are the form of the JSON. Standard library only."""
