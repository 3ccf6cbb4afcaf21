"""What the documents give to the Serverless Devs tool itself, it takes: its own help says so."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

import pytest

from documents import Document
from tools.package import ROOT
from tools.serverless import Tool

DOCUMENTS = [ROOT / "README.md", ROOT / "template" / "readme.md", *sorted((ROOT / "docs").glob("*.md"))]
# `s secret add` and the like; what else the tool does has no further command.
GROUPS = ("secret", "config")


@pytest.fixture
def help_of(tool: Tool) -> Callable[..., str]:
    """The tool's help for a command, such as "secret", "add"."""

    @functools.cache
    def ask(*command: str) -> str:
        done = tool.run(*command, "--help")
        assert done.returncode == 0, done.stdout
        return done.stdout

    return ask


def wrong(document: Document, help_of: Callable[..., str]) -> Iterator[str]:
    """Commands of the tool itself that it does not know, or that have an option which it does not take."""
    for words in document.commands:
        if words[0] != "s" or words[1] not in ("init", "preview", *GROUPS):
            continue
        command = words[1:3] if words[1] in GROUPS else words[1:2]
        told = help_of(*command)
        known = set(re.findall(r"--?[A-Za-z][\w-]*", told.partition("Options:")[2]))
        options = {word for word in words[len(command) + 1 :] if re.fullmatch(r"--?[A-Za-z][\w-]*", word)}
        if f"Usage: s {' '.join(command)} " not in told or not options <= known:
            yield " ".join(words)


def test_every_command_that_the_documents_give_to_the_tool_is_in_its_help(help_of):
    for path in DOCUMENTS:
        assert list(wrong(Document.read(path), help_of)) == [], path.name


@pytest.mark.parametrize(
    "command", ["s init oss-oms-sync --directory x", "s secret remove --key x", "s config add --key x"]
)
def test_one_that_is_not_is_noticed(command, help_of):
    assert list(wrong(Document(f"```sh\n{command}\n```"), help_of)) == [command]
