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
from sandbox.demo.inventory import Inventory, make_contents, print_inventory, take_inventory
from sandbox.demo.language import choose, print_line, print_result
from sandbox.server.faults import Fault

PLAIN_OBJECT_COUNT = 200
SEED = 20260101
OMS_RATE, OMS_BURST = 25, 60
FAILURE_PROBABILITY = 0.12
MAX_WAIT_SECONDS = 180

# Keys with characters that are special in URLs, XML, JSON and shells, and the longest possible keys.
HOSTILE_KEYS = [
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
REFUSED_KEY = "refused/by OMS.txt"
# Keys that are uploaded while OMS is down. Events of LOST_EVENT_KEYS are lost; forward fails for ABANDONED_KEY.
OUTAGE_KEYS = [f"outage/{number:02}.jpg" for number in range(40)]
LOST_EVENT_KEYS = [f"lost/{number:02}.jpg" for number in range(20)]
ABANDONED_KEY = "given up by forward.txt"
MINUTE, HOUR = 60, 3600


def play_trouble(box: Sandbox, console: Console) -> Inventory:
    print_line(
        console,
        choose(
            f"[bold]1.[/] OMS misbehaves: it accepts only {OMS_RATE} calls a second, about every"
            f" {1 / FAILURE_PROBABILITY:.0f}th call fails, and it rejects one object key.",
            f"[bold]1.[/] OMS 工作异常：每秒只接受 {OMS_RATE} 次调用，"
            f"约每 {1 / FAILURE_PROBABILITY:.0f} 次调用失败一次，还会拒绝一个对象名。",
        ),
    )
    box.oms.throttle(OMS_RATE, OMS_BURST)
    box.oms.faults.random(FAILURE_PROBABILITY, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], SEED)
    box.oms.refuse(lambda key: key == REFUSED_KEY)
    keys = [*HOSTILE_KEYS, REFUSED_KEY, *(f"photos/{number:04}.jpg" for number in range(PLAIN_OBJECT_COUNT))]
    upload_and_wait(box, console, keys, events=len(keys))
    inventory = take_inventory(box, set(LOST_EVENT_KEYS))
    print_inventory(inventory, console)
    print_faults(box, inventory, console)
    print_result(
        console,
        f"No object is lost: each of the {len(inventory.missing_keys)} objects missing in OBS has a record with the"
        " reason.",
        f"没有丢失任何对象：OBS 中缺失的 {len(inventory.missing_keys)} 个对象都有记录，并注明原因。",
    )
    return inventory


def play_outage(box: Sandbox, console: Console) -> Inventory:
    print_line(
        console,
        choose(
            f"\n[bold]2.[/] OMS is down, the events of {len(LOST_EVENT_KEYS)} uploads are lost, and the log bucket"
            " refuses the record of one object, so that forward fails for this object.",
            f"\n[bold]2.[/] OMS 停止服务，{len(LOST_EVENT_KEYS)} 个上传对象的事件丢失，"
            "记录 Bucket 又拒绝写入一个对象的记录，forward 因此无法处理该对象。",
        ),
    )
    # A minute after OMS's last 429, forward calls OMS for each object again.
    box.advance(MINUTE)
    box.oms.throttle(None)
    box.oms.refuse(None)
    box.oms.faults.clear()
    box.oms.faults.add(Fault.status(503, headers={"Retry-After": "600"}))
    box.oss.lose_events(lambda key: key in LOST_EVENT_KEYS)
    refusal = Fault.status(403, headers={"x-oss-request-id": "5D12"})
    box.oss.faults.add(refusal, times=9, where=lambda request: quote(ABANDONED_KEY) in request.raw_path)
    keys = [*OUTAGE_KEYS, *LOST_EVENT_KEYS]
    upload_and_wait(box, console, keys, events=len(OUTAGE_KEYS))
    box.oss.put(box.source_bucket, ABANDONED_KEY, b"not lost either")
    box.wait_idle(timeout=MAX_WAIT_SECONDS)
    inventory = take_inventory(box, set(LOST_EVENT_KEYS))
    print_inventory(inventory, console)
    attempt_counts = Counter(
        invocation.function for invocation in box.fc.invocations if ABANDONED_KEY.encode() in invocation.payload
    )
    print_line(
        console,
        choose(
            f"The bars do not count one more uploaded object, {ABANDONED_KEY!r}. Function Compute invoked forward"
            f" {attempt_counts['forward']} times for this object, then passed the event to replay, which recorded the"
            " object as failed.",
            f"进度条未计入另外上传的一个对象 {ABANDONED_KEY!r}：函数计算为该对象调用 forward"
            f" {attempt_counts['forward']} 次后，将事件交给 replay，由 replay 写入失败记录。",
        ),
    )
    failed_count, lost_count = (
        len(inventory.missing_keys & inventory.failure_reasons.keys()),
        len(inventory.missing_keys & inventory.lost_keys),
    )
    print_result(
        console,
        f"{failed_count} missing objects wait for replay; reconcile can find the {lost_count} objects whose events"
        " were lost.",
        f"缺失的对象中，{failed_count} 个等待 replay 重发，{lost_count} 个的事件已丢失，可由 reconcile 找出。",
    )
    return inventory


