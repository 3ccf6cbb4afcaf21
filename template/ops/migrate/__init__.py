"""The command `ops.py migrate`, which copies the objects older than the project once, by a task group of OMS."""
