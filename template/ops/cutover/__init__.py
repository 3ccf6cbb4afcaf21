"""The commands `cutover`, `close` and `open`: the steps of a cutover, and how the project is closed and opened."""