def play_recovery(box: Sandbox, console: Console) -> Inventory:
    box.oms.faults.clear()
    console.print(choose("\n[bold]3.[/] OMS works again.", "\n[bold]3.[/] OMS 恢复正常。"))
    print_replay(console, box.tick("replay").value)
    box.advance(HOUR)
    inventory = take_inventory(box, set(LOST_EVENT_KEYS))
    old_count, lost_count = len(inventory.old_keys), len(inventory.lost_keys)
    copied_count = len(inventory.old_keys - inventory.missing_keys)
    answer = box.tick("reconcile").value
    print_line(
        console,
        choose(
            f"An hour later, the daily reconcile pass begins. Of {answer['scanned']} objects in OSS,"
            f" {answer['submitted']} have no success record: {old_count} existing objects, and {lost_count} objects"
            f" whose events were lost. Reconcile submits them; OMS accepts {answer['accepted']}, and skips the"
            f" {copied_count} of these that are already in OBS. (By default, reconcile omits objects written more than"
            " three days before the first deployment; these existing objects are younger.)",
            f"一小时后，每天一轮的对账开始：OSS 的 {answer['scanned']} 个对象中，"
            f"{answer['submitted']} 个没有成功记录，即 {old_count} 个存量对象和 {lost_count} 个事件丢失的对象。"
            f"reconcile 补交这些对象，OMS 接受 {answer['accepted']} 个，并跳过其中已在 OBS 中的 {copied_count} 个。"
            "（默认情况下，reconcile 不补交首次部署三天之前写入的对象；这里的存量对象较新，因此也会补交。）",
        ),
    )
    box.wait_idle(timeout=MAX_WAIT_SECONDS)
    inventory = take_inventory(box, set(LOST_EVENT_KEYS))
    print_inventory(inventory, console)
    if not inventory.missing_keys:
        print_result(
            console,
            f"All {len(inventory.uploaded_objects)} objects are in OBS, without manual work.",
            f"全部 {len(inventory.uploaded_objects)} 个对象均已在 OBS 中，无需人工处理。",
        )
    return inventory


def print_replay(console: Console, answer: Mapping[str, Any]) -> None:
    print_line(
        console,
        choose(
            f"The timer invokes replay: {answer['taken']} failed objects resent, {answer['accepted']} accepted by"
            f" OMS, {answer['left']} left.",
            f"定时触发器调用 replay：重发 {answer['taken']} 个失败的对象，OMS 接受 {answer['accepted']} 个，"
            f"剩余 {answer['left']} 个。",
        ),
    )


def upload_and_wait(box: Sandbox, console: Console, keys: Sequence[str], events: int) -> None:
    """Upload objects with OSS's own client, and wait until forward has handled `events` more events."""
    bucket = box.bucket(box.source_bucket)
    previous_count = count_finished_events(box)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        upload_task = progress.add_task(choose("uploaded ", "已上传"), total=len(keys))
        forward_task = progress.add_task(choose("processed", "已处理"), total=events)
        for key in keys:
            bucket.put_object(key, make_contents(key))
            progress.update(upload_task, advance=1)
            progress.update(forward_task, completed=count_finished_events(box) - previous_count)
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while count_finished_events(box) - previous_count < events and time.monotonic() < deadline:
            time.sleep(0.1)
            progress.update(forward_task, completed=count_finished_events(box) - previous_count)
        box.wait_idle(timeout=MAX_WAIT_SECONDS)
        progress.update(forward_task, completed=count_finished_events(box) - previous_count)


def count_finished_events(box: Sandbox) -> int:
    """Return the number of events that a function has handled or that Function Compute has dropped."""
    return sum(not invocation.failed for invocation in list(box.fc.invocations)) + len(box.fc.dropped_events)


def print_faults(box: Sandbox, inventory: Inventory, console: Console) -> None:
    status_counts = Counter(str(call.status) for call in box.oms.calls)
    fault_counts = box.oms.faults.used
    before_count, after_count = fault_counts["drop_before"], fault_counts["drop_after"]
    print_line(
        console,
        choose(
            f"Status codes of OMS's responses, including those that were lost: {format_counts(status_counts)}. The"
            f" sandbox also answered {fault_counts['status']} calls with 503 in OMS's place. It dropped"
            f" {before_count + after_count} connections: {before_count} before OMS received the call, and"
            f" {after_count} after OMS had processed the call, so that the response was lost.",
            f"OMS 响应的状态码（含丢失的响应）：{format_counts(status_counts)}。此外，沙箱代替 OMS 返回"
            f" {fault_counts['status']} 次 503，并断开 {before_count + after_count} 个连接："
            f"{before_count} 个在 OMS 收到请求之前断开，{after_count} 个在 OMS 处理请求之后断开，后者的响应因此丢失。",
        ),
    )
    if "THROTTLED" in inventory.failure_reasons.values():
        print_line(
            console,
            choose(
                "THROTTLED is recorded in two cases: OMS answered 429, or forward left the object to replay without"
                " calling OMS. Forward does so with some objects, for up to a minute after a 429.",
                "原因 THROTTLED 有两种情况：OMS 返回 429；或者在 429 之后最长一分钟内，"
                "forward 将部分对象直接留给 replay，不为这些对象调用 OMS。",
            ),
        )
    if inventory.failure_reasons:
        key, reason = next(iter(sorted(inventory.failure_reasons.items())))
        print_line(
            console,
            choose(
                f"Example of a record: failed_object/{escape(key)}, with the reason {reason}.",
                f"记录示例：failed_object/{escape(key)}，原因 {reason}。",
            ),
        )


def format_counts(counts: Counter[str]) -> str:
    return choose(", ", "、").join(
        choose(f"{number} x {name}", f"{name}（{number} 次）") for name, number in sorted(counts.items())
    )
