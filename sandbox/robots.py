"""Chat webhooks (DingTalk, Feishu, WeCom, Slack), as strict as their documentation.

Written from "Custom robot access" (open.dingtalk.com), "Use bots in groups" (open.feishu.cn), "Group robots"
(developer.work.weixin.qq.com) and "Sending messages using incoming webhooks" (docs.slack.dev).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from sandbox.server.message import Request, Response
from sandbox.server.service import Service

# The keyword that DingTalk and Feishu require in each message of a robot.
KEYWORD = "oss-oms-sync"
# The response to an accepted message.
_SUCCESS_RESPONSE = Response(
    200, b'{"errcode":0,"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}'
)
_OK_RESPONSE, _NO_CONTENT_RESPONSE = Response(200, b"ok"), Response(204)


class Robots(Service):
    """A service that answers for the webhooks of all chats; any other host is a webhook that receives JSON.

    `messages` has the bodies of the accepted messages.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []

    def respond(self, request: Request) -> Response:
        if request.method != "POST" or not request.headers.get("content-type", "").startswith("application/json"):
            return Response(415)
        robot = next((robot for robot in ROBOTS.values() if robot.host == request.headers["host"]), ROBOTS["JSON"])
        response = robot.answer(request.body)
        if response in (_SUCCESS_RESPONSE, _OK_RESPONSE, _NO_CONTENT_RESPONSE):
            self.messages.append(request.body)
        return response

    @property
    def texts(self) -> list[str]:
        return list(map(extract_text, self.messages))


def _extract_text(body: bytes, kind: str, part: str, name: str) -> str | None:
    """Return the text in a body of the form {kind: "text", part: {name: text}}; return None for any other body."""
    try:
        value = json.loads(body.decode("utf-8"))
        text = value[part][name]
    except (ValueError, KeyError, TypeError):
        return None
    return text if value == {kind: "text", part: {name: text}} and text else None


def _answer_dingtalk(body: bytes) -> Response:
    content = _extract_text(body, "msgtype", "text", "content")
    if content is None:
        return Response(200, '{"errcode":40035,"errmsg":"缺少参数 json"}'.encode())
    if KEYWORD not in content:
        return Response(200, b'{"errcode":310000,"errmsg":"keywords not in content"}')
    return _SUCCESS_RESPONSE


def _answer_feishu(body: bytes) -> Response:
    content = _extract_text(body, "msg_type", "content", "text")
    if content is None or len(body) > 20_000:
        return Response(200, b'{"code":9499,"msg":"Bad Request","data":{}}')
    if KEYWORD not in content:
        return Response(200, b'{"code":19024,"msg":"Key Words Not Found","data":{}}')
    return _SUCCESS_RESPONSE


def _answer_wecom(body: bytes) -> Response:
    content = _extract_text(body, "msgtype", "text", "content")
    if content is None:
        return Response(200, b'{"errcode":40008,"errmsg":"invalid message type, hint: [1769], from ip: 1.2.3.4"}')
    if len(content.encode("utf-8", "replace")) > 2048:
        return Response(200, b'{"errcode":40058,"errmsg":"text.content exceed max length 2048"}')
    return _SUCCESS_RESPONSE


def _answer_slack(body: bytes) -> Response:
    value = json.loads(body)
    text = value.get("text")
    if value != {"text": text}:
        return Response(400, b"invalid_payload")
    # Unescaped characters would make a link, or a mention of all members.
    if not text or re.search(r"[<>]|&(?!amp;|lt;|gt;)", text):
        return Response(400, b"no_text")
    return _OK_RESPONSE


def _answer_webhook(body: bytes) -> Response:
    fields = {"project", "task", "source", "verdict", "before", "since", "at", "text", "next", "waiting", "oldest"}
    return _NO_CONTENT_RESPONSE if json.loads(body).keys() >= fields else Response(400)


class Robot(NamedTuple):
    """The webhook of a chat: its host, its path up to the token, and the function that answers a message body."""

    host: str
    path: str
    answer: Callable[[bytes], Response]

    @property
    def address(self) -> str:
        return f"https://{self.host}/{self.path}"


ROBOTS = {
    "DingTalk": Robot("oapi.dingtalk.com", "robot/send?access_token=", _answer_dingtalk),
    "Feishu": Robot("open.feishu.cn", "open-apis/bot/v2/hook/", _answer_feishu),
    "Lark": Robot("open.larksuite.com", "open-apis/bot/v2/hook/", _answer_feishu),
    "WeCom": Robot("qyapi.weixin.qq.com", "cgi-bin/webhook/send?key=", _answer_wecom),
    "Slack": Robot("hooks.slack.com", "services/T00000000/B00000000/", _answer_slack),
    "JSON": Robot("alerts.example.com", "hook/", _answer_webhook),
}


def extract_text(body: bytes) -> str:
    value = json.loads(body)
    for part in ("text", "content"):
        if isinstance(value.get(part), dict):
            return str(value[part].get("content") or value[part].get("text"))
    return str(value.get("message") or value["text"])
