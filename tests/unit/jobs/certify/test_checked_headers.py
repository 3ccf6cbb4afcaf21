"""METADATA by the standstill pass: each object has a record of its versions, or both sides are read after the close."""

from __future__ import annotations

from typing import Any

import pytest

from ops.certificate import plausibility
from ops.certificate.check import doubts
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs import headers
from support.certify_world import CertifyWorld, check, verdict
from support.headers_world import measured
from support.world import TASK, oss_error

# OMS copies no value with an equals sign.
LOST = {"Content-Type": "text/html", "Cache-Control": "max-age=60"}
LONG = "最" * 330
KEYS = ("a/1", "a/2", LONG)


class CheckedWorld(CertifyWorld):
    """OMS has copied KEYS without one of their headers, and "b" with all; the project works on "" or a prefix."""

    def __init__(self, *, moves: bool = True, replaces: bool = True, **environment: str) -> None:
        super().__init__(**environment)
        measured(self, moves=moves, replaces=replaces)
        self.obs_bucket = self.obs.bucket(self.destination_bucket)
        for key in KEYS:
            self.add(key, LOST)
        self.put("b", "b")

    def add(self, key: str, named: dict[str, str], fate: str = "copied") -> None:
        self.source.add(StoredObject(key, b"A", named))
        self.send(key, fate)

    def mend(self, work: str = "mend", **options: object) -> dict[str, Any]:
        """Change headers, as a cutover does before the close; with `work` "undo", undo the changes."""
        self.advance(1)
        return self.ask("compare", {"headers": work, "cutover": True, "restart": True, **options})

    def mended(self) -> CheckedWorld:
        """Freeze the source, compare, change headers, close and stand still."""
        self.freeze()
        self.compare()
        assert self.mend()["outcomes"] == {"mended": len(KEYS), "equal": 1}
        return self

    def lose(self, key: str) -> None:
        """OMS copies an object once more, and loses its headers."""
        self.obs_bucket.put(key, self.source.objects[key].body, headers={"content-type": "text/html"})

    def record(self, key: str) -> bytes:
        return self.bucket.objects[record_name(TASK, "mended", key)].body


def checked(document: dict[str, Any]) -> Any:
    """Return the headers of the standstill pass in a sound certificate."""
    assert doubts(document) == []
    return document["passes"]["standstill"]["headers"]


@pytest.fixture(params=[False, True], ids=["stays", "moves"])
def world(request) -> CheckedWorld:
    return CheckedWorld(moves=request.param).mended()


def test_records_of_all_versions_pass_without_a_sample(world):
    asked: list[str] = []
    world.there.before = lambda kind, names: asked.extend(filter(None, names if kind == "head" else ()))
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("GO", {})
    assert checked(document) == {"outcomes": {"recorded": 4}, "differing": {}, "examples": {}}
    finding = check(document, "METADATA")
    assert finding["result"] == "passed"
    assert finding["gates"] is True
    assert asked == []
    assert "4 by records, each as of its own time, and 0 by reading both sides" in finding["actual"]
    assert "headers of 4 objects were compared: all are equal in OBS, as of each record" in document["text"]


def test_an_object_without_a_record_is_read_once(world):
    for key in ("a/1", LONG):
        del world.bucket.objects[record_name(TASK, "mended", key)]
    # An intention is not a record.
    name = record_name(TASK, "mended", "a/2")
    world.bucket.add(StoredObject(name, world.record("a/2") + b" intended", world.bucket.objects[name].headers))
    for outcomes in ({"recorded": 1, "equal": 3}, {"recorded": 4}):
        world.stand_still()
        document = world.certify()
        assert verdict(document) == ("GO", {})
        assert checked(document)["outcomes"] == outcomes


@pytest.mark.parametrize("closes_first", [False, True])
def test_headers_lost_after_their_record_fail_until_they_change_again(world, closes_first):
    # GIVEN a copy of equal contents that OMS makes after the headers, before or after the close
    world.advance(5)
    if closes_first:
        world.call(close=True)
    world.lose("a/1")
    # WHEN both buckets stand still, THEN the certificate names the object, and the next step
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"METADATA": "failed"})
    assert checked(document) == {
        "outcomes": {"recorded": 3, "differs": 1},
        "differing": {"cache-control": 1},
        "examples": {"differs": ["a/1"]},
    }
    finding = check(document, "METADATA")
    assert finding["step"] == {"job": "open", "options": {}}
    assert finding["keys"] == ["a/1"]
    # AND it leads to a GO
    world.call(open=True, after_go=True)
    assert world.mend()["outcomes"] == {"mended": 1, "recorded": 3}
    world.stand_still()
    assert world.is_go()


