"""The command `ops.py check`, which judges a certificate only by the certificate's own numbers."""

from __future__ import annotations

import io
import json
from functools import reduce

import pytest

from ops.certificate.check import FORM_CLAIM, find_false_claims, list_claims
from ops.certificate.counts import collect_reserved_keys, compute_totals
from ops.command_line import cli
from oss_oms_sync.answers.certificate import document_hash
from support.ops import NASTY, FakeClock
from unit.ops.certificates import (
    CLASS_OF_CHECK,
    DESTINATION,
    IDS,
    SOURCE,
    add_hash,
    add_listings,
    certificate,
    count_objects,
    make_headers,
    make_sample,
    make_single_object,
    rehearsal,
    replace_value,
)

# An hour after the time of these certificates.
HOUR_AFTER = FakeClock(80 * 60)


CHECKS_CLAIM, VERDICT_CLAIM = "Each check's result follows from the facts", "The verdict follows from the facts"
FORECAST_CLAIM, HEADERS_CLAIM = (
    "The forecast of the rehearsal follows from the facts",
    "The statements about headers agree with the sample",
)


def find_wrong_claims(document) -> list[str]:
    """Return the claims of a certificate that its numbers contradict."""
    return [claim.text.en for claim in list_claims(document) if not claim.holds]


def details_of_wrong_claims(document: dict) -> dict[str, str]:
    """Return the details of each wrong claim, by the text of the claim."""
    return {claim.text.en: claim.detail for claim in list_claims(document) if not claim.holds}


def add_class(title: str, document: dict | None = None, **changes: object) -> dict:
    """Return a certificate with equal objects and an object of the class `title`; counts and hash are correct.

    `document` is the certificate to start from, and `changes` are fields to replace.
    """
    numbers = count_objects({"equal_contents": (SOURCE, SOURCE), title: make_single_object(title)})
    return add_hash(add_listings({**(document or certificate()), **numbers, **changes}))


def make_go_with_headers(accepted=None, **changes) -> dict:
    """Return a GO with a sample; `changes` replace fields of its comparison of headers."""
    return certificate(sample=make_sample(), headers=make_headers(make_sample(), **changes), accepted=accepted or {})


def make_go_with_folders(folders, more) -> dict:
    """Return a GO with a sample of one object, with these folders and these other keys with compared headers."""
    sample = {**make_sample(), "asked": 1, "drawn": 1, "read": 1, "keys": ["a/1"], "bytes": 5}
    return certificate(sample=sample, folders=folders, headers=make_headers(sample, more=more))


PASSES, CLOSING = certificate()["passes"], certificate()["closed"]


def make_go_of_yesterday(last_second: str) -> dict:
    """Return a GO whose comparison ended yesterday at `last_second` after nine."""
    day = {"started": "2026-01-30T08:30:00Z", "ended": f"2026-01-30T09:{last_second}Z"}
    last_written = [{**written, "at": written["at"].replace("31T", "30T")} for written in certificate()["last_written"]]
    passes = {**PASSES, "compare": {**PASSES["compare"], **day}}
    return certificate(frozen_since="2026-01-30T08:00:00Z", passes=passes, last_written=last_written)


def make_go_with_clocks(still=None, closed=None) -> dict:
    """Return a GO with these changes of its standstill pass and of its closed mark."""
    passes = {**PASSES, "standstill": {**PASSES["standstill"], **(still or {})}}
    return certificate(passes=passes, closed={**CLOSING, **(closed or {})})


