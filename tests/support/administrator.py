"""A machine on which an administrator of both accounts runs commands, in a folder of a project."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ops.clouds import wire
from sandbox.inprocess import InProcess
from tools import render
from tools.package import ROOT

if TYPE_CHECKING:
    from typing_extensions import Self


class KilledError(BaseException):
    """The administrator's machine is no more."""


class Administrator(InProcess):
    """A world with one. `asked`: how many requests of that machine were answered; `dies_after`: after how many it is no
    more, of which the last was done. `loses`: the numbers of requests that are done, but whose answers never come."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.folder = Path(mkdtemp(prefix="administrator-"))
        self.dies_after, self.asked = -1, 0
        self.loses: set[int] = set()
        self.sent: list[wire.Request] = []
        self.answered: list[wire.Answer] = []

    def __enter__(self) -> Self:
        super().__enter__()
        self._patches.callback(shutil.rmtree, self.folder)
        self._adapter = self.ground.network.adapter()
        self._patches.enter_context(patch.object(wire, "exchange", self._exchange))
        return self

    def put_project(self, folder: Path, answers: dict[str, str]) -> None:
        """Put there what commands read of a project, its s.yaml, and the functions' code: to write all of a project
        takes longer than most commands."""
        folder.mkdir(exist_ok=True)
        (folder / "s.yaml").write_text(render.settings({**self.answers(), **answers}), encoding="utf-8")
        (folder / "code").symlink_to(ROOT / "template" / "code")

    @contextmanager
    def cut_off(self, fate: str, number: int) -> Iterator[None]:
        """What is run within, cut off at the request of this number, counted from now: the machine is no more after it
        (`dies_after`), or its answer is lost (`loses`). Afterwards there is a machine again, and a killed one is known
        to be away."""
        if fate == "loses":
            self.loses = {self.asked + number}
        else:
            self.dies_after = self.asked + number
        try:
            yield
        except KilledError:
            self.later(41 * 60)
        self.dies_after = -1

    def before(self, number: int) -> None:
        """What happens before a request of this number goes out."""

    def _exchange(self, request: wire.Request) -> wire.Answer:
        if self.asked == self.dies_after:
            raise KilledError
        self.before(self.asked)
        self.sent.append(request)
        # As http.client tells it.
        length = {"Content-Length": str(len(request.body))} if request.body or request.method in ("POST", "PUT") else {}
        whole = request._replace(headers={**request.headers, **length})
        response = self._adapter.send(whole, timeout=wire._SECONDS)
        self.asked += 1
        if self.asked == self.dies_after:
            raise KilledError
        if self.asked in self.loses:
            raise ConnectionResetError
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.answered.append(wire.Answer(response.status_code, headers, response.content))
        return self.answered[-1]
