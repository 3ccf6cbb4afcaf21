#!/usr/bin/env python3
"""The program that operates the deployed project: python3 ops.py --help."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 (older versions print the reason, even Python 2)
    sys.exit("This needs Python 3.10 or newer; this one is " + sys.version.split()[0])

from pathlib import Path

# Without bytecode, a project in git gets no __pycache__ folders.
sys.dont_write_bytecode = True
# The package `ops` is in the folder of this file, whatever the current folder is.
sys.path.insert(0, str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    try:
        from ops.command_line.cli import program

        sys.exit(program())
    except KeyboardInterrupt:  # only before a command runs: a running command handles Ctrl-C itself
        sys.exit(130)
