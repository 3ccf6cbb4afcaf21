"""The recorded state of each key: its records, replay's run files, the jobs' state. May import `clouds`."""
