"""The webhook of a chat, to which a text is posted in the format of the chat's robots.

Sources: DingTalk, "Custom robot access"; Feishu and Lark, "Use bots in groups"; WeCom, "Group robot configuration";
Slack, "Sending messages using incoming webhooks". Some robots require a keyword, so each text begins with the project's
name. The signatures of DingTalk and Feishu are not supported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from oss_oms_sync import jsontext
from oss_oms_sync.clouds.connection import MAX_SHORT_BODY_BYTES, NETWORK_ERRORS, Connections, read_body
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import printable_line, root_cause

# The time limits in seconds of a whole message, of connecting, and of each read of the response.
_MESSAGE_SECONDS, _CONNECT_SECONDS, _READ_SECONDS = 10.0, 3.0, 8.0
# WeCom accepts 2048 bytes of UTF-8; the other robots accept more.
_MAX_TEXT_BYTES = 2000


@dataclass(frozen=True)
class _Robot:
    """A type of webhook: functions that make the body of a message, and check if a response confirms the message."""

    title: str
    make_body: Callable[[str, Mapping[str, object]], object]
    is_accepted: Callable[[int, bytes], bool]


def post(invocation: Invocation, text: str, fields: Mapping[str, object]) -> tuple[str, str]:
    """Post a message to the webhook in ALERT_WEBHOOK, without a retry.

    A chat's robot receives the text, and any other webhook a JSON object with `fields` and the text. Return the type of
    the webhook, and the reason why the message may not have arrived, or "".
    """
    settings, seconds = invocation.settings, invocation.deadline.cap(_MESSAGE_SECONDS)
    robot = _ROBOTS.get(urlsplit(settings.alert_webhook).hostname or "", _JSON_ROBOT)
    body, session = jsontext.dump(robot.make_body(text, fields)), Connections(settings.alert_webhook, invocation.clock)

    def send() -> tuple[int, bytes]:
        headers, timeout = {"Content-Type": "application/json; charset=utf-8"}, (_CONNECT_SECONDS, _READ_SECONDS)
        with session:
            response = session.send_signed("POST", settings.alert_webhook, headers, timeout, body)
            return response.status_code, read_body(response, MAX_SHORT_BODY_BYTES)

    try:
        (answer,) = invocation.oss.pool.run([send], seconds)
    except NETWORK_ERRORS as error:
        return robot.title, printable_line(f"it did not answer: {root_cause(error)}", settings.secrets)
    if answer is None:
        session.abort()
        return robot.title, f"no complete answer within {seconds:.0f} s"
    status, response = answer
    if robot.is_accepted(status, response):
        return robot.title, ""
    # Only the secret part of a chat's address is masked, and the response may repeat the address.
    detail = "" if robot is _JSON_ROBOT else f": {response.decode('utf-8', 'replace')}"
    return robot.title, printable_line(f"it answered {status}{detail}", settings.secrets)


def _make_code_check(name: str) -> Callable[[int, bytes], bool]:
    """Return a function that checks a robot's response: after a success, its field `name` is 0.

    These robots answer with the status 200 even after a failure.
    """

    def is_accepted(status: int, body: bytes) -> bool:
        value = jsontext.load(body)
        return status == 200 and isinstance(value, dict) and value.get(name) == 0

    return is_accepted


def _shorten(text: str) -> str:
    """Shorten a text to a length that every robot accepts, by omitting its middle."""
    body, half = text.encode("utf-8", "replace"), _MAX_TEXT_BYTES // 2
    if len(body) <= _MAX_TEXT_BYTES:
        return text
    # The middle of a long text is a list, and its end is the next step.
    return "…".join(part.decode("utf-8", "ignore") for part in (body[:half], body[-half:]))


_DINGTALK = _Robot(
    "DingTalk", lambda text, _: {"msgtype": "text", "text": {"content": _shorten(text)}}, _make_code_check("errcode")
)
_FEISHU = _Robot(
    "Feishu", lambda text, _: {"msg_type": "text", "content": {"text": _shorten(text)}}, _make_code_check("code")
)
_JSON_ROBOT = _Robot("JSON", lambda text, fields: {**fields, "message": text}, lambda status, _: 200 <= status < 300)

# The robots by their hosts.
_ROBOTS = {
    "oapi.dingtalk.com": _DINGTALK,
    "open.feishu.cn": _FEISHU,
    "open.larksuite.com": _FEISHU,
    "qyapi.weixin.qq.com": _Robot("WeCom", _DINGTALK.make_body, _DINGTALK.is_accepted),
    "hooks.slack.com": _Robot(
        "Slack",
        # These three characters begin links and mentions (Slack, "Formatting text").
        lambda text, _: {"text": _shorten(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")},
        lambda status, body: status == 200 and body.strip() == b"ok",
    ),
}