NOT_GATING = {name: {"result": "not run", "gates": False} for name in ("SAMPLE", "METADATA")}
SMALLER_SAMPLE = {**make_sample(), "drawn": 2, "read": 2, "keys": ["a/1", "a/2"], "unreadable": ["山/3"]}
SMALLER_HEADERS = make_headers(SMALLER_SAMPLE, more=["山/3"])
LOST_HEADERS = {"cache-control": {"objects": 2, "keys": ["a/1", "a/2"]}}
ALL_LOST_HEADERS = {"cache-control": {"objects": 3, "keys": ["a/1", "a/2", "山/3"]}}
LOST = (
    {"documented": LOST_HEADERS},
    {"documented": ALL_LOST_HEADERS},
    {"unexpected": LOST_HEADERS},
    {"migrated": False},
)
ACCEPTANCE = {"metadata": "the owner: unused headers"}
FOLDERS = certificate()["folders"]
MOST_FOLDERS = ["山/3", *(f"{number}/" for number in range(201))]
# Folders that are not listed individually are combined: an object of the combined folder is needed, and enough.
MERGED_FOLDERS = {**{name: counts for name, counts in FOLDERS.items() if name != "山/"}, "*": FOLDERS["山/"]}
NOT_RUN = dict.fromkeys(("FROZEN", "CLOSED", "STOOD_STILL", "SCOPE", "SUMS", *CLASS_OF_CHECK), "not run")
NOT_COMPARED = {
    "passes": {"compare": None, "standstill": None},
    **dict.fromkeys(("as_of", "classes", "folders", "source", "destination", "last_written")),
}
# Clocks may differ by a minute.
CLOCKS = {"began": "2026-01-31T09:16:00Z", "ended": "2026-01-31T09:21:00Z"}, {"since": "2026-01-31T09:13:30Z"}
SOUND_CERTIFICATES = {
    "a GO": certificate(),
    "a rehearsal": rehearsal(),
    "a NO-GO": certificate({"MISSING": "failed"}, "NO-GO"),
    "a NOT PROVEN": certificate({"UNKNOWN": "not proven"}, "NOT PROVEN"),
    "a NOT PROVEN by a fact without a number": certificate({"CLOCK": "not run"}, "NOT PROVEN"),
    "a GO with a sample": certificate(sample=make_sample()),
    "a rehearsal of a NO-GO": rehearsal("NO-GO", {"MISSING": "failed", "SAMPLE": "not run"}),
    "a prefix that ends within a folder name": certificate(
        scope={**certificate()["scope"], "prefix": "a/1"},
        **count_objects({"equal_contents": ([("a/1", 5), ("a/12", 7)],) * 2}),
    ),
    "a rehearsal with differences that a freeze ends": rehearsal("GO", {"MOVING": "failed", "IN_FLIGHT": "failed"}),
    "a sample with fewer objects than requested": certificate(
        {"SAMPLE": "not proven"}, "NOT PROVEN", sample=SMALLER_SAMPLE, headers=SMALLER_HEADERS
    ),
    "a sample with all requested objects": certificate(sample={**SMALLER_SAMPLE, "asked": 2}, headers=SMALLER_HEADERS),
    "no comparison and no sums": certificate(NOT_RUN, "NOT PROVEN", **NOT_COMPARED),
    **{
        f"accepted objects of the class {title}": add_class(title, accepted={title: "the owner: a cache"})
        for title in ("suspicious", "equal_version", "equal_size", "impossible", "unknown")
    },
    **{f"accepted losses of headers: {lost}": make_go_with_headers(ACCEPTANCE, **lost) for lost in LOST},
    "compared headers of each folder": make_go_with_folders(FOLDERS, ["山/3"]),
    "compared headers of 200 folders": make_go_with_folders(FOLDERS, MOST_FOLDERS),
    "compared headers of a combined folder": make_go_with_folders(MERGED_FOLDERS, ["x/1"]),
    "a comparison of a day ago": make_go_of_yesterday("20:00"),
    "clocks that differ by a minute": make_go_with_clocks(*CLOCKS),
}
UNSOUND_CERTIFICATES = {
    "a GO without the requested sample": (certificate({"SAMPLE": "not run"}), [VERDICT_CLAIM]),
    "a rehearsal of a GO with a failed check": (rehearsal("GO", {"MISSING": "failed"}), [FORECAST_CLAIM]),
    **{
        name: (document, [CHECKS_CLAIM, VERDICT_CLAIM])
        for name, document in {
            "a requested sample without effect on the verdict": certificate(NOT_GATING, sample=make_sample(read=2)),
            "a sample with unread objects": certificate(sample=make_sample(read=2)),
            "a sample with a differing object": certificate(sample=make_sample() | {"differing": ["a/1"]}),
            "a sample smaller than requested": certificate(sample=SMALLER_SAMPLE, headers=SMALLER_HEADERS),
            "sums without a result": certificate({"SUMS": "not proven"}, "NOT PROVEN"),
            "a sample without headers": certificate(sample=make_sample(), headers=make_headers(None)),
            "a comparison of over a day ago": make_go_of_yesterday("19:59"),
            **{f"losses of headers: {lost}": make_go_with_headers(**lost) for lost in LOST},
        }.items()
    },
    **{
        f"impossible counts of headers: {changes}": (make_go_with_headers(ACCEPTANCE, **changes), [HEADERS_CLAIM])
        for changes in (
            {"documented": {"content-type": LOST_HEADERS["cache-control"]}},
            {"unexpected": {"expires": {"objects": 4, "keys": ["a/1"]}}},
            {"unexpected": {"expires": {"objects": 1, "keys": ["a/1", "a/2"]}}},
            {"unexpected": {"expires": {"objects": 0, "keys": []}}},
            {"drawn": 2},
            {"more": ["a/1"]},
            {"problem": "who knows"},
        )
    },
    **{
        f"headers of {len(more)} folders, not of {name}": (make_go_with_folders(folders, more), [HEADERS_CLAIM])
        for name, folders, more in (
            ("one", FOLDERS, []),
            ("the combined folder", MERGED_FOLDERS, []),
            ("the right combined folder", MERGED_FOLDERS, ["a/2"]),
            ("a listed folder", FOLDERS, [*MOST_FOLDERS, "x/"]),
        )
    },
    **{
        f"clocks that differ: {still}, {closed}": (
            make_go_with_clocks(still, closed),
            ["The times are in chronological order"],
        )
        for still, closed in (
            ({"began": "2026-01-31T09:16:01Z"}, {}),
            # Later than the document.
            *(({}, {name: "2026-01-31T09:21:01Z"}) for name in ("opened", "since")),
            ({"ended": "2026-01-31T09:21:01Z"}, {}),
        )
    },
}


