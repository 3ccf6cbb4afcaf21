"""An inventory of the demo's objects and records, which shows that every object is accounted for."""

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
    """The objects in both clouds and their records at the end of an act.

    - `uploaded_objects` and `copied_objects` have the contents of the objects in OSS and in OBS, by key.
    - `failure_reasons` has the reason in each failed record, by key.
    - `lost_keys` has the keys without a record because their events were lost.
    - `old_keys` has the keys without a record because their objects are older than the project.
    """

    uploaded_objects: dict[str, bytes]
    copied_objects: dict[str, bytes]
    succeeded_keys: set[str]
    failure_reasons: dict[str, str]
    dropped_event_count: int
    lost_keys: set[str]
    old_keys: set[str]

    @property
    def missing_keys(self) -> set[str]:
        """The keys of source objects that are missing in OBS or have other contents there."""
        return {key for key, data in self.uploaded_objects.items() if self.copied_objects.get(key) != data}

    @property
    def recorded_keys(self) -> set[str]:
        return self.succeeded_keys | self.failure_reasons.keys()

    def problems(self) -> list[str]:
        """Return a sentence for each kind of error in the inventory, such as objects without a record."""
        errors = {
            "uploaded objects have no record": self.uploaded_objects.keys()
            - self.recorded_keys
            - self.lost_keys
            - self.old_keys,
            "records are of objects that were never uploaded": self.recorded_keys - self.uploaded_objects.keys(),
            "objects are recorded as accepted and are not in the destination": self.missing_keys & self.succeeded_keys,
            "objects are missing and have no failed record": self.missing_keys
            - self.failure_reasons.keys()
            - self.lost_keys,
            "objects in the destination were never uploaded": self.copied_objects.keys() - self.uploaded_objects.keys(),
        }
        problems = [f"{len(keys)} {error}: {sorted(keys)[:3]}" for error, keys in errors.items() if keys]
        return problems + ([f"{self.dropped_event_count} events were dropped"] if self.dropped_event_count else [])


def make_contents(key: str) -> bytes:
    return f"contents of {key!a}".encode()


def take_inventory(box: Sandbox, lost_event_keys: set[str]) -> Inventory:
    """Return the inventory of the sandbox; `lost_event_keys` has the keys whose events were lost."""
    succeeded_keys, failure_reasons = set(), {}
    root = f"oms_source_record/{box.task.task_id}/"
    for name, record in box.oss.objects(box.log_bucket).items():
        kind, _, key = name.removeprefix(root).partition("/")
        if kind.startswith("success_object"):
            succeeded_keys.add(record.data.decode() if kind.endswith("_long") else key)
        elif kind.startswith("failed_object"):
            body = json.loads(record.data)
            failure_reasons[body["key"]] = body["reason"]
    uploaded_objects = {key: oss_object.data for key, oss_object in box.oss.objects(box.source_bucket).items()}
    copied_objects = {key: obs_object.data for key, obs_object in box.task.destination.items()}
    lost_keys = uploaded_objects.keys() & lost_event_keys - succeeded_keys - failure_reasons.keys()
    old_keys = set(EXISTING_KEYS) - succeeded_keys - failure_reasons.keys()
    return Inventory(
        uploaded_objects,
        copied_objects,
        succeeded_keys,
        failure_reasons,
        len(box.fc.dropped_events),
        lost_keys,
        old_keys,
    )


def print_inventory(inventory: Inventory, console: Console) -> None:
    console.print(choose("\nThe state of every object:", "\n每个对象的状态："))
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row(choose("in OSS", "OSS 中"), str(len(inventory.uploaded_objects)), end_section=True)
    total = len(inventory.recorded_keys | inventory.lost_keys | inventory.old_keys)
    lost_answer_count = len(inventory.failure_reasons.keys() - inventory.missing_keys)
    account_rows = [
        (
            "existing objects without a record, copied by `migrate`",
            "没有记录的存量对象，已由 `migrate` 复制",
            len(inventory.old_keys),
        ),
        ("accepted by OMS (success_object/)", "OMS 已接受（success_object/）", len(inventory.succeeded_keys)),
        *(
            (f"failed: {reason} (failed_object/)", f"失败：{reason}（failed_object/）", count)
            for reason, count in sorted(Counter(inventory.failure_reasons.values()).items())
        ),
        (
            "new objects without a record, because the event was lost",
            "因事件丢失而没有记录的新对象",
            len(inventory.lost_keys),
        ),
    ]
    copy_rows = [
        (
            "in OBS, equal to the source",
            "在 OBS 中，与源端一致",
            len(inventory.uploaded_objects) - len(inventory.missing_keys),
        ),
        (
            "  of these, recorded as failed because OMS's response was lost",
            "  其中因 OMS 的响应丢失而记录为失败",
            lost_answer_count,
        ),
        ("missing in OBS", "OBS 中缺失", len(inventory.missing_keys)),
        (
            "  of these, with a failed record, for replay",
            "  其中有失败记录，由 replay 重发",
            len(inventory.missing_keys & inventory.failure_reasons.keys()),
        ),
        (
            "  of these, without a record, for reconcile",
            "  其中没有记录，由 reconcile 补交",
            len(inventory.missing_keys & inventory.lost_keys),
        ),
    ]
    for english, chinese, count in account_rows:
        table.add_row(choose(english, chinese), str(count))
    table.add_row(f"[bold]{choose('total', '合计')}", f"[bold]{total}", end_section=True)
    for english, chinese, count in copy_rows:
        table.add_row(choose(english, chinese), str(count))
    console.print(table)
