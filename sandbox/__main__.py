"""A program that runs an interactive sandbox until Ctrl-C: both clouds, and a project that forwards the uploads."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.markup import escape

from sandbox import Sandbox, runtimes
from sandbox.control import VARIABLE, serve_control
from sandbox.demo.project import make_project
from sandbox.fc.logs import parse_line
from sandbox.fc.service import Invocation
from sandbox.prompt import Prompt
from sandbox.server.faults import Fault

# Timers fire this many times as often as in the cloud: that of replay every three seconds, not every minute.
TIMER_SPEED = 20
UPLOAD_PROGRAM = "upload.py"

UPLOAD_TEMPLATE = """\
import time, oss2
auth = oss2.AuthV4({key_id!r}, {secret!r})
photos = oss2.Bucket(auth, {endpoint!r}, {bucket!r}, region={region!r})
log = oss2.Bucket(auth, {endpoint!r}, {log_bucket!r}, region={region!r})
photos.put_object("hello 山.txt", b"hello")

# Its record, once the function has handled the event:
records = []
while not records:
    time.sleep(0.2)
    records = [record.key for record in oss2.ObjectIteratorV2(log) if record.key.endswith("/hello 山.txt")]

print(records)
"""


def parse_rate(text: str) -> float:
    """Return the rate in `text`, in calls a second; raise ArgumentTypeError if it is not a number above 0."""
    rate = _parse_number(text)
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a rate: write calls per second, more than 0, such as 5")
    return rate


def parse_probability(text: str) -> float:
    probability = _parse_number(text)
    if not 0 <= probability <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share: write a number from 0 (none) to 1 (all), such as 0.3")
    return probability


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Simulate both clouds (OSS and Function Compute, OMS and OBS) with a deployed project on this"
        " machine, until Ctrl-C, to try commands and faults without a cloud account. The program prints the commands"
        " for another terminal; type `help` at its prompt for further commands.",
    )
    parser.add_argument(
        "--runtime",
        choices=runtimes.NAMES,
        default="python3.12",
        help="Python runtime of the functions (default: python3.12)",
    )
    parser.add_argument(
        "--oms-rate",
        type=parse_rate,
        metavar="N",
        help="calls that OMS accepts per second; OMS throttles all others (default: no limit)",
    )
    parser.add_argument(
        "--trouble",
        type=parse_probability,
        default=0.0,
        metavar="P",
        help="share of the calls to OMS that fail, from 0 to 1 (default: 0)",
    )
    return parser


def main() -> None:
    options = make_parser().parse_args()
    console = Console(highlight=False)
    with TemporaryDirectory() as folder, Sandbox() as box:
        project = make_project(box, Path(folder), console, options.runtime)
        box.deploy_project(project, instances=8)
        box.oms.throttle(options.oms_rate)
        box.oms.faults.random(options.trouble, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], seed=1)
        with serve_control(box) as address:
            (project / UPLOAD_PROGRAM).write_text(make_upload_program(box), encoding="utf-8")
            print_instructions(box, console, address, project)
            box.start_timers(TIMER_SPEED)
            with contextlib.suppress(KeyboardInterrupt):
                if sys.stdin.isatty():
                    threading.Thread(target=print_invocations, args=(box, console), daemon=True).start()
                    Prompt(box).cmdloop()
                else:
                    print_invocations(box, console)
            console.print("\nStopped. Nothing is kept.")


def make_upload_program(box: Sandbox) -> str:
    """Return a Python program that uploads an object with `oss2` and prints the object's record."""
    key_id, secret = box.user_credentials
    return UPLOAD_TEMPLATE.format(
        key_id=key_id,
        secret=secret,
        endpoint=box.oss.endpoint,
        bucket=box.source_bucket,
        log_bucket=box.log_bucket,
        region=box.region,
    )


def print_instructions(box: Sandbox, console: Console, address: str, project: Path) -> None:
    """Print the commands that the user can type; with the prompt they fit a terminal of 24 lines."""
    console.out(
        f"Objects of {box.source_bucket} (OSS) are copied to {box.destination_bucket} (OBS). In another terminal:\n"
    )
    for name, value in {VARIABLE: address, **box.administrators()}.items():
        console.out(f"export {name}={value}")
    console.out(f"cd {project}")
    for words in ("status", "setup", "migrate", "cutover --rehearse", "cutover --frozen-since now"):
        console.out(f"python3 ops.py {words}")
    console.out("\nUpload an object with OSS's own client, and wait for its record:")
    console.out(f"{sys.executable} {UPLOAD_PROGRAM}\n")
    console.out(f"Timers run {TIMER_SPEED} times as often as in the cloud; `later 15m` advances the clock.")
    console.out("`help` lists the commands of this prompt. To send one from the other terminal:")
    console.out(f"curl -d help ${VARIABLE}/say")
    console.out("The results of the functions are printed below. To end the sandbox: Ctrl-C")


def print_invocations(box: Sandbox, console: Console) -> None:
    shown_count, totals = 0, PassTotals()
    while True:
        for invocation in box.fc.invocations[shown_count:]:
            shown_count += 1
            for line in describe_invocation(invocation, totals):
                console.print(line, soft_wrap=True)
        time.sleep(0.2)


def describe_invocation(invocation: Invocation, totals: PassTotals) -> Iterator[str]:
    """Yield the lines to print for an invocation: a line for each failed key, and a line for its submitted keys."""
    for text in invocation.logs:
        line = parse_line(text)
        if "reason" in line:
            yield f"[yellow]failed[/] {escape(line['key'])}: {line['reason']}. {escape(line['fix'])}"
        elif line.get("job") == "forward" and "accepted" in line:
            events = json.loads(invocation.payload)["events"]
            keys = ", ".join(event["oss"]["object"]["key"] for event in events)
            verdict = "[green]accepted[/]" if line["accepted"] == line["keys"] else "[yellow]recorded as failed[/]"
            yield f"{verdict} in {line['ms']} ms: {escape(keys)}"
        elif line.get("job") in ("replay", "reconcile", "compare") and "accepted" in line:
            accepted_count, failed_count = totals.add(line)
            if accepted_count or failed_count:
                yield f"[cyan]{line['job']}[/] submitted keys: {accepted_count} accepted, {failed_count} failed"
    if invocation.failed:
        yield f"[red]{invocation.outcome}[/]  {escape(invocation.error_message)}"


class PassTotals:
    """The numbers of keys that each pass has submitted so far, because log lines have only such totals."""

    def __init__(self) -> None:
        self._by_pass: dict[str, tuple[int, int]] = {}

    def add(self, line: Mapping[str, Any]) -> tuple[int, int]:
        """Add the totals in a log line; return the numbers of keys accepted and failed since its pass's last line."""
        accepted_count, failed_count = line["accepted"], line["failed"]
        if "pass" not in line:
            return accepted_count, failed_count
        previous_total = self._by_pass.get(line["pass"], (0, 0))
        total = max(accepted_count, previous_total[0]), max(failed_count, previous_total[1])
        self._by_pass[line["pass"]] = total
        return total[0] - previous_total[0], total[1] - previous_total[1]


if __name__ == "__main__":
    main()