@pytest.mark.parametrize("document", SOUND_CERTIFICATES.values(), ids=SOUND_CERTIFICATES)
def test_check_finds_no_wrong_claim_in_a_sound_certificate(document):
    assert find_wrong_claims(document) == []


@pytest.mark.parametrize(("document", "claims"), UNSOUND_CERTIFICATES.values(), ids=UNSOUND_CERTIFICATES)
def test_check_finds_exactly_the_wrong_claims_of_a_certificate(document, claims):
    # A name has the verdict as well.
    name_claim = "The document's name matches its content"
    assert [claim for claim in find_wrong_claims(document) if claim != name_claim] == claims


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"source": {**certificate()["source"], "objects": 4}}, "The classes add up to the total of the source"),
        ({"source": {**certificate()["source"], "digest": "0" * 64}}, "The classes add up to the total of the source"),
        ({"destination": {**certificate()["destination"], "bytes": 13}}, "The classes add up to the total of OBS"),
        ({"verdict": "NO-GO"}, VERDICT_CLAIM),
        ({"verdict": "REHEARSAL"}, VERDICT_CLAIM),
        ({"checks": certificate()["checks"][:-1]}, CHECKS_CLAIM),
        ({"checks": [certificate()["checks"][0]] * len(IDS)}, CHECKS_CLAIM),
        ({"folders": {"a/": {"equal_contents": [2, 12, 2, 12]}}}, CHECKS_CLAIM),
        ({"folders": {**FOLDERS, "b/": {"missing": [1, 1, 0, 0]}}}, CHECKS_CLAIM),
    ],
)
def test_check_detects_a_contradiction_despite_a_correct_hash(changes, claim):
    assert claim in find_wrong_claims(add_hash({**certificate(), **changes}))


@pytest.mark.parametrize(
    ("field", "value"), [*(("result", result) for result in ("failed", "not run", "not proven")), ("gates", False)]
)
def test_check_detects_a_changed_result_or_effect_of_any_check(field, value):
    document = certificate(sample=make_sample())
    for index, name in enumerate(IDS):
        forged = add_hash(replace_value(document, ["checks", index, field], value))
        assert find_wrong_claims(forged) == [CHECKS_CLAIM], name


@pytest.mark.parametrize(("name", "title"), [*CLASS_OF_CHECK.items(), ("MOVING", "arriving")])
def test_check_detects_a_passed_check_whose_object_class_has_objects(name, title):
    assert details_of_wrong_claims(add_class(title))[CHECKS_CLAIM] == name
    # The document is sound if the check did not pass.
    is_proof = name.startswith("PROOF") or name == "UNKNOWN"
    result, verdict = ("not proven", "NOT PROVEN") if is_proof else ("failed", "NO-GO")
    assert find_wrong_claims(add_class(title, certificate({name: result}, verdict))) == []


