"""Likely changes of the code: each needs only the files that its row in docs/contributing.md names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from support.project_copy import ProjectCopy
from tools.package import ROOT

CODE, OPS = "template/code/oss_oms_sync", "template/ops"
CATALOGUE = f"{CODE}/answers/zh.json"
# Counts that a class of objects can have on each side.
JUDGE = f"{OPS}/certificate/form.py"
# The second set of rules of a certificate, by which the tests prove the first; the facts on which both are compared.
ORACLE, FACTS = "tests/support/certificate_oracle.py", "tests/unit/rules/test_oracle.py"
FINDINGS = "tests/unit/rules/test_findings.py"
PAGE, CHINESE_PAGE = "docs/certificate.md", "docs/certificate.zh.md"
# Files of a row's last cell that each change of this row modifies.
FURTHER_FILES = (JUDGE, ORACLE, FACTS, FINDINGS, PAGE, CHINESE_PAGE)


@dataclass(frozen=True)
class Change:
    """A likely change of the code.

    - `row` is the beginning of a row in docs/contributing.md, which names the files to change.
    - `patch` has the replacements: file, old text, new text.
    - `chinese` has the new phrases of the catalogue.
    - `green` has the tests that must still pass.
    - `most` is the maximum number of files if the row names all of them, otherwise 0.
    """

    row: str
    patch: tuple[tuple[str, str, str], ...]
    green: tuple[str, ...]
    chinese: Mapping[str, str] = field(default_factory=dict)
    most: int = 0

    @property
    def files(self) -> set[str]:
        """The files that the change modifies, including the catalogue if the change has new phrases."""
        return {*(file for file, _, _ in self.patch), *([CATALOGUE] if self.chinese else [])}


CHANGES = {
    "another class of compare": Change(
        "another class of a comparison",
        (
            (
                f"{CODE}/answers/object_class.py",
                '    MOVING = ("moving"',
                '    TAPED = ("taped", "!", t("on tape"), t("Of another type."))\n    MOVING = ("moving"',
            ),
            (
                f"{CODE}/comparison/judge.py",
                "    if source.modified > times.max_modified:\n",
                '    if source.type == "Tape":\n        return ObjectClass.TAPED\n'
                "    if source.modified > times.max_modified:\n",
            ),
            (JUDGE, '    "moving": Sides.AT_MOST,\n', '    "taped": Sides.AT_MOST,\n    "moving": Sides.AT_MOST,\n'),
        ),
        (
            "tests/unit/ops/report/test_answers.py::test_a_certificate_has_the_checks_and_classes_of_the_oracle",
            "tests/unit/ops/report/test_answers.py::test_the_page_of_a_real_go_is_green_and_shows_no_unknown_fact",
            "tests/unit/answers",
        ),
        {"on tape": "磁带", "Of another type.": "其他类型。"},
        most=6,
    ),
    "another rule of doctor": Change(
        "a new rule of doctor",
        (
            (
                f"{CODE}/jobs/doctor/function.py",
                '    Check(t("clock"), ("settings",), check_clock),',
                '    Check(t("machine"), ("settings",), lambda _: ok(untranslated(platform.machine()))),\n'
                '    Check(t("clock"), ("settings",), check_clock),',
            ),
        ),
        ("tests/system/doctor/test_network.py", "tests/unit/answers"),
        {"machine": "机器"},
    ),
    "a check of the certificate": Change(
        "another check of a certificate",
        (
            (
                f"{CODE}/rules/setup_checks.py",
                "def check_task(facts",
                'NAMED = CutoverCheck("NAMED", t("It has a name"), t("It has a name"))\n\n\n'
                'def check_name(facts: CutoverFacts) -> Finding:\n    """Check that the project has a name."""\n'
                "    result = Result.PASSED if facts.project else Result.FAILED\n"
                '    return NAMED.finding(result, t("{project}", project=facts.project))\n\n\ndef check_task(facts',
            ),
            (
                f"{CODE}/rules/cutover.py",
                "    (CLOCK, check_clocks),\n",
                "    (NAMED, check_name),\n    (CLOCK, check_clocks),\n",
            ),
            (
                f"{CODE}/rules/cutover.py",
                "setup_checks import CLOCK, ",
                "setup_checks import NAMED, check_name, CLOCK, ",
            ),
            (
                ORACLE,
                '    "CLOCK": Rule(),\n',
                '    "NAMED": Rule(),\n    "CLOCK": Rule(),\n',
            ),
            (
                ORACLE,
                '    "CLOCK": _check_clock,\n',
                '    "NAMED": lambda document: "passed" if document["project"] else "failed",\n'
                '    "CLOCK": _check_clock,\n',
            ),
            (
                FACTS,
                '        (document, "go_stands", [True, False]),\n',
                '        (document, "project", ["", document["project"]]),\n'
                '        (document, "go_stands", [True, False]),\n',
            ),
            (
                FINDINGS,
                "CASES: dict[str, Case] = {\n",
                'CASES: dict[str, Case] = {\n    "no name": ("NAMED", {"project": ""}, "failed", [], None),\n',
            ),
            (PAGE, "| `CLOCK` |", "| `NAMED` | the project has a name | set a name |\n| `CLOCK` |"),
            (CHINESE_PAGE, "| `CLOCK` |", "| `NAMED` | 项目有名称 | 设置名称 |\n| `CLOCK` |"),
        ),
        (
            "tests/unit/ops/report/test_answers.py::test_a_certificate_has_the_checks_and_classes_of_the_oracle",
            "tests/unit/ops/report/test_answers.py::test_the_page_of_a_real_go_is_green_and_shows_no_unknown_fact",
            "tests/unit/ops/report/test_cutover_result.py",
            "tests/unit/jobs/certify/test_sample.py",
            "tests/unit/jobs/certify/test_document.py",
            "tests/unit/ops/certificate",
            "tests/unit/rules",
            "tests/unit/test_documents.py",
            "tests/unit/answers",
        ),
        {"It has a name": "项目有名称"},
        most=8,
    ),
    "another chat": Change(
        "another chat",
        (
            (
                f"{CODE}/clouds/webhook.py",
                '    "oapi.dingtalk.com": _DINGTALK,\n',
                '    "oapi.dingtalk.com": _DINGTALK,\n'
                '    "chat.example.com": _Robot("Chat", lambda text, _: {"said": text}, _make_code_check("error")),\n',
            ),
        ),
        ("tests/unit/clouds/test_webhook.py", "tests/unit/jobs/status/test_alert.py"),
    ),
    "the 15 minutes": Change(
        "the time after which an object has had its event",
        (
            (
                f"{CODE}/passes/entries.py",
                "MIN_EVENT_AGE = timedelta(minutes=15)",
                "MIN_EVENT_AGE = timedelta(minutes=14)",
            ),
        ),
        ("tests/unit/comparison/test_classes.py", "tests/unit/jobs/reconcile/test_law1.py"),
    ),
    "the order of what matters in status": Change(
        "another sentence of status, or another order",
        (
            (
                f"{CODE}/jobs/status/verdict.py",
                "    check_unreadable,\n    check_abandoned,\n",
                "    check_abandoned,\n    check_unreadable,\n",
            ),
        ),
        ("tests/unit/jobs/status/test_verdict.py",),
    ),
    "a column of the status page": Change(
        "a column or a figure of a page",
        (
            (
                f"{OPS}/report/status.py",
                "meaning), numbers, result))",
                "meaning), numbers, units.count_cell(len(count_check.right), translate), result))",
            ),
            (
                f"{OPS}/report/status.py",
                'Column(translate("numbers"), "n"), ',
                'Column(translate("numbers"), "n"), Column(translate("terms"), "n"), ',
            ),
        ),
        ("tests/unit/ops/report/test_pages.py", "tests/unit/ops/report/test_html.py", "tests/unit/answers"),
        {"terms": "项数"},
    ),
    "a term in Chinese": Change(
        "a term in Chinese",
        (),
        ("tests/unit/test_former_words.py", "tests/unit/answers", "tests/unit/ops/report/test_words.py"),
        {"object key": "对象名称"},
        most=1,
    ),
    "an overwrite mode": Change(
        "another overwrite mode",
        (
            (
                f"{CODE}/answers/task_group.py",
                '    ALWAYS = "FULL_OVERWRITE"\n',
                '    ALWAYS = "FULL_OVERWRITE"\n    NEWER = "NEWER_OVERWRITE"\n',
            ),
            # OMS skips in this mode the objects that it skips by default.
            (
                f"{CODE}/rules/remedy.py",
                "        OverwriteMode.ALWAYS: 0,\n",
                "        OverwriteMode.NEWER: different_objects,\n        OverwriteMode.ALWAYS: 0,\n",
            ),
            (
                f"{CODE}/jobs/doctor/huawei.py",
                "    if mode is OverwriteMode.ALWAYS:\n",
                "    if mode is OverwriteMode.NEWER:\n"
                '        return warning(t("{mode}: only the time counts", mode=name))\n'
                "    if mode is OverwriteMode.ALWAYS:\n",
            ),
        ),
        ("tests/unit/rules", "tests/unit/answers", "tests/unit/ops/report/test_words.py"),
        {"{mode}: only the time counts": "{mode}：只比较时间"},
        most=4,
    ),
    "an exit code": Change(
        "another exit code",
        (
            (f"{OPS}/exit_codes.py", "    STOPPED = 130\n", "    BUSY = 5\n    STOPPED = 130\n"),
            (
                f"{OPS}/exit_codes.py",
                '    "open": {\n',
                '    "open": {\n        ExitCode.BUSY: t("another run is busy"),\n',
            ),
        ),
        ("tests/unit/ops/command_line/test_cli.py", "tests/unit/answers"),
        {"another run is busy": "另一次运行尚未结束"},
        most=2,
    ),
    "an option of compare": Change(
        "an option of a command",
        (
            (
                f"{CODE}/jobs/compare.py",
                "    look: bool = False\n",
                "    look: bool = False\n    quiet: bool = False\n",
            ),
            (
                f"{OPS}/command_line/arguments.py",
                '            flag(\n                "--again"',
                '            flag("--quiet", t("log nothing")),\n            flag(\n                "--again"',
            ),
        ),
        ("tests/unit/ops/command_line/test_cli.py", "tests/unit/jobs/compare/test_asking.py", "tests/unit/answers"),
        {"log nothing": "不记录日志"},
    ),
    "a code of OMS": Change(
        "another code of OMS",
        (
            (
                f"{CODE}/copy_codes.py",
                '    "GET_DST_OBJ_META_FAILURE":',
                '    "SRC_OBJ_GONE": CopyCode(True, t("Nothing to do.")),\n    "GET_DST_OBJ_META_FAILURE":',
            ),
        ),
        (
            "tests/unit/jobs/status/test_copy_failures.py",
            "tests/unit/answers",
            "tests/unit/test_documents.py::test_generated_parts_of_documents_are_current",
        ),
    ),
    "the interval of the closed mark": Change(
        "the interval at which the closed mark is read",
        ((f"{CODE}/ledger/closing.py", "_MAX_MARK_AGE_SECONDS = 60.0", "_MAX_MARK_AGE_SECONDS = 59.0"),),
        ("tests/unit/jobs/replay/test_records.py", "tests/unit/jobs/certify/test_closing.py"),
    ),
    "a kind of record": Change(
        "another object that the jobs keep in the log bucket",
        (
            (
                f"{CODE}/ledger/migration.py",
                "def read_current_migration(",
                "def noted(invocation: Invocation) -> Migration | None:\n"
                '    """What somebody has noted of the last one."""\n'
                '    return JobState(invocation).load_as(Migration, "noted")\n\n\n'
                "def read_current_migration(",
            ),
        ),
        ("tests/unit/test_stored.py", "tests/unit/jobs/status/test_in_obs.py"),
    ),
}


def find_row(change: Change) -> tuple[str, str]:
    """Return the cells `files` and `and` of a change's row in contributing.md."""
    text = (ROOT / "docs/contributing.md").read_text(encoding="utf-8").partition("## Where a change goes")[2]
    lines = re.findall(rf"^\| {re.escape(change.row)}.*\|$", text, re.MULTILINE)
    ((files, others),) = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[2:4]] for line in lines)
    return files, others


