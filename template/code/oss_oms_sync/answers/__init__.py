"""What jobs answer and store, as values of types that are the form of the JSON. Standard library only."""