def test_a_pass_of_headers_before_the_close_does_not_count(world):
    world.compare(standstill=True)
    document = world.certify()
    assert checked(document) is None
    assert check(document, "METADATA")["result"] == "not run"


@pytest.mark.parametrize("work", ["none", "undo"])
def test_without_a_useful_pass_of_headers_the_sample_decides(work):
    world = CheckedWorld()
    world.freeze()
    world.compare()
    if work == "undo":
        world.mend()
        world.mend("undo")
    world.stand_still()
    document = world.certify(sample=9)
    assert checked(document) is None
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert "drawn at random" in check(document, "METADATA")["actual"]


def test_too_many_objects_without_a_record_are_read_step_by_step(mocker):
    mocker.patch.object(headers, "MAX_READ_OBJECTS", 1)
    mocker.patch.object(plausibility, "MAX_READ_OBJECTS", 1)
    # GIVEN equal headers of which no record exists
    world = CheckedWorld().mended()
    for name in world.bucket.names(f"oms_source_record/{TASK}/mended_object"):
        del world.bucket.objects[name]
    outcomes = []
    while True:
        # WHEN the printed step, the cutover, stands still again, THEN it reads another object
        world.stand_still()
        document = world.certify()
        outcomes.append(checked(document)["outcomes"])
        if verdict(document) == ("GO", {}):
            break
        assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
        finding = check(document, "METADATA")
        assert finding["step"]["job"] == "cutover"
        assert "python3 ops.py headers" in finding["next"]
    assert outcomes[0] == {"equal": 1, "unread": 3}
    assert outcomes[-1] == {"recorded": 3, "equal": 1}


@pytest.mark.parametrize(
    ("named", "outcome"), [({"x-oss-meta-a": "é"}, "not_ascii"), ({"Content-Type": "text/html"}, "removal")]
)
def test_headers_that_cannot_change_need_an_acceptance(named, outcome):
    world = CheckedWorld(replaces=False)
    world.add("c", named)
    if outcome == "removal":
        world.obs_bucket.put("c", b"A", headers={"content-type": "text/html", "cache-control": "no-cache"})
    world.freeze()
    world.compare()
    world.mend()
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert checked(document)["outcomes"] == {"recorded": 4, outcome: 1}
    assert check(document, "METADATA")["step"]["options"]["accept"] == {"metadata": "<who, why>"}
    accepted = world.certify(accept={"metadata": "the owner: nobody reads them"})
    assert verdict(accepted) == ("GO", {})
    assert doubts(accepted) == []
    assert "not all are equal in OBS (accepted by name)" in accepted["text"]


def test_headers_of_unproven_contents_are_read_but_cannot_change():
    world = CheckedWorld()
    world.upload("c", "c", kind="Appendable")
    world.obs_bucket.put("c", b"c", headers={"content-type": "text/plain"})
    world.freeze()
    world.compare()
    world.mend()
    world.stand_still()
    document = world.certify(accept={"equal_size": "the owner: sizes will do"})
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert checked(document)["outcomes"] == {"recorded": 4, "other_class": 1}


def test_a_missing_permission_to_read_headers_leaves_the_digests_alone(world):
    world.lose("a/1")
    world.there.fail(oss_error(403), "head")
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert checked(document)["outcomes"] == {"recorded": 3, "unreadable": 1}
    assert "python3 ops.py setup" in check(document, "METADATA")["next"]


def test_headers_that_differ_in_the_sample_contradict_their_records(world):
    # GIVEN an application that changes headers in OBS, and leaves the time of the object
    stored = world.obs_bucket.objects["a/1"]
    world.stand_still()
    stored.headers.pop("cache-control")
    document = world.certify(sample=9)
    assert checked(document)["outcomes"] == {"recorded": 4}
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert check(document, "METADATA")["keys"] == ["a/1"]
    assert world.is_go()