@pytest.mark.parametrize("title", ["missing", "moving", "failed_before"])
def test_check_detects_an_acceptance_of_an_unacceptable_class(title):
    claims = find_wrong_claims(add_class(title, accepted={title: "me: never mind"}))
    assert {CHECKS_CLAIM, "Only classes and checks that can be accepted were accepted by name"} <= {*claims}


def test_check_refuses_a_go_whose_comparison_has_no_counts():
    with pytest.raises(ValueError, match="a comparison without counts"):
        find_wrong_claims(certificate(classes=None, folders=None, source=None, destination=None))


@pytest.mark.parametrize(
    "changes",
    [
        {"frozen_since": "2026-01-31T08:16:01Z"},
        {"passes": {**PASSES, "standstill": {**PASSES["standstill"], "started": "2026-01-31T09:11:59Z"}}},
        {"passes": {**PASSES, "standstill": None}},
        # The standstill pass began less than two minutes after the close, or before OMS was idle for ten minutes.
        {"closed": {**certificate()["closed"], "written": "2026-01-31T09:13:01Z"}},
        {"oms": {**certificate()["oms"], "busy": "2026-01-31T09:05:01Z"}},
        # Another run closed the project, or no run did; another project is open.
        {"run": "run-2"},
        {"closed": None},
        {"open_projects": ["other"]},
        {"migration": {"begun": "2026-01-20T00:00:00Z", "group": None}},
        # The buckets changed, or OMS had objects in progress, or OMS counted fewer objects than were recorded.
        {"passes": {**PASSES, "standstill": {**PASSES["standstill"], "twin": "3" * 64}}},
        {"passes": {**PASSES, "compare": {**PASSES["compare"], "state": "3" * 64}}},
        {"oms": {**certificate()["oms"], "left": 1}},
        {"oms": {**certificate()["oms"], "left": None}},
        {"oms": {**certificate()["oms"], "recorded": None}},
        {"oms": {**certificate()["oms"], "recorded": 9}},
        {"as_of": "2026-01-31T09:10:00Z"},
        {"last_written": [{"key": "a/1", "at": "2026-01-31T08:01:01Z"}]},
        {"last_written": []},
    ],
)
def test_check_detects_passes_and_states_out_of_order(changes):
    assert {"The times are in chronological order", CHECKS_CLAIM, "The statements about OMS are plausible"} & {
        *find_wrong_claims(certificate(**changes))
    }


@pytest.mark.parametrize(
    ("title", "source", "destination"),
    [
        *((title, SOURCE, [*SOURCE[:2], ("山/4", 0)]) for title in ("equal_contents", "suspicious", "equal_size")),
        ("missing", SOURCE[:1], SOURCE[:1]),
        ("older", SOURCE[:2], SOURCE[:1]),
        ("in_flight", SOURCE[:1], SOURCE[:2]),
        *((title, SOURCE[:1], SOURCE[:1]) for title in ("oms_own", "arriving", "deleted_at_source", "unknown")),
    ],
)
def test_check_detects_objects_of_a_class_in_an_impossible_bucket(title, source, destination):
    details = details_of_wrong_claims(certificate(**count_objects({title: (source, destination)})))
    # Unequal sides of a class that counts as equal contradict SUMS.
    impossible = details.get(
        "All classes are present, and each class has objects only in the buckets where the class can occur"
    )
    assert title == impossible or "SUMS" in details[CHECKS_CLAIM].split(", ")


def encode_keys(objects):
    return [(key.encode(), size) for key, size in objects]


@pytest.mark.parametrize(
    ("prefix", "suffix", "of_destination", "size"),
    [
        ("", "", [], 1 + 2 + 4 + 8 + 16),
        ("p/", "", [], 1 + 2),
        ("", ".jpg", [], 1 + 4 + 16),
        ("", "", [frozenset()], 1 + 2 + 4),
        ("", "", [frozenset([b"oms/sync_task/y.jpg"])], 1 + 2 + 4 + 16),
    ],
)
def test_check_counts_only_listed_objects_inside_the_filter(prefix, suffix, of_destination, size):
    objects = [("p/a.jpg", 1), ("p/a.png", 2), ("q/a.jpg", 4), ("oms_source_record/x", 8), ("oms/sync_task/y.jpg", 16)]
    assert compute_totals({"prefix": prefix, "suffix": suffix}, encode_keys(objects), *of_destination).bytes == size


