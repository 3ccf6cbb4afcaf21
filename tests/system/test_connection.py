"""Connections follow nothing and keep nothing."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from oss_oms_sync.connection import Session
from oss_oms_sync.retry import Clock
from sandbox.faults import Fault
from tools.serverless import serving


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """The address of another host, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with serving(Handler) as address:
        yield address, asked


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(box, elsewhere, method, status):
    address, asked = elsewhere
    box.oss.faults.add(Fault.status(status, headers={"Location": f"{address}/taken"}))
    with Session(box.oss.endpoint, Clock()) as session:
        answer = session.request(method, f"{box.oss.endpoint}/", stream=True)
    assert (answer.status_code, asked) == (status, [])


def test_no_cookie_is_kept_or_sent(box):
    box.oss.faults.add(Fault.status(200, headers={"Set-Cookie": "a=b"}))
    with Session(box.oss.endpoint, Clock()) as session:
        for _ in range(2):
            session.get(box.oss.endpoint)
        assert len(session.cookies) == 0
    assert [request.headers.get("cookie") for request in box.oss.requests] == [None, None]
