"""The check METADATA of a certificate, which uses a standstill pass after the close.

For each object, the pass finds a record that the headers are equal, or reads the headers in both buckets.
"""

from __future__ import annotations

from typing import Any

import pytest

from ops.certificate import plausibility
from ops.certificate.check import find_false_claims
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs import headers
from support.certificate import check, verdict
from support.world import TASK, World, oss_error

# OMS copies no value with an equals sign.
LOST = {"Content-Type": "text/html", "Cache-Control": "max-age=60"}
LONG = "最" * 330
KEYS = ("a/1", "a/2", LONG)


class CheckedWorld(World):
    """A world in which OMS copied the objects KEYS without one of their headers, and "b" with all headers."""

    def __init__(self) -> None:
        super().__init__(OMS_RATE="1000")
        self.install()
        self.measure_headers(moves=True)
        for key in KEYS:
            self.source.add(StoredObject(key, b"A", LOST))
            self.send_event_again(key)
        self.put("b", "b")

    def mend(self, work: str = "mend", **options: object) -> dict[str, Any]:
        """Run a headers pass, which changes headers in OBS or, if `work` is "undo", restores the earlier headers."""
        self.advance(1)
        return self.headers(work, cutover=True, restart=True, **options)

    def mended(self) -> CheckedWorld:
        """Freeze the source, compare the buckets, change the headers of KEYS, and return this world."""

        def steps() -> None:
            self.freeze()
            self.open_and_compare()
            assert self.mend()["outcomes"] == {"mended": len(KEYS), "equal": 1}

        self.reach("mended", steps)
        return self

    def lose(self, key: str) -> None:
        """Replace the object in OBS by a new copy that lacks the source's headers."""
        self.obs_bucket.put(key, self.source.objects[key].body, headers={"content-type": "text/html"})

    def record(self, key: str) -> bytes:
        return self.bucket.objects[record_name(TASK, "mended", key)].body


def checked_headers(document: dict[str, Any]) -> Any:
    """Return a certificate's counts of checked headers, and assert that the certificate makes no false claim."""
    assert find_false_claims(document) == []
    return document["passes"]["standstill"]["headers"]


@pytest.fixture
def world() -> CheckedWorld:
    return CheckedWorld().mended()


def test_the_check_metadata_needs_no_sample_if_all_objects_have_records(world):
    asked: list[str] = []
    world.destination.before = lambda kind, names: asked.extend(filter(None, names if kind == "head" else ()))
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("GO", {})
    assert checked_headers(document) == {"outcomes": {"recorded": 4}, "differing": {}, "examples": {}}
    finding = check(document, "METADATA")
    assert finding["result"] == "passed"
    assert finding["gates"] is True
    assert asked == []
    assert "headers of 4 objects were compared: all were equal in OBS when they were recorded" in document["text"]


def test_a_standstill_pass_reads_headers_without_a_record_only_once(world):
    for key in ("a/1", LONG):
        del world.bucket.objects[record_name(TASK, "mended", key)]
    # An intention is not a record.
    name = record_name(TASK, "mended", "a/2")
    world.bucket.add(StoredObject(name, world.record("a/2") + b" intended", world.bucket.objects[name].headers))
    for outcomes in ({"recorded": 1, "equal": 3}, {"recorded": 4}):
        world.stand_still()
        document = world.certify()
        assert verdict(document) == ("GO", {})
        assert checked_headers(document)["outcomes"] == outcomes


@pytest.mark.parametrize("closes_first", [False, True])
def test_headers_lost_after_they_were_recorded_make_the_verdict_no_go(world, closes_first):
    # GIVEN a copy of equal contents that OMS makes after the headers, before or after the close
    world.advance(5)
    if closes_first:
        world.close_project()
    world.lose("a/1")
    # WHEN both buckets stand still, THEN the certificate names the object
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"METADATA": "failed"})
    assert checked_headers(document) == {
        "outcomes": {"recorded": 3, "differs": 1},
        "differing": {"cache-control": 1},
        "examples": {"differs": ["a/1"]},
    }
    assert check(document, "METADATA")["keys"] == ["a/1"]


