"""Runs both clouds and the function until Ctrl-C, for playing: what is uploaded is forwarded."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sandbox import Sandbox
from sandbox.faults import Fault
from sandbox.fc import Invocation
from sandbox.logs import said

ROOT = Path(__file__).resolve().parents[1]

SNIPPET = """\
import oss2
auth = oss2.AuthV4({key_id!r}, {secret!r})
bucket = oss2.Bucket(auth, {endpoint!r}, {bucket!r}, region={region!r})
bucket.put_object("hello 山.txt", b"hello")

# The records:
records = oss2.Bucket(auth, {endpoint!r}, {log_bucket!r}, region={region!r})
print([record.key for record in records.list_objects_v2().object_list])
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Runs a simulated OSS, OMS and Function Compute on this machine until Ctrl-C. Upload with the"
        " printed snippet and watch the function forward.",
    )
    options.add_argument("--code", type=Path, default=ROOT / "template" / "code", help="the function's code folder")
    options.add_argument("--runtime", choices=["python3.12", "python3.10"], default="python3.12")
    options.add_argument(
        "--oms-rate", type=float, metavar="N", help="OMS takes N calls a second and throttles the rest"
    )
    options.add_argument(
        "--trouble", type=float, default=0.0, metavar="P", help="the share of OMS's calls that fail, 0 to 1 (default 0)"
    )
    return options


def main() -> None:
    options = parser().parse_args()
    console = Console(highlight=False)
    with Sandbox() as box:
        box.deploy(options.code, runtime=options.runtime)
        box.oms.throttle(options.oms_rate)
        box.oms.faults.random(options.trouble, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], seed=1)
        introduce(box, console)
        try:
            watch(box, console)
        except KeyboardInterrupt:
            console.print("\nStopped. Nothing is kept.")


def introduce(box: Sandbox, console: Console) -> None:
    key_id, secret = box.user_credentials
    console.out(f"OSS  {box.oss.endpoint}  source bucket {box.source_bucket}, log bucket {box.log_bucket}")
    console.out(f"OMS  {box.task.sync_url}")
    console.out("\nUpload, for example with .venv/bin/python:\n")
    console.out(
        SNIPPET.format(
            key_id=key_id,
            secret=secret,
            endpoint=box.oss.endpoint,
            bucket=box.source_bucket,
            log_bucket=box.log_bucket,
            region=box.region,
        )
    )
    console.out("What the function does shows below. Ctrl-C ends it.\n")


def watch(box: Sandbox, console: Console) -> None:
    seen = 0
    while True:
        for invocation in box.fc.invocations[seen:]:
            seen += 1
            for line in told(invocation):
                console.print(line, soft_wrap=True)
        time.sleep(0.2)


def told(invocation: Invocation) -> Iterator[str]:
    """What one invocation says of itself: a line for each failed key, and one in all."""
    for text in invocation.logs:
        line = said(text)
        if "reason" in line:
            yield f"[yellow]failed[/] {escape(line['key'])}: {line['reason']}. {escape(line['fix'])}"
        elif "accepted" in line:
            events = json.loads(invocation.payload)["events"]
            keys = ", ".join(event["oss"]["object"]["key"] for event in events)
            verdict = "[green]accepted[/]" if line["accepted"] == line["keys"] else "[yellow]recorded as failed[/]"
            yield f"{verdict} in {line['ms']} ms: {escape(keys)}"
    if invocation.failed:
        yield f"[red]{invocation.outcome}[/]  {escape(invocation.error_message)}"


if __name__ == "__main__":
    main()
