"""The examples that pages are tried on are as the function answers, and so is what pages look for."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from ops.certificate.form import ACCEPTABLE, CHECKS, CLASSES, OMS_LISTS, SAMPLED
from ops.report.words import Words
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.status_answer import CopyFailuresShown, FailedForCode
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.comparison import judge
from oss_oms_sync.comparison.result import CompareResult, remedies
from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.jobs.certify import evidence
from oss_oms_sync.jobs.certify.class_checks import _CHECKS
from oss_oms_sync.jobs.certify.document import _OF_THE_FREEZE
from oss_oms_sync.jobs.status import sums
from oss_oms_sync.jobs.status.copying import CopyFailures
from oss_oms_sync.jobs.status.verdict_at_oms import stuck_at_oms
from oss_oms_sync.passes.states import brief_answer
from oss_oms_sync.passes.tally import ClassCount, Histogram, Side, Tally
from oss_oms_sync.rules.remedy import Tried
from support.answers import answer
from support.certify_world import CertifyWorld
from support.ops import lacks
from support.status_world import StatusWorld
from support.world import HOUR
from unit.ops.web_page import certificate_page, parse, status_page

# Names in there are not those of a form, but of reasons, folders, codes, classes.
FREE = ("by_reason", "fixes", "folders", "codes", "remedies", "accepted", "options")


@pytest.fixture
def world() -> StatusWorld:
    """In step."""
    status_world = StatusWorld()
    status_world.passed(scanned=7, covered=7)
    return status_world


def names(value: object, path: str = "") -> set[str]:
    """The names of all parts of an answer."""
    if not isinstance(value, dict) or path.rpartition(".")[2] in FREE:
        return {path}
    return {path}.union(*(names(one, f"{path}.{name}") for name, one in value.items()))


def compared() -> dict[str, object]:
    """What a comparison at its end answers."""
    count = ClassCount(Side(2, 20), Side(2, 20))
    classes = {
        object_class.title: count for object_class in ObjectClass if object_class is not ObjectClass.ORPHAN_RECORDS
    }
    folders = {"a/": {title: [2, 20, 2, 20] for title in classes}}
    lag = Histogram(Counter({0: 5}), Counter({60: 5, 300: 5, 900: 5, 3600: 5, 86400: 5}), 0, 1)
    whole = Side(2 * len(classes), 20 * len(classes))
    lags, listed = {"accepted_lag": lag, "copied_lag": lag}, {"source_listed": whole, "destination_listed": whole}
    tally = Tally(classes=classes, folders=folders, **lags, **listed)
    return CompareResult(tally, brief_answer("", None, finished=True)).to_json()


def test_the_example_of_a_status_has_the_parts_of_a_real_one(world):
    real, example = world.status(), answer("status")
    # What the world has not had, and what is a list of any length.
    real["compare"]["last"], real["replay"] = compared(), example["replay"]
    for one in (real, example):
        one["compare"]["last"].update(ranges=None)
    example["copying"]["unfinished"] = real["copying"]["unfinished"]
    assert names(example) == names(real)


def test_the_example_of_a_status_says_of_failures_what_the_function_says():
    example = answer("status")
    given = dict(example["copying"]["failures"])
    codes = {code: one["objects"] for code, one in given.pop("codes").items()}
    stuck = {code: number for code, number in codes.items() if not copy_code(code).passes}
    told = {code: FailedForCode(number, copy_code(code).passes, copy_code(code).fix) for code, number in codes.items()}
    failures = CopyFailures(**given, codes=told, stuck_codes=stuck)
    assert example["copying"]["failures"] == to_json(failures, CopyFailuresShown)
    assert [one for one in example["sums"] if "failed to copy" in one["claim"]] == [
        to_json(sum_) for sum_ in sums(None, None, failures)
    ]
    (verdict,) = stuck_at_oms(SimpleNamespace(failures=failures))
    assert example["verdict"] == to_json(verdict)


def test_the_example_of_a_comparison_has_the_functions_remedies():
    last, mode = answer("status")["compare"]["last"], OverwriteMode(answer("status")["oms"]["object_overwrite_mode"])
    suspicious = last["classes"]["suspicious"]["source"]
    tally = Tally(classes={"suspicious": ClassCount(Side(**suspicious), Side(**suspicious))})
    assert last["remedies"] == {
        object_class.title: text.to_json() for object_class, text in remedies(tally, mode, "", Tried()).items()
    }


@pytest.fixture
def certified() -> CertifyWorld:
    """Two objects, copied, and a destination that has OMS's lists of that."""
    certify_world = CertifyWorld("a/1", "b")
    certify_world.within(lambda: reconcile.run("", certify_world.invocation(570)))
    certify_world.get_ready()
    return certify_world


