"""Messages to a webhook: each robot takes its form; only what has surely not arrived is tried again."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds import webhook
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.webhook import Message, Webhook
from oss_oms_sync.clouds.webhook_call import Answer, NotAnswered, NotSent
from oss_oms_sync.settings import Settings
from support.robots import ROBOTS, Robot, text_of
from support.world import ENVIRONMENT, VirtualClock, World

TOKEN = "0123456789abcdef0123456789abcdef"
FIELDS = dict.fromkeys(
    ("project", "task", "source", "verdict", "before", "since", "at", "text", "next", "waiting", "oldest")
)
MESSAGE = Message("oss-oms-sync photos: BROKEN\n已中断 & <!channel>", FIELDS)


class Calls:
    """Stands in for the network: `outcomes` happen first, then the robot answers."""

    def __init__(self, robot: Robot, outcomes: Sequence[Answer | Exception | str], clock: VirtualClock) -> None:
        self.robot, self.outcomes, self.clock = robot, list(outcomes), clock
        self.bodies: list[bytes] = []
        self.urls: set[str] = set()
        self.times: list[float] = []
        self.given_up = 0

    def __call__(self, url: str, body: bytes) -> Calls:
        self.urls.add(url)
        self.bodies.append(body)
        self.is_sent = False
        return self

    def run(self, seconds: float) -> Answer:
        self.times.append(self.clock.seconds)
        outcome = self.outcomes.pop(0) if self.outcomes else Answer(*self._reply())
        if isinstance(outcome, str):  # it drips, or never resolves: no timeout of a socket ends that
            self.is_sent = outcome == "drips"
            self.clock.sleep(1e6)
            return Answer(200, b"")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _reply(self) -> tuple[int, bytes]:
        reply = self.robot(self.bodies[-1])
        return reply.status, reply.body.encode()

    def give_up(self) -> None:
        self.given_up += 1


class Chat:
    """A webhook, and what its robot got."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str, *outcomes: Answer | Exception | str) -> None:
        start, robot = ROBOTS[kind]
        self.clock = World().clock
        self.calls = Calls(robot, outcomes, self.clock)
        monkeypatch.setattr(webhook, "WebhookCall", self.calls)
        self.url = start + TOKEN
        settings = Settings.from_env({**ENVIRONMENT, "ALERT_WEBHOOK": self.url})
        self.webhook = Webhook(settings, CallPool(), self.clock)

    def tell(self, message: Message = MESSAGE, seconds: float = 100) -> str:
        return self.webhook.deliver(message, Deadline(seconds, self.clock))


@pytest.mark.parametrize("kind", ROBOTS)
def test_each_robot_takes_its_form_of_a_message(monkeypatch, kind):
    chat = Chat(monkeypatch, kind)
    assert chat.tell() == ""
    (body,) = chat.calls.bodies
    assert chat.calls.urls == {chat.url}
    assert text_of(body).startswith("oss-oms-sync photos: BROKEN\n已中断 &")
    assert chat.webhook.title == {"Lark": "Feishu"}.get(kind, kind)


@pytest.mark.parametrize("kind", ROBOTS)
def test_each_robot_takes_a_message_of_any_length_and_with_any_character(monkeypatch, kind):
    chat = Chat(monkeypatch, kind)
    assert chat.tell(Message("oss-oms-sync " + "最\ud800&<>\x00" * 3000, FIELDS)) == ""


def test_another_webhook_gets_machine_readable_fields_and_the_whole_text(monkeypatch):
    chat = Chat(monkeypatch, "JSON")
    chat.tell()
    assert json.loads(chat.calls.bodies[0]) == {**FIELDS, "message": MESSAGE.text}


@pytest.mark.parametrize("kind", ["DingTalk", "Feishu", "WeCom", "Slack"])
@pytest.mark.parametrize(
    "answer", ['{"errcode": 310000, "code": 19024}', "<html>Log in</html>", "", "[0]", '{"errcode": "0", "code": "0"}']
)
def test_200_with_an_error_or_of_somebody_else_is_no_success(monkeypatch, kind, answer):
    chat = Chat(monkeypatch, kind, *[Answer(200, answer.encode())] * 3)
    assert chat.tell().startswith("it answered 200")
    assert len(chat.calls.bodies) == 3


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_redirect_is_no_success(monkeypatch, kind):
    chat = Chat(monkeypatch, kind, *[Answer(302, b"ok")] * 3)
    assert chat.tell() == "it answered 302, a redirect, which is never followed"


@pytest.mark.parametrize("refusal", [NotSent("refused"), Answer(429, b""), Answer(503, b""), "never resolves"])
def test_what_has_not_arrived_is_tried_three_times_with_pauses(monkeypatch, refusal):
    chat = Chat(monkeypatch, "DingTalk", *[refusal] * 2)
    assert chat.tell() == ""
    assert len(chat.calls.bodies) == 3

    chat = Chat(monkeypatch, "DingTalk", *[refusal] * 3)
    assert chat.tell() != ""
    first, second, third = chat.calls.times
    assert second - first >= 1
    assert third - second >= 3


@pytest.mark.parametrize("lost", [NotAnswered("it did not answer"), "drips"])
def test_what_may_have_arrived_is_not_sent_again(monkeypatch, lost):
    chat = Chat(monkeypatch, "DingTalk", lost)
    assert chat.tell() in ("it did not answer", "no whole answer within 10 s")
    assert len(chat.calls.bodies) == 1
    assert chat.calls.given_up == (lost == "drips")


def test_it_ends_with_the_invocation(monkeypatch):
    chat = Chat(monkeypatch, "DingTalk", *["never resolves"] * 3)
    assert chat.tell(seconds=12) == "no whole answer within 1 s"
    assert chat.clock.seconds <= 12
    assert chat.tell(seconds=0) == "there was no time left"


@pytest.mark.parametrize("kind", ROBOTS)
def test_no_part_of_the_address_is_in_what_it_says(monkeypatch, kind):
    start, _ = ROBOTS[kind]
    said = [f"no such robot: {start}{TOKEN}", f"token {TOKEN} is not exist", f"/path?key={TOKEN}", TOKEN]
    for text in said:
        for outcome in (Answer(400, text.encode()), NotSent(text), NotAnswered(text)):
            problem = Chat(monkeypatch, kind, *[outcome] * 3).tell()
            assert problem
            assert TOKEN not in problem
