"""CPU time of a pass for each object, on the client's side alone.

Reconcile is compared with its earlier code (`listing_baseline.py`) and with `oss2`, which only lists the source;
compare, which also reads the destination, with the earlier code, and with a comparison that does not read storage
classes; a standstill pass with compare.

Exit code 0 only when all targets hold.
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
    path = ":".join(map(str, (ROOT / "template" / "code", RUNTIME.libraries, ROOT)))
    client = Path(__file__).with_name("listing_client.py")
    words = [RUNTIME.interpreter, "-S", "-s", str(client), path, str(OBJECTS), str(ROUNDS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    # Other processes can only add to the CPU time of a round.
    micros = {name: min(rounds) for name, rounds in json.loads(done.stdout).items()}
    table = Table("CPU an object", "", "against", "", "ratio", "allowed")
    ratios = [(micros[name] / micros[other], allowed) for name, other, allowed in TARGETS]
    for (name, other, allowed), (ratio, _) in zip(TARGETS, ratios, strict=True):
        table.add_row(name, f"{micros[name]:.1f} us", other, f"{micros[other]:.1f} us", f"{ratio:.2f}", f"{allowed}")
    console.print(table)
    console.print(f"Least of {ROUNDS} rounds. {RUNTIME}")
    holds = all(ratio <= allowed for ratio, allowed in ratios)
    console.print("[green]The targets hold." if holds else "[red]A target is missed.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
