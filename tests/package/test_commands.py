"""What the documents give to the Serverless Devs tool, it takes: its help says so, and it runs what is a resource's."""

from __future__ import annotations

import functools
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from package.tool import COMPONENT, standing_in
from support.answers import ANSWERS
from support.documents import Document
from support.settings import rewrite
from tools.package import ROOT
from tools.render import render
from tools.serverless import Tool

DOCUMENTS = [ROOT / "README.md", ROOT / "template" / "readme.md", *sorted((ROOT / "docs").glob("*.md"))]
# `s secret add` and the like; what else the tool does has no further command.
GROUPS = ("secret", "config")

# A resource that is called as a command of the component is refused by the tool; one called as a command of the tool's
# own would be taken for that.
RESERVED = json.loads((COMPONENT / "commands.json").read_text())


@pytest.fixture(scope="session")
def help_of(a_home: Path) -> Callable[..., str]:
    """The tool's help for a command, such as "secret", "add"."""

    @functools.cache
    def ask(*command: str) -> str:
        done = Tool(a_home).run(*command, "--help")
        assert done.returncode == 0, done.stdout
        return done.stdout

    return ask


def wrong(document: Document, help_of: Callable[..., str]) -> Iterator[str]:
    """Commands of the tool itself that it does not know, or that have an option which it does not take."""
    for words in document.commands:
        if words[0] != "s" or words[1] not in ("init", "preview", *GROUPS):
            continue
        command = words[1:3] if words[1] in GROUPS else words[1:2]
        help_text = help_of(*command)
        printed_options = set(re.findall(r"--?[A-Za-z][\w-]*", help_text.partition("Options:")[2]))
        options = {word for word in words[len(command) + 1 :] if re.fullmatch(r"--?[A-Za-z][\w-]*", word)}
        if f"Usage: s {' '.join(command)} " not in help_text or not options <= printed_options:
            yield " ".join(words)


def test_every_command_that_the_documents_give_to_the_tool_is_in_its_help(help_of):
    for path in DOCUMENTS:
        assert list(wrong(Document.read(path), help_of)) == [], path.name


@pytest.mark.parametrize(
    "command", ["s init oss-oms-sync --directory x", "s secret remove --key x", "s config add --key x"]
)
def test_one_that_is_not_is_noticed(command, help_of):
    assert list(wrong(Document(f"```sh\n{command}\n```"), help_of)) == [command]


def resources(folder: Path) -> dict[str, object]:
    return yaml.safe_load((folder / "s.yaml").read_text(encoding="utf-8"))["resources"]


def test_no_resource_is_called_as_a_command_of_the_component_or_of_the_tool(tmp_path):
    render(ANSWERS, tmp_path)
    assert resources(tmp_path).keys().isdisjoint({*RESERVED["component"], *RESERVED["tool"]})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    render(ANSWERS, folder)
    for name in ("HW_AK", "HW_SK"):
        rewrite(folder / "s.yaml", {f"${{secret('{ANSWERS['functionName']}_{name}')}}": "x"})
    return folder


def test_the_tool_runs_every_command_that_the_documents_give_to_a_resource(tool, project):
    # GIVEN a deployed project, and a component that has fc3's commands
    names = resources(project)
    commands = {tuple(words) for path in DOCUMENTS for words in Document.read(path).commands if words[0] == "s"}
    # Of those that differ in an event alone, one.
    alike = {re.sub(r"\{.*\}", "{}", " ".join(words)): words for words in sorted(commands)}
    commands = [words for words in alike.values() if words[1] in names and words[2] in RESERVED["component"]]
    assert commands
    assert {words[1] for words in commands} <= set(names)
    shutil.copy(project / "s.yaml", project / "s.staging.yaml")  # of which they tell, too
    with standing_in(tool) as fc3:
        assert tool.run("deploy", "-y", cwd=project).returncode == 0
        deployed = dict(fc3.deployed)
        for words in commands:
            fc3.deployed = dict(deployed)

            # WHEN it is run, THEN it reaches the component
            done = tool.run(*words[1:], cwd=project)
            assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}"


def test_a_resource_that_is_called_as_a_command_of_the_component_is_refused(tool, project):
    rewrite(project / "s.yaml", {"\n  forward:": "\n  sync:"})
    with standing_in(tool):
        done = tool.run("sync", "invoke", cwd=project)
    assert done.returncode != 0, done.stdout
    assert "overlaps with a command" in done.stdout
