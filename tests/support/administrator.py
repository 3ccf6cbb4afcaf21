"""A machine on which an administrator of both accounts runs commands, in a folder of a project."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from ops.clouds import wire
from sandbox.inprocess import InProcess
from tools import render
from tools.package import ROOT


def draw_requests(requests: range, step: int = 3) -> range:
    """Return every third of the requests, or another share of them; the first is drawn and printed."""
    first = random.randrange(step)
    print(f"drawn requests: each {step} from number {requests[first]}")
    return requests[first::step]


class KilledError(BaseException):
    """The administrator's machine is no more."""


class Administrator(InProcess):
    """A world with one. `asked`: how many requests of that machine were answered; `dies_after`: after how many it is no
    more, of which the last was done. `loses`: the number of a request that is done, but whose answer never comes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.folder = Path(mkdtemp(prefix="administrator-"))
        self.dies_after, self.loses, self.asked = -1, -1, 0
        # What is done before a request of this number goes out, once.
        self.meanwhile: dict[int, Callable[[], object]] = {}
        self.sent: list[wire.Request] = []
        self.answered: list[wire.Response] = []

    def _set_up(self) -> None:
        super()._set_up()
        self._patches.callback(shutil.rmtree, self.folder)
        self._adapter = self.ground.network.adapter()
        self._patches.enter_context(patch.object(wire, "exchange", self._exchange))

    def put_project(self, folder: Path, answers: dict[str, str]) -> None:
        """Put there what commands read of a project, its s.yaml, and the functions' code: to write all of a project
        takes longer than most commands."""
        folder.mkdir(exist_ok=True)
        (folder / "s.yaml").write_text(render.settings({**self.answers(), **answers}), encoding="utf-8")
        (folder / "code").symlink_to(ROOT / "template" / "code")

    @contextmanager
    def cut_off(self, fate: str, number: int, away: float = 41 * 60) -> Iterator[None]:
        """What is run within, cut off at the request of this number, counted from now: the machine is no more after it
        (`dies_after`), or its answer is lost (`loses`). Afterwards there is a machine again; until then a killed one is
        away for so many seconds, after which that is known."""
        setattr(self, fate, self.asked + number)
        try:
            yield
        except KilledError:
            self.later(away)
        self.dies_after = self.loses = -1

    def before(self) -> None:
        """What happens before a request goes out."""
        self.meanwhile.pop(self.asked, lambda: None)()

    def _exchange(self, request: wire.Request) -> wire.Response:
        if self.asked == self.dies_after:
            raise KilledError
        self.before()
        self.sent.append(request)
        # As http.client tells it.
        length = {"Content-Length": str(len(request.body))} if request.body or request.method in ("POST", "PUT") else {}
        whole = request._replace(headers={**request.headers, **length})
        response = self._adapter.send(whole, timeout=wire._TIMEOUT_SECONDS)
        self.asked += 1
        if self.asked == self.dies_after:
            raise KilledError
        if self.asked == self.loses:
            raise ConnectionResetError
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.answered.append(wire.Response(response.status_code, headers, response.content))
        return self.answered[-1]
