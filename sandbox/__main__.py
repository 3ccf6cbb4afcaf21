"""Run both clouds and the whole project until Ctrl-C, for playing: what is uploaded is forwarded, timers strike."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape

from sandbox import Sandbox, runtimes
from sandbox.asking import VARIABLE, asked
from sandbox.demo.project import make_project
from sandbox.fc.logs import said
from sandbox.fc.service import Invocation
from sandbox.prompt import Prompt
from sandbox.server.faults import Fault

# Replay's five minutes are a quarter of one.
TIMES_AS_OFTEN = 20

SNIPPET = """\
import time, oss2
auth = oss2.AuthV4({key_id!r}, {secret!r})
photos = oss2.Bucket(auth, {endpoint!r}, {bucket!r}, region={region!r})
log = oss2.Bucket(auth, {endpoint!r}, {log_bucket!r}, region={region!r})
photos.put_object("hello 山.txt", b"hello")

# Its record, once the function has handled the event:
records = []
while not records:
    time.sleep(0.2)
    records = [one.key for one in oss2.ObjectIteratorV2(log) if one.key.endswith("/hello 山.txt")]

print(records)
"""


def calls_per_second(text: str) -> float:
    """An argument of the command line; argparse shows the message of its errors."""
    rate = _number(text)
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no rate: give calls a second, more than 0, such as 5")
    return rate


def share(text: str) -> float:
    probability = _number(text)
    if not 0 <= probability <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: give a number from 0 (none) to 1 (all), such as 0.3")
    return probability


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Runs a simulated OSS, OMS and Function Compute on this machine, with the project in them, until"
        " Ctrl-C. Upload with the printed snippet and watch the functions work.",
    )
    options.add_argument("--runtime", choices=runtimes.NAMES, default="python3.12")
    options.add_argument(
        "--oms-rate", type=calls_per_second, metavar="N", help="OMS takes N calls a second and throttles the rest"
    )
    options.add_argument(
        "--trouble", type=share, default=0.0, metavar="P", help="the share of OMS's calls that fail, 0 to 1 (default 0)"
    )
    return options


def main() -> None:
    options = parser().parse_args()
    console = Console(highlight=False)
    with Sandbox() as box, TemporaryDirectory() as folder:
        project = make_project(box, Path(folder), console, options.runtime)
        box.deploy_project(project, instances=8)
        box.oms.throttle(options.oms_rate)
        box.oms.faults.random(options.trouble, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], seed=1)
        with asked(box) as address:
            introduce(box, console, address, project)
            box.start_timers(TIMES_AS_OFTEN)
            with contextlib.suppress(KeyboardInterrupt):
                if sys.stdin.isatty():
                    threading.Thread(target=watch, args=(box, console), daemon=True).start()
                    Prompt(box).cmdloop()
                else:
                    watch(box, console)
            console.print("\nStopped. Nothing is kept.")


def snippet(box: Sandbox) -> str:
    """What uploads an object and shows its record, in Python with `oss2`."""
    key_id, secret = box.user_credentials
    return SNIPPET.format(
        key_id=key_id,
        secret=secret,
        endpoint=box.oss.endpoint,
        bucket=box.source_bucket,
        log_bucket=box.log_bucket,
        region=box.region,
    )


def introduce(box: Sandbox, console: Console, address: str, project: Path) -> None:
    console.out(f"OSS  {box.oss.endpoint}  source bucket {box.source_bucket}, log bucket {box.log_bucket}")
    console.out(f"OMS  {box.task.sync_url}")
    console.out("\nUpload, for example with .venv/bin/python:\n")
    console.out(snippet(box))
    console.out("Ask how it is, in another terminal, with the very commands that you would use in the cloud:\n")
    console.out(f"export {VARIABLE}={address}")
    console.out(f"cd {project}")
    console.out("python3 ops.py status\n")
    console.out("Play a cutover, when nothing is uploaded any more (whatever it waits for goes by at once):\n")
    console.out("python3 ops.py cutover --rehearse")
    console.out("python3 ops.py cutover --frozen-since now\n")
    console.out("Break something, at the prompt below or from another terminal; `help` says what there is:\n")
    console.out(f"curl -d 'put obs a.txt other' {address}/say\n")
    console.out(
        f"Timers strike {TIMES_AS_OFTEN} times as often as in the cloud. The clock is this machine's until somebody"
    )
    console.out("moves it on, as `later 15m` does, and a cutover that waits; what is stored keeps its times.")
    console.out("What the functions do shows below. Ctrl-C ends it.\n")


def watch(box: Sandbox, console: Console) -> None:
    seen = 0
    while True:
        for invocation in box.fc.invocations[seen:]:
            seen += 1
            for line in describe(invocation):
                console.print(line, soft_wrap=True)
        time.sleep(0.2)


def describe(invocation: Invocation) -> Iterator[str]:
    """What one invocation says of itself: a line for each failed key, and one in all where it did something."""
    for text in invocation.logs:
        line = said(text)
        if "reason" in line:
            yield f"[yellow]failed[/] {escape(line['key'])}: {line['reason']}. {escape(line['fix'])}"
        elif line.get("job") == "forward" and "accepted" in line:
            events = json.loads(invocation.payload)["events"]
            keys = ", ".join(event["oss"]["object"]["key"] for event in events)
            verdict = "[green]accepted[/]" if line["accepted"] == line["keys"] else "[yellow]recorded as failed[/]"
            yield f"{verdict} in {line['ms']} ms: {escape(keys)}"
        elif line.get("accepted") or line.get("failed"):
            yield f"[cyan]{line['job']}[/] sent again: {line['accepted']} accepted, {line['failed']} failed"
    if invocation.failed:
        yield f"[red]{invocation.outcome}[/]  {escape(invocation.error_message)}"


if __name__ == "__main__":
    main()
