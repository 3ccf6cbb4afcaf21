"""What `python3 ops.py` does: everything there is to do with the deployed project, by one command."""

import sys
from pathlib import Path

# What the functions answer is written and read by the same package, in the code beside this that is deployed. Nothing
# else of it is imported here.
sys.path.append(str(Path(__file__).resolve().parents[1] / "code"))
