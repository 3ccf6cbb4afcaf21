"""The commands of `python3 ops.py`, which operate the deployed project."""

import sys
from pathlib import Path

# The commands read the functions' answers with the package that writes them, `oss_oms_sync.answers` beside this folder,
# and import no other part of the deployed code.
sys.path.append(str(Path(__file__).resolve().parents[1] / "code"))