def find_named_files(change: Change) -> set[str]:
    """Return the files that a change's row names, as paths in the repository."""
    files, others = find_row(change)
    named = re.findall(r"`(\w+[./][\w./]*)`", files) + [file for file in FURTHER_FILES if f"`{file}`" in others]
    return {file if (ROOT / file).exists() else f"{CODE}/{file}" for file in named}


@pytest.fixture(params=CHANGES, ids=str)
def change(request: pytest.FixtureRequest) -> Change:
    return CHANGES[request.param]


def test_a_likely_change_needs_only_files_that_contributing_md_names(change: Change) -> None:
    named = find_named_files(change)
    if change.most:
        assert named == change.files
        assert len(named) <= change.most
    else:
        assert len([file for file in named if file not in (CATALOGUE, *FURTHER_FILES)]) <= 2
    assert not change.chinese or CATALOGUE in named
    for file, old, _ in change.patch:
        # A folder stands for any of its modules.
        assert any(file == path or (path.endswith("/") and file.startswith(path)) for path in named), (file, named)
        assert (ROOT / file).read_text(encoding="utf-8").count(old) == 1, f"{file} has not exactly one {old!r}"


@pytest.mark.extras
def test_a_likely_change_breaks_no_unrelated_test(change: Change, project_copy: ProjectCopy) -> None:
    catalogue = (project_copy.folder / CATALOGUE).read_text(encoding="utf-8")
    chinese = dict(sorted({**json.loads(catalogue), **change.chinese}.items()))
    catalogue_change = (CATALOGUE, catalogue, json.dumps(chinese, ensure_ascii=False, indent=1) + "\n")
    writes_documents = "`make docs`" in find_row(change)[1]
    with (
        project_copy.change([*change.patch, catalogue_change]),
        project_copy.make_documents() if writes_documents else nullcontext(),
    ):
        code, printed = project_copy.run(change.green, "")
    assert code == 0, printed
