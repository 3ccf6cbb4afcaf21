"""A simulated migration, in the process of the test, in which an administrator runs canaries.

A canary is a trial migration of a few objects.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ops.canary import objects
from ops.command_line import cli
from support.administrator import Administrator
from support.migration import CommandResult, MachineClock, Migration

# A thousandth of the real part sizes; the sync task's part size is scaled alike.
PARTS = {"50 MB": 50_000, "50 MiB": 52_429}


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

    def stored_report(self) -> Any:
        """Return the last canary's report for doctor."""
        return json.loads(self.oss.objects(self.log_bucket)[self.canary_observation].data)["report"]

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
