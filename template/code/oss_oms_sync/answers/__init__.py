"""What jobs say, as values."""
