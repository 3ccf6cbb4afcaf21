"""The commands `cutover`, `close` and `open`: the options and steps of a cutover, and the state of the project."""
