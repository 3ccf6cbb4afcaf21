"""A migration in process, in which an administrator runs canaries."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import requests

from ops.canary import objects
from ops.clouds import keys, wire
from support.migration import Migration, Said, project

if TYPE_CHECKING:
    from typing_extensions import Self

# A thousandth of what they are, and the twin's part size with them.
PARTS = {"50 MB": 50_000, "50 MiB": 52_429}


class KilledError(BaseException):
    """The administrator's machine is no more."""


class CanaryWorld(Migration):
    """`dies_after`: how many requests of the administrator's machine are answered before it is no more; the last one
    was done. `asked`: how many there were."""

    def __init__(self, seed: int = 0, **options: Any) -> None:
        super().__init__(seed, **options)
        self.folder = Path(mkdtemp(prefix="canary-"))
        self.dies_after = -1
        self.asked = 0
        self.change_settings: Callable[[str], str] = lambda text: text
        # What is done before a request of this number goes out.
        self.meanwhile: Callable[[int], None] = lambda _: None

    def __enter__(self) -> Self:
        super().__enter__()
        self.task.part_size = PARTS["50 MiB"]
        self.sent: list[wire.Request] = []
        self._adapter = self.ground.network.adapter()
        self._patches.callback(shutil.rmtree, self.folder)
        self._patches.enter_context(patch.object(wire, "exchange", self._exchange))
        self._patches.enter_context(patch.object(objects, "PARTS", PARTS))
        self._patches.enter_context(patch("ops.canary.field_report.PARTS", PARTS))
        return self

    def canary(self, *words: str, folder: Path | None = None) -> Said:
        """Run the command in a folder of this project, or another one of it."""
        there = folder or self.folder
        there.mkdir(exist_ok=True)
        (there / "s.yaml").write_text(self.change_settings((project() / "s.yaml").read_text()))
        of_alibaba = zip(keys.ALIBABA, self.user_credentials, strict=False)
        of_huawei = zip(keys.HUAWEI, self.huawei_credentials, strict=False)
        with patch.dict("os.environ", {**dict(of_alibaba), **dict(of_huawei)}):
            return self.ops("canary", "-t", str(there / "s.yaml"), *words)

    def left(self) -> list[str]:
        """What is on either side, or among the records, that a canary has brought there."""
        found = [key for key in self.oss.objects(self.source_bucket) if "canary" in key]
        source = self.oss.buckets[self.source_bucket]
        found += [f"upload of {one.key}" for one in source.uploads.values() if "canary" in one.key]
        found += [f"version of {key}" for key, *_ in source.history.listed("") if "canary" in key]
        found += [f"OBS: {key}" for key in self.task.destination if "canary" in key]
        there = self.obs.bucket(self.destination_bucket)
        found += [f"OBS: version of {key}" for key, *_ in there.history.listed("") if "canary" in key]
        for name, one in self.oss.objects(self.log_bucket).items():
            is_its = "canary" in name or ("/replay/" in name and b"canary" in one.data)
            found += [f"log: {name}"] if is_its else []
        return found

    def _exchange(self, request: wire.Request) -> wire.Answer:
        if self.asked == self.dies_after:
            raise KilledError
        self.meanwhile(self.asked)
        self.sent.append(request)
        prepared = requests.Request(request.method, "https://x.example", request.headers, data=request.body).prepare()
        prepared.url = request.url
        response = self._adapter.send(prepared, timeout=wire._SECONDS)
        self.asked += 1
        if self.asked == self.dies_after:
            raise KilledError
        headers = {name.lower(): value for name, value in response.headers.items()}
        return wire.Answer(response.status_code, headers, response.content)
