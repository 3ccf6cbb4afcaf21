"""The command line: commands, options, help, and the program that runs the commands."""
