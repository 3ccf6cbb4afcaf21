"""Samples: certify reads sampled objects completely in both buckets, and detects differences as often as it claims."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs.certify.sample import _build_result, _ReadResults
from oss_oms_sync.passes.digests import MAX_SAMPLE_OBJECTS, SampleDraw, digest
from support.certificate import check, results
from support.world import HOUR, MINUTE, World, oss_error


@pytest.fixture
def read_keys(ready: World) -> list[str]:
    """Return a list to which each later read of an object appends the key, once for each bucket."""
    read: list[str] = []

    def note(kind: str, names: Sequence[str]) -> None:
        if kind == "get":
            read.extend(names)

    ready.source.before = ready.destination.before = note
    return read


def tamper(world: World) -> None:
    """Change the contents of an object in OBS such that its entry in the listing stays the same."""
    there = world.obs.bucket(world.destination.name).objects
    world.destination.add(StoredObject("b", b"B"))
    object.__setattr__(there["b"], "etag", hashlib.md5(b"b").hexdigest())


def test_certify_reads_no_object_without_a_requested_sample(ready, read_keys):
    document = ready.certify()
    assert document["verdict"] == "GO"
    assert document["sample"] is None
    assert read_keys == []
    findings = [check(document, name) for name in ("SAMPLE", "METADATA")]
    assert [(finding["result"], finding["gates"]) for finding in findings] == [("not run", False)] * 2
    assert document["text"].endswith("Headers were not compared.")


def test_certify_reads_no_sample_if_obs_has_back_to_source_rules(ready, read_keys):
    ready.bucket.add_back_to_source(1)
    finding = ready.find_obstacle("SAMPLE", "not run", "METADATA", sample=3)
    assert read_keys == []
    assert "back-to-source" in finding["actual"]
    assert "python3 ops.py checklist" in finding["next"]
    assert finding["step"]["job"] == "cutover"
    # Without a sample, nothing is read.
    assert ready.is_go()
    # WHEN the rules are removed, and the checklist is run again, THEN the sample is read
    ready.bucket.add_back_to_source()
    assert ready.is_go(sample=3)
    assert len(read_keys) == 6


def test_certify_reads_each_sampled_object_once_in_each_bucket(ready, read_keys):
    document = ready.certify(sample=2)
    assert document["verdict"] == "GO"
    assert check(document, "SAMPLE")["actual"].endswith(" of the 3 objects of up to 1 GiB that count as equal differ")
    sample = document["sample"]
    assert (sample["asked"], sample["population"], sample["drawn"], sample["read"]) == (2, 3, 2, 2)
    assert sorted(read_keys) == sorted(2 * sample["keys"])
    assert sample["bytes"] == sum(len(ready.source.objects[key].body) for key in sample["keys"])

    # Objects that were read are not read again.
    assert ready.certify(sample=2)["verdict"] == "GO"
    assert len(read_keys) == 4
    document = ready.certify(sample=300)
    assert document["sample"]["read"] == 3
    assert len(read_keys) == 6
    # A sample of all objects says so.
    claim = "All objects of up to 1 GiB that count as equal were read (3 objects): their contents are equal"
    assert claim in check(document, "SAMPLE")["actual"]


def test_the_seed_in_a_certificate_reproduces_the_sampled_keys(ready):
    sample = ready.certify(sample=2)["sample"]
    drawing = SampleDraw(sample["seed"])
    for key, stored in ready.source.objects.items():
        drawing.add(key, digest(key.encode(), len(stored.body)), "", len(stored.body))
    assert sample["keys"] == drawing.keys[:2]
    # Another pass has another seed.
    ready.prove()
    assert len(sample["seed"]) == 32
    assert ready.certify(sample=1)["sample"]["seed"] != sample["seed"]


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_sampled_object_that_differs_prevents_a_go_in_later_samples(ready, asked):
    tamper(ready)
    first = ready.certify(sample=3)
    finding = ready.find_obstacle("SAMPLE", sample=asked)
    assert finding["keys"] == ["b"] == first["sample"]["differing"]


@pytest.mark.parametrize("cause_fault", [lambda world: world.remove("b"), lambda world: world.write("b", "x")])
def test_a_sampled_object_changed_in_obs_since_the_comparison_is_a_no_go(ready, cause_fault):
    cause_fault(ready)
    assert results(ready.certify(sample=3)) == {"SAMPLE": "failed"}


@pytest.mark.parametrize(
    ("bucket", "code"),
    # OBS refuses each object: that is no sample without objects.
    [("source", "AccessDenied"), ("destination", "AccessDenied"), ("destination", "NotSignedUp")],
)
def test_a_sample_is_not_run_without_the_permission_to_read_objects(ready, bucket, code):
    side = getattr(ready, bucket)
    side.fail(oss_error(403, code), "get")
    finding = ready.find_obstacle("SAMPLE", "not run", "METADATA", sample=3)
    # Headers wait for objects that are not read to their ends.
    assert code in finding["actual"]
    assert not finding["waits"]
    assert ready.source.calls["head"] == 0
    # With it, the same command reads them.
    side.heal()
    assert ready.is_go(sample=3)


def test_the_next_certify_call_reads_the_rest_of_a_sample(ready):
    ready.source.before = ready.destination.before = lambda kind, _: ready.advance(90) if kind == "get" else None
    first = ready.certify(sample=3)
    finding = check(first, "SAMPLE")
    assert results(first) == {"SAMPLE": "not run", "METADATA": "not run"}
    assert first["sample"]["read"] == 2
    assert finding["waits"]
    assert "the next run continues" in finding["actual"]
    assert ready.is_go(sample=3)


def test_a_sample_detects_1_percent_of_bad_objects_as_often_as_claimed():
    # A hundred objects: the probability that none of twenty in two thousand is among them is the product of
    # (1980 - i) / (2000 - i), which is 0.357. With 300 it is 0.037: a bound of 3/n = 1 % at 95 %.
    keys = [f"photos/{number:04}.jpg" for number in range(2000)]
    bad = set(keys[5::100])
    missed: Counter[int] = Counter()
    digests = [(key, digest(key.encode(), 1)) for key in keys]
    for number in range(200):
        drawing = SampleDraw(hashlib.md5(str(number).encode()).hexdigest())
        for key, of in digests:
            drawing.add(key, of, "photos/", 1)
        drawn = drawing.keys
        missed.update(most for most in (100, 300) if not bad.intersection(drawn[:most]))
    # Within four standard deviations of the binomial distribution.
    for most, odds in ((100, 0.357), (300, 0.037)):
        assert abs(missed[most] - 200 * odds) < 4 * (200 * odds * (1 - odds)) ** 0.5
    assert missed[300] <= 200 * 0.05


def test_a_sample_names_and_replaces_an_unreadable_object(ready):
    # GIVEN an archived object, which is the first drawn object
    first = ready.certify(sample=1)["sample"]["keys"][0]
    ready.prove()
    ready.source.fail(oss_error(403, "InvalidObjectState"), "get", lambda name: name == first)
    # WHEN all objects are requested, THEN the others are read, and the unread object is named
    document = ready.certify(sample=3)
    sample, finding = document["sample"], check(document, "SAMPLE")
    assert sample["read"] == 2
    assert sample["unread"] == []
    assert sample["unreadable"] == [first]
    assert finding["actual"].endswith("1 sampled object could not be read, or changed while being read")
    assert first not in sample["keys"]
    # AND the claim covers only readable objects, and is not proven until no more objects are requested
    assert "fewer than 100.0% of the readable part of the 3 objects" in finding["actual"]
    assert finding["result"] == "not proven"
    assert document["verdict"] == "NOT PROVEN"
    assert finding["step"]["options"] == {"frozen_since": ready.frozen, "sample": 2}
    assert ready.is_go(sample=2)
    # AND another call does not read the object again
    calls = ready.source.calls["get"]
    assert ready.certify(sample=3)["sample"]["read"] == 2
    assert ready.source.calls["get"] == calls


def test_a_rehearsal_skips_sampled_objects_that_changed_since_comparing(world):
    # GIVEN a comparison of a bucket in use; later an object is deleted, and another is written
    world.put("c", "c")
    world.advance(HOUR)
    world.open_and_compare()
    world.advance(MINUTE)
    world.delete("b")
    world.put("c", "cc", fate="accepted")
    document = world.rehearse(sample=3)
    # THEN these objects are no differences, and are not replaced until another comparison
    finding, sample = check(document, "SAMPLE"), document["sample"]
    assert finding["result"] == "not proven"
    assert finding["next"].startswith("Restore the archived objects")
    assert (sorted(sample["keys"]), sorted(sample["unreadable"])) == (["a/1", "a/2"], ["b", "c"])
    assert check(world.rehearse(sample=2), "SAMPLE")["result"] == "passed"
    # AND a change only in OBS is a difference
    world.remove("a/1")
    world.advance(MINUTE)
    world.open_and_compare()
    world.write("a/2", "x")
    assert check(world.rehearse(sample=3), "SAMPLE")["result"] == "failed"


def test_a_newly_equal_object_replaces_an_unreadable_object_in_a_sample():
    # GIVEN the largest sample, with an unreadable last object
    drawn = SampleDraw("ab" * 16)
    for number in range(MAX_SAMPLE_OBJECTS):
        drawn.add(f"k{number}", digest(b"%d" % number, 1), "", 1)
    last = drawn.keys[-1]
    read = _ReadResults({key: key != last or None for key in drawn.keys}, dict.fromkeys(drawn.keys, 1))
    assert _build_result(MAX_SAMPLE_OBJECTS, drawn, read, "").unreadable == [last]
    # WHEN a newly equal object is drawn before it, THEN the sample no longer has the unreadable object
    more = SampleDraw(drawn.seed, 1, [(0, "now")])
    assert (
        _build_result(
            MAX_SAMPLE_OBJECTS, drawn.plus(more), read.merge(_ReadResults({"now": True}, {"now": 1})), ""
        ).unreadable
        == []
    )


@pytest.mark.parametrize(
    ("side", "policy_line"),
    [
        ("source", "oss:GetObject on acs:oss:*:*:photos/*"),
        ("destination", "obs:object:GetObject on obs:*:*:object:photos-obs/*"),
    ],
)
def test_a_rehearsal_without_a_sample_names_its_missing_permission(ready, side, policy_line):
    # GIVEN a rehearsal that would be GO
    assert "the verdict would be GO." in ready.rehearse()["text"]
    # WHEN objects cannot be read on a side, THEN it names the permission, its line of the policy, and the next step
    getattr(ready, side).fail(oss_error(403, "AccessDenied"), "head")
    text = ready.rehearse()["text"]
    assert "a cutover with --sample or --deep ends in NOT PROVEN. Missing permissions: " + policy_line in text
    assert "then run python3 ops.py setup, which grants the missing permissions" in text


@pytest.mark.parametrize(
    ("archived", "following"),
    [
        (
            ["b"],
            "Restore the archived objects in both buckets, then compare again. Alternatively, continue the"
            " cutover with a smaller sample",
        ),
        (["a/1", "a/2", "b"], "Continue the cutover without a sample"),
    ],
)
def test_a_sample_with_objects_archived_in_obs_names_the_next_step(ready, archived, following):
    # GIVEN objects whose archived storage class OMS kept
    objects = ready.obs.bucket(ready.destination_bucket).objects
    for key in archived:
        objects[key] = replace(objects[key], storage_class="COLD")
    # WHEN these objects are sampled, THEN the certificate names the next step
    document = ready.certify(sample=3)
    assert document["verdict"] == "NOT PROVEN"
    assert check(document, "SAMPLE")["next"] == following
    assert sorted(document["sample"]["unreadable"]) == archived
