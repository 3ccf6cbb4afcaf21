"""The stored state of a project: records of each key, replay's run files, and the state of jobs.

This package may import `clouds`.
"""
