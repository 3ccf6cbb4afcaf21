"""Benchmark of the CPU time that passes over the buckets take for each object, with listings in memory.

Each pass is compared with its references:

- reconcile: its earlier code (`listing_baseline.py`), and `oss2`, which only lists the source
- compare: reconcile's earlier code, and a comparison that does not read storage classes
- a standstill pass: compare

The exit code is 0 only if all targets hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox import runtimes

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = runtimes.load_runtime("python3.12")
OBJECTS = 100_000
ROUNDS = 5
# The measured pass, its reference, and the largest allowed ratio.
TARGETS = (
    ("reconciliation", "baseline", 0.3),
    ("reconciliation", "oss2_lists", 0.5),
    ("comparison", "baseline", 0.45),
    ("comparison", "without_classes", 1.02),
    ("mixed_classes", "without_classes", 1.1),
    ("standstill", "comparison", 0.55),
)


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Passes over {OBJECTS:,} objects whose listings are in memory: a minute ...")
    module_path = ":".join(map(str, (ROOT / "template" / "code", RUNTIME.libraries, ROOT)))
    client = Path(__file__).with_name("listing_client.py")
    command = [RUNTIME.interpreter, "-S", "-s", str(client), module_path, str(OBJECTS), str(ROUNDS)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(process.stderr)
    # Other processes can only add to the CPU time of a round.
    micros = {name: min(rounds) for name, rounds in json.loads(process.stdout).items()}
    table = Table("CPU an object", "", "against", "", "ratio", "allowed")
    ratios = [(micros[name] / micros[other], allowed) for name, other, allowed in TARGETS]
    for (name, other, allowed), (ratio, _) in zip(TARGETS, ratios, strict=True):
        table.add_row(name, f"{micros[name]:.1f} us", other, f"{micros[other]:.1f} us", f"{ratio:.2f}", f"{allowed}")
    console.print(table)
    console.print(f"Least of {ROUNDS} rounds. {RUNTIME}")
    all_hold = all(ratio <= allowed for ratio, allowed in ratios)
    console.print("[green]The targets hold." if all_hold else "[red]A target is missed.")
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
