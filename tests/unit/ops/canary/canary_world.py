"""A simulated migration, in the process of the test, in which an administrator runs canaries.

A canary is a trial migration of a few objects.
"""

from __future__ import annotations

import io
import random
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ops.canary import objects
from ops.command_line import cli
from sandbox.oms.copier import CopyFault
from support.administrator import Administrator
from support.migration import MODES, CommandResult, MachineClock, Migration

# A thousandth of the real part sizes; the sync task's part size is scaled alike.
PARTS = {"50 MB": 50_000, "50 MiB": 52_429}


# Answers to `s init` that are drawn.
PREFIXES = ["", "kwyjibo/", "träger of/", '山水 "x"/']
SUFFIXES = ["", ".jpeg-q", "'ü"]
REGIONS = ["cn-hangzhou", "cn-beijing", "cn-shenzhen"]


def is_key_of(title: str) -> Callable[[str], bool]:
    """Return a function that returns True for keys of the canary object with this title."""
    ending = next(canary_object.ending for canary_object in objects.canary_objects() if canary_object.title == title)
    return lambda key: key.endswith(f"/{ending}")


def expect_exit(done: CommandResult, code: int, *phrases: str) -> Any:
    """Assert that a canary exits with `code`, and that its output contains each phrase; return its answer."""
    assert (done.code, [phrase for phrase in phrases if phrase not in done.text]) == (code, []), done.text
    return done.answer


def shrink_parts(world: Any) -> None:
    """Make a canary's large objects a thousand times smaller, and OMS's parts with them."""
    world.task.part_size = PARTS["50 MiB"]
    for module in ("objects", "field_report"):
        world._patches.enter_context(patch(f"ops.canary.{module}.PART_SIZES", PARTS))


class CanaryWorld(Administrator, Migration):
    """A migration whose administrator runs canaries."""

    function_name = "oss-oms-sync"

    def __init__(self, seed: int = 0, **options: Any) -> None:
        super().__init__(seed, **options)
        self.change_settings: Callable[[str], str] = lambda text: text

    def _set_up(self) -> None:
        super()._set_up()
        shrink_parts(self)

    def canary(self, *words: str) -> CommandResult:
        """Run `ops.py canary` in a folder of this project."""
        with self._as_administrator() as file:
            return self.ops("canary", "-t", str(file), *words)

    def screen(self, *words: str) -> list[str]:
        """Run `ops.py canary`; return the lines of standard output."""
        out = io.StringIO()
        with self._as_administrator() as file, redirect_stdout(out), redirect_stderr(io.StringIO()):
            cli.main(["canary", "-t", str(file), *words], MachineClock(self))
        return out.getvalue().splitlines()

    @contextmanager
    def _as_administrator(self) -> Iterator[Path]:
        """Yield a folder with the project's s.yaml; meanwhile, the environment has the administrators' access keys."""
        settings, file = (self.project() / "s.yaml").read_text(encoding="utf-8"), self.folder / "s.yaml"
        file.write_text(self.change_settings(settings), encoding="utf-8")
        with patch.dict("os.environ", self.administrators()), patch("ops.command_line.cli.FOLDER", self.folder):
            yield file

    @property
    def canary_observation(self) -> str:
        """The name of the object in the log bucket that has the last canary's report for doctor."""
        return f"oms_source_record/{self.task_id}/state/canary-{self.function_name}.json"

    def cut_short(self, after: int = 40) -> None:
        """Run a canary on a machine that dies after this number of requests."""
        with self.cut_off("dies_after", after, away=0):
            self.canary()

    def leftovers(self, after: float = 0) -> list[str]:
        """Return the objects, versions, uploads and records of canaries that exist `after` seconds from now."""
        self.advance(after)
        source, bucket = self.oss.buckets[self.source_bucket], self.obs.bucket(self.destination_bucket)
        # The observation stays for doctor.
        records = {**self.oss.objects(self.log_bucket)}
        records.pop(self.canary_observation, None)
        return [
            *(key for key in self.oss.objects(self.source_bucket) if "canary" in key),
            *(f"upload of {upload.key}" for upload in source.uploads.values() if "canary" in upload.key),
            *(f"version of {key}" for key, *_ in source.history.list_versions("") if "canary" in key),
            *(f"OBS: {key}" for key in self.task.destination if "canary" in key),
            *(f"OBS: version of {key}" for key, *_ in bucket.history.list_versions("") if "canary" in key),
            *(f"log: {name}" for name in records if "canary" in name),
            *(
                f"log: {name}"
                for name, oss_object in records.items()
                if "/replay/" in name and b"canary" in oss_object.data
            ),
        ]


