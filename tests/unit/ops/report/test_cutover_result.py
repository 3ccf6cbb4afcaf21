"""The page of a certificate: green only where the document is whole and all of its checks have passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ops.certificate.form import CHECKS
from ops.report import cutover_result, findings
from ops.report.words import Words
from ops.shell import command
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.step import Step
from support.answers import EXAMPLES, answer
from support.ops import lacks
from unit.ops.certificates import places, replaced, sealed
from unit.ops.web_page import Element, certificate_page, parse

GO = "certificate-go"


def page(given: Mapping[str, Any], language: str = "en") -> Element:
    return parse(certificate_page(given, language))


@pytest.fixture
def given() -> dict[str, Any]:
    """The example of a GO."""
    return answer(GO)


@pytest.mark.parametrize(
    ("name", "english", "chinese", "tone"),
    [
        (GO, "GO", "可以割接", "good"),
        ("certificate-no-go", "NO-GO", "不可割接", "bad"),
        ("certificate-not-proven", "NOT PROVEN", "未能证明", "open"),
        ("certificate-rehearsal", "REHEARSAL", "割接预演", "way"),
    ],
)
def test_the_verdict_is_one_big_word_and_its_sentence(name, english, chinese, tone):
    given = answer(name)
    text = from_json(Certificate, given).summary
    for language, word in (("en", english), ("zh", chinese)):
        shown = page(given, language)
        assert (shown.word(), shown.one("p", class_="lead").text) == ((word, tone), text.of(language))


PASSED = answer(GO)["checks"]


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        # What of each check makes a certificate not valid, `ops.py check` shows: here, that the page heeds it.
        *(("checks 0 result", new) for new in ("failed", "not run", "?", None)),
        *((f"checks {at} result", "not run") for at in (1, len(CHECKS) - 1)),
        ("checks", PASSED[:-1]),
        ("checks 3", {**PASSED[3], "gates": False, "result": "not run"}),
        ("checks", [*PASSED, {"id": "NEW", "result": "failed", "gates": True}]),
        ("checks", []),
        *((part, None) for part in ("frozen_since", "as_of", "source", "destination", "classes")),
        ("schema", 1),
        ("verdict", "go"),
    ],
)
def test_a_go_that_does_not_rest_on_its_checks_is_not_green(path, instead, given):
    forged = sealed(replaced(given, [int(part) if part.isdigit() else part for part in path.split()], instead))
    words = [page(forged, language).word() for language in ("en", "zh")]
    assert words == [("NOT VALID", "bad"), ("证书无效", "bad")]


def test_the_sample_need_not_gate_where_nothing_was_to_be_sampled(given):
    for one in given["checks"][18:20]:
        one |= {"result": "not run", "gates": False}
    given["sample"] = None
    given["headers"] |= {"drawn": 0, "more": []}
    shown = page(sealed(given))
    assert shown.word() == ("GO", "good")
    assert lacks(shown.text, "does not gate", "21 of 21", "Nothing was sampled") == []


@pytest.fixture
def short() -> dict[str, Any]:
    """A certificate of which each part is there, but not many times."""
    given = answer("certificate-no-go")
    given["checks"] = given["checks"][3:5]
    given["classes"] = {name: given["classes"][name] for name in ("equal_contents", "missing", "unknown")}
    given["folders"] = {"albums/": given["folders"]["albums/"]}
    given["rehearsal"] = answer("certificate-rehearsal")["rehearsal"]
    return sealed(given)


def test_a_document_that_was_changed_anywhere_is_not_valid(short):
    assert "agrees with the document" in page(short).section("document").text
    for path in (path for path, value in places(short) if not isinstance(value, dict | list)):
        hero = cutover_result.report(replaced(short, path, "x"), "en").hero
        assert (hero.word, hero.tone) == ("NOT VALID", "bad"), path
        assert hero.doubts.rows[0][0] in ("The document is as it was made", "It has the form of a certificate"), path


def test_whatever_part_is_missing_or_wrong_there_is_a_page(short):
    # Each part that values are in with each of these instead; of neighbouring values each with another one.
    parts = (None, "x", [None, [1, 2]])
    for at, (path, value) in enumerate(places(short)):
        for new in parts if isinstance(value, dict | list) else parts[at % 3 :][:1]:
            assert "<h1 class=" in certificate_page(sealed(replaced(short, path, new)), "en")


def test_nothing_at_all_is_not_known():
    shown = page({})
    assert (shown.word(), [*shown.every(class_="mark good")]) == (("NOT KNOWN", "calm"), [])


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "status"])
def test_the_examples_are_as_the_documents_say(name):
    given = answer(name)
    assert sealed(given) == given
    for side, apart in (("source", ("outside", "canary")), ("destination", ("outside", "canary", "oms_own"))):
        counted = [one for title, one in given["classes"].items() if title not in apart]
        digest = sum(int(one["digests"][side], 16) for one in counted) % 2**256
        whole = {what: sum(one[side][what] for one in counted) for what in ("objects", "bytes")}
        assert given[side].items() >= {**whole, "digest": f"{digest:064x}"}.items()
    for title, one in given["classes"].items():
        quads = [classes[title] for classes in given["folders"].values() if title in classes]
        expected = [one[side][what] for side in ("source", "destination") for what in ("objects", "bytes")]
        assert [sum(quad[place] for quad in quads) for place in range(4)] == expected


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "status"])
def test_every_check_is_there_with_what_was_seen(name, language):
    given = answer(name)
    shown = page(given, language).section("checks").text
    ending = "_zh" if language == "zh" else ""
    for check in given["checks"]:
        parts = [check["id"], check[f"seen{ending}"]]
        if check["result"] != "passed" and check["gates"]:
            step = command(from_json(Step, check["step"])) if check["step"] else ""
            parts += [check[f"wanted{ending}"], check[f"next{ending}"], step, *check["keys"]]
        assert lacks(shown, *parts) == []


def test_what_has_not_passed_comes_first_the_worst_before_all():
    given = answer("certificate-not-proven")
    given["checks"][22] |= {"result": "failed", "next": "Set the clock.", "step": {"job": "deploy", "options": {}}}
    given |= {"verdict": "NO-GO", "document": given["document"].replace("not-proven", "no-go")}
    shown = page(sealed(given))
    order = [element.text for element in shown.section("checks").every("code") if element.text in CHECKS]
    assert order[:4] == ["CLOCK", "PROOF_SUSPICIOUS", "PROOF_EQUAL_SIZE", "CLOSED"]
    # AND that is what the next command is about
    assert shown.one(class_="next").text == "NextSet the clock.s deploy -y"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("certificate-not-proven", "python3 ops.py cutover --frozen-since 2026-01-31T08:00:00Z --deep --restart"),
        ("certificate-rehearsal", "python3 ops.py compare --again"),
    ],
)
def test_there_is_one_next_command(name, command):
    assert page(answer(name)).one(class_="next").one("pre").text == command


def test_a_rehearsal_that_is_well_and_a_document_that_is_not_valid_name_a_command_that_runs():
    well = answer("certificate-rehearsal")
    well["checks"] = [{**one, "result": "passed"} for one in well["checks"]]
    certificate = from_json(Certificate, well)
    assert findings.following(certificate, Words("en")).command == "python3 ops.py cutover --frozen-since now"
    for name, when in ((GO, "--frozen-since now"), ("certificate-rehearsal", "--rehearse")):
        forged = page({**answer(name), "made": "2026-01-30T00:00:00Z"})
        assert forged.one(class_="next").one("pre").text == f"python3 ops.py cutover {when}"


def test_after_a_go_the_next_step_says_that_the_project_is_closed_already(given):
    assert "closed already" in page(given).one(class_="next").text


WHO, SEED = answer(GO)["accepted"]["equal_size"], answer(GO)["sample"]["seed"]
ACCEPTED = f"{answer(GO)['classes']['equal_size']['source']['objects']:,}"
NOT_COUNTED = dict.fromkeys(("classes", "folders", "source", "destination", "last_written"))
BOUND = "fewer than 3.0 % of the 4,598,210 objects of up to 1 GiB that count as equal differ"


@pytest.mark.parametrize(
    ("section", "told", "changes", "untold"),
    [
        ("shown", ["closed since 2026-01-31 08:50:01"], {}, []),
        ("shown", ["deleted at the sourcenot known"], NOT_COUNTED, ["not known objects"]),
        ("waivers", ["equal_size", WHO, ACCEPTED], {}, []),
        ("classes", [f"accepted by {WHO}"], {}, []),
        ("sample", [BOUND, "100 drawn, of 4,598,210 up to 1 GiB each", SEED], {}, []),
        ("looked-at", ["the whole bucket"], {}, []),
        (
            "looked-at",
            ["prefix photos/, suffix .jpg"],
            {"scope": {"prefix": "photos/", "suffix": ".jpg"}},
            ["whole bucket"],
        ),
    ],
    ids=[
        *("since when it is closed", "what was deleted is not known where nothing was counted"),
        *("who accepted how much", "the same with the class", "what was read, and what that bounds"),
        *("the whole bucket", "a scope, and a part of a bucket is not called the whole"),
    ],
)
def test_a_section_says_what_is_so_and_no_more(given, section, told, changes, untold):
    assert lacks(page({**given, **changes}).section(section).text, *told, *untold) == untold


def test_a_rehearsal_says_how_long_writes_will_stand_still_and_what_would_fail():
    given = answer("certificate-rehearsal")
    part = page(given).section("rehearsal")
    shares = [
        int(element.attributes["style"].removeprefix("flex-grow:")) for element in part.one(class_="bar").every("i")
    ]
    assert sum(shares) == given["rehearsal"]["minutes"]["total"]
    assert lacks(part.text, "total81 min", "Would be NO-GO") == []
    # The sentence under the verdict, and the section.
    assert lacks(page(given, "zh").text, "结论将为 NO-GO", "结论将为：NO-GO") == []
    assert [element.text for element in part.every("code")] == given["rehearsal"]["failing"]
    given["rehearsal"]["minutes"]["total"] += 1
    assert "do not add up" in page(given).section("rehearsal").text


@pytest.mark.parametrize(("left", "said"), [(3, "3"), (None, "not known")])
def test_what_was_accepted_and_is_no_class_has_words_and_only_the_number_that_is_counted(given, left, said):
    given["accepted"] |= {"oms_unfinished": "Li, seen", "metadata": "Li, none wanted"}
    given["oms"]["left"] = left
    rows = page(given).section("waivers").one("tbody").cells()
    told = [row for row in rows if row[0].endswith(("oms_unfinished", "metadata"))]
    assert told == [
        ["what OMS has not finished oms_unfinished", "Li, seen", said, "–"],
        ["headers that are not in OBS metadata", "Li, none wanted", "–", "–"],
    ]


def test_one_object_of_one_byte_is_one(given):
    given["source"] |= {"objects": 1, "bytes": 1}
    assert "(1 object, 1 byte)" in cutover_result.read(given).summary.en


def test_digests_and_exact_numbers_are_there_for_a_stranger():
    given = answer("certificate-no-go")
    sides = [given[side] for side in ("source", "destination")]
    whole = [
        part for side in sides for part in (side["digest"], f"{side['objects']:,} objects, {side['bytes']:,} bytes")
    ]
    classes = [(one, side) for one in given["classes"].values() for side in ("source", "destination")]
    of_classes = [one["digests"][side] for one, side in classes if one[side]["objects"]]
    assert lacks(page(given).section("digests").text, given["source"]["state_digest"], *whole, *of_classes) == []


def test_a_sample_names_what_differs_and_what_was_not_read(given):
    given["sample"] |= {"differing": ["a/b"], "unread": ["c"]}
    part = page(given).section("sample")
    assert [element.text for element in part.every("code", class_="key")] == ["a/b", "c"]
    assert [element.text for element in part.every(class_="number bad")] == ["1", "1"]


@pytest.mark.parametrize(
    ("document", "file"),
    [(answer(GO)["document"], "0001-20260131T092014Z-go.json"), ("x/a.json; touch here", "certificate.json")],
)
def test_the_page_tells_how_to_check_the_document(given, document, file):
    part = page({**given, "document": document}).section("document")
    assert (given["sha256"] in part.text, part.one("pre").text) == (True, f"python3 ops.py check {file}")


def test_what_is_not_compared_is_in_no_total(given):
    shown = page(given)
    classes = shown.section("classes")
    objects = [f"{given[side]['objects']:,}" for side in ("source", "destination")]
    in_scope, of_oms, *_ = classes.one("tfoot").cells()
    assert [in_scope[0], in_scope[1], in_scope[3]] == ["in scope", *objects]
    assert of_oms[0] == "OMS's own listsnot counted"
    assert {cell.text for cell in classes.every("td", class_="n nil")} == {"0", "0 bytes"}
    (total,) = shown.section("folders").one("tfoot").cells()
    assert [cell[: len(number)] for cell, number in zip(total[1:3], objects, strict=True)] == objects


def test_a_folder_has_the_objects_and_bytes_of_both_sides_and_what_lacks_is_red(given):
    given["folders"] = {
        "a/": {"equal_contents": [7, 7000, 7, 7000], "missing": [3, 1500, 0, 0], "equal_size": [2, 20, 2, 20]},
        "b/": {"equal_contents": [1, 10, 1, 10]},
    }
    table = page(given).section("folders").one("tbody")
    first, second = ([cell for cell in row.children if isinstance(cell, Element)] for row in table.every("tr"))
    assert [cell.text for cell in first[1:]] == ["128.52 kB", "97.02 kB", "3", "0", "2"]
    assert [cell.text for cell in second[1:]] == ["110 bytes", "110 bytes", "0", "0", "0"]
    # What a narrow screen shows of a number's column beside it.
    labels = [cell.attributes.get("data-label") for cell in first]
    assert labels == [None, "source", "OBS", "differ", "on the way", "not proven"]
    # The tones of what lacks, is on its way, and is not proven.
    tones = [[cell.attributes["class"].split()[-1] for cell in row[3:]] for row in (first, second)]
    assert tones == [["bad", "nil", "open"], ["nil", "nil", "nil"]]
    # Of empty buckets there is the total alone.
    given["folders"] = {}
    assert page(given).section("folders").one("tfoot").cells() == [["total", "00 bytes", "00 bytes", "0", "0", "0"]]


def test_what_oms_does_not_say_is_not_known_and_gates_nothing(given):
    said = {"problem": "FORBIDDEN", "status": 403, "message": "no such right"}
    given["shown"] |= {"task": None, "silence": {**said, "fix": "Grant it.", "fix_zh": "请授权。"}}
    within = dict.fromkeys(("60", "300", "900", "3600", "86400"), 0)
    given["shown"]["lag"]["copied"] |= {"objects": 0, "not_yet": 0, "within": within}
    shown = page(sealed(given))
    assert shown.word() == ("GO", "good")
    assert lacks(shown.text, "OMS does not say: FORBIDDEN", "No object was written in that time.") == []
