"""The first three acts of the demo: OMS misbehaves, then is down, then works again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sandbox import Sandbox
from sandbox.demo.books import Books, contents_of, keep_books, show
from sandbox.demo.language import choose, print_line, print_result
from sandbox.server.faults import Fault

PLAIN_OBJECTS = 200
SEED = 20260101
OMS_RATE, OMS_BURST = 25, 60
TROUBLE = 0.12
PATIENCE_SECONDS = 180

# Keys with characters that are special in URLs, XML, JSON and shells, and the longest possible keys.
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
# Keys that are uploaded while OMS is down: the events of the second list are lost, and forward gives up the last key.
DURING_OUTAGE = [f"outage/{number:02}.jpg" for number in range(40)]
LOST = [f"lost/{number:02}.jpg" for number in range(20)]
ABANDONED = "given up by forward.txt"
HOUR = 3600


def trouble(box: Sandbox, console: Console) -> Books:
    """Play the first act: OMS throttles, fails now and then, and rejects an object key."""
    print_line(
        console,
        choose(
            f"[bold]1.[/] OMS misbehaves: it accepts {OMS_RATE} calls a second, about every {1 / TROUBLE:.0f}th call"
            " fails, and it rejects one object key.",
            f"[bold]1.[/] OMS 工作异常：每秒只接受 {OMS_RATE} 次调用，约每 {1 / TROUBLE:.0f} 次调用失败一次，"
            "并拒绝其中一个对象。",
        ),
    )
    box.oms.throttle(OMS_RATE, OMS_BURST)
    box.oms.faults.random(TROUBLE, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], SEED)
    box.oms.refuse(lambda key: key == REFUSED)
    keys = [*HOSTILE, REFUSED, *(f"photos/{number:04}.jpg" for number in range(PLAIN_OBJECTS))]
    upload_and_wait(box, console, keys, events=len(keys))
    books = keep_books(box, set(LOST))
    show(books, console)
    show_faults(box, books, console)
    print_result(
        console,
        f"No object is lost: each of the {len(books.missing)} objects missing in OBS has a record with its reason.",
        f"没有丢失任何对象：OBS 中缺失的 {len(books.missing)} 个对象都有记录，并注明原因。",
    )
    return books


def outage(box: Sandbox, console: Console) -> Books:
    """Play the second act: OMS is down, events are lost, and forward can neither submit nor record an object."""
    print_line(
        console,
        choose(
            f"\n[bold]2.[/] OMS is down, the events of {len(LOST)} uploads are lost, and the log bucket refuses the"
            " record of one object, so forward fails.",
            f"\n[bold]2.[/] OMS 停止服务，{len(LOST)} 个上传对象的事件丢失，记录 Bucket 又拒绝写入某个对象的记录，"
            "forward 因此失败。",
        ),
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
    print_line(
        console,
        choose(
            f"Function Compute invoked forward {tries['forward']} times for {ABANDONED!r}, then passed the event to"
            " replay, which recorded the object.",
            f"函数计算为 {ABANDONED!r} 调用 forward {tries['forward']} 次后，将事件交给 replay，由 replay 写入记录。",
        ),
    )
    failed, lost = len(books.missing & books.failed.keys()), len(books.missing & books.lost)
    print_result(
        console,
        f"{failed} missing objects wait for replay; reconcile can find the {lost} objects whose events were lost.",
        f"缺失的对象中，{failed} 个等待 replay 重发；另有 {lost} 个事件丢失，可由 reconcile 查找。",
    )
    return books


def recovery(box: Sandbox, console: Console) -> Books:
    """Play the third act: OMS works again, and the timers invoke replay and reconcile."""
    box.oms.faults.clear()
    console.print(choose("\n[bold]3.[/] OMS works again.", "\n[bold]3.[/] OMS 恢复正常。"))
    print_replay(console, box.tick("replay").value)
    box.advance(HOUR)
    reconciled = box.tick("reconcile").value
    print_line(
        console,
        choose(
            f"An hour later the timer invokes reconcile: {reconciled['scanned']} objects in OSS,"
            f" {reconciled['submitted']} without a success record submitted, {reconciled['accepted']} accepted by OMS.",
            f"一小时后，定时触发器调用 reconcile：OSS 中 {reconciled['scanned']} 个对象，"
            f"补交没有成功记录的 {reconciled['submitted']} 个，OMS 接受 {reconciled['accepted']} 个。",
        ),
    )
    box.wait_idle(timeout=PATIENCE_SECONDS)
    books = keep_books(box, set(LOST))
    show(books, console)
    equal = len(books.uploaded) - len(books.missing)
    print_result(
        console,
        f"{equal} of {len(books.uploaded)} objects are in OBS, without manual work.",
        f"{len(books.uploaded)} 个对象中有 {equal} 个已在 OBS 中，无需人工处理。",
    )
    return books


def print_replay(console: Console, replayed: Mapping[str, Any]) -> None:
    """Print the counts of a run of replay; `replayed` is replay's answer."""
    print_line(
        console,
        choose(
            f"The timer invokes replay: {replayed['taken']} failed objects resent, {replayed['accepted']} accepted by"
            f" OMS, {replayed['left']} left.",
            f"定时触发器调用 replay：重发 {replayed['taken']} 个失败的对象，OMS 接受 {replayed['accepted']} 个，"
            f"剩余 {replayed['left']} 个。",
        ),
    )


def upload_and_wait(box: Sandbox, console: Console, keys: Sequence[str], events: int) -> None:
    """Upload objects with OSS's own client, and wait until forward has handled `events` more events."""
    bucket = box.bucket(box.source_bucket)
    before = count_finished_events(box)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        uploads = progress.add_task(choose("uploaded ", "已上传"), total=len(keys))
        forwarded = progress.add_task(choose("processed", "已处理"), total=events)
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
    """Return the number of events that a function has handled, or that Function Compute has dropped."""
    return sum(not invocation.failed for invocation in list(box.fc.invocations)) + len(box.fc.dropped)


def show_faults(box: Sandbox, books: Books, console: Console) -> None:
    answers = Counter(str(call.status) for call in box.oms.calls)
    used = box.oms.faults.used
    dropped, after = used["drop_before"] + used["drop_after"], used["drop_after"]
    print_line(
        console,
        choose(
            f"OMS answered {counts(answers)}. In addition, the sandbox injected {used['status']} x 503 and dropped"
            f" {dropped} connections, {after} of them after OMS had accepted the keys.",
            f"OMS 的响应：{counts(answers)}。此外，沙箱注入 {used['status']} x 503，并断开 {dropped} 个连接，"
            f"其中 {after} 个在 OMS 接受对象之后断开。",
        ),
    )
    if books.failed:
        key, reason = next(iter(sorted(books.failed.items())))
        print_line(
            console,
            choose(
                f"Example of a record: failed_object/{escape(key)}, with the reason {reason}.",
                f"记录示例：failed_object/{escape(key)}，原因 {reason}。",
            ),
        )


def counts(numbers: Counter[str]) -> str:
    return choose(", ", "、").join(f"{number} x {name}" for name, number in sorted(numbers.items()))
