"""Forged certificates with a correct hash: their own numbers contradict them, and no command prints their sentences."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest.mock import patch

import pytest

from ops.certificate.check import find_false_claims
from ops.command_line import cli
from support.answers import answer
from support.ops import FakeClock
from unit.ops.certificates import add_hash

NAMES = ("certificate-go", "certificate-no-go", "certificate-not-proven", "certificate-rehearsal")
EXIT_CODES = dict(zip(NAMES, (0, 1, 3, 3), strict=True))
Document = dict[str, Any]


# More than a year after the time of the examples.
YEAR_AFTER = FakeClock(500 * 24 * 3600)


def run(*words: str) -> tuple[int, str]:
    """Run `ops.py` with these words; return its exit code and all of its output."""
    string_io = io.StringIO()
    with redirect_stdout(string_io), redirect_stderr(string_io):
        code = cli.main([*words], YEAR_AFTER)
    return code, string_io.getvalue()


@pytest.fixture(scope="module")
def check(tmp_path_factory) -> Callable[..., tuple[int, str]]:
    """Return a function that runs `ops.py check` with a certificate, and returns the exit code and the output."""
    file = tmp_path_factory.mktemp("forged") / "certificate.json"

    def check(document: Document, *words: str) -> tuple[int, str]:
        file.write_text(json.dumps(document))
        return run("check", *words, str(file))

    return check


@pytest.mark.parametrize("change", [{"task": "another"}, {"verdict": "NO-GO"}, {"schema": 1}], ids=str)
def test_check_and_show_refuse_the_same_certificates(check, change):
    forged = {**answer("certificate-go"), **change}
    for document in (forged, add_hash(forged)):
        assert check(document)[0] == show(document)[0] == 4


@pytest.mark.parametrize("name", NAMES)
def test_check_accepts_an_unchanged_certificate(check, name):
    code, output = check(answer(name), "--lang", "en")
    assert code == EXIT_CODES[name]
    assert "The certificate is sound." in output


@pytest.mark.parametrize("title", ["equal_size", "deleted_at_source", "outside", "missing"])
def test_check_detects_a_renamed_object_class(title):
    forged = answer("certificate-go")
    for classes in (forged["classes"], *forged["folders"].values()):
        if title in classes:
            classes["checked_by_hand"] = classes.pop(title)
    assert find_false_claims(add_hash(forged)) != []


def test_check_detects_a_missing_object_that_is_counted_as_deleted():
    # GIVEN a NO-GO because of missing and older objects
    forged = answer("certificate-no-go")
    classes = forged["classes"]

    # WHEN they count as deleted at the source, on their sides, and all sums are unchanged
    for title in ("missing", "older"):
        for side in ("source", "destination"):
            for unit in ("objects", "bytes"):
                classes["deleted_at_source"][side][unit] += classes[title][side][unit]
            digests = [int(classes[name]["digests"][side], 16) for name in ("deleted_at_source", title)]
            classes["deleted_at_source"]["digests"][side] = f"{sum(digests) % 2**256:064x}"
        classes[title] = classes["moving"]
        for counts in forged["folders"].values():
            quads = counts.get("deleted_at_source", [0] * 4), counts.pop(title, [0] * 4)
            counts["deleted_at_source"] = list(map(sum, zip(*quads, strict=True)))

    # AND all checks pass
    for forged_check in forged["checks"]:
        forged_check.update(result="passed", keys=[], next="", next_zh="", step=None)
    forged |= {"verdict": "GO", "document": forged["document"].replace("-no-go", "-go")}

    # THEN it is not a GO
    assert find_false_claims(add_hash(forged)) != []


def stored_name(time: str) -> str:
    """Return the name in the log bucket of a GO with this time."""
    return answer("certificate-go")["document"].replace("20260131T092014Z", time)


# The example, the part (elements of a list by their places), and its replacement.
FORGERIES = {
    **{
        f"a sample that was never read: {lie}": ("go", "sample", lie)
        for lie in (
            {"read": 0, "bytes": 0},
            {"keys": []},
            {"drawn": 0, "read": 0, "keys": []},
            {"population": 4_604_853},
            {"population": 100},
        )
    },
    "a check without effect on the verdict": ("not-proven", "checks 0", {"gates": False}),
    "a comparison of a year ago": (
        "go",
        "",
        {"made": "2027-01-31T09:20:14Z", "document": stored_name("20270131T092014Z")},
    ),
    "bytes without an object in a folder of OBS": (
        "go",
        "folders",
        {"oms/": {"oms_own": [0, 0, 868, 0]}, "*": {"oms_own": [0, 0, 0, 44_482_906]}},
    ),
    "missing last writes": ("go", "", {"last_written": answer("certificate-go")["last_written"][-1:]}),
    "a shortened digest": ("go", "classes oms_own digests", {"destination": "3a9c"}),
    "an impossible time": ("go", "", {"made": "0001-01-01T00:00:00Z"}),
    "more skipped objects than objects": ("no-go", "classes older", {"in_vain": 3}),
    "a negative number of skipped objects": ("no-go", "classes older", {"in_vain": -1}),
    "skipped objects in the class missing": ("no-go", "classes missing", {"in_vain": 1}),
    **{
        f"headers that contradict each other or the classes: {lie}": ("go", "passes standstill headers", lie)
        for lie in (
            {"outcomes": {"recorded": 4_604_637, "equal": 214}},
            {"outcomes": {"recorded": 4_604_638, "mended": 214}},
            {"outcomes": {"recorded": 4_604_852, "equal": 0}},
            {"outcomes": {"recorded": 4_604_638, "unread": 214}, "examples": {"unread": ["a"]}},
            {"outcomes": {"recorded": 4_604_851, "differs": 1}, "examples": {"differs": ["a"]}},
            {"outcomes": {"recorded": 4_604_851, "differs": 1}, "differing": {"expires": 1}},
            {"differing": {"expires": 1}},
            {"examples": {"equal": ["a"]}},
        )
    },
}


@pytest.mark.parametrize("what", FORGERIES)
def test_check_detects_each_forged_certificate(what):
    name, part, instead = FORGERIES[what]
    forged = place = answer(f"certificate-{name}")
    for step in part.split():
        place = place[int(step) if step.isdigit() else step]
    place |= instead
    assert find_false_claims(add_hash(forged)) != []


def test_check_refuses_a_certificate_from_the_future(check):
    forged = json.loads(json.dumps(answer("certificate-go")).replace("2026-01-31T", "2028-01-31T"))
    forged["document"] = forged["document"].replace("20260131T", "20280131T")
    code, output = check(add_hash(forged), "--lang", "en")
    assert code == 4
    assert "cannot be trusted" in output
    clocks = "The certificate was made at 2028-01-31T09:20:14Z, but this machine's clock shows 2027-06-15T09:00:00Z"
    what_to_do = "-> Correct this machine's clock, or make a new certificate"
    assert show(add_hash(forged), "--lang", "en") == (4, f"{clocks}\n{what_to_do}\n")


def show(document: Document, *words: str) -> tuple[int, str]:
    """Run `ops.py show` with a certificate; return the exit code and the output."""
    with patch("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(document).encode()))):
        return run("show", *words)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_check_and_show_do_not_print_forged_text(check, tmp_path, name, lang):
    page = tmp_path / "page.html"

    def shown(document: Document) -> str:
        output = show(document, "--lang", lang, "--html", str(page))[1] + check(document, "--lang", lang)[1]
        return (output + page.read_text(encoding="utf-8")).replace(document["sha256"], "")

    # GIVEN a valid document whose stored sentences read like a GO
    sound, sentence = answer(name), "GO: all 9,999,999 objects are there."
    sentences = dict.fromkeys(("actual", "actual_zh", "wanted", "wanted_zh", "next", "next_zh"), sentence)
    checks = [{**sound_check, **sentences, "keys": [sentence]} for sound_check in sound["checks"]]
    assert shown(add_hash({**sound, "text": sentence, "text_zh": sentence, "checks": checks})) == shown(sound)


@pytest.mark.parametrize("into", [*answer("certificate-go")["classes"], "new"])
@pytest.mark.parametrize("title", ["equal_contents", "equal_size", "oms_own", "deleted_at_source"])
def test_check_detects_an_object_moved_to_another_class(title, into):
    # GIVEN a GO, and an object in a folder, on each side where its class is
    forged = answer("certificate-go")
    classes = forged["classes"]
    classes.setdefault(into, copy.deepcopy(classes["moving"]))
    counts = next(counts for counts in forged["folders"].values() if counts.get(title, [0, 0, 0, 0])[2])
    counts.setdefault(into, [0] * 4)

    # WHEN it is moved, with its digest, and everything adds up as before
    for place, side in ((0, "source"), (2, "destination")):
        for name, change in ((title, -1), (into, 1)) if classes[title][side]["objects"] else ():
            digest = int(classes[name]["digests"][side], 16) + change
            classes[name]["digests"][side] = f"{digest % 2**256:064x}"
            for index, unit in ((place, "objects"), (place + 1, "bytes")):
                classes[name][side][unit] += change
                counts[name][index] += change

    # THEN it is noticed, unless it is as good there
    alike = ({"equal_contents", "equal_size"}, {"oms_own", "outside"})
    is_as_good = title == into or {title, into} in alike
    assert (find_false_claims(add_hash(forged)) == []) is is_as_good
