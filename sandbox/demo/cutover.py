"""The last acts of the demo: OMS fails to copy objects, an application changes objects in OBS, and a cutover follows.

The first certificate is a NO-GO with reasons. The last certificate, after the repair of the named objects, is a GO.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from sandbox import Sandbox
from sandbox.demo.acts import HOUR, LOST_EVENT_KEYS, MAX_WAIT_SECONDS, print_replay
from sandbox.demo.inventory import Inventory, take_inventory
from sandbox.demo.language import choose, print_line, print_result
from sandbox.oms.copier import CopyFailure

# Keys that OMS accepts, but fails to copy.
UNCOPIED_KEYS = [f"not copied/{number}.jpg" for number in range(5)]
DELETED_KEY, OVERWRITTEN_KEY = "photos/0001.jpg", "photos/0002.jpg"
SAMPLE_SIZE = 50
# Seconds from the comparison to the recheck, as in the command `cutover`.
RECHECK_SECONDS = 20
# The identifier of the cutover run that closes the project.
RUN_ID = "demo"
# Two minutes after the close no function submits keys; a second is added, because times are in whole seconds.
CLOSE_SECONDS = 121
# The seconds without work for OMS before the last certificate.
OMS_SECONDS = 1200
# Classes of equal objects; compare's table is not printed if there are no other classes.
EQUAL_CLASSES = {"equal_contents", "oms_own"}
# The names of the classes that occur in the demo, in English and Chinese.
_CLASSES = {
    "equal_contents": ("equal contents", "内容一致"),
    "missing": ("missing", "缺失"),
    "oms_own": ("OMS's own lists", "OMS 自有列表"),
    "overwritten": ("overwritten", "被覆盖"),
}
_RESULTS = {"failed": ("failed", "未通过"), "not run": ("not run", "未执行")}
_COLOURS = {"GO": "green", "NO-GO": "red", "NOT PROVEN": "yellow"}
# The names of the steps, in English and Chinese, are those that `python3 ops.py cutover` prints.
_COMPARE_STEP = ("Compare both buckets", "比对两侧的桶")


def play_copy_failures(box: Sandbox, console: Console) -> None:
    print_line(
        console,
        choose(
            f"\n[bold]4.[/] OMS accepts {len(UNCOPIED_KEYS)} more objects, fails to copy them, and writes the"
            " failures to lists in OBS. Replay reads these lists.",
            f"\n[bold]4.[/] OMS 又接受 {len(UNCOPIED_KEYS)} 个对象，但复制失败。"
            "OMS 将这些对象写入自己的失败对象列表（位于 OBS 中），replay 会读取这些列表。",
        ),
    )
    failure = CopyFailure("GET_SRC_OBJ_FAILURE", "the source did not answer")
    box.task.failures.add(failure, times=len(UNCOPIED_KEYS), where=lambda key: key in UNCOPIED_KEYS)
    for key in UNCOPIED_KEYS:
        box.bucket(box.source_bucket).put_object(key, b"copied in the end")
    box.wait_idle(timeout=MAX_WAIT_SECONDS)
    print_replay(console, box.tick("replay").value)
    box.wait_idle(timeout=MAX_WAIT_SECONDS)
    if all(key in box.task.destination for key in UNCOPIED_KEYS):
        print_line(
            console,
            choose(
                f"This time, OMS copies all {len(UNCOPIED_KEYS)} objects.",
                f"这一次，OMS 复制了全部 {len(UNCOPIED_KEYS)} 个对象。",
            ),
        )
    box.obs.delete(box.destination_bucket, DELETED_KEY)
    box.obs.put(box.destination_bucket, OVERWRITTEN_KEY, b"an application's")
    print_line(
        console,
        choose(
            "Meanwhile, an application deletes one object in OBS and overwrites another.",
            "与此同时，有应用在 OBS 中删除一个对象，并覆盖另一个对象。",
        ),
    )
    print_result(
        console,
        "Accepted by OMS does not mean copied: replay finds failed copies, and compare finds objects that are missing"
        " or different in OBS.",
        "OMS 已接受不等于已复制：replay 找出复制失败的对象，compare 找出 OBS 中缺失或不同的对象。",
    )


def play_cutover(box: Sandbox, console: Console) -> tuple[Inventory, dict[str, Any]]:
    """Play the cutover day; return the final inventory and the last certificate."""
    freeze_time = format_now(box)
    cutover_command = f"python3 ops.py cutover --frozen-since {freeze_time}"
    print_line(
        console,
        choose(
            f"\n[bold]5.[/] Cutover day: all writes to the source stopped at {freeze_time}. Half an hour later, you run"
            f" `{cutover_command}`. This command compares both buckets, submits missing objects, rechecks them when OMS"
            " has copied them, and makes a certificate.",
            f"\n[bold]5.[/] 割接当天：源端已于 {freeze_time} 停止写入。半小时后，你执行"
            f" `{cutover_command}`。该命令比对两侧的桶，补交缺失的对象，待 OMS 复制后重新判定，并生成证书。",
        ),
    )
    advance_half_an_hour(box)
    print_step(console, *_COMPARE_STEP)
    comparison = compare(box, console, cutover=True)
    recheck(box, console, comparison, freeze_time)
    certify(box, console, freeze_time)
    print_result(
        console,
        "NO-GO: each object that prevents the cutover is named, with the reason.",
        "NO-GO：逐一列出妨碍割接的对象及原因。",
    )
    print_line(
        console,
        choose(
            "\nOMS has copied the missing object. Whether to overwrite the newer object in OBS is your decision; by"
            " default, neither compare nor cutover does so. You decide to overwrite the object, and run"
            " `python3 ops.py compare --overwrite --restart`:",
            "\n缺失的对象已由 OMS 复制。是否覆盖 OBS 中较新的对象，由你决定；"
            "默认情况下，compare 和 cutover 都不会覆盖。"
            "你决定覆盖，并执行 `python3 ops.py compare --overwrite --restart`：",
        ),
    )
    compare(box, console, overwrite=True, restart=True)
    advance_half_an_hour(box)
    print_line(
        console,
        choose(
            "\nHalf an hour later, OMS has copied this object, too. You run the cutover again, now with a sample:"
            f" `{cutover_command} --sample {SAMPLE_SIZE} --restart`. This command compares again, closes the project"
            " after you agree, and checks that both buckets are unchanged.",
            "\n半小时后，OMS 也已复制该对象。你再次执行割接，并增加抽样："
            f"`{cutover_command} --sample {SAMPLE_SIZE} --restart`。"
            "该命令重新比对，经你同意后关闭项目，再确认两侧的桶没有变化。",
        ),
    )
    print_step(console, *_COMPARE_STEP)
    comparison = compare(box, console, cutover=True, restart=True)
    close_project(box, console)
    run_standstill(box, console, comparison)
    return take_inventory(box, set(LOST_EVENT_KEYS)), certify(box, console, freeze_time, sample=SAMPLE_SIZE, run=RUN_ID)


def recheck(box: Sandbox, console: Console, comparison: dict[str, Any], freeze_time: str) -> None:
    """Recheck the objects that differ in `comparison`, after OMS has copied the submitted objects."""
    box.wait_idle(timeout=MAX_WAIT_SECONDS)
    box.advance(RECHECK_SECONDS)
    print_step(console, "Recheck objects in progress", "重新判定在途对象")
    payload = json.dumps({"cutover": True, "again": True, "frozen_since": freeze_time})
    classes = box.fc.invoke("compare", payload.encode()).value["classes"]
    keys = sorted({*comparison["classes"]["missing"]["keys"]} - {*classes["missing"]["keys"]})
    count = sum(count_objects(row)[0] for name, row in classes.items() if name not in EQUAL_CLASSES)
    count_text = format_object_count(count)
    print_line(
        console,
        choose(
            f"{', '.join(keys)} is now in OBS. Still different: {count_text}.",
            f"{'、'.join(keys)} 已在 OBS 中。仍不一致：{count_text}。",
        ),
    )
    if count:
        print_line(
            console,
            choose(
                "The command does not close the project before these are repaired. A closed project submits nothing.",
                "这些对象修复之前，该命令不关闭项目。项目关闭后，不再提交任何对象。",
            ),
        )


def close_project(box: Sandbox, console: Console) -> None:
    wait_for_next_second(box)
    print_step(console, "Close the project", "关闭项目")
    box.fc.invoke("certify", json.dumps({"close": True, "run": RUN_ID}).encode())
    box.advance_and_tick(CLOSE_SECONDS)
    box.advance_and_tick(OMS_SECONDS)
    print_line(
        console,
        choose(
            "The project is closed: two minutes later, nothing is submitted any more. OMS has finished all accepted"
            " objects.",
            "项目已关闭：两分钟后不再提交任何对象。OMS 已处理完所接受的全部对象。",
        ),
    )


def run_standstill(box: Sandbox, console: Console, comparison: dict[str, Any]) -> None:
    """Run a standstill pass, and print whether a bucket has changed since the comparison."""
    wait_for_next_second(box)
    payload = json.dumps({"standstill": True, "restart": True})
    print_step(console, "Check that both buckets are unchanged", "确认两侧的桶没有变化")
    answer = box.fc.invoke("compare", payload.encode()).value
    if (answer["state"], answer["twin"]) == (comparison["state"], comparison["twin"]):
        sentence = choose(
            "Neither bucket has changed since the comparison: both digests are the same as then.",
            "比对之后，两侧的桶没有变化：两个摘要均与比对时相同。",
        )
    else:
        sentence = choose("[red]A bucket has changed since the comparison.", "[red]比对之后，桶有变化。")
    print_line(console, sentence)
    print_line(console, choose("  source, with times and ETags  ", "  源端摘要（含时间和 ETag）  ") + answer["state"])
    print_line(console, choose("  copies in OBS (twin digest)   ", "  OBS 的副本摘要             ") + answer["twin"])


def advance_half_an_hour(box: Sandbox) -> None:
    """Wait until all work is done, then advance the clock, because compare does not classify younger objects.

    Replay's timer fires at the new time, as it does every minute.
    """
    box.wait_idle(timeout=MAX_WAIT_SECONDS)
    box.advance(HOUR // 2)
    box.tick("replay")


def certify(box: Sandbox, console: Console, freeze_time: str, **options: object) -> dict[str, Any]:
    """Invoke certify, print the verdict and the checks that did not pass, and return the certificate."""
    payload = json.dumps({"frozen_since": freeze_time, **options})
    print_step(console, "Make the certificate", "生成证书")
    document: dict[str, Any] = box.fc.invoke("certify", payload.encode()).value
    verdict = document["verdict"]
    suffix = choose("", "_zh")
    print_line(console, f"[bold {_COLOURS[verdict]}]{escape(document[f'text{suffix}'])}")
    for check in document["checks"]:
        if check["gates"] and check["result"] != "passed":
            colon, result = choose(": ", "："), choose(*_RESULTS[check["result"]])
            keys = f"{colon}{choose(', ', '、').join(check['keys'][:3])}" if check["keys"] else ""
            print_line(console, escape(f"  {check['id']} {result}{colon}{check[f'actual{suffix}']}{keys}"))
    if verdict == "GO":
        sample = next(check for check in document["checks"] if check["id"] == "SAMPLE")
        sample_text, passed_count = sample[f"actual{suffix}"], len(document["checks"])
        print_line(
            console,
            choose(
                f"{passed_count} checks passed. Each object has an equal size and MD5 on both sides. In addition, a"
                f" sample was read on both sides, and no object differs: {sample_text}.",
                f"{passed_count} 项检查通过。每个对象的大小和 MD5 在两侧均一致。另在两侧读取抽样对象，未发现差异："
                f"{sample_text}。",
            ),
        )
        more_count = len(document["headers"]["more"])
        print_line(
            console,
            choose(
                f"More objects whose headers were compared, to cover each first-level folder: {more_count}.",
                f"另取 {more_count} 个对象比对头域，使每个一级目录至少有一个对象。",
            ),
        )
        for side, name in (
            ("source", choose("source     ", "源端  ")),
            ("destination", choose("destination", "目的端")),
        ):
            count, digest = document[side]["objects"], document[side]["digest"]
            print_line(
                console,
                choose(f"  {name} {count} objects, digest {digest}", f"  {name} {count} 个对象，摘要 {digest}"),
            )
        sha256 = document["sha256"]
        print_line(console, choose(f"  SHA-256 of the certificate: {sha256}", f"  证书的 SHA-256：{sha256}"))
    return document


def print_step(console: Console, english: str, chinese: str) -> None:
    print_line(console, choose(f"\n{english}:", f"\n{chinese}："))


def wait_for_next_second(box: Sandbox) -> None:
    """Wait until the next second, because passes record their start and end in whole seconds."""
    last_second = format_now(box)
    while format_now(box) <= last_second:
        time.sleep(0.05)


def format_now(box: Sandbox) -> str:
    """Return the sandbox's time in the format of certificates."""
    return datetime.fromtimestamp(box.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def compare(box: Sandbox, console: Console, **options: bool) -> dict[str, Any]:
    """Invoke compare, print a sentence, and a table of the object classes if the buckets differ; return the answer."""
    wait_for_next_second(box)
    comparison: dict[str, Any] = box.fc.invoke("compare", json.dumps(options).encode()).value
    table = Table(
        choose("class", "类别"),
        Column(choose("in OSS", "OSS 中"), justify="right"),
        Column(choose("in OBS", "OBS 中"), justify="right"),
        Column(choose("example", "示例"), no_wrap=True, max_width=40),
    )
    classes = [(name, row) for name, row in comparison["classes"].items() if sum(count_objects(row))]
    for name, row in classes:
        table.add_row(choose(*_CLASSES.get(name, (name, name))), *map(str, count_objects(row)), escape(row["keys"][0]))
    table.add_section()
    totals = [comparison[side]["objects"] for side in ("source", "destination")]
    table.add_row(f"[bold]{choose('total', '合计')}", *(f"[bold]{number}" for number in totals))
    is_equal = EQUAL_CLASSES.issuperset(name for name, _ in classes)
    if not is_equal:
        console.print(table)
    class_totals = [sum(count_objects(row)[side] for _, row in classes) for side in (0, 1)]
    if class_totals != totals:
        sentence = choose("[red]The classes do not add up.", "[red]各类别之和与总数不符。")
    elif is_equal:
        sentence = choose(
            f"All {totals[0]} objects of the source are equal in OBS.", f"源端的 {totals[0]} 个对象在 OBS 中全部一致。"
        )
    else:
        sentence = choose("The classes add up to the totals of both buckets.", "各类别之和等于两侧的总数。")
    count_text = format_object_count(comparison["submitted"])
    print_line(console, choose(f"{sentence} Submitted: {count_text}.", f"{sentence}补交：{count_text}。"))
    return comparison


def format_object_count(count: int) -> str:
    return choose(f"{count} object{'' if count == 1 else 's'}", f"{count} 个对象")


def count_objects(row: dict[str, Any]) -> tuple[int, int]:
    return row["source"]["objects"], row["destination"]["objects"]
