"""Commands of Serverless Devs in the documents, which its help describes, and which work for each resource."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from package.tool import COMPONENT, Fc3, standing_in
from sandbox.fc.project import read_resources
from support.answers import ANSWERS
from support.documents import Document
from support.settings import rewrite
from tools.package import ROOT
from tools.render import render
from tools.serverless import Tool

DOCUMENTS = [ROOT / "README.md", ROOT / "template" / "readme.md", *sorted((ROOT / "docs").glob("*.md"))]
# Commands with subcommands, such as `s secret add`.
GROUPS = ("secret", "config")

# The tool refuses a resource with the name of a component's command, and takes a resource with the name of its own
# command for the command.
RESERVED = json.loads((COMPONENT / "commands.json").read_text())


@pytest.fixture(scope="session")
def help_of(tool_home: Path) -> Callable[..., str]:
    """Return a function that returns the help of Serverless Devs for a command, such as ("secret", "add")."""

    @functools.cache
    def ask(*command: str) -> str:
        done = Tool(tool_home).run(*command, "--help")
        assert done.returncode == 0, done.stdout
        return done.stdout

    return ask


def find_unknown_commands(document: Document, help_of: Callable[..., str]) -> Iterator[str]:
    """Yield each command in a document whose name or options the help of Serverless Devs does not have."""
    for words in document.commands:
        if words[0] != "s" or words[1] not in ("init", "preview", *GROUPS):
            continue
        command = words[1:3] if words[1] in GROUPS else words[1:2]
        help_text = help_of(*command)
        printed_options = set(re.findall(r"--?[A-Za-z][\w-]*", help_text.partition("Options:")[2]))
        options = {word for word in words[len(command) + 1 :] if re.fullmatch(r"--?[A-Za-z][\w-]*", word)}
        if f"Usage: s {' '.join(command)} " not in help_text or not options <= printed_options:
            yield " ".join(words)


def test_the_help_of_serverless_devs_has_each_command_in_the_documents(help_of):
    for path in DOCUMENTS:
        assert list(find_unknown_commands(Document.read(path), help_of)) == [], path.name


@pytest.mark.parametrize("command", ["s init oss-oms-sync --directory x", "s config add --key x"])
def test_the_check_of_documents_detects_a_command_that_the_help_lacks(command, help_of):
    assert list(find_unknown_commands(Document(f"```sh\n{command}\n```"), help_of)) == [command]


def resources(folder: Path) -> dict[str, object]:
    return yaml.safe_load((folder / "s.yaml").read_text(encoding="utf-8"))["resources"]


def test_no_resource_in_s_yaml_has_the_name_of_a_command(tmp_path):
    render(ANSWERS, tmp_path)
    assert resources(tmp_path).keys().isdisjoint({*RESERVED["component"], *RESERVED["tool"]})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    render(ANSWERS, folder)
    for name in ("HW_AK", "HW_SK"):
        rewrite(folder / "s.yaml", {f"${{secret('{ANSWERS['functionName']}_{name}')}}": "x"})
    return folder


def test_serverless_devs_runs_the_documented_commands_of_each_resource(tool, project):
    # GIVEN a deployed project, and a component that has fc3's commands and options
    documented = {tuple(words) for path in DOCUMENTS for words in Document.read(path).commands if words[0] == "s"}
    of_resources = sorted(words for words in documented if len(words) > 2 and words[2] in RESERVED["component"])
    deployed = read_resources(project, lambda name: name)
    for _, resource, action, *words in of_resources:
        Fc3(deployed=dict(deployed)).answer(action, resource, deployed[resource], words, str(project))
    with standing_in(tool) as fc3:
        fc3.deployed = deployed

        # WHEN a command is run that no walkthrough runs, THEN it reaches the component
        words = next(words for words in of_resources if words[2] == "remove")
        done = tool.run(*words[1:], cwd=project)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}"
