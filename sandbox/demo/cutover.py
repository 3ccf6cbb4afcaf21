"""The last acts: OMS fails to copy objects, others are changed in OBS, and the certificate turns to GO.

The first certificate is a NO-GO with its reasons; after the repair of the named objects it is a GO.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox import Sandbox
from sandbox.demo.acts import HOUR, LOST, PATIENCE_SECONDS
from sandbox.demo.books import Books, keep_books
from sandbox.oms.copier import CopyFailure

# Accepted by OMS, and not copied.
NOT_COPIED = [f"not copied/{number}.jpg" for number in range(5)]
DELETED, OVERWRITTEN = "photos/0001.jpg", "photos/0002.jpg"
SAMPLE = 50
# The run of the cutover that closes the project.
RUN = "demo"
# Two minutes after the mark nothing is submitted any more; a second more, because times are in whole seconds.
CLOSE_SECONDS = 121
# The idle time of OMS before the certificate.
OMS_SECONDS = 1200
# Classes of equal objects, which need no table.
EQUAL = {"equal_contents", "oms_own"}
_COLOURS = {"GO": "green", "NO-GO": "red", "NOT PROVEN": "yellow"}


def in_obs(box: Sandbox, console: Console) -> None:
    """Make OMS accept objects and fail to copy them; delete an object in OBS and overwrite another."""
    console.print(
        f"\n[bold]4.[/] OMS accepts {len(NOT_COPIED)} more objects, but fails to copy them, and says so in lists in"
        " OBS. The timer invokes replay, which reads the lists and returns"
    )
    failure = CopyFailure("GET_SRC_OBJ_FAILURE", "the source did not answer")
    box.task.failures.add(failure, times=len(NOT_COPIED), where=lambda key: key in NOT_COPIED)
    for key in NOT_COPIED:
        box.bucket(box.source_bucket).put_object(key, b"copied in the end")
    box.wait_idle(timeout=PATIENCE_SECONDS)
    # After the throttling, forward may have left some of them to replay: by hand it submits them, and reads no lists.
    box.fc.invoke("replay", b"{}")
    box.wait_idle(timeout=PATIENCE_SECONDS)
    console.print(escape(json.dumps(box.tick("replay").value)), soft_wrap=True)
    console.print("And somebody deletes one object in OBS and overwrites another.")
    box.obs.delete(box.destination_bucket, DELETED)
    box.obs.put(box.destination_bucket, OVERWRITTEN, b"somebody else's")


def cutover(box: Sandbox, console: Console) -> tuple[Books, dict[str, Any]]:
    """Play the day of the cutover; return the books in the end, and the last certificate."""
    console.print(
        "\n[bold]5.[/] Cutover day: nobody writes to the source any more. Half an hour later, step by step what"
        " `python3 ops.py cutover` does:"
    )
    frozen = now(box)
    later(box)
    compare(box, console)
    certify(box, console, frozen)
    console.print(
        "Compare has submitted what was missing. What is newer in OBS is overwritten only if somebody asks for it:"
    )
    compare(box, console, overwrite=True, restart=True)
    later(box)
    compare(box, console, restart=True)
    close(box, console)
    stand_still(box, console)
    return keep_books(box, set(LOST)), certify(box, console, frozen, sample=SAMPLE, run=RUN)


def close(box: Sandbox, console: Console) -> None:
    """Close the project; two minutes later nothing is submitted any more, and OMS finishes."""
    wait_a_second(box)
    console.print("\npython3 ops.py close")
    box.fc.invoke("certify", json.dumps({"close": True, "run": RUN}).encode())
    box.let_pass(CLOSE_SECONDS)
    box.let_pass(OMS_SECONDS)
    _print_line(console, "The project is closed: two minutes later nothing is sent any more. OMS has finished, too.")


def stand_still(box: Sandbox, console: Console) -> None:
    """Show that neither bucket has changed since the comparison."""
    wait_a_second(box)
    payload = json.dumps({"standstill": True, "restart": True})
    console.print("\npython3 ops.py compare --standstill --restart")
    digests = box.fc.invoke("compare", payload.encode()).value
    _print_line(console, f"The digests are {digests['state']} and {digests['twin']}.")


def later(box: Sandbox) -> None:
    """Wait for all work, and advance the clock by half an hour, so that no object is too young to be judged."""
    box.wait_idle(timeout=PATIENCE_SECONDS)
    box.later(HOUR // 2)


def certify(box: Sandbox, console: Console, frozen: str, **asked: object) -> dict[str, Any]:
    """Invoke certify by hand, and show its verdict, with the checks that did not pass."""
    payload = json.dumps({"frozen_since": frozen, **asked})
    console.print(f"\nMake the certificate, with the freeze at {frozen}")
    document: dict[str, Any] = box.fc.invoke("certify", payload.encode()).value
    verdict = document["verdict"]
    _print_line(console, f"[bold {_COLOURS[verdict]}]{escape(document['text'])}")
    for check in document["checks"]:
        if check["gates"] and check["result"] != "passed":
            keys = f": {', '.join(check['keys'][:3])}" if check["keys"] else ""
            _print_line(console, escape(f"  {check['id']} {check['result']}: {check['actual']}{keys}"))
    if verdict == "GO":
        sample = next(check for check in document["checks"] if check["id"] == "SAMPLE")
        _print_line(console, f"{len(document['checks'])} checks passed. Sample: {sample['actual']}.")
        for side in ("source", "destination"):
            _print_line(console, f"  {side:11} {document[side]['objects']} objects, digest {document[side]['digest']}")
        _print_line(console, f"  the certificate's SHA-256 is {document['sha256']}")
    return document


def wait_a_second(box: Sandbox) -> None:
    """Wait for the next second, because passes know their begin and end to the second."""
    ended = now(box)
    while now(box) <= ended:
        time.sleep(0.05)


def now(box: Sandbox) -> str:
    """Return the time in the format of certificates."""
    return datetime.fromtimestamp(box.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def compare(box: Sandbox, console: Console, **asked: bool) -> None:
    """Invoke compare by hand, and show its classes, if there are differences."""
    wait_a_second(box)
    console.print(" ".join(["\npython3 ops.py compare", *(f"--{name}" for name in asked)]))
    comparison = box.fc.invoke("compare", json.dumps(asked).encode()).value
    table = Table("class", "in OSS", "in OBS", "such as")
    for column in table.columns[1:3]:
        column.justify = "right"
    classes = [(name, row) for name, row in comparison["classes"].items() if sum(count_of(row))]
    for name, row in classes:
        table.add_row(name, *map(str, count_of(row)), escape(f"{row['keys'][0]!a:.40}"))
    table.add_section()
    totals = [comparison[side]["objects"] for side in ("source", "destination")]
    table.add_row("[bold]both buckets", *(f"[bold]{number}" for number in totals))
    if not EQUAL.issuperset(name for name, _ in classes):
        console.print(table)
    sums = [sum(count_of(row)[side] for _, row in classes) for side in (0, 1)]
    adds_up = "The classes add up to both buckets." if sums == totals else "[red]The classes do not add up."
    console.print(f"{adds_up} Submitted: {comparison['submitted']}.")


def _print_line(console: Console, text: str) -> None:
    """Print a line that a terminal can break anywhere; a picture has no terminal."""
    console.print(text, soft_wrap=not console.record)


def count_of(row: dict[str, Any]) -> tuple[int, int]:
    """Return the numbers of objects of a class on both sides."""
    return row["source"]["objects"], row["destination"]["objects"]