@pytest.fixture
def run(tmp_path, capsys):
    """Return a function that runs `ops.py check` with a certificate and listings of these objects.

    The function returns the exit code and the output.
    """

    def run(document, *words, **listings) -> tuple[int, str]:
        (tmp_path / "c.json").write_text(json.dumps(document))
        arguments = [str(tmp_path / "c.json"), *words]
        for side, objects in listings.items():
            (tmp_path / side).write_text("".join(f"{size}\t{key}\n" for key, size in objects))
            arguments += [f"--{side}", str(tmp_path / side)]
        return cli.main(["check", "--lang", "en", *arguments], HOUR_AFTER), "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("source", "destination"), [(SOURCE, DESTINATION), (SOURCE[::-1], [*DESTINATION[2:], *DESTINATION[:2]])]
)
def test_check_accepts_listings_that_agree_in_any_order(run, source, destination):
    code, output = run(certificate(), source=source, destination=destination)
    assert code == 0
    assert output.splitlines()[-1] == "The certificate is sound. Verdict: GO."
    assert "holds: The listing of OBS agrees with the certificate" in output


@pytest.mark.parametrize(("side", "bucket"), [("source", "the source"), ("destination", "OBS")])
@pytest.mark.parametrize("objects", [SOURCE[:-1], [*SOURCE, ("new", 1)], [("a/1", 6), ("a/2", 6), ("山/3", 0)]])
def test_check_names_the_listing_that_differs_from_the_certificate(run, side, bucket, objects):
    code, output = run(certificate(), **{side: objects})
    assert code == 4
    assert output.splitlines()[-1] == "This certificate cannot be trusted."
    assert f"does not hold: The listing of {bucket} agrees with the certificate ({len(objects)} objects, " in output


def hide_missing_object(padding) -> dict:
    """Return a GO that counts the objects in `padding`, which only OBS has, in place of a missing object."""
    document = certificate(
        **count_objects({"equal_contents": (SOURCE, SOURCE), "deleted_at_source": ([], [("deleted_at_source/1", 9)])})
    )
    listed_counts = count_objects({"equal_contents": (SOURCE, padding)})
    difference = int(listed_counts["destination"]["digest"], 16) - int(document["source"]["digest"], 16)
    deleted_counts = document["classes"]["deleted_at_source"]
    deleted_counts["destination"] = {"objects": len(padding) - 3, "bytes": sum(size for _, size in padding) - 12}
    deleted_counts["digests"]["destination"] = f"{difference % 2**256:064x}"
    folder = {"deleted_at_source": [0, 0, *deleted_counts["destination"].values()]}
    folders = {**count_objects({"equal_contents": (SOURCE, SOURCE)})["folders"], "*": folder}
    return add_hash(add_listings({**document, "destination": listed_counts["destination"], "folders": folders}))


def test_check_detects_a_missing_object_by_the_two_listings(run):
    # GIVEN a GO whose sums agree with each listing, though an object is missing in OBS
    obs_objects = [*SOURCE[:1], *SOURCE[2:], ("x", 3), ("y", 9)]
    document = hide_missing_object(obs_objects)
    for side, objects in (("source", SOURCE), ("destination", obs_objects)):
        assert run(document, **{side: objects})[0] == 0
    # WHEN both listings are compared, THEN it is detected
    code, output = run(document, source=SOURCE, destination=obs_objects)
    assert code == 4
    claim = "The objects that both listings contain include all objects that count as equal"
    assert f"does not hold: {claim} (2 objects, " in output


@pytest.mark.parametrize(
    ("title", "source", "destination"),
    [
        # The number of equal sizes in a class of both sides is unknown,
        ("moving", [("m/1", 4), ("m/2", 5)], [("m/1", 4), ("m/2", 6)]),
        ("moving", [("m/1", 4), ("m/2", 5)], [("m/1", 4), ("m/2", 5)]),
        ("older", [("m/1", 4)], [("m/1", 5)]),
        # but a class of a single side has none.
        ("missing", [("m/1", 4)], []),
    ],
)
def test_check_accepts_unequal_objects_whose_sizes_are_equal(run, title, source, destination):
    classes = count_objects({"equal_contents": (SOURCE, SOURCE), title: (source, destination)})
    document = certificate({title.upper(): "failed"}, "NO-GO", **classes)
    assert run(document, source=[*SOURCE, *source], destination=[*destination, *SOURCE])[0] == 1


