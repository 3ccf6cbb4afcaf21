"""CPU of a pass for each object, on the client's side alone: of reconcile against what it was before
(`listing_baseline.py`), and of compare, which reads the destination as well, against the same: in one run.

Exit code 0 only when both targets hold.
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
LIMIT = 0.5
COMPARE_LIMIT = 0.85


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Passes over {OBJECTS:,} objects whose listings are in memory: a minute ...")
    path = ":".join(map(str, (ROOT / "template" / "code", RUNTIME.libraries, ROOT)))
    client = Path(__file__).with_name("listing_client.py")
    words = [RUNTIME.interpreter, "-S", "-s", str(client), path, str(OBJECTS), str(ROUNDS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    micros = json.loads(done.stdout)
    # The best round of each: whatever else the machine does only adds.
    ours, baseline, compare = (min(micros[name]) for name in ("ours", "baseline", "comparison"))
    console.print(
        f"CPU an object: {ours:.1f} us, the baseline's {baseline:.1f} us; ratio {ours / baseline:.3f}, and {LIMIT} is"
        f" allowed. {RUNTIME}"
    )
    console.print(
        f"A pass of compare: {compare:.1f} us, because it reads one listing more, and makes digests; ratio"
        f" {compare / baseline:.3f}, and {COMPARE_LIMIT} is allowed."
    )
    holds = ours / baseline <= LIMIT and compare / baseline <= COMPARE_LIMIT
    console.print("[green]The targets hold." if holds else "[red]A target is missed.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
