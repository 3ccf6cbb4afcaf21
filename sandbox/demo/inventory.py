"""An inventory of the demo's objects and records, and a check that every object is accounted for."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from sandbox import Sandbox
from sandbox.demo.language import choose

# Keys of objects that were in the source before the project was deployed.
EXISTING_KEYS = [f"photos/{number:04}.jpg" for number in range(200, 300)]


@dataclass
class Inventory:
    """The objects and records on each side at the end of an act.

    `uploaded` and `copied`: the contents of the objects in OSS and in OBS, by key. `succeeded`: the keys with a success
    record. `failed`: the reason in each failed record, by key. `dropped_events`: the number of events that Function
    Compute dropped. `lost`, `old`: the keys without a record, because the event was lost or the object is older than
    the project.
    """

    uploaded: dict[str, bytes]
    copied: dict[str, bytes]
    succeeded: set[str]
    failed: dict[str, str]
    dropped_events: int
    lost: set[str]
    old: set[str]

    @property
    def missing(self) -> set[str]:
        """The keys whose objects are missing in the destination, or have other contents than in the source."""
        return {key for key, data in self.uploaded.items() if self.copied.get(key) != data}

    @property
    def recorded_keys(self) -> set[str]:
        return self.succeeded | self.failed.keys()

    def problems(self) -> list[str]:
        """Return a sentence for each error in the inventory, such as objects without a record."""
        errors = {
            "uploaded objects have no record": self.uploaded.keys() - self.recorded_keys - self.lost - self.old,
            "records are of objects that were never uploaded": self.recorded_keys - self.uploaded.keys(),
            "objects are recorded as accepted and are not in the destination": self.missing & self.succeeded,
            "objects are missing and have no failed record": self.missing - self.failed.keys() - self.lost,
            "objects in the destination were never uploaded": self.copied.keys() - self.uploaded.keys(),
        }
        problems = [f"{len(keys)} {error}: {sorted(keys)[:3]}" for error, keys in errors.items() if keys]
        return problems + ([f"{self.dropped_events} events were dropped"] if self.dropped_events else [])


def contents_of(key: str) -> bytes:
    return f"contents of {key!a}".encode()


def take_inventory(box: Sandbox, lost_events: set[str]) -> Inventory:
    """Take the inventory of the sandbox; `lost_events`: the keys whose events were lost."""
    succeeded, failed = set(), {}
    root = f"oms_source_record/{box.task.task_id}/"
    for name, record in box.oss.objects(box.log_bucket).items():
        kind, _, key = name.removeprefix(root).partition("/")
        if kind.startswith("success_object"):
            succeeded.add(record.data.decode() if kind.endswith("_long") else key)
        elif kind.startswith("failed_object"):
            body = json.loads(record.data)
            failed[body["key"]] = body["reason"]
    uploaded = {key: obj.data for key, obj in box.oss.objects(box.source_bucket).items()}
    copied = {key: obj.data for key, obj in box.task.destination.items()}
    lost = uploaded.keys() & lost_events - succeeded - failed.keys()
    old = set(EXISTING_KEYS) - succeeded - failed.keys()
    return Inventory(uploaded, copied, succeeded, failed, len(box.fc.dropped_events), lost, old)


def print_inventory(inventory: Inventory, console: Console) -> None:
    console.print(choose("\nThe state of every object:", "\n每个对象的状态："))
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row(choose("in OSS", "OSS 中"), str(len(inventory.uploaded)), end_section=True)
    total = len(inventory.recorded_keys | inventory.lost | inventory.old)
    lost_answer_count = len(inventory.failed.keys() - inventory.missing)
    accounts = [
        ("existing objects, copied by a task group", "存量对象，由迁移任务组复制", len(inventory.old)),
        ("accepted by OMS (success_object/)", "OMS 已接受（success_object/）", len(inventory.succeeded)),
        *(
            (f"failed: {reason} (failed_object/)", f"失败：{reason}（failed_object/）", count)
            for reason, count in sorted(Counter(inventory.failed.values()).items())
        ),
        ("without a record, because the event was lost", "没有记录，因为事件丢失", len(inventory.lost)),
    ]
    copies = [
        ("in OBS, equal to the source", "在 OBS 中，与源端一致", len(inventory.uploaded) - len(inventory.missing)),
        (
            "  of these recorded as failed: OMS's response was lost",
            "  其中记录为失败：OMS 的响应丢失",
            lost_answer_count,
        ),
        ("missing in OBS", "OBS 中缺失", len(inventory.missing)),
        (
            "  of these with a failed record, for replay",
            "  其中有失败记录，由 replay 重发",
            len(inventory.missing & inventory.failed.keys()),
        ),
        (
            "  of these without a record, for reconcile",
            "  其中没有记录，由 reconcile 补交",
            len(inventory.missing & inventory.lost),
        ),
    ]
    for english, chinese, count in accounts:
        table.add_row(choose(english, chinese), str(count))
    table.add_row(f"[bold]{choose('total', '合计')}", f"[bold]{total}", end_section=True)
    for english, chinese, count in copies:
        table.add_row(choose(english, chinese), str(count))
    console.print(table)
