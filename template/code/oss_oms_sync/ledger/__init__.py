"""What is known of each key: its records, replay's run files, what the jobs remember."""
