"""The whole job, seen: objects are uploaded while OMS has a bad day, then is down; replay and reconcile make it good.
Then OMS fails to copy some, and somebody changes others in OBS: compare names them, and they are made good.

Exit code 0 only when every uploaded object is accounted for all the time, and the destination equals the source.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox import Sandbox
from sandbox.oms.task import CopyFailure
from sandbox.server.faults import Fault
from tools.package import build
from tools.render import render
from tools.serverless import Tool, available

PLAIN_OBJECTS = 300
SEED = 20260101
OMS_RATE, OMS_BURST = 25, 60
TROUBLE = 0.12
PATIENCE_SECONDS = 180

# Names that have bitten somebody: what URLs, XML, JSON and shells treat as special, and the longest there can be.
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
# Uploaded while OMS is down: no event comes of some, and forward can do nothing with one.
DURING_OUTAGE = [f"outage/{number:02}.jpg" for number in range(40)]
LOST = [f"lost/{number:02}.jpg" for number in range(20)]
GIVEN_UP = "given up by forward.txt"
# Accepted by OMS, and not copied.
NOT_COPIED = [f"not copied/{number}.jpg" for number in range(5)]
DELETED, OVERWRITTEN = "photos/0001.jpg", "photos/0002.jpg"
HOUR = 3600


@dataclass
class Books:
    """What each side holds in the end."""

    uploaded: dict[str, bytes]
    copied: dict[str, bytes]
    succeeded: set[str]
    failed: dict[str, str]
    dropped: int
    lost: set[str]

    @property
    def missing(self) -> set[str]:
        """Not in the destination with the contents it has in the source."""
        return {key for key, data in self.uploaded.items() if self.copied.get(key) != data}

    @property
    def recorded(self) -> set[str]:
        return self.succeeded | self.failed.keys()

    def problems(self) -> list[str]:
        """Why the books do not balance; empty when they do."""
        claims = {
            "uploaded objects have no record": self.uploaded.keys() - self.recorded - self.lost,
            "records are of objects that were never uploaded": self.recorded - self.uploaded.keys(),
            "objects are recorded as accepted and are not in the destination": self.missing & self.succeeded,
            "objects are missing and have no failed record": self.missing - self.failed.keys() - self.lost,
            "objects in the destination were never uploaded": self.copied.keys() - self.uploaded.keys(),
        }
        found = [f"{len(keys)} {claim}: {sorted(keys)[:3]}" for claim, keys in claims.items() if keys]
        return found + ([f"{self.dropped} events were dropped"] if self.dropped else [])


def main() -> int:
    console = Console(highlight=False)
    console.print("[bold]OSS, OMS and Function Compute on this machine, the function in between.")
    with Sandbox() as box, TemporaryDirectory() as folder:
        box.deploy_project(make_project(box, Path(folder), console), instances=8, retry_delay=0.01)
        stages = [bad_day(box, console), outage(box, console), recovery(box, console), in_obs(box, console)]
    problems = [problem for books in stages for problem in books.problems()]
    if stages[-1].missing:
        problems.append(f"{len(stages[-1].missing)} objects are still missing in the end")
    for problem in problems:
        console.print(f"[red]{escape(problem)}")
    good = "[green]Every object was accounted for all the time, and in the end the destination equals the source."
    console.print("[red]The books do not balance." if problems else good, soft_wrap=True)
    return 1 if problems else 0


def bad_day(box: Sandbox, console: Console) -> Books:
    """OMS throttles, fails now and then, and refuses one key."""
    console.print(
        f"[bold]1.[/] OMS has a bad day: it takes {OMS_RATE} calls a second, every {1 / TROUBLE:.0f}th or so goes"
        " wrong, and one key is refused."
    )
    box.oms.throttle(OMS_RATE, OMS_BURST)
    box.oms.faults.random(TROUBLE, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], SEED)
    box.oms.refuse(lambda key: key == REFUSED)
    keys = [*HOSTILE, REFUSED, *(f"photos/{number:04}.jpg" for number in range(PLAIN_OBJECTS))]
    upload_and_wait(box, console, keys, events=len(keys))
    books = keep_books(box)
    show(books, console)
    show_faults(box, books, console)
    return books


def outage(box: Sandbox, console: Console) -> Books:
    """OMS is down, some events are lost, and one can neither be sent nor recorded however often it is tried."""
    console.print(
        f"\n[bold]2.[/] OMS is down. Of {len(LOST)} uploads the event is lost on its way. And the log bucket does not"
        " take the record of one key, so forward can do nothing with it."
    )
    box.oms.throttle(None)
    box.oms.refuse(None)
    box.oms.faults.clear()
    box.oms.faults.add(Fault.status(503, headers={"Retry-After": "600"}))
    box.oss.lose_events(lambda key: key in LOST)
    box.oss.faults.add(Fault.status(403), times=9, where=lambda request: quote(GIVEN_UP) in request.raw_path)
    keys = [*DURING_OUTAGE, *LOST]
    upload_and_wait(box, console, keys, events=len(DURING_OUTAGE))
    box.oss.put(box.source_bucket, GIVEN_UP, b"not lost either")
    box.wait_idle(timeout=PATIENCE_SECONDS)
    books = keep_books(box)
    show(books, console)
    tries = Counter(one.function for one in box.fc.invocations if GIVEN_UP.encode() in one.payload)
    console.print(
        f"Function Compute tried {GIVEN_UP!r} {tries['forward']} times, then handed the event to"
        " replay, which recorded it."
    )
    return books


def recovery(box: Sandbox, console: Console) -> Books:
    """OMS is well again. The timers of replay and reconcile strike."""
    box.oms.faults.clear()
    console.print("\n[bold]3.[/] OMS is well again. The timer wakes replay, which answers")
    console.print(escape(json.dumps(box.tick("replay").value)), soft_wrap=True)
    box.oss.age(HOUR)
    console.print("An hour later the timer wakes reconcile, which answers")
    console.print(escape(json.dumps(box.tick("reconcile").value)), soft_wrap=True)
    box.wait_idle(timeout=PATIENCE_SECONDS)
    books = keep_books(box)
    show(books, console)
    return books


def in_obs(box: Sandbox, console: Console) -> Books:
    """OMS accepts objects and fails to copy them, and somebody deletes one in OBS and overwrites another."""
    console.print(
        f"\n[bold]4.[/] OMS accepts {len(NOT_COPIED)} more objects, and fails to copy them, which it tells in lists in"
        " OBS. The timer wakes replay, which reads them and answers"
    )
    failure = CopyFailure("GET_SRC_OBJ_FAILURE", "the source did not answer")
    box.task.failures.add(failure, times=len(NOT_COPIED), where=lambda key: key in NOT_COPIED)
    for key in NOT_COPIED:
        box.bucket(box.source_bucket).put_object(key, b"copied in the end")
    box.wait_idle(timeout=PATIENCE_SECONDS)
    console.print(escape(json.dumps(box.tick("replay").value)), soft_wrap=True)
    console.print("And somebody deletes an object in OBS, and overwrites another there. Half an hour later:")
    box.obs.delete(box.destination_bucket, DELETED)
    box.obs.put(box.destination_bucket, OVERWRITTEN, b"somebody else's")
    later(box)
    compare(box, console)
    console.print("What is newer in OBS is overwritten only if somebody asks for it.")
    later(box)
    compare(box, console, overwrite=True)
    later(box)
    compare(box, console, restart=True)
    return keep_books(box)


def later(box: Sandbox) -> None:
    """All is done that was to be done, and half an hour goes by, so that nothing is too young to be judged."""
    box.wait_idle(timeout=PATIENCE_SECONDS)
    box.oss.age(HOUR // 2)
    box.obs.age(HOUR // 2)


def compare(box: Sandbox, console: Console, **asked: bool) -> None:
    """Invoke compare by hand, and show its classes."""
    payload = json.dumps(asked)
    console.print(f"\ns compare invoke -e '{payload}'")
    found = box.fc.invoke("compare", payload.encode()).value
    table = Table("class", "in OSS", "in OBS", "such as")
    for column in table.columns[1:3]:
        column.justify = "right"
    classes = [(name, one) for name, one in found["classes"].items() if sum(count_of(one))]
    for name, one in classes:
        table.add_row(name, *map(str, count_of(one)), escape(f"{one['keys'][0]!a:.40}"))
    table.add_section()
    totals = [found[side]["objects"] for side in ("source", "destination")]
    table.add_row("[bold]both buckets", *(f"[bold]{number}" for number in totals))
    console.print(table)
    sums = [sum(count_of(one)[side] for _, one in classes) for side in (0, 1)]
    adds_up = "The classes add up to both buckets." if sums == totals else "[red]The classes do not add up."
    console.print(f"{adds_up} Sent again: {found['submitted']}.")


def count_of(one: dict[str, Any]) -> tuple[int, int]:
    """Objects of a class on both sides."""
    return one["source"]["objects"], one["destination"]["objects"]


def make_project(box: Sandbox, folder: Path, console: Console, runtime: str = "python3.12") -> Path:
    """The project as a user gets it: from the package, through `s init` where the tool is here."""
    package, project, answers = build(folder), folder / "project", box.answers() | {"runtime": runtime}
    if available():
        done = Tool(folder / "home").init(package, project, answers)
        if done.returncode:
            raise SystemExit(done.stdout)
        console.print(f"The function's project was made from {package.name} by `s init`.\n")
    else:
        render(answers, project)
        console.print("The function's project was rendered by Jinja2: `s init` needs Node.js, which is not here.\n")
    return project


def upload_and_wait(box: Sandbox, console: Console, keys: Sequence[str], events: int) -> None:
    """Uploads through OSS's own client and waits until so many more events are done with."""
    bucket = box.bucket(box.source_bucket)
    before = handled(box)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        uploads = progress.add_task("uploaded ", total=len(keys))
        forwarded = progress.add_task("handled  ", total=events)
        for key in keys:
            bucket.put_object(key, f"contents of {key!a}".encode())
            progress.update(uploads, advance=1)
            progress.update(forwarded, completed=handled(box) - before)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while handled(box) - before < events and time.monotonic() < give_up:
            time.sleep(0.1)
            progress.update(forwarded, completed=handled(box) - before)
        box.wait_idle(timeout=PATIENCE_SECONDS)
        progress.update(forwarded, completed=handled(box) - before)


