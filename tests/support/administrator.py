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


def draw_interruptions(requests: range, step: int = 3) -> list[tuple[str, int]]:
    """Return a fate, `dies_after` or `loses`, for each of the drawn requests; the fates are drawn as well."""
    return [(random.choice(["dies_after", "loses"]), number) for number in draw_requests(requests, step)]


class KilledError(BaseException):
    """The administrator's machine is no more."""


class Administrator(InProcess):
    """A world with an administrator's machine.

    `asked` counts the machine's requests that were answered. The machine dies once the cloud has done the request
    number `dies_after`; the response to the request number `loses` never comes.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.folder = Path(mkdtemp(prefix="administrator-"))
        self.dies_after, self.loses, self.asked = -1, -1, 0
        # Calls to run once, by the number of the request before which they are due.
        self.meanwhile: dict[int, Callable[[], object]] = {}
        self.sent: list[wire.Request] = []
        self.answered: list[wire.Response] = []

    def _set_up(self) -> None:
        super()._set_up()
        self._patches.callback(shutil.rmtree, self.folder)
        self._adapter = self.platform.network.adapter()
        self._patches.enter_context(patch.object(wire, "exchange", self._exchange))

    def put_project(self, folder: Path, answers: dict[str, str]) -> None:
        """Put there what commands read of a project, its s.yaml, and the functions' code: to write all of a project
        takes longer than most commands."""
        folder.mkdir(exist_ok=True)
        (folder / "s.yaml").write_text(render.settings({**self.answers(), **answers}), encoding="utf-8")
        (folder / "code").symlink_to(ROOT / "template" / "code")

    @contextmanager
    def cut_off(self, fate: str, number: int, away: float = 41 * 60) -> Iterator[None]:
        """Interrupt the commands of the block at the request of this number, counted from now. With `dies_after` the
        machine dies after the request, with `loses` the response is lost. After the block there is a machine again;
        a dead one comes back after `away` seconds."""
        setattr(self, fate, self.asked + number)
        try:
            yield
        except KilledError:
            self.advance(away)
        self.dies_after = self.loses = -1

    def before(self) -> None:
        """Run the call that is due before the next request."""
        self.meanwhile.pop(self.asked, lambda: None)()

    def _exchange(self, request: wire.Request) -> wire.Response:
        if self.asked == self.dies_after:
            raise KilledError
        self.before()
        self.sent.append(request)
        # http.client adds this header.
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