def test_the_tables_by_which_certificates_are_judged_are_those_of_certify(certified):
    document = certified.certify()
    assert [check["id"] for check in document["checks"]] == [*CHECKS]
    assert {*document["classes"]} == {*CLASSES}
    assert {name for name, rule in CHECKS.items() if rule.of_freeze} == {*_OF_THE_FREEZE}
    of_classes = {
        check.id: (tuple(of.title for of in check.classes), check.classes[0].can_be_accepted) for check in _CHECKS
    }
    assert of_classes == {name: (rule.classes, rule.accepts) for name, rule in CHECKS.items() if rule.classes}
    assert {*ACCEPTABLE} == {*evidence.ACCEPTABLE}
    assert {*OMS_LISTS} == {*judge.OMS_LISTS}
    assert {*SAMPLED} == {object_class.title for object_class in ObjectClass if object_class.is_equal}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_sentence_under_a_verdict_is_of_the_documents_numbers(certified, lang):
    made = [certified.certify(), certified.rehearse()]
    certified.write("nobody knows", "x")
    certified.later(HOUR)
    certified.prove()
    made.append(certified.certify())
    certified.remove("b")
    certified.compare()
    made.append(certified.certify())
    assert [one["verdict"] for one in made] == ["GO", "REHEARSAL", "NOT PROVEN", "NO-GO"]
    words = {
        "en": ["2 objects, 3 bytes", "the verdict would be GO.", "but UNKNOWN did not pass", "failed: MISSING."],
        "zh": ["2 个，3 字节", "结论将为 GO。", "但 UNKNOWN 未通过", "未通过：MISSING。"],
    }
    for document, told in zip(made, words[lang], strict=True):
        said = from_json(Certificate, document).summary.of(lang)
        assert (told in said, document["text" if lang == "en" else "text_zh"].endswith(said)) == (True, True)


@pytest.mark.parametrize("name", ["certificate-go", "certificate-rehearsal"])
def test_the_examples_of_certificates_have_the_parts_of_real_ones(certified, name):
    example = answer(name)
    if not example["frozen_since"]:
        certified.compare()
    real = certified.certify(sample=1) if example["frozen_since"] else certified.rehearse(sample=1)
    assert names(example) == names(real)
    assert {frozenset(one) for one in example["checks"]} == {frozenset(one) for one in real["checks"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_real_go_is_green_and_all_that_it_rests_on_is_known(certified, language):
    shown = parse(certificate_page(certified.certify(sample=1), language))
    assert shown.word() == ({"en": "GO", "zh": "可以割接"}[language], "good")
    assert shown.one(class_="lead").text.startswith({"en": "Each object of the source", "zh": "在 "}[language])
    assert Words(language)("not known") not in [element.text for element in shown.every()]


def test_a_real_status_that_is_in_step_is_green_and_wholly_known(world):
    real = world.status()
    real["compare"]["last"] = compared() | {"watermark": real["at"]}
    shown = parse(status_page(real))
    assert shown.word() == ("In step", "good")
    # OMS gave no volumes, overwrite mode or numbers that do not matter here; all that a verdict rests on is there.
    assert "do not add up" not in shown.text
    assert "not known" not in shown.one(class_="figures").text


def test_a_real_status_where_oms_is_silent_is_not_green(world):
    for right in ("get", "statistics"):
        world.oms.deny(f"oms:synctask:{right}")
    shown = parse(status_page(world.status()))
    assert shown.one("h1").attributes["class"] != "good"
    told = ("OMS does not say: FORBIDDEN", "is not authorized to perform oms:synctask:get")
    assert lacks(shown.text, *told) == []


def test_a_comparisons_answer_stands_in_a_certificate_as_it_is():
    found = compared()
    sides = {side: {**found[side], "state_digest": "0" * 64} for side in ("source", "destination")}
    # In a certificate both sides are in scope: without what is outside, and without OMS's own lists.
    for side, apart in (("source", 1), ("destination", 2)):
        sides[side] |= {"objects": found[side]["objects"] - 2 * apart, "bytes": found[side]["bytes"] - 20 * apart}
    given = {**answer("certificate-go"), **sides, "classes": found["classes"], "folders": found["folders"]}
    assert "The classes add up" in parse(certificate_page(given)).text
