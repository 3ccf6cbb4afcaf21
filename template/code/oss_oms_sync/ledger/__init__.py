"""The stored state of a project in the log bucket: records of keys, replay's run files, marks and the state of jobs."""