def test_check_counts_keys_like_oms_lists_if_the_source_has_them(run):
    source, reserved_keys = [*SOURCE, ("oms/sync_task/mine", 9)], set()
    document = certificate(**count_objects({"equal_contents": (source, source)}))
    assert run(document, source=source, destination=[*source, ("oms/sync_task/other", 1)])[0] == 0
    assert len(list(collect_reserved_keys(encode_keys(source), reserved_keys))) == 4
    assert reserved_keys == {b"oms/sync_task/mine"}
    # Without the source's listing it is unknown which of them count, unless all do: the command asks for it.
    assert run(document, destination=[*source, ("oms/sync_task/other", 1)])[0] == 2
    code, output = run(document, destination=source)
    assert code == 2
    assert output.splitlines()[-1] == "-> Pass the listing of the source as well (--source)"
    assert run(certificate(), destination=DESTINATION)[0] == 0


# Some readers take the first of the repeated names, a GO; Python takes the last.
REPEATED_VERDICT = json.dumps(certificate({"MISSING": "failed"}, "NO-GO")).replace("{", '{"verdict": "GO", ', 1)
INCOMPLETE_TEXTS = {
    name: json.dumps({part: value for part, value in certificate().items() if part != name})
    for name in ("checks", "classes", "scope", "source", "verdict", "sha256", "frozen_since")
}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"kind": "x"}', '{"kind": "oss-oms-sync certificate", "schema": 2}'),
        pytest.param(REPEATED_VERDICT, id="a repeated JSON name"),
        *(pytest.param(text, id=f"it lacks {name}") for name, text in INCOMPLETE_TEXTS.items()),
    ],
)
def test_check_refuses_a_text_without_the_form_of_a_certificate(tmp_path, capsys, text):
    (tmp_path / "c.json").write_text(text)
    assert cli.main(["check", str(tmp_path / "c.json"), "--lang", "en"], HOUR_AFTER) == 4
    assert "is not a certificate, or is damaged" in capsys.readouterr().err


def test_check_refuses_a_document_that_is_nested_too_deep(mocker, capsys):
    # Some depths are still readable.
    document = {**certificate(), "x": reduce(lambda inner, _: [inner], range(100_000), [])}
    assert find_false_claims(document) == [FORM_CLAIM]
    mocker.patch("ops.functions.tool_output.read", return_value=document)
    mocker.patch("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert cli.main(["show", "--lang", "en"], HOUR_AFTER) == 4
    assert "The result has a format that this version of ops.py does not know" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_check_reads_a_certificate_in_the_encodings_that_shells_write(tmp_path, encoding):
    (tmp_path / "c.json").write_text(json.dumps(certificate()), encoding=encoding)
    assert cli.main(["check", str(tmp_path / "c.json")], HOUR_AFTER) == 0


def test_check_exits_with_a_usage_error_if_a_file_is_unreadable(run, tmp_path):
    assert cli.main(["check", str(tmp_path / "nowhere.json")]) == 2
    (tmp_path / "listing").write_text("x\n")
    for name in ("nowhere", "listing"):
        code, output = run(certificate(), "--source", str(tmp_path / name))
        assert code == 2
        assert "rclone lsjson" in output


def test_the_json_output_of_check_contains_each_claim(run):
    document = {**certificate(), "task": "another"}
    code, output = run(document, "--json")
    answer = json.loads(output)
    assert code == 4
    assert answer["sound"] is False
    assert answer["verdict"] == "GO"
    claim = {"claim": "The document matches its own SHA-256", "claim_zh": "文件与其自身记录的 SHA-256 一致"}
    assert answer["findings"][0] == {**claim, "holds": False, "detail": document_hash(document)}


def test_check_prints_no_control_characters_of_a_certificate(run):
    _, output = run(add_hash({**certificate(), "verdict": NASTY}))
    assert output.replace("\n", "").isprintable()
