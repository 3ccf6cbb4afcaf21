#!/usr/bin/env python3
"""Everything there is to do with the deployed project: python3 ops.py --help"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 (who has an older one is told so, even Python 2)
    sys.exit("This needs Python 3.10 or newer; this one is " + sys.version.split()[0])

from pathlib import Path

# No folders of bytecode in a project that is in git.
sys.dont_write_bytecode = True
# The package `ops` beside this file, wherever this is called from.
sys.path.insert(0, str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    try:
        from ops.command_line.cli import program

        sys.exit(program())
    except KeyboardInterrupt:  # before any command runs: these say what goes on without them
        sys.exit(130)
