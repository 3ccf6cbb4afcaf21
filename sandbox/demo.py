"""The main job, seen: objects are uploaded while OMS has a bad day, and in the end the books balance.

Exit code 0 only when every uploaded object is accounted for.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox import Sandbox
from sandbox.faults import Fault
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


@dataclass
class Books:
    """What each side holds in the end."""

    uploaded: dict[str, bytes]
    copied: dict[str, bytes]
    succeeded: set[str]
    failed: dict[str, str]
    dropped: int

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
            "uploaded objects have no record": self.uploaded.keys() - self.recorded,
            "records are of objects that were never uploaded": self.recorded - self.uploaded.keys(),
            "objects are recorded as accepted and are not in the destination": self.missing & self.succeeded,
            "objects are missing and have no failed record": self.missing - self.failed.keys(),
            "objects in the destination were never uploaded": self.copied.keys() - self.uploaded.keys(),
        }
        found = [f"{len(keys)} {claim}: {sorted(keys)[:3]}" for claim, keys in claims.items() if keys]
        return found + ([f"{self.dropped} events were dropped"] if self.dropped else [])


def main() -> int:
    console = Console(highlight=False)
    console.print("[bold]OSS, OMS and Function Compute on this machine, the function in between.")
    console.print(
        f"OMS has a bad day: it takes {OMS_RATE} calls a second, every {1 / TROUBLE:.0f}th or so goes wrong,\n"
        "and one key is refused."
    )
    with Sandbox() as box, TemporaryDirectory() as folder:
        box.deploy_project(make_project(box, Path(folder), console), instances=8)
        box.oms.throttle(OMS_RATE, OMS_BURST)
        box.oms.faults.random(TROUBLE, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], SEED)
        box.oms.refuse(lambda key: key == REFUSED)
        uploaded = upload_and_wait(box, console)
        books = keep_books(box, uploaded)
        show(books, console)
        tell_troubles(box, books, console)
        recover(box, console)
        after = keep_books(box, uploaded)
        show(after, console)
    problems = books.problems() + after.problems()
    if after.missing:
        problems.append(f"{len(after.missing)} objects are still missing after the replay")
    for problem in problems:
        console.print(f"[red]{escape(problem)}")
    good = "[green]No object was ever unaccounted for, and now the destination equals the source."
    console.print("[red]The books do not balance." if problems else good)
    return 1 if problems else 0


def make_project(box: Sandbox, folder: Path, console: Console) -> Path:
    """The project as a user gets it: from the package, through `s init` where the tool is here."""
    package, project = build(folder), folder / "project"
    if available():
        done = Tool(folder / "home").init(package, project, box.answers())
        if done.returncode:
            raise SystemExit(done.stdout)
        console.print(f"The function's project was made from {package.name} by `s init`.\n")
    else:
        render(box.answers(), project)
        console.print("The function's project was rendered by Jinja2: `s init` needs Node.js, which is not here.\n")
    return project


def upload_and_wait(box: Sandbox, console: Console) -> dict[str, bytes]:
    """Uploads through OSS's own client and waits until every event is done with."""
    keys = [*HOSTILE, REFUSED, *(f"photos/{number:04}.jpg" for number in range(PLAIN_OBJECTS))]
    bucket = box.bucket(box.source_bucket)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        uploads = progress.add_task("uploaded ", total=len(keys))
        events = progress.add_task("forwarded", total=len(keys))
        for key in keys:
            bucket.put_object(key, f"contents of {key!a}".encode())
            progress.update(uploads, advance=1)
            progress.update(events, completed=handled(box))
        give_up = time.monotonic() + PATIENCE_SECONDS
        while handled(box) < len(keys) and time.monotonic() < give_up:
            time.sleep(0.1)
            progress.update(events, completed=handled(box))
        box.wait_idle(timeout=PATIENCE_SECONDS)
        progress.update(events, completed=handled(box))
    return {key: obj.data for key, obj in box.oss.objects(box.source_bucket).items()}


def recover(box: Sandbox, console: Console) -> None:
    """OMS is well again, and the timer of `replay` strikes."""
    box.oms.throttle(None)
    box.oms.faults.clear()
    box.oms.refuse(None)
    report = box.tick("replay").value
    console.print("\nOMS is well again. The timer wakes [bold]replay[/], which answers")
    console.print(escape(json.dumps(report)), soft_wrap=True)
    box.wait_idle(timeout=PATIENCE_SECONDS)


def handled(box: Sandbox) -> int:
    """Events that are done with: the function returned, or Function Compute gave up."""
    return sum(not invocation.failed for invocation in list(box.fc.invocations)) + len(box.fc.dropped)


def keep_books(box: Sandbox, uploaded: dict[str, bytes]) -> Books:
    succeeded, failed = set(), {}
    root = f"oms_source_record/{box.task_id}/"
    for name, record in box.oss.objects(box.log_bucket).items():
        kind, _, rest = name.removeprefix(root).partition("/")
        if kind.startswith("success_object"):
            succeeded.add(record.data.decode() if kind.endswith("_long") else rest)
        elif kind.startswith("failed_object"):
            body = json.loads(record.data)
            failed[body["key"]] = body["reason"]
    copied = {key: obj.data for key, obj in box.task.destination.items()}
    return Books(uploaded, copied, succeeded, failed, len(box.fc.dropped))


def show(books: Books, console: Console) -> None:
    console.print("\nWhere every object is:")
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("uploaded to OSS", str(len(books.uploaded)), end_section=True)
    table.add_row("accepted by OMS (records in success_object/)", str(len(books.succeeded)))
    for reason, count in sorted(Counter(books.failed.values()).items()):
        table.add_row(f"failed: {reason} (records in failed_object/)", str(count))
    table.add_row("[bold]total accounted for", f"[bold]{len(books.recorded)}", end_section=True)
    table.add_row("in OBS, equal to the source", str(len(books.uploaded) - len(books.missing)))
    answer_lost = len(books.failed.keys() - books.missing)
    table.add_row("  of these recorded as failed, for OMS's answer was lost", str(answer_lost))
    table.add_row("missing in OBS", str(len(books.missing)))
    table.add_row("  of these with a failed record, to be replayed", str(len(books.missing & books.failed.keys())))
    console.print(table)


def tell_troubles(box: Sandbox, books: Books, console: Console) -> None:
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
