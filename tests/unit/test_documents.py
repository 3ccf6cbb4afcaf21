"""What the documents point to is there: links, anchors, make's targets, the project's functions, payloads, files."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from answers import ANSWERS
from oss_oms_sync import reconcile, replay, status
from tools.package import ROOT
from tools.render import render

DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "template" / "readme.md", *(ROOT / "docs").glob("*.md")]
OPTIONS = {
    "replay": replay.OPTIONS,
    "reconcile": reconcile.OPTIONS,
    "status": status.OPTIONS,
    "doctor": {},
    "sync": None,
}


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as they are made of them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)]+)\)", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_repository_leads_somewhere(path):
    for link in links(path):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def commands(path: Path) -> list[str]:
    """Every command line in a code block or in backticks, with lines that go on joined."""
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    found = [line.strip() for line in blocks.splitlines()]
    return [*found, *re.findall(r"`((?:s|make|python) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_target_of_make_exists(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {line.split()[1] for line in commands(path) if re.fullmatch(r"make [a-z]+", line)}
    assert named <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_invocation_names_a_function_and_what_it_takes(path):
    functions = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", (ROOT / "s.yaml").read_text(encoding="utf-8")))["resources"]
    for line in commands(path):
        match = re.match(r"s (\w+) (invoke|logs)\b", line)
        if not match:
            continue
        assert match[1] in functions, line
        words = shlex.split(line.partition("|")[0])
        if "-e" in words:
            payload = json.loads(words[words.index("-e") + 1])
            assert payload.keys() <= OPTIONS[match[1]].keys(), line


def test_every_file_that_a_command_of_the_project_names_is_in_it(tmp_path):
    render(ANSWERS, tmp_path)
    for path in (ROOT / "README.md", ROOT / "template" / "readme.md"):
        for line in commands(path):
            for file in re.findall(r"(?:--event-file |python )([\w/.-]+\.(?:json|py))", line):
                assert (tmp_path / file).exists(), line


def test_readme_tells_every_setting_and_no_other():
    code = (ROOT / "template" / "code" / "oss_oms_sync" / "settings.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"((?:[A-Z]+_)+[A-Z]+)"', code)) - {"FC_REGION"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Settings")[2].partition("Signatures are V4")[0]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([A-Z_]+)`", rows)) == known
