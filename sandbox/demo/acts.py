"""The first acts: OMS misbehaves, then is down; replay and reconcile submit the remaining objects."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sandbox import Sandbox
from sandbox.demo.books import Books, contents_of, keep_books, show
from sandbox.server.faults import Fault

PLAIN_OBJECTS = 200
SEED = 20260101
OMS_RATE, OMS_BURST = 25, 60
TROUBLE = 0.12
PATIENCE_SECONDS = 180

# Troublesome names: characters that are special in URLs, XML, JSON and shells, and the longest names.
HOSTILE = [
    "with space.txt",
    "a+b=c.txt",
    "100%.txt",
    "already%2Fencoded%20.txt",
    "query?x=1&y=2#fragment.txt",
    "quotes'\"`.txt",
    "back\\slash<tag>.xml",
    "tab\tnew line\nreturn\r.txt",
    "control\x01\x02\x1f\x7f.bin",
    "dots/../and//slashes/./.txt",
    "山海/照片 一.jpg",
    "emoji/🎉👩‍👩‍👧.png",
    "long/" + "k" * 895,
    "最" * 341,
]
REFUSED = "refused/by OMS.txt"
# Uploads while OMS is down: some events are lost, and forward abandons an object.
DURING_OUTAGE = [f"outage/{number:02}.jpg" for number in range(40)]
LOST = [f"lost/{number:02}.jpg" for number in range(20)]
ABANDONED = "given up by forward.txt"
HOUR = 3600


def trouble(box: Sandbox, console: Console) -> Books:
    """Make OMS throttle, fail occasionally, and reject an object key."""
    console.print(
        f"[bold]1.[/] OMS misbehaves: it admits {OMS_RATE} calls a second, every {1 / TROUBLE:.0f}th or so goes wrong,"
        " and one object key is rejected."
    )
    box.oms.throttle(OMS_RATE, OMS_BURST)
    box.oms.faults.random(TROUBLE, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], SEED)
    box.oms.refuse(lambda key: key == REFUSED)
    keys = [*HOSTILE, REFUSED, *(f"photos/{number:04}.jpg" for number in range(PLAIN_OBJECTS))]
    upload_and_wait(box, console, keys, events=len(keys))
    books = keep_books(box, set(LOST))
    show(books, console)
    show_faults(box, books, console)
    return books


def outage(box: Sandbox, console: Console) -> Books:
    """Stop OMS and lose events; forward can neither submit nor record an object."""
    console.print(
        f"\n[bold]2.[/] OMS is down. The events of {len(LOST)} uploads are lost. And the log bucket does not accept the"
        " record of one object, so forward can do nothing with it."
    )
    box.oms.throttle(None)
    box.oms.refuse(None)
    box.oms.faults.clear()
    box.oms.faults.add(Fault.status(503, headers={"Retry-After": "600"}))
    box.oss.lose_events(lambda key: key in LOST)
    refusal = Fault.status(403, headers={"x-oss-request-id": "5D12"})
    box.oss.faults.add(refusal, times=9, where=lambda request: quote(ABANDONED) in request.raw_path)
    keys = [*DURING_OUTAGE, *LOST]
    upload_and_wait(box, console, keys, events=len(DURING_OUTAGE))
    box.oss.put(box.source_bucket, ABANDONED, b"not lost either")
    box.wait_idle(timeout=PATIENCE_SECONDS)
    books = keep_books(box, set(LOST))
    show(books, console)
    tries = Counter(
        invocation.function for invocation in box.fc.invocations if ABANDONED.encode() in invocation.payload
    )
    console.print(
        f"Function Compute tried {ABANDONED!r} {tries['forward']} times, then handed the event to"
        " replay, which recorded it."
    )
    return books


def recovery(box: Sandbox, console: Console) -> Books:
    """Restore OMS, and let the timers invoke replay and reconcile."""
    box.oms.faults.clear()
    console.print("\n[bold]3.[/] OMS works again. The timer invokes replay, which returns")
    console.print(escape(json.dumps(box.tick("replay").value)), soft_wrap=True)
    box.later(HOUR)
    console.print("An hour later the timer invokes reconcile, which returns")
    console.print(escape(json.dumps(box.tick("reconcile").value)), soft_wrap=True)
    box.wait_idle(timeout=PATIENCE_SECONDS)
    books = keep_books(box, set(LOST))
    show(books, console)
    return books


def upload_and_wait(box: Sandbox, console: Console, keys: Sequence[str], events: int) -> None:
    """Upload through OSS's own client, and wait until `events` more events are done."""
    bucket = box.bucket(box.source_bucket)
    before = count_finished_events(box)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        uploads = progress.add_task("uploaded ", total=len(keys))
        forwarded = progress.add_task("handled  ", total=events)
        for key in keys:
            bucket.put_object(key, contents_of(key))
            progress.update(uploads, advance=1)
            progress.update(forwarded, completed=count_finished_events(box) - before)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while count_finished_events(box) - before < events and time.monotonic() < give_up:
            time.sleep(0.1)
            progress.update(forwarded, completed=count_finished_events(box) - before)
        box.wait_idle(timeout=PATIENCE_SECONDS)
        progress.update(forwarded, completed=count_finished_events(box) - before)


def count_finished_events(box: Sandbox) -> int:
    """Count the events that are done: the function returned, or Function Compute gave up."""
    return sum(not invocation.failed for invocation in list(box.fc.invocations)) + len(box.fc.dropped)


def show_faults(box: Sandbox, books: Books, console: Console) -> None:
    answers = Counter(str(call.status) for call in box.oms.calls)
    used = box.oms.faults.used
    console.print(f"OMS answered {counts(answers)}. Injected beside that: {used['status']} x 503, and")
    dropped = used["drop_before"] + used["drop_after"]
    console.print(f"{dropped} connections dropped, {used['drop_after']} of them after OMS's work.")
    if books.failed:
        key, reason = next(iter(sorted(books.failed.items())))
        console.print(f"For example, the record failed_object/{escape(key)} says {reason}.")


def counts(numbers: Counter[str]) -> str:
    return ", ".join(f"{number} x {name}" for name, number in sorted(numbers.items()))
