"""The whole job, seen: objects are uploaded while OMS has a bad day, then is down; replay and reconcile make it good.
Then OMS fails to copy some, and somebody changes others in OBS: the certificate says NO-GO and names them; they are
made good, and it says GO.

Exit code 0 only when every uploaded object is accounted for all the time, the destination equals the source, and the
last certificate is a GO.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape

from sandbox import Sandbox
from sandbox.demo.acts import bad_day, outage, recovery
from sandbox.demo.cutover import cutover, in_obs
from sandbox.demo.project import make_project


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m sandbox.demo", description="Shows the whole job.")
    options.add_argument("--certificate", type=Path, metavar="FILE", help="keep the last certificate")
    kept = options.parse_args().certificate
    console = Console(highlight=False)
    console.print("[bold]OSS, OMS and Function Compute on this machine, the function in between.")
    with Sandbox() as box, TemporaryDirectory() as folder:
        box.deploy_project(make_project(box, Path(folder), console), instances=8, retry_delay=0.01)
        stages = [bad_day(box, console), outage(box, console), recovery(box, console)]
        in_obs(box, console)
        books, document = cutover(box, console)
    problems = [problem for one in (*stages, books) for problem in one.problems()]
    if books.missing:
        problems.append(f"{len(books.missing)} objects are still missing in the end")
    if document["verdict"] != "GO":
        problems.append(f"the last certificate is a {document['verdict']}")
    if kept:
        kept.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for problem in problems:
        console.print(f"[red]{escape(problem)}")
    good = (
        "[green]Every object was accounted for all the time, and in the end the destination equals the source: GO, with"
        " the proof."
    )
    console.print("[red]The books do not balance." if problems else good, soft_wrap=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
