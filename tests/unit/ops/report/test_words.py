"""The words of reports: each phrase exists in English and in Chinese, and Chinese text follows Chinese rules."""

import ast
import re
from itertools import product
from pathlib import Path

import pytest

from ops.report import cutover_result
from ops.report.words import PURPOSES, STOP_TEXTS, Translator
from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.copy_codes import COPY_CODES
from oss_oms_sync.jobs.status import verdict
from oss_oms_sync.rules.cutover import CHECKS
from oss_oms_sync.rules.remedy import Attempts, Counts, remedy
from support.answers import EXAMPLES, answer
from support.phrases import CATALOGUE, PHRASES
from unit.ops.web_page import certificate_page, page_of, parse, status_page

# Names, which no language translates.
NAMES = {
    "ACL",
    "URL",
    "LastModified",
    "headers",
    "rclone",
    "obsutil",
    # Settings of rclone.
    *("HuaweiOBS", "obs", "provider", "remote", "s3", "type"),
    "OSS",
    "OBS",
    "OMS",
    "Bucket",
    "UTC",
    "SHA-256",
    "ETag",
    "JSON",
    "ASCII",
    "replay",
    "forward",
    "certify",
    "compare",
    "sha256",
    "oss-oms-sync",
    "CLOSED",
    "NAT",
}
# Names in Chinese pages: names in the example of the function's text, units, OMS's overwrite modes, checks and
# verdicts, and options.
PAGE_NAMES = {
    *("SYNCHRONIZING", "API", "CRC64", "MD5", "COPY_FAILED", "Content-Type", "multipart", "form-data"),
    *("kB", "MB", "GB", "TB", "GiB"),
    *(mode.value for mode in OverwriteMode),
    *(*CHECKS, "NO-GO", "GO", "accept", "deep"),
}
CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")


def test_phrases_of_reports_follow_the_rules_of_their_language():
    phrases = {phrase for where, _, phrase in PHRASES if where.startswith("template/ops/report/")}
    assert len(phrases) > 300
    for english in phrases:
        chinese = CATALOGUE.get(english, english)
        assert not CHINESE.search(english), english
        # Commands, options and files are not translated.
        plain = re.sub(r"\{.*?\}|python3 [\w/.]+\.py( [a-z]+)?|--[a-z-]+|docs/[\w.]+\.md|oss:\w+", "", chinese)
        assert set(re.findall(r"[A-Za-z][A-Za-z0-9-]+", plain)) <= NAMES, english
        assert not re.search(r"[\u4e00-\u9fff}][,:;?!(]|[,:;?!)][\u4e00-\u9fff{]", chinese), english


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_of_a_language_has_no_text_of_the_other_language(name):
    assert not CHINESE.search(" ".join(parse(page_of(answer(name), "en")).words()))
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]*Z|[0-9a-f]{64}", "", " ".join(parse(page_of(answer(name), "zh")).words()))
    # The text of an acceptance is not translated.
    for same in (*answer(name).get("accepted", {}).values(), *COPY_CODES, "photos", "status"):
        text = text.replace(same, "")
    assert set(re.findall(r"[A-Za-z][A-Za-z0-9_-]+", text)) <= NAMES | PAGE_NAMES


def test_reports_have_a_text_for_each_verdict_and_each_reason_to_stop():
    assert cutover_result.VERDICT_LABELS.keys() == {cutover_verdict.value for cutover_verdict in CutoverVerdict}
    assert STOP_TEXTS.keys() == {*Stop}


def named_steps() -> set[str]:
    """Return the steps that the source code of status names, as keys of PURPOSES."""
    jobs = Path(verdict.__file__).parent
    calls = [
        node
        for file in jobs.glob("verdict*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "")
        in ("Verdict", "make_behind_verdict", "make_unknown_verdict", "_make_broken_verdict")
    ]
    steps = [step for call in calls for step in ast.walk(call.args[-1]) if getattr(step, "func", None)]
    return {
        " ".join([job.value, *(key.value for arg in step.args[1:] for key in arg.keys)])
        for step in steps
        if getattr(step.func, "id", "") == "Step"
        for job in ast.walk(step.args[0])
        if isinstance(job, ast.Constant)
    }


def remedy_steps() -> set[str]:
    """Return the next steps of all remedies, as keys of PURPOSES."""
    classes = (ObjectClass.MISSING, ObjectClass.OVERWRITTEN, ObjectClass.OLDER, ObjectClass.SUSPICIOUS)
    prefixes = ((), ["a/"], None)
    counts = [Counts(2, *proven, prefixes=names) for proven in ((0, 0), (1, 1), (2, 2)) for names in prefixes]
    attempts = [
        Attempts(),
        Attempts(deep=True),
        Attempts(submitted_objects=2, overwrite=True),
        Attempts(since="2026-01-01T00:00:00Z"),
        Attempts(oldest_unsubmitted_time="2026-01-01T00:00:00Z"),
    ]
    steps = [remedy(*facts, is_open=True).step for facts in product(classes, counts, OverwriteMode, attempts)]
    return {" ".join([step.job, *step.options]) for step in filter(None, steps)}


def test_each_step_of_a_report_has_a_sentence_for_its_purpose():
    # Steps of task groups, and steps that a verdict computes.
    others = {"migrate", "migrate look", "migrate go_on", "migrate retry", "migrate remove", "open"}
    others |= {"status acknowledge", "reconcile", "compare", "cutover rehearse"}
    assert {"doctor", "status", "replay reason"} <= named_steps()
    assert named_steps() | remedy_steps() | others == PURPOSES.keys()


def test_a_report_does_not_translate_a_value_that_equals_a_phrase():
    status = answer("status")
    status["sums"][0].update(claim="a minute", claim_zh="a minute", holds=False, meaning="ago", meaning_zh="ago")
    status["verdict"].update(text="{x}", text_zh="{x}")
    for language in ("en", "zh"):
        parse(certificate_page({"checks": [{"id": "unknown", "result": "{x}"}]}, language))
        assert "{x}" in parse(status_page(status, language)).text


def test_a_sentence_before_a_command_ends_with_a_colon():
    pairs = (("It waits", "s"), ("It waits.", "s"), ("It waits", None))
    assert [Translator("en").add_colon(*pair) for pair in pairs] == ["It waits:", "It waits.", "It waits"]
