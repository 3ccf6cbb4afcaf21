"""The forms of the repository for pull requests and issues, which are in both languages."""

from __future__ import annotations

import re

import yaml

from support.documents import TARGETS, Document
from tools.package import ROOT


def test_the_pull_request_template_is_in_both_languages():
    text = (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
    document = Document(text)
    for _, heading in document.headings:
        assert re.search(r"[a-z]{3}.*/.*[\u4e00-\u9fff]", heading), heading
    assert [words for words in document.commands if words[1] not in TARGETS] == []
    for item in re.findall(r"^- \[ \] .*(?:\n +.*)*", text, re.MULTILINE):
        assert re.search(r"[\u4e00-\u9fff]", item), item


def test_the_issue_forms_are_in_both_languages():
    forms = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert {path.stem for path in forms} == {"problem", "wish", "field-report"}
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert form["name"] and form["description"]
        for field in form["body"]:
            label = field["attributes"].get("label") or field["attributes"]["value"]
            assert re.search(r"[a-z]{3}", label) and re.search(r"[\u4e00-\u9fff]", label), label
