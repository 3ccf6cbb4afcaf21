"""`s init` through the real tool, at the prompts of a terminal as well, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pexpect

from support.answers import ANSWERS
from support.component import standing_in
from tools.package import manifest
from tools.serverless import Tool, served

SECRETS = [ANSWERS["HW_AK"], ANSWERS["HW_SK"]]
ENTER = "\r"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def answer_prompts(
    tool: Tool, package: Path, folder: Path, answers: Mapping[str, str], wrong: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Answers the questions one by one, after `wrong` answers where given; gives the exit code and the screen."""
    with served(package) as url:
        words = tool.command("init", "--uri", url, "-d", folder.name, "-a", "default")
        screen = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(folder.parent),
            env=tool.environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(60, 400),
        )
        shown: list[str] = []
        screen.logfile_read = type(
            "Log", (), {"write": staticmethod(shown.append), "flush": staticmethod(lambda: None)}
        )
        asked = {name: one for name, one in manifest()["Parameters"]["properties"].items() if one.get("input", True)}
        for name, question in asked.items():
            screen.expect_exact(question["title"])
            if wrong and name in wrong:
                screen.send(wrong[name] + ENTER)
                english = question["description"].split(". ")[0][-30:]
                screen.expect_exact(english)
                screen.send("\x15")
            if "enum" in question:
                down = question["enum"].index(answers[name]) - question["enum"].index(question["default"])
                screen.send("\x1b[B" * down + ENTER)
            else:
                screen.send(answers[name] + ENTER)
        screen.expect(pexpect.EOF)
        screen.close()
    return screen.exitstatus, plain("".join(shown))


def deploy(tool: Tool, folder: Path) -> tuple[dict[str, Any], str]:
    """What the fc3 component is handed by `s deploy` for each function, and what the tool prints."""
    with standing_in(tool) as fc3:
        done = tool.run("deploy", "-y", cwd=folder)
    assert done.returncode == 0, done.stdout
    return fc3.deployed, done.stdout


def assert_no_secret(*places: Path | str) -> None:
    """Neither in texts nor in any file below the folders."""
    for place in places:
        texts = (
            [(place, place)]
            if isinstance(place, str)
            else [(path, path.read_bytes().decode("utf-8", "replace")) for path in place.rglob("*") if path.is_file()]
        )
        for where, text in texts:
            assert not [secret for secret in SECRETS if secret in text], where


def commands_in(text: str) -> list[str]:
    """The lines of shell in what the hook printed."""
    return [line.strip() for line in text.splitlines() if re.match(r"  (cd|git|read|python|s) ", line)]
