"""CPU of a pass of reconcile for each object, on the client's side alone, against what it was before
(`listing_baseline.py`): a ratio taken in one run.

Exit code 0 only when the target holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from sandbox import runtimes

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = runtimes.installed("python3.12")
OBJECTS = 100_000
ROUNDS = 5
LIMIT = 0.45


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"A pass of reconcile over {OBJECTS:,} objects whose listings are in memory: half a minute ...")
    path = ":".join(map(str, (ROOT / "template" / "code", RUNTIME.libraries, ROOT)))
    client = Path(__file__).with_name("listing_client.py")
    words = [RUNTIME.interpreter, "-S", "-s", str(client), path, str(OBJECTS), str(ROUNDS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    micros = json.loads(done.stdout)
    # The best round of each: whatever else the machine does only adds.
    ours, baseline = min(micros["ours"]), min(micros["baseline"])
    console.print(
        f"CPU an object: {ours:.1f} us, the baseline's {baseline:.1f} us; ratio {ours / baseline:.3f}, and {LIMIT} is"
        f" allowed. {RUNTIME}"
    )
    holds = ours / baseline <= LIMIT
    console.print("[green]The target holds." if holds else "[red]The target is missed.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
