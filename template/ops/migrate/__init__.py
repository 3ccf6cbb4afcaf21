"""The command `ops.py migrate`, which copies the objects from before the project once, by a task group of OMS."""
