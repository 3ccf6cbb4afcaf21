"""Types of the jobs' answers and stored objects; their fields define the JSON. Standard library only."""