def test_certify_ignores_a_check_of_headers_before_the_close(world):
    world.compare(standstill=True)
    document = world.certify()
    assert checked_headers(document) is None
    assert check(document, "METADATA")["result"] == "not run"


def test_certify_judges_headers_by_the_sample_after_they_were_restored(world):
    world.mend("undo")
    world.stand_still()
    document = world.certify(sample=9)
    assert checked_headers(document) is None
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert "drawn at random" in check(document, "METADATA")["actual"]


def test_several_passes_read_the_headers_of_many_unrecorded_objects(mocker):
    mocker.patch.object(headers, "MAX_READ_OBJECTS", 1)
    mocker.patch.object(plausibility, "MAX_READ_OBJECTS", 1)
    # GIVEN equal headers without records
    world = CheckedWorld().mended()
    for name in world.bucket.names(f"oms_source_record/{TASK}/mended_object"):
        del world.bucket.objects[name]
    outcomes = []
    while True:
        # WHEN the printed step, the cutover, makes another standstill pass, THEN it reads another object
        world.stand_still()
        document = world.certify()
        outcomes.append(checked_headers(document)["outcomes"])
        if verdict(document) == ("GO", {}):
            break
        assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
        finding = check(document, "METADATA")
        assert finding["step"]["job"] == "cutover"
        assert "python3 ops.py headers --dry-run" in finding["next"]
    assert outcomes[0] == {"equal": 1, "unread": 3}
    assert outcomes[-1] == {"recorded": 3, "equal": 1}


UNSAFE = {"url": "yes", "expired_url": "yes", "moves_etag": "no", "moves_time": "no"}


@pytest.mark.parametrize("report", [{}, {"in_place": UNSAFE}])
def test_headers_that_no_cutover_changes_need_an_acceptance_or_a_canary(report):
    # GIVEN lost headers, a headers pass that changed nothing, and no canary that permits changes
    world = CheckedWorld()
    world.bucket.add_canary_result(report)
    world.headers("look")
    world.freeze()
    world.open_and_compare()
    assert world.mend()["stop"] == "headers"
    world.stand_still()
    document = world.certify()
    # THEN the standstill pass still checks each object, and the printed step is not another refused change
    assert checked_headers(document)["outcomes"] == {"unsafe": 3, "equal": 1}
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert check(document, "METADATA")["step"]["job"] == "cutover"
    assert check(document, "METADATA")["step"]["options"]["accept"].keys() == {"metadata"}
    assert verdict(world.certify(accept={"metadata": "the owner: not needed"})) == ("GO", {})

    # WHEN a canary permits changes instead, and the project is opened, THEN a cutover changes the headers
    world.measure_headers()
    world.open_and_compare()
    assert world.mend()["outcomes"] == {"mended": 3, "recorded": 1}
    world.stand_still()
    assert verdict(world.certify()) == ("GO", {})


def test_headers_of_unproven_contents_are_checked_but_need_an_acceptance():
    world = CheckedWorld()
    world.upload("c", "c", kind="Appendable")
    world.obs_bucket.put("c", b"c", headers={"content-type": "text/plain"})
    world.freeze()
    world.open_and_compare()
    world.mend()
    world.stand_still()
    accepted = {"equal_size": "the owner: sizes will do"}
    document = world.certify(accept=accepted)
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert checked_headers(document)["outcomes"] == {"recorded": 4, "other_class": 1}

    # WHEN they are accepted, THEN the GO states that not all headers are equal, and who accepted this
    document = world.certify(accept={**accepted, "metadata": "the owner: not needed"})
    assert verdict(document) == ("GO", {})
    assert check(document, "METADATA")["actual"].endswith("Accepted by name: the owner: not needed")
    assert "of 5 objects were compared: not all are equal in OBS (accepted by name)." in document["text"]


def test_certify_makes_digests_without_the_permission_to_read_headers(world):
    world.lose("a/1")
    world.destination.fail(oss_error(403), "head")
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert checked_headers(document)["outcomes"] == {"recorded": 3, "unreadable": 1}
    assert "python3 ops.py setup" in check(document, "METADATA")["next"]
