"""Stored examples of answers, which have the same fields as real answers of the functions."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from ops.certificate.form import CLASS_SIDES
from ops.report.words import Translator
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.layout import OMS_LISTS
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.status_answer import CodeFailures, CopyFailureCounts
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.comparison import judge
from oss_oms_sync.comparison.result import CompareResult, describe_remedies
from oss_oms_sync.copy_codes import find_copy_code
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.jobs.status import check_sums
from oss_oms_sync.jobs.status.copying import CopyFailures
from oss_oms_sync.jobs.status.verdict_at_oms import check_stuck_copies
from oss_oms_sync.passes.states import make_brief_answer
from oss_oms_sync.passes.tally import ClassCount, Histogram, Side, Tally
from oss_oms_sync.rules.cutover import CHECKS
from oss_oms_sync.rules.remedy import Attempts
from support import certificate_oracle
from support.answers import answer
from support.status import make_status_world
from support.world import World
from unit.ops.web_page import certificate_page, parse, status_page

# Names below these are reasons, folders, codes, classes and outcomes, not fields.
FREE_FIELDS = ("by_reason", "fixes", "folders", "codes", "remedies", "accepted", "options", "outcomes")


@pytest.fixture
def world() -> World:
    """Return a world whose status has the verdict `in step`."""
    status_world = make_status_world()
    status_world.bucket.add_pass(scanned=7, covered=7)
    return status_world


def field_paths(value: object, path: str = "") -> set[str]:
    """Return the paths of all fields in an answer."""
    if not isinstance(value, dict) or path.rpartition(".")[2] in FREE_FIELDS:
        return {path}
    return {path}.union(*(field_paths(part, f"{path}.{name}") for name, part in value.items()))


def make_comparison() -> dict[str, object]:
    """Return the answer of a finished comparison in which each class has objects."""
    count = ClassCount(Side(2, 20), Side(2, 20), storage={"Standard STANDARD": [2, 20, 20]})
    classes = {
        object_class.title: count for object_class in ObjectClass if object_class is not ObjectClass.ORPHAN_RECORDS
    }
    lag = Histogram(Counter({0: 5}), Counter({60: 5, 300: 5, 900: 5, 3600: 5, 86400: 5}), 0, 1)
    listed = Side(2 * len(classes), 20 * len(classes))
    tally = Tally(
        classes=classes,
        folders={"a/": {title: [2, 20, 2, 20] for title in classes}},
        accepted_lag=lag,
        copied_lag=lag,
        source_listed=listed,
        destination_listed=listed,
    )
    return CompareResult(tally, make_brief_answer("", None, finished=True)).to_json()


def test_the_example_of_a_status_has_the_fields_of_a_real_status(world):
    real, example = world.status(), answer("status")
    # Fields of events that did not happen in this world, and of a list of any length.
    real["compare"]["last"], real["replay"] = make_comparison(), example["replay"]
    for document in (real, example):
        document["compare"]["last"].update(ranges=None)
    example["copying"]["unfinished"] = real["copying"]["unfinished"]
    assert field_paths(example) == field_paths(real)


def test_the_example_of_a_status_has_the_copy_failures_of_a_real_status():
    example = answer("status")
    failures_shown = dict(example["copying"]["failures"])
    numbers = {code: failure["objects"] for code, failure in failures_shown.pop("codes").items()}
    codes = {code: (number, find_copy_code(code)) for code, number in numbers.items()}
    failures = CopyFailures(
        **failures_shown,
        codes={code: CodeFailures(number, of.is_transient, of.fix) for code, (number, of) in codes.items()},
        stuck_codes={code: number for code, (number, of) in codes.items() if not of.is_transient},
    )
    assert example["copying"]["failures"] == to_json(failures, CopyFailureCounts)
    assert [sum_shown for sum_shown in example["sums"] if "failed to copy" in sum_shown["claim"]] == [
        to_json(sum_) for sum_ in check_sums(None, None, failures)
    ]
    assert [example["verdict"]] == list(map(to_json, check_stuck_copies(SimpleNamespace(failures=failures))))


def test_the_example_of_a_comparison_has_the_remedies_of_a_real_comparison():
    status = answer("status")
    suspicious = Side(**status["compare"]["last"]["classes"]["suspicious"]["source"])
    tally = Tally(classes={"suspicious": ClassCount(suspicious, suspicious)})
    remedies = describe_remedies(tally, OverwriteMode(status["oms"]["object_overwrite_mode"]), "", Attempts())
    assert status["compare"]["last"]["remedies"] == {kind.title: to_json(text) for kind, text in remedies.items()}


@pytest.fixture
def certified_world() -> World:
    """Return a world with two copied objects; OBS has the lists in which OMS reports these copies."""
    certify_world = World.installed("a/1", "b")
    certify_world.within(lambda: reconcile.run("", certify_world.invocation(570)))
    certify_world.get_ready()
    return certify_world


def test_a_certificate_has_the_checks_and_classes_of_the_oracle(certified_world):
    document = certified_world.certify()
    assert [check["id"] for check in document["checks"]] == [*CHECKS] == [*certificate_oracle.RULES]
    assert {*document["classes"]} == {*CLASS_SIDES}
    assert {*OMS_LISTS} == {*judge.OMS_LISTS}


@pytest.mark.parametrize("name", ["certificate-go", "certificate-rehearsal"])
def test_examples_of_certificates_have_the_fields_of_real_certificates(certified_world, name):
    example = answer(name)
    if example["frozen_since"]:
        # After a pass of headers, the standstill pass checks headers as well.
        certified_world.invoke("compare", {"headers": "look"})
        certified_world.prove()
        real = certified_world.certify(sample=1)
    else:
        certified_world.open_and_compare()
        real = certified_world.rehearse(sample=1)
    assert field_paths(example) == field_paths(real)
    assert {frozenset(check) for check in example["checks"]} == {frozenset(check) for check in real["checks"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_of_a_real_go_is_green_and_shows_no_unknown_fact(certified_world, language):
    page_element = parse(certificate_page(certified_world.certify(sample=1), language))
    assert page_element.word() == ({"en": "GO", "zh": "可以切换"}[language], "good")
    assert page_element.only(class_="lead").text.startswith({"en": "Each source object", "zh": "逐个检查（"}[language])
    assert Translator(language)("unknown") not in [element.text for element in page_element.every()]


def test_the_page_of_a_real_status_in_step_is_green(world):
    real = world.status()
    real["compare"]["last"] = make_comparison() | {"watermark": real["at"]}
    page_element = parse(status_page(real))
    assert page_element.word() == ("In step", "good")
    # OMS reports no volumes, overwrite mode or secondary numbers here; every fact of the verdict is present.
    assert "do not add up" not in page_element.text
    assert "unknown" not in page_element.only(class_="figures").text
