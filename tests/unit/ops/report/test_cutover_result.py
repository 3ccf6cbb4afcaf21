"""The page of a certificate, which is green only if the certificate is unchanged and all its checks have passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ops.certificate.check import read_certificate
from ops.report import cutover_result, findings
from ops.report.words import Translator
from ops.shell import command
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.rules.cutover import CHECKS
from support.answers import EXAMPLES, answer
from support.law import sweep
from support.ops import missing_parts
from unit.ops.certificates import add_hash, list_values, rehearsal, replace_value, replace_values
from unit.ops.web_page import Element, certificate_page, parse

GO = "certificate-go"


def page(document: Mapping[str, Any], language: str = "en") -> Element:
    return parse(certificate_page(document, language))


@pytest.fixture
def document() -> dict[str, Any]:
    """Return a copy of the example of a GO."""
    return answer(GO)


@pytest.mark.parametrize(
    ("name", "english", "chinese", "tone", "texts"),
    [
        (GO, "GO", "可以切换", "good", ("(4,604,852 objects, 18,666,226,018,575 bytes)", "4,604,852 个，")),
        ("certificate-no-go", "NO-GO", "不可切换", "bad", ("Failed checks: MISSING, OLDER.", "MISSING、OLDER。")),
        (
            "certificate-not-proven",
            "NOT PROVEN",
            "未能证明",
            "open",
            ("but PROOF_SUSPICIOUS, PROOF_EQUAL_SIZE did not pass", "PROOF_EQUAL_SIZE 未执行或未能证明"),
        ),
        ("certificate-rehearsal", "REHEARSAL", "割接预演", "way", ("the verdict would be NO-GO", "结论将为 NO-GO")),
    ],
)
def test_a_page_shows_the_verdict_as_a_heading_above_its_explanation(name, english, chinese, tone, texts):
    for language, word, text in zip(("en", "zh"), (english, chinese), texts, strict=True):
        page_element = page(answer(name), language)
        assert page_element.word() == (word, tone)
        assert text in page_element.only("p", class_="lead").text


PASSED_CHECKS = answer(GO)["checks"]


# Changes that invalidate a certificate; `ops.py check` shows all of them, and the page follows it.
@pytest.mark.parametrize(
    ("path", "instead"),
    [
        *(("checks 0 result", new) for new in ("failed", "not run", "?", None)),
        *((f"checks {at} result", "not run") for at in (1, len(CHECKS) - 1)),
        ("checks", PASSED_CHECKS[:-1]),
        ("checks 3", {**PASSED_CHECKS[3], "gates": False, "result": "not run"}),
        ("checks", [*PASSED_CHECKS, {"id": "NEW", "result": "failed", "gates": True}]),
        ("checks", []),
        *((part, None) for part in ("frozen_since", "as_of", "source", "destination", "classes")),
        ("schema", 1),
        ("verdict", "go"),
    ],
)
def test_the_page_of_a_go_without_its_checks_is_not_green(path, instead, document):
    forged = add_hash(replace_values(document, {path: instead}))
    heads = [cutover_result.report(forged, language).head for language in ("en", "zh")]
    assert [(head.word, head.tone) for head in heads] == [("NOT VALID", "bad"), ("证书无效", "bad")]


def test_the_page_of_a_go_without_a_requested_sample_is_green(document):
    not_run, without_sample = {"result": "not run", "gates": False}, {"SAMPLE", "METADATA"}
    indices = [index for index, check in enumerate(PASSED_CHECKS) if check["id"] in without_sample]
    changes = {f"checks {index}": {**PASSED_CHECKS[index], **not_run} for index in indices}
    changes |= {"sample": None, "headers drawn": 0, "headers more": [], "passes standstill headers": None}
    page_element = page(add_hash(replace_values(document, changes)))
    assert page_element.word() == ("GO", "good")
    number = len(CHECKS) - len(without_sample)
    phrases = ("not part of the verdict", f"{number} of {number}", "No objects were sampled")
    assert missing_parts(page_element.text, *phrases) == []


def test_the_page_of_a_changed_certificate_says_that_it_is_not_valid(document):
    page_element = page(replace_values(document, {"run": "x"}))
    assert page_element.word() == ("NOT VALID", "bad")
    assert "The document matches its own SHA-256" in page_element.text


@pytest.mark.part
def test_a_certificate_with_any_missing_or_wrong_part_has_a_page():
    # GIVEN a certificate with few parts of each kind
    document = answer("certificate-no-go")
    document["checks"] = document["checks"][3:5]
    document["shown"] = {"trigger": None, "migrations": [], "lag": None}
    document["folders"] = {"albums/": document["folders"]["albums/"]}
    document["rehearsal"] = answer("certificate-rehearsal")["rehearsal"]
    # Each container is replaced by each of these; neighbouring values alternate among them.
    parts = (None, "x", [None, [1, 2]])
    for index, (path, value) in sweep(enumerate(list_values(document))):
        for new_part in parts if isinstance(value, dict | list) else parts[index // 3 % 3 :][:1]:
            assert "<h1 class=" in certificate_page(add_hash(replace_value(document, path, new_part)), "en")


def test_the_page_of_an_empty_certificate_shows_an_unknown_verdict():
    page_element = page({})
    assert page_element.word() == ("UNKNOWN", "calm")
    assert [*page_element.every(class_="mark good")] == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "status"])
def test_the_page_of_a_certificate_shows_every_check_with_its_facts(name, language):
    document = answer(name)
    section_text = page(document, language).section("checks").text
    ending = "_zh" if language == "zh" else ""
    for check in document["checks"]:
        parts = [check["id"], check[f"actual{ending}"]]
        if check["result"] != "passed" and check["gates"]:
            step = command(from_json(Step, check["step"])) if check["step"] else ""
            parts += [check[f"wanted{ending}"], check[f"next{ending}"], step, *check["keys"]]
        assert missing_parts(section_text, *parts) == []


def test_the_page_of_a_certificate_shows_failed_checks_first():
    # GIVEN a certificate that is not proven, and a sync task of another bucket
    document = add_hash(replace_values(answer("certificate-not-proven"), {"sync_task src_bucket": "other"}))
    order = [element.text for element in page(document).section("checks").every("code") if element.text in CHECKS]
    assert order[:4] == ["TASK", "PROOF_SUSPICIOUS", "PROOF_EQUAL_SIZE", "CLOSED"]
    assert findings.next_step(read_certificate(document), Translator("en")).command == "s deploy -y"


@pytest.mark.parametrize(
    ("document", "command"),
    [
        (
            answer("certificate-not-proven"),
            "python3 ops.py cutover --frozen-since 2026-01-31T08:00:00Z --deep --restart",
        ),
        (answer("certificate-rehearsal"), "python3 ops.py compare --restart"),
        (rehearsal(), "python3 ops.py cutover --frozen-since now"),
        # Forged certificates.
        ({**answer(GO), "made": "2026-01-30T00:00:00Z"}, "python3 ops.py cutover --frozen-since now"),
        ({**answer("certificate-rehearsal"), "made": "2026-01-30T00:00:00Z"}, "python3 ops.py cutover --rehearse"),
    ],
)
def test_the_page_of_a_certificate_shows_one_next_command(document, command):
    assert page(document).section("next").only("pre").text == command


PERSON, SEED = answer(GO)["accepted"]["equal_size"], answer(GO)["sample"]["seed"]
ACCEPTED_COUNT = f"{answer(GO)['classes']['equal_size']['source']['objects']:,}"
UNCOUNTED_CLASSES = {
    **dict.fromkeys(("classes", "folders", "storage", "source", "destination", "last_written", "as_of")),
    "passes": {"compare": None, "standstill": None},
}
SAMPLE_BOUND = "fewer than 3.0% of the 4,598,210 objects of up to 1 GiB that count as equal differ"
ACCEPTANCES = {
    "accepted oms_unfinished": "Li, seen",
    "accepted metadata": "Li, none wanted",
}
UNFINISHED_CELLS = "objects that OMS has not finished oms_unfinishedLi, seen"
METADATA_CELLS = "headers that differ or are missing in OBS metadataLi, none wanted––"


# The section, changes of a GO, and the texts that the section has and that it lacks.
SHOWN = {
    "the closed state after a GO": ("next", {}, ["already closed"], []),
    "the time of the close": ("shown", {}, ["closed since 2026-01-31 08:50:01"], []),
    "unknown deletions without counts": (
        "shown",
        UNCOUNTED_CLASSES,
        ["deleted at the sourceunknown"],
        ["unknown objects"],
    ),
    "the person and the accepted number": ("waivers", {}, ["equal_size", PERSON, ACCEPTED_COUNT], []),
    "3 accepted unfinished objects": (
        "waivers",
        {**ACCEPTANCES, "oms left": 3},
        [f"{UNFINISHED_CELLS}3–", METADATA_CELLS],
        [],
    ),
    "unknown accepted unfinished objects": (
        "waivers",
        {**ACCEPTANCES, "oms left": None},
        [f"{UNFINISHED_CELLS}unknown–", METADATA_CELLS],
        [],
    ),
    "the person at the object class": ("classes", {}, [f"accepted by {PERSON}"], []),
    "the sample and its bound": (
        "sample",
        {},
        [SAMPLE_BOUND, "100 drawn from 4,598,210 objects of up to 1 GiB each", SEED],
        [],
    ),
    "the scope of a whole bucket": ("looked-at", {}, ["the whole bucket"], []),
    "the scope of a part of a bucket": (
        "looked-at",
        {"scope": {"prefix": "photos/", "suffix": ".jpg"}},
        ["prefix photos/, suffix .jpg"],
        ["whole bucket"],
    ),
    "the hash": ("document", {}, [f"{answer(GO)['sha256']} matches the document"], []),
    "no object in a period": (
        "lag",
        {
            "shown lag copied objects": 0,
            "shown lag copied not_yet": 0,
            "shown lag copied within": dict.fromkeys(("60", "300", "900", "3600", "86400"), 0),
        },
        ["No objects were written in this period."],
        [],
    ),
    "no answer of OMS": (
        "shown",
        {"sync_task": None, "oms_failure": {"reason": "FORBIDDEN", "status": 403}},
        ["not reported by OMS: FORBIDDEN"],
        [],
    ),
    "neither an answer nor a failure of OMS": (
        "shown",
        {"sync_task": None},
        ["overwrite modeunknown"],
        ["Copying by OMS"],
    ),
}


@pytest.mark.parametrize("case", SHOWN)
def test_each_section_of_a_page_shows_the_facts_of_the_certificate(document, case):
    section, changes, expected, absent = SHOWN[case]
    text = page(replace_values(document, changes)).section(section).text
    assert missing_parts(text, *expected, *absent) == absent


def test_the_page_of_a_rehearsal_shows_the_expected_freeze():
    document = answer("certificate-rehearsal")
    part = page(document).section("rehearsal")
    shares = [
        int(element.attributes["style"].removeprefix("flex-grow:")) for element in part.only(class_="bar").every("i")
    ]
    assert sum(shares) == document["rehearsal"]["minutes"]["total"]
    assert missing_parts(part.text, "total80 min", "Expected verdict: NO-GO") == []
    assert "预计结论：NO-GO" in page(document, "zh").section("rehearsal").text
    assert [element.text for element in part.every("code")] == document["rehearsal"]["failing"]


def test_the_page_of_a_certificate_shows_digests_and_exact_numbers():
    document = answer("certificate-no-go")
    expected = [document["source"]["state_digest"]]
    for side in ("source", "destination"):
        expected += [
            document[side]["digest"],
            f"{document[side]['objects']:,} objects, {document[side]['bytes']:,} bytes",
        ]
        classes = document["classes"].values()
        expected += [counts["digests"][side] for counts in classes if counts[side]["objects"]]
    assert missing_parts(page(document).section("digests").text, *expected) == []


def test_the_page_of_a_certificate_names_differing_and_unread_keys(document):
    document["sample"] |= {"differing": ["a/b"], "unread": ["c"]}
    part = page(document).section("sample")
    assert [element.text for element in part.every("code", class_="key")] == ["a/b", "c"]
    assert [element.text for element in part.every(class_="number bad")] == ["1", "1"]


@pytest.mark.parametrize(
    ("stored", "file"),
    [(answer(GO)["document"], "0001-20260131T092014Z-go.json"), ("x/a.json; touch here", "certificate.json")],
)
def test_the_page_of_a_certificate_shows_the_command_that_checks_it(document, stored, file):
    part = page({**document, "document": stored}).section("document")
    assert part.only("pre").text == f"python3 ops.py check {file}"


def test_the_totals_of_a_page_leave_out_objects_outside_the_comparison(document):
    page_element = page(document)
    classes = page_element.section("classes")
    objects = [f"{document[side]['objects']:,}" for side in ("source", "destination")]
    in_scope, of_oms, *_ = classes.only("tfoot").cells()
    assert [in_scope[0], in_scope[1], in_scope[3]] == ["total in scope", *objects]
    assert of_oms[0] == "OMS's own listsnot in the total"
    assert {cell.text for cell in classes.every("td", class_="n nil")} == {"0", "0 bytes"}
    (total_cells,) = page_element.section("folders").only("tfoot").cells()
    assert [cell[: len(number)] for cell, number in zip(total_cells[1:3], objects, strict=True)] == objects


def test_the_page_shows_each_folder_with_missing_objects_in_red(document):
    document["folders"] = {
        "a/": {"equal_contents": [7, 7000, 7, 7000], "missing": [3, 1500, 0, 0], "equal_size": [2, 20, 2, 20]},
        "b/": {"equal_contents": [1, 10, 1, 10]},
    }
    table = page(document).section("folders").only("tbody")
    first_row, second_row = ([cell for cell in row.children if isinstance(cell, Element)] for row in table.every("tr"))
    assert [cell.text for cell in first_row[1:]] == ["128.52 kB", "97.02 kB", "3", "0", "2"]
    assert [cell.text for cell in second_row[1:]] == ["110 bytes", "110 bytes", "0", "0", "0"]
    # Labels that a narrow screen shows beside the numbers.
    labels = [cell.attributes.get("data-label") for cell in first_row]
    assert labels == [None, "source", "OBS", "differ", "in progress", "not proven"]
    # Tones of objects that are missing, on their way, and not proven.
    tones = [[cell.attributes["class"].split()[-1] for cell in row[3:]] for row in (first_row, second_row)]
    assert tones == [["bad", "nil", "open"], ["nil", "nil", "nil"]]
    # Empty buckets have only the total.
    document["folders"] = {}
    assert page(document).section("folders").only("tfoot").cells() == [["total", "00 bytes", "00 bytes", "0", "0", "0"]]
