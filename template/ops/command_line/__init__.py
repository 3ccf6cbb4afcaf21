"""The command line of ops.py: commands, options, help, and the program that runs the commands."""
