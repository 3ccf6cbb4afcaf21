"""Stand-ins for the webhooks of chats, as strict as what their pages say they take.

Written from "Custom robot access" (open.dingtalk.com), "Use bots in groups" (open.feishu.cn), "Group robots"
(developer.work.weixin.qq.com) and "Sending messages using incoming webhooks" (docs.slack.dev).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

KEYWORD = "oss-oms-sync"


class Reply(NamedTuple):
    """What a webhook answers, and whether people see the message."""

    status: int
    body: str
    is_shown: bool = False


def _content(body: bytes, kind: str, part: str, name: str) -> str | None:
    """The text in {kind: "text", part: {name: text}}; None if it is anything else."""
    try:
        value = json.loads(body.decode("utf-8"))
        text = value[part][name]
    except (ValueError, KeyError, TypeError):
        return None
    return text if value == {kind: "text", part: {name: text}} and text else None


def dingtalk(body: bytes) -> Reply:
    content = _content(body, "msgtype", "text", "content")
    if content is None:
        return Reply(200, '{"errcode":40035,"errmsg":"缺少参数 json"}')
    if KEYWORD not in content:
        return Reply(
            200, '{"errcode":310000,"errmsg":"keywords not in content, more: [https://ding-doc.dingtalk.com]"}'
        )
    return Reply(200, '{"errcode":0,"errmsg":"ok"}', is_shown=True)


def feishu(body: bytes) -> Reply:
    content = _content(body, "msg_type", "content", "text")
    if content is None or len(body) > 20_000:
        return Reply(200, '{"code":9499,"msg":"Bad Request","data":{}}')
    if KEYWORD not in content:
        return Reply(200, '{"code":19024,"msg":"Key Words Not Found","data":{}}')
    return Reply(200, '{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}', is_shown=True)


def wecom(body: bytes) -> Reply:
    content = _content(body, "msgtype", "text", "content")
    if content is None:
        return Reply(200, '{"errcode":40008,"errmsg":"invalid message type, hint: [1769], from ip: 1.2.3.4"}')
    if len(content.encode("utf-8", "replace")) > 2048:
        return Reply(200, '{"errcode":40058,"errmsg":"text.content exceed max length 2048"}')
    return Reply(200, '{"errcode":0,"errmsg":"ok"}', is_shown=True)


def slack(body: bytes) -> Reply:
    value = json.loads(body)
    text = value.get("text")
    if value != {"text": text}:
        return Reply(400, "invalid_payload")
    # What is not escaped would be a link or a mention of everybody.
    if not text or re.search(r"[<>]|&(?!amp;|lt;|gt;)", text):
        return Reply(400, "no_text")
    return Reply(200, "ok", is_shown=True)


def any_other(body: bytes) -> Reply:
    value = json.loads(body)
    known = {"project", "task", "source", "verdict", "before", "since", "at", "text", "next", "waiting", "oldest"}
    return Reply(204, "", is_shown=True) if value.keys() >= known else Reply(400, "")


Robot = Callable[[bytes], Reply]
ROBOTS: Mapping[str, tuple[str, Robot]] = {
    "DingTalk": ("https://oapi.dingtalk.com/robot/send?access_token=", dingtalk),
    "Feishu": ("https://open.feishu.cn/open-apis/bot/v2/hook/", feishu),
    "Lark": ("https://open.larksuite.com/open-apis/bot/v2/hook/", feishu),
    "WeCom": ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", wecom),
    "Slack": ("https://hooks.slack.com/services/T00000000/B00000000/", slack),
    "JSON": ("https://alerts.example.com/hook/", any_other),
}


def text_of(body: bytes) -> str:
    """What people read in a message, whatever its form."""
    value = json.loads(body)
    for part in ("text", "content"):
        if isinstance(value.get(part), dict):
            return str(value[part].get("content") or value[part].get("text"))
    return str(value.get("message") or value["text"])
