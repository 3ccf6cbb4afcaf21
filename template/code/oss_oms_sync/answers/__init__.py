"""Types of the jobs' answers and stored objects; their fields define the JSON. Imports only the standard library."""
