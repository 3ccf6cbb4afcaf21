"""The recorded state of each key: its records, replay's run files, and the jobs' state. May import `clouds`."""
