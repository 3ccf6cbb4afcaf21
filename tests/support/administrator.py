"""An administrator's machine with a project's folder, on which commands of both accounts run."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from requests.structures import CaseInsensitiveDict

from ops.clouds import wire
from sandbox.inprocess import VirtualSandbox
from tools import render
from tools.package import ROOT


def draw_requests(requests: range, step: int = 3) -> range:
    """Return every `step`-th of these request numbers, from a random first number on, which is printed."""
    first = random.randrange(step)
    print(f"drawn requests: each {step} from number {requests[first]}")
    return requests[first::step]


def draw_interruptions(requests: range, step: int = 3) -> list[tuple[str, int]]:
    """Return every `step`-th request number, each with a random kind of interruption (`Administrator.cut_off`)."""
    return [(random.choice(["dies_after", "loses"]), number) for number in draw_requests(requests, step)]


class KilledError(BaseException):
    """The exception that ends a running command, as if the administrator's machine had crashed."""


class Administrator(VirtualSandbox):
    """A world with an administrator's machine, which runs commands of `ops.py`.

    - `asked` is the number of the machine's requests that were answered.
    - `dies_after` is the number of the request after which the machine dies, or -1.
    - `loses` is the number of the request whose response is lost, or -1.
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
        self._adapter = self.platform.network.make_adapter()
        self._patches.enter_context(patch.object(wire, "exchange", self._exchange))

    def put_project(self, folder: Path, answers: dict[str, str]) -> None:
        """Write only the parts of a project that commands read, its s.yaml and the functions' code, to save time."""
        folder.mkdir(exist_ok=True)
        (folder / "s.yaml").write_text(render.settings({**self.answers(), **answers}), encoding="utf-8")
        (folder / "code").symlink_to(ROOT / "template" / "code")

    @contextmanager
    def cut_off(self, fate: str, number: int, away: float = 41 * 60) -> Iterator[None]:
        """Interrupt the commands in the context at their request with this number.

        If `fate` is `dies_after`, the machine dies after the request, and works again `away` seconds later. If `fate`
        is `loses`, only the response is lost.
        """
        setattr(self, fate, self.asked + number)
        try:
            yield
        except KilledError:
            self.advance(away)
        self.dies_after = self.loses = -1

    def before(self) -> None:
        """Run the call that `meanwhile` has for the next request."""
        self.meanwhile.pop(self.asked, lambda: None)()

    def _exchange(self, request: wire.Request) -> wire.Response:
        if self.asked == self.dies_after:
            raise KilledError
        self.before()
        self.sent.append(request)
        # http.client adds this header.
        length = {"Content-Length": str(len(request.body))} if request.body or request.method in ("POST", "PUT") else {}
        whole = request._replace(headers=CaseInsensitiveDict({**request.headers, **length}))
        response = self._adapter.send(whole, timeout=wire._TIMEOUT_SECONDS)
        self.asked += 1
        if self.asked == self.dies_after:
            raise KilledError
        if self.asked == self.loses:
            raise ConnectionResetError
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.answered.append(wire.Response(response.status_code, headers, response.content))
        return self.answered[-1]
