"""Tells people what happened: sends a text to the webhook of a chat, in the form that the chat's robots take.

Sources: DingTalk, "Custom robot access"; Feishu and Lark, "Use bots in groups"; WeCom, "Group robot configuration";
Slack, "Sending messages using incoming webhooks". Robots that ask for a keyword get one, because each text begins with
the project's name; signatures of DingTalk and Feishu are not made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from oss_oms_sync import jsontext
from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.webhook_call import Answer, NotAnswered, NotSent, WebhookCall
from oss_oms_sync.errors import presentable
from oss_oms_sync.settings import Settings

# Seconds before each of the three tries.
_PAUSES = (0.0, 1.0, 3.0)
# How long one try may take, and how long one read of it.
_TRY_SECONDS, _READ_SECONDS = 10.0, 8.0
# WeCom takes 2048 bytes of UTF-8, the others more.
_MAX_TEXT_BYTES = 2000


@dataclass(frozen=True)
class Message:
    """What to tell: a text, and the same for machines."""

    text: str
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Robot:
    """What one kind of webhook is called, takes, and answers: `problem` is empty if it took the message."""

    title: str
    body: Callable[[Message], object]
    problem: Callable[[Answer], str]


class Webhook:
    """The webhook of ALERT_WEBHOOK."""

    def __init__(self, settings: Settings, pool: CallPool, clock: Clock) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._robot = ROBOTS.get(urlsplit(settings.alert_webhook).hostname or "", _ANY)

    @property
    def title(self) -> str:
        """What kind of webhook it is."""
        return self._robot.title

    def deliver(self, message: Message, deadline: Deadline) -> str:
        """Send a message, and return why it is not known to have arrived; empty if the webhook took it.

        What has surely not arrived is tried three times. If there was no answer, nobody knows, so it is not repeated.
        """
        body = jsontext.dump(self._robot.body(message))
        problem = "there was no time left"
        for pause in _PAUSES:
            if deadline.minus(pause).expired():
                break
            self._clock.sleep(pause)
            try:
                problem = self._try(body, deadline.cap(_TRY_SECONDS))
            except NotSent as error:
                problem = str(error)
            except NotAnswered as error:
                problem = str(error)
                break
            if not problem:
                return ""
        return presentable(problem, self._settings.secrets)

    def _try(self, body: bytes, seconds: float) -> str:
        """Raises NotSent and NotAnswered."""
        call = WebhookCall(self._settings.alert_webhook, body)
        (answer,) = self._pool.run([lambda: call.run(min(seconds, _READ_SECONDS))], seconds)
        if answer is None:
            call.give_up()
            error = NotAnswered if call.is_sent else NotSent
            raise error(f"no whole answer within {seconds:.0f} s")
        if 300 <= answer.status < 400:
            return f"it answered {answer.status}, a redirect, which is never followed"
        return self._robot.problem(answer)


def _answered(answer: Answer) -> str:
    return f"it answered {answer.status}: {answer.body.decode('utf-8', 'replace')}"


def _code(name: str) -> Callable[[Answer], str]:
    """For a robot that answers 200 whatever happens, with a code in JSON."""

    def problem(answer: Answer) -> str:
        value = jsontext.load(answer.body)
        is_taken = answer.status == 200 and isinstance(value, dict) and value.get(name) == 0
        return "" if is_taken else _answered(answer)

    return problem


def _text(message: Message) -> str:
    """As much of the text as every robot takes."""
    body = message.text.encode("utf-8", "replace")
    return message.text if len(body) <= _MAX_TEXT_BYTES else f"{body[:_MAX_TEXT_BYTES].decode('utf-8', 'ignore')}…"


def _slack_text(message: Message) -> str:
    """Slack, "Formatting text": these three would begin links and mentions."""
    return _text(message).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _of_slack(answer: Answer) -> str:
    return "" if answer.status == 200 and answer.body.strip() == b"ok" else _answered(answer)


def _of_any(answer: Answer) -> str:
    return "" if 200 <= answer.status < 300 else _answered(answer)


_DINGTALK = _Robot("DingTalk", lambda one: {"msgtype": "text", "text": {"content": _text(one)}}, _code("errcode"))
_FEISHU = _Robot("Feishu", lambda one: {"msg_type": "text", "content": {"text": _text(one)}}, _code("code"))
_WECOM = _Robot("WeCom", lambda one: {"msgtype": "text", "text": {"content": _text(one)}}, _code("errcode"))
_SLACK = _Robot("Slack", lambda one: {"text": _slack_text(one)}, _of_slack)
_ANY = _Robot("JSON", lambda one: {**one.fields, "message": one.text}, _of_any)

# Which host is whose.
ROBOTS = {
    "oapi.dingtalk.com": _DINGTALK,
    "open.feishu.cn": _FEISHU,
    "open.larksuite.com": _FEISHU,
    "qyapi.weixin.qq.com": _WECOM,
    "hooks.slack.com": _SLACK,
}
