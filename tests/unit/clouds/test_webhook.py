"""Messages to a webhook: each chat service gets its own form, and only a confirmed message counts as delivered."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from oss_oms_sync.clouds.webhook import post
from sandbox.robots import ROBOTS, Robots, extract_text
from sandbox.server.faults import Fault
from support.world import DRIP, DROP_AFTER, DROP_BEFORE, HANG, World

TOKEN = "0123456789abcdef0123456789abcdef"
FIELDS = dict.fromkeys(
    ("project", "task", "source", "verdict", "before", "since", "at", "text", "next", "waiting", "oldest")
)
TEXT = "oss-oms-sync photos: BROKEN\n有故障 & <!channel>"


class Chat(World):
    """Simulated clouds with the webhook of a chat service, which stores the messages that it accepted."""

    def __init__(self, kind: str) -> None:
        super().__init__(ALERT_WEBHOOK=ROBOTS[kind].address + TOKEN)
        self.robots = Robots()
        self.robots.start(self.platform)

    def tell(self, text: str = TEXT, seconds: float = 100, fault: Fault | None = None) -> str:
        self.robots.faults.then(fault)
        kind, problem = self.within(lambda: post(self.invocation(seconds), text, FIELDS))
        assert {kind} <= {*ROBOTS} - {"Lark"}
        return problem


@pytest.mark.parametrize("kind", ROBOTS)
def test_each_chat_service_accepts_its_form_of_a_message(kind):
    chat = Chat(kind)
    assert chat.tell() == ""
    (request,) = chat.robots.requests
    assert f"https://{request.headers['host']}{request.raw_path}?{request.raw_query}".startswith(
        chat.settings.alert_webhook
    )
    assert extract_text(*chat.robots.messages).startswith("oss-oms-sync photos: BROKEN\n有故障 &")


@pytest.mark.parametrize("kind", ROBOTS)
def test_each_chat_service_accepts_messages_of_any_length_and_characters(kind):
    assert Chat(kind).tell("oss-oms-sync " + "最\ud800&<>\x00" * 3000) == ""


@pytest.mark.parametrize("kind", ["DingTalk", "Feishu", "WeCom", "Slack"])
@pytest.mark.parametrize("letter", ["a", "山"])
def test_a_long_message_to_a_chat_is_cut_in_the_middle(kind, letter):
    chat = Chat(kind)
    chat.tell(f"oss-oms-sync photos: BEHIND {letter * 2001} Deploy it again.")
    text = extract_text(*chat.robots.messages)
    assert text[:23] == "oss-oms-sync photos: BE"
    assert text[-19:] == f"{letter * 2} Deploy it again."


def test_a_webhook_other_than_a_chat_gets_fields_and_the_whole_text():
    chat = Chat("JSON")
    chat.tell()
    assert json.loads(*chat.robots.messages) == {**FIELDS, "message": TEXT}


@pytest.mark.parametrize("kind", ["DingTalk", "Feishu", "WeCom", "Slack"])
@pytest.mark.parametrize(
    "answer", ['{"errcode": 310000, "code": 19024}', "<html>Log in</html>", "", "[0]", '{"errcode": "0", "code": "0"}']
)
def test_a_status_200_with_an_error_of_a_chat_is_a_failed_delivery(kind, answer):
    assert Chat(kind).tell(fault=Fault.status(200, answer.encode())).startswith("it answered 200")


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_redirect_of_a_webhook_is_a_failed_delivery(kind):
    chat = Chat(kind)
    redirect = Fault.status(307, b"", {"Location": chat.settings.alert_webhook})
    assert chat.tell(fault=redirect).rstrip(":") == "it answered 307"
    assert len(chat.robots.requests) == 1


@pytest.mark.parametrize(
    ("fault", "seconds", "outcome"),
    [
        *((fault, 100, "it did not answer") for fault in (HANG, DROP_BEFORE, DROP_AFTER)),
        (DRIP, 100, "no complete answer within 10 s"),
        (HANG, 1, "no complete answer within 1 s"),  # it ends with the invocation
    ],
)
def test_a_message_to_a_webhook_without_a_response_is_posted_once(fault, seconds, outcome):
    chat = Chat("DingTalk")
    assert chat.tell(seconds=seconds, fault=fault).startswith(outcome)
    assert len(chat.robots.requests) == 1
    assert chat.clock.seconds <= min(seconds, 10)


@pytest.mark.parametrize("kind", ROBOTS)
def test_the_errors_about_a_webhook_show_no_part_of_its_address(kind):
    for text in (f"no such robot: {ROBOTS[kind].address}{TOKEN}", f"token {TOKEN} is not exist", f"/path?key={TOKEN}"):
        problem = Chat(kind).tell(fault=Fault.status(400, text.encode()))
        assert problem.startswith("it answered 400")
        assert TOKEN not in problem


@pytest.mark.parametrize("secret", ["a1b2c3", "AbC%2Fdef%2Bghij12345"])
def test_the_error_of_an_unknown_webhook_shows_only_its_http_status(secret):
    chat = Chat("JSON")
    chat.variables = {**chat.variables, "ALERT_WEBHOOK": f"{ROBOTS['JSON'].address}?key={secret}"}
    chat.start()
    assert chat.tell(fault=Fault.status(400, f"no such hook: {unquote(secret)}".encode())) == "it answered 400"
