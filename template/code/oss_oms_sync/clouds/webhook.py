"""Tells people what happened: posts a text to the webhook of a chat, in the form that the chat's robots take.

Sources: DingTalk, "Custom robot access"; Feishu and Lark, "Use bots in groups"; WeCom, "Group robot configuration";
Slack, "Sending messages using incoming webhooks". Robots that ask for a keyword get one, because each text begins with
the project's name; signatures of DingTalk and Feishu are not made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from oss_oms_sync import jsontext
from oss_oms_sync.clouds.connection import MAX_SHORT_BODY, NETWORK_ERRORS, Connections, read_body
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import presentable, root_cause

# How long a message may take, how long connecting, and how long one read of the answer.
_SECONDS, _CONNECT_SECONDS, _READ_SECONDS = 10.0, 3.0, 8.0
# WeCom takes 2048 bytes of UTF-8, the others more.
_MAX_TEXT_BYTES = 2000


@dataclass(frozen=True)
class _Robot:
    """What one kind of webhook is called, and takes, and whether it took it, by status and body of its answer."""

    title: str
    body: Callable[[str, Mapping[str, object]], object]
    took: Callable[[int, bytes], bool]


def post(invocation: Invocation, text: str, fields: Mapping[str, object]) -> tuple[str, str]:
    """Post a message to the webhook of ALERT_WEBHOOK, once: a text, or for machines the same as `fields`. Return what
    kind of webhook that is, and why the message is not known to have arrived, or nothing if the webhook took it."""
    settings, seconds = invocation.settings, invocation.deadline.cap(_SECONDS)
    robot = _ROBOTS.get(urlsplit(settings.alert_webhook).hostname or "", _ANY)
    body, session = jsontext.dump(robot.body(text, fields)), Connections(settings.alert_webhook, invocation.clock)

    def send() -> tuple[int, bytes]:
        headers, timeout = {"Content-Type": "application/json; charset=utf-8"}, (_CONNECT_SECONDS, _READ_SECONDS)
        with session:
            response = session.send_signed("POST", settings.alert_webhook, headers, timeout, body)
            return response.status_code, read_body(response, MAX_SHORT_BODY)

    try:
        (answer,) = invocation.oss.pool.run([send], seconds)
    except NETWORK_ERRORS as error:
        return robot.title, presentable(f"it did not answer: {root_cause(error)}", settings.secrets)
    if answer is None:
        session.abort()
        return robot.title, f"no whole answer within {seconds:.0f} s"
    status, said = answer
    if robot.took(status, said):
        return robot.title, ""
    # What is secret in an address is known of the chats alone, and the answer may repeat it.
    told = "" if robot is _ANY else f": {said.decode('utf-8', 'replace')}"
    return robot.title, presentable(f"it answered {status}{told}", settings.secrets)


def _says_zero(name: str) -> Callable[[int, bytes], bool]:
    """For a robot that answers 200 whatever happens, with a code in JSON."""

    def took(status: int, body: bytes) -> bool:
        value = jsontext.load(body)
        return status == 200 and isinstance(value, dict) and value.get(name) == 0

    return took


def _most_of(text: str) -> str:
    """As much of the text as every robot takes."""
    body, half = text.encode("utf-8", "replace"), _MAX_TEXT_BYTES // 2
    if len(body) <= _MAX_TEXT_BYTES:
        return text
    # What is long is a list in the middle; the end says what to do.
    return "…".join(part.decode("utf-8", "ignore") for part in (body[:half], body[-half:]))


_DINGTALK = _Robot(
    "DingTalk", lambda text, _: {"msgtype": "text", "text": {"content": _most_of(text)}}, _says_zero("errcode")
)
_FEISHU = _Robot(
    "Feishu", lambda text, _: {"msg_type": "text", "content": {"text": _most_of(text)}}, _says_zero("code")
)
_ANY = _Robot("JSON", lambda text, fields: {**fields, "message": text}, lambda status, _: 200 <= status < 300)

# Which host is whose.
_ROBOTS = {
    "oapi.dingtalk.com": _DINGTALK,
    "open.feishu.cn": _FEISHU,
    "open.larksuite.com": _FEISHU,
    "qyapi.weixin.qq.com": _Robot("WeCom", _DINGTALK.body, _DINGTALK.took),
    "hooks.slack.com": _Robot(
        "Slack",
        # Slack, "Formatting text": these three would begin links and mentions.
        lambda text, _: {"text": _most_of(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")},
        lambda status, body: status == 200 and body.strip() == b"ok",
    ),
}
