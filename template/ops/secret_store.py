"""Puts the secrets that s.yaml names into the Serverless Devs tool's store, without a command line that shows them."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path

from ops.clouds.keys import check_form, check_given, typed
from ops.errors import UsageError
from ops.waiting import Session
from ops.words import Text

# Without these no function can do its work.
_NEEDED = ("HW_AK", "HW_SK")
_NAMED = re.compile(r"""^ +(\w+): *["']?\$\{secret\(["']([^"']+)["']\)\}""", re.MULTILINE)

_KEPT = Text("{} is in the tool's secret store now, as {}.", "{} 已存入工具的密钥库，名为 {}。")
_SET = Text(
    "Set the environment variable {}, in CI from its secret store; or run this in a terminal, which asks",
    "请设置环境变量 {}（在 CI 中取自其密钥库），或在终端中运行本命令以便输入",
)
_NOT_NAMED = Text("s.yaml says no {0}: ${{secret('...')}} under vars", "s.yaml 的 vars 中没有 {0}: ${{secret('...')}}")
_NAME_IT = Text("Name it there as the tool's store has it", "请在该处按工具密钥库中的名称填写")
_NO_FILE = Text("{} cannot be read", "无法读取 {}")
_WHERE = Text("Run this in the project's folder, or name the file with -t", "请在项目目录中运行，或用 -t 指定文件")
_NEXT = Text("Deploy, so that the functions get them: s deploy -y", "部署后函数才会使用：s deploy -y")


def keep(session: Session, options: Namespace, folder: Path) -> None:
    """Store the secrets that `options.name` names, or all; from the environment, or as somebody types them.

    Raises UsageError where one is missing or cannot be one.
    """
    named = _named(options.template or folder / "s.yaml")
    for name in options.name or _NEEDED:
        if name not in named:
            raise UsageError(_NOT_NAMED.filled(name), _NAME_IT)
    # All are there before any is stored: two keys that belong together never come from two pairs.
    values = {name: _value(session, name) for name in options.name or named}
    for name, value in values.items():
        session.caller.keep_secret(named[name], value)
        session.screen.say(_KEPT.of(session.lang).format(name, named[name]))
    session.screen.say(_NEXT.of(session.lang))


def _named(file: Path) -> dict[str, str]:
    """The variables of s.yaml that are secrets, and their names in the tool's store."""
    try:
        return dict(_NAMED.findall(file.read_text(encoding="utf-8")))
    except OSError:
        raise UsageError(_NO_FILE.filled(str(file)), _WHERE) from None


def _value(session: Session, name: str) -> str:
    value = os.environ.get(name, "").strip() or typed(session, name)
    check_given(name, value, _SET.filled(name))
    check_form(name, value)
    return value