class DrawnWorld(CanaryWorld):
    """A world with random names, access keys and filters, and with clouds of random behaviour."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        self.region = dice.choice(REGIONS)
        super().__init__(seed, timers=0.05, mode=dice.choice(MODES))
        name = lambda size=10: "".join(dice.choices("bcdfghjklmnpqrstvwxz", k=size))  # noqa: E731
        self.source_bucket, self.log_bucket, self.destination_bucket = (name() for _ in range(3))
        self.project_id, self.task_id = f"{dice.getrandbits(128):032x}", str(uuid.UUID(int=dice.getrandbits(128)))
        self.huawei_credentials = (name(20).upper(), name(40))
        self.function_credentials = (f"STS.{name(20)}", name(30), name(30))
        self.user_credentials = (name(20), name(30))
        self.function_name, self.prefix, self.suffix = name(), dice.choice(PREFIXES), dice.choice(SUFFIXES)
        self._draw = dice

    def project(self) -> Path:
        folder = self.folder / "project"
        if not folder.exists():
            answers = {"functionName": self.function_name, "objectPrefix": self.prefix, "objectSuffix": self.suffix}
            self.put_project(folder, answers)
        return folder

    def _set_up(self) -> None:
        super()._set_up()
        dice, task, bucket = self._draw, self.task, self.obs.bucket(self.destination_bucket)
        self.parts = dice.choice([*PARTS])
        task.part_size = PARTS[self.parts]
        task.step = dice.choice(["FIVE_MINUTES", "ONE_HOUR"])
        task.merges_copies = dice.random() < 0.3
        task.copies_metadata = dice.random() < 0.5
        task.lag = dice.choice([0, 60, 400])
        task.lists.separator = dice.choice([",", "\t"])
        bucket.order = dice.choice(["bytes", "utf-16"])
        bucket.crc64_header = dice.choice(["", "x-obs-checksum-crc64ecma", "x-obs-hash-crc64ecma"])
        bucket.has_versions = dice.random() < 0.3
        self.oss.buckets[self.source_bucket].versioning = dice.choice(["", "", "Enabled", "Suspended"])
        faults = [CopyFault.late(20), CopyFault.late(400), CopyFault.lost(), None, None]
        if fault := dice.choice(faults):
            task.copy_faults.add(fault, where=self._draw_key() if dice.random() < 0.7 else None)
        if dice.random() < 0.2:
            self.oss.lose_events(self._draw_key())
        self.oss.header_event = dice.choice(["ObjectCreated:CopyObject", "ObjectModified:UpdateObjectMeta", ""])

    def _draw_key(self) -> Callable[[str], bool]:
        """Choose an object of a canary at random; return a function that returns True for its keys."""
        ending = f"/{self._draw.choice(objects.canary_objects()).ending}{self.suffix}"
        return lambda key: key.endswith(ending)

    def identifying(self) -> set[str]:
        """Return the texts in the world that identify its owner or its time."""
        runs = {run for request in self.sent for run in re.findall(r"\d{8}T\d{6}Z-\w{4}", request.url)}
        # ETags, checksums, times, numbers of requests.
        header_values = {value.strip('"') for response in self.answered for value in response.headers.values()}
        names = {
            *(self.source_bucket, self.log_bucket, self.destination_bucket, self.function_name),
            *(self.project_id, self.task_id, self.region, self.obs.region, "myhuaweicloud", "aliyuncs"),
            *(*self.user_credentials, *self.huawei_credentials, *self.function_credentials),
            *(self.prefix.strip("/"), self.suffix, "canary/", f"{self.platform.now():.0f}"[:6], "2026"),
            *runs,
            *(form for text in header_values if len(text) > 5 for form in (text, text.lower())),
        }
        return names - {""}
