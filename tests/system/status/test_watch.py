"""The timer of status tells a webhook over sockets: each robot's form, each way to fail, and two instances at once."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from oss_oms_sync.clouds import webhook
from sandbox.fc.logs import said
from sandbox.server.faults import Fault
from support.robots import ROBOTS, Robot, any_other, text_of
from support.uploads import upload
from tools.render import render
from tools.serverless import serving

TOKEN = "0123456789abcdef0123456789abcdef"
TICK = {"triggerTime": "2026-01-31T12:00:00Z", "triggerName": "tick", "payload": "{}"}


class Hook:
    """A webhook on loopback: `faults` happen first, then its robot answers. `took` is what that took."""

    def __init__(self) -> None:
        self.robot: Robot = any_other
        self.faults: list[str] = []
        self.took: list[bytes] = []
        self.calls = 0
        self.url = ""
        self.ends = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.calls += 1
        body = request.rfile.read(int(request.headers["Content-Length"]))
        assert request.path == f"/hook?key={TOKEN}"
        fault = self.faults.pop(0) if self.faults else ""
        match fault:
            case "hangs":
                self.ends.wait(30)
            case "drips":
                request.send_response(200)
                request.end_headers()
                with contextlib.suppress(OSError):
                    while not self.ends.wait(0.05):
                        request.wfile.write(b" ")
            case "redirects":
                self._reply(request, 307, "", Location=self.url)
            case "echoes":
                self._reply(request, 400, f"no robot at {self.url}, see {TOKEN}")
            case "answers with an error code":
                self._reply(request, 200, f'{{"errcode": 310000, "errmsg": "{TOKEN} is not exist"}}')
            case _:
                reply = self.robot(body)
                self.took += [body] * reply.is_shown
                self._reply(request, reply.status, reply.body)

    def _reply(self, request: BaseHTTPRequestHandler, status: int, text: str, **headers: str) -> None:
        body = text.encode()
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_POST(self) -> None:
            one.answer(self)

    with serving(Handler) as address:
        one.url = f"{address}/hook?key={TOKEN}"
        yield one
        one.ends.set()


@pytest.fixture
def watched(box, tmp_path, hook):
    """The rendered project, whose s.yaml names a webhook as its comment says, and which is broken."""
    render(box.answers(), tmp_path)
    path = tmp_path / "s.yaml"
    text = path.read_text(encoding="utf-8")
    assert '\n  ALERT_WEBHOOK: ""\n' in text
    named = text.replace('ALERT_WEBHOOK: ""', "ALERT_WEBHOOK: ${secret('oss-oms-sync_ALERT_WEBHOOK')}")
    path.write_text(named, encoding="utf-8")
    box.deploy_project(tmp_path, secrets={"ALERT_WEBHOOK": hook.url})
    box.oms.faults.add(Fault.status(401))
    upload(box, "a")
    yield box
    # Law 5, of the address as well.
    made = [json.dumps([one.logs, one.body, one.error_message]) for one in box.fc.invocations]
    made += [one.data.decode("utf-8", "replace") for one in box.oss.objects(box.log_bucket).values()]
    assert not [text for text in made if TOKEN in text]


def test_the_timer_tells_the_webhook_that_it_is_broken_and_says_so_in_one_line(watched, hook):
    watched.tick("status")
    (body,) = hook.took
    told = json.loads(body)
    assert (told["project"], told["verdict"], told["waiting"]) == ("oss-oms-sync", "broken", 1)
    assert "Check HW_AK and HW_SK" in told["message"]
    lines = [said(line) for line in watched.fc.invocations[-1].logs]
    assert [line["verdict"] for line in lines if "verdict" in line] == ["broken"]
    assert [line["alert"] for line in lines if "alert" in line] == ["broken"]

    # AND not again, nor when somebody looks
    watched.tick("status")
    watched.fc.invoke("status", b"{}")
    assert len(hook.took) == 1

    # AND closing it is told, and then nothing
    watched.fc.invoke("certify", b'{"close": true}')
    watched.tick("status")
    watched.tick("status")
    assert [json.loads(body)["verdict"] for body in hook.took] == ["broken", "closed"]


def test_many_timers_at_once_tell_it_once(watched, hook):
    # As Function Compute does where an event comes twice: each has an instance of its own.
    for _ in range(4):
        watched.fc.submit("status", json.dumps(TICK).encode())
    watched.wait_idle(60)
    done = [one for one in watched.fc.invocations if one.function == "status"]
    assert [one.outcome for one in done] == ["returned"] * 4
    assert len(hook.took) == 1
    assert hook.calls == 1


@pytest.fixture
def tick(watched, in_process, hook, monkeypatch):
    """Strikes the timer in this process, where nobody waits long."""
    monkeypatch.setattr(webhook, "_PAUSES", (0.0, 0.01, 0.01))
    monkeypatch.setattr(webhook, "_TRY_SECONDS", 0.3)
    monkeypatch.setattr(webhook, "_READ_SECONDS", 0.2)

    def strike() -> None:
        in_process(watched, "status", TICK, {**watched.environment(), "ALERT_WEBHOOK": hook.url})

    return strike


@pytest.mark.parametrize("kind", ROBOTS)
def test_each_robot_takes_it(tick, hook, monkeypatch, kind):
    start, hook.robot = ROBOTS[kind]
    host = start.split("/")[2]
    if host in webhook.ROBOTS:
        monkeypatch.setitem(webhook.ROBOTS, "127.0.0.1", webhook.ROBOTS[host])
    tick()
    (body,) = hook.took
    assert "BROKEN" in text_of(body)


FAULTS = {"hangs": 1, "drips": 1, "redirects": 3, "echoes": 3, "answers with an error code": 3}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_webhook_does_wrong_is_said_and_told_at_the_next_tick(tick, hook, monkeypatch, capsys, fault):
    hook.robot = ROBOTS["DingTalk"][1]
    monkeypatch.setitem(webhook.ROBOTS, "127.0.0.1", webhook.ROBOTS["oapi.dingtalk.com"])
    hook.faults = [fault] * 3
    tick()
    # What may have arrived is not repeated at once; all else is tried three times.
    assert (hook.took, hook.calls) == ([], FAULTS[fault])
    printed = capsys.readouterr().out
    (line,) = [line for line in map(said, printed.splitlines()) if "alert_problem" in line]
    assert line["level"] == "ERROR"
    assert TOKEN not in printed

    hook.faults = []
    tick()
    tick()
    assert len(hook.took) == 1


def test_a_webhook_that_refuses_connections_is_told_once_it_is_there(tick, hook, monkeypatch):
    with serving(BaseHTTPRequestHandler) as nowhere:
        pass
    there, hook.url = hook.url, f"{nowhere}/x"
    tick()
    hook.url = there
    tick()
    tick()
    assert len(hook.took) == 1
