"""Commands of `python3 ops.py`, which operate the deployed project."""

import sys
from pathlib import Path

# The functions write their answers, and the commands read them, with one package of the deployed code beside this
# folder: `oss_oms_sync.answers`. No other part of that code is imported here.
sys.path.append(str(Path(__file__).resolve().parents[1] / "code"))