def handled(box: Sandbox) -> int:
    """Events that are done with: the function returned, or Function Compute gave up."""
    return sum(not invocation.failed for invocation in list(box.fc.invocations)) + len(box.fc.dropped)


def keep_books(box: Sandbox) -> Books:
    succeeded, failed = set(), {}
    root = f"oms_source_record/{box.task_id}/"
    for name, record in box.oss.objects(box.log_bucket).items():
        kind, _, rest = name.removeprefix(root).partition("/")
        if kind.startswith("success_object"):
            succeeded.add(record.data.decode() if kind.endswith("_long") else rest)
        elif kind.startswith("failed_object"):
            body = json.loads(record.data)
            failed[body["key"]] = body["reason"]
    uploaded = {key: obj.data for key, obj in box.oss.objects(box.source_bucket).items()}
    copied = {key: obj.data for key, obj in box.task.destination.items()}
    lost = uploaded.keys() & set(LOST) - succeeded - failed.keys()
    return Books(uploaded, copied, succeeded, failed, len(box.fc.dropped), lost)


def show(books: Books, console: Console) -> None:
    console.print("\nWhere every object is:")
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("uploaded to OSS", str(len(books.uploaded)), end_section=True)
    table.add_row("accepted by OMS (records in success_object/)", str(len(books.succeeded)))
    for reason, count in sorted(Counter(books.failed.values()).items()):
        table.add_row(f"failed: {reason} (records in failed_object/)", str(count))
    table.add_row("never heard of, because the event was lost", str(len(books.lost)))
    total = len(books.recorded | books.lost)
    table.add_row("[bold]total accounted for", f"[bold]{total}", end_section=True)
    table.add_row("in OBS, equal to the source", str(len(books.uploaded) - len(books.missing)))
    answer_lost = len(books.failed.keys() - books.missing)
    table.add_row("  of these recorded as failed: OMS's answer was lost", str(answer_lost))
    table.add_row("missing in OBS", str(len(books.missing)))
    table.add_row("  of these with a failed record, for replay", str(len(books.missing & books.failed.keys())))
    table.add_row("  of these without any record, for reconcile", str(len(books.missing & books.lost)))
    console.print(table)


def show_faults(box: Sandbox, books: Books, console: Console) -> None:
    answers = Counter(str(call.status) for call in box.oms.calls)
    used = box.oms.faults.used
    console.print(f"OMS answered {counts(answers)}. Injected beside that: {used['status']} x 503, and")
    dropped = used["drop_before"] + used["drop_after"]
    console.print(f"{dropped} connections dropped, {used['drop_after']} of them after OMS's work.")
    if books.failed:
        key, reason = next(iter(sorted(books.failed.items())))
        console.print(f"For example, the record failed_object/{escape(key)} says {reason}.")


def counts(what: Counter[str]) -> str:
    return ", ".join(f"{number} x {name}" for name, number in sorted(what.items()))


if __name__ == "__main__":
    sys.exit(main())
