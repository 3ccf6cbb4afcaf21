"""The command for a cutover: its options, its steps, and closing and opening the project."""
