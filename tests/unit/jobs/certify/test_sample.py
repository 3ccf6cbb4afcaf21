"""A sample reads whole objects on both sides, no more than it says, and finds what differs with the odds it claims."""

from __future__ import annotations

import hashlib
from unittest.mock import patch

import pytest

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.comparison.drawing import Drawing, Drawn
from oss_oms_sync.passes.digests import digest
from support.certify_world import CertifyWorld, check, results
from support.fake_bucket import BucketView

NO_RIGHT = StorageFailure("no right", answered=True, code="AccessDenied")


def sampled(world: CertifyWorld, asked: int, **more: object) -> dict:
    return world.certify(sample=asked, **more)


@pytest.fixture
def ready(world: CertifyWorld) -> CertifyWorld:
    world.freeze()
    world.prove()
    return world


@pytest.fixture
def reads():
    """The objects that are read, with the bytes."""
    read: list[tuple[str, int]] = []
    real = BucketView.iter_contents

    def noted(self, one):
        for part in real(self, one):
            read.append((one.name, len(part)))
            yield part

    with patch.object(BucketView, "iter_contents", noted):
        yield read


def test_without_a_sample_asked_for_nothing_is_read_and_that_is_said(ready, reads):
    document = ready.certify()
    assert document["verdict"] == "GO"
    assert document["sample"] is None
    assert (check(document, "SAMPLE")["result"], check(document, "SAMPLE")["gates"]) == ("not run", False)
    assert not reads


def test_whole_objects_are_read_on_both_sides_and_no_more_than_it_says(ready, reads):
    document = sampled(ready, 2)
    assert document["verdict"] == "GO"
    sample = document["sample"]
    assert (sample["asked"], sample["population"], sample["drawn"], sample["read"]) == (2, 3, 2, 2)
    assert sorted(name for name, _ in reads) == sorted(2 * sample["keys"])
    assert sum(size for _, size in reads) == 2 * sample["bytes"]


def test_the_keys_are_those_that_the_seed_draws_from_what_counts_as_equal(ready):
    sample = sampled(ready, 2)["sample"]
    drawing = Drawing(sample["seed"], Drawn())
    for key in ready.keys:
        drawing.add(key, digest(key.encode(), len(ready.source.objects[key].body)))
    assert sample["keys"] == drawing.drawn().keys[:2]


def test_another_pass_has_another_seed(ready):
    first = sampled(ready, 1)["sample"]["seed"]
    ready.prove()
    assert len(first) == 32
    assert sampled(ready, 1)["sample"]["seed"] != first


def test_what_was_read_is_not_read_again(ready, reads):
    sampled(ready, 2)
    before = len(reads)
    assert sampled(ready, 2)["verdict"] == "GO"
    assert len(reads) == before
    assert sampled(ready, 3)["sample"]["read"] == 3
    assert len(reads) == before + 2


def test_a_sample_of_all_says_that_it_was_all(ready):
    document = sampled(ready, 300)
    assert (document["sample"]["drawn"], document["sample"]["read"]) == (3, 3)
    assert (
        "All that count as equal were read (3 objects of up to 1 GiB): none differs"
        in check(document, "SAMPLE")["seen"]
    )


def test_an_object_that_differs_is_a_no_go(ready):
    # Contents that no listing tells apart.
    ready.there.objects["b"] = StoredObject("b", b"B", ready.there.objects["b"].headers)
    document = sampled(ready, 3)
    assert (document["verdict"], results(document)) == ("NO-GO", {"SAMPLE": "failed"})
    assert check(document, "SAMPLE")["keys"] == ["b"] == document["sample"]["differing"]
    # Another comparison does not hide it.
    ready.prove()
    assert results(sampled(ready, 3)) == {"SAMPLE": "failed"}
    ready.there.objects["b"] = StoredObject("b", b"b", ready.there.objects["b"].headers)
    ready.prove()
    assert sampled(ready, 3)["verdict"] == "GO"


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_difference_that_was_read_once_is_not_gone_where_fewer_objects_or_none_are_asked_for(ready, asked):
    ready.there.objects["b"] = StoredObject("b", b"B", ready.there.objects["b"].headers)
    sampled(ready, 3)
    document = sampled(ready, asked)
    assert (document["verdict"], results(document)) == ("NO-GO", {"SAMPLE": "failed"})
    assert check(document, "SAMPLE")["keys"] == ["b"] == document["sample"]["differing"]


@pytest.mark.parametrize("harm", [lambda world: world.remove("b"), lambda world: world.write("b", "x")])
def test_an_object_that_has_changed_in_obs_since_is_a_no_go(ready, harm):
    harm(ready)
    assert results(sampled(ready, 3)) == {"SAMPLE": "failed"}


@pytest.mark.parametrize("bucket", ["source", "there"])
def test_without_the_right_to_read_nothing_is_proven(ready, bucket):
    def refused(self, one):
        raise NO_RIGHT.to_error()
        yield

    memory = getattr(ready, bucket)
    real = BucketView.iter_contents

    def reading(self, one):
        yield from (refused(self, one) if self._memory is memory else real(self, one))

    with patch.object(BucketView, "iter_contents", reading):
        document = sampled(ready, 3)
    assert (document["verdict"], results(document)) == ("NOT PROVEN", {"SAMPLE": "not run"})
    assert "no right" in check(document, "SAMPLE")["seen"]
    assert check(document, "SAMPLE")["command"].startswith("s certify invoke -e ")
    # With it, the same command reads them.
    assert sampled(ready, 3)["verdict"] == "GO"


def test_what_there_is_no_time_for_is_read_by_the_next_call(ready):
    real = BucketView.iter_contents

    def slow(self, one):
        ready.clock.sleep(90)
        yield from real(self, one)

    with patch.object(BucketView, "iter_contents", slow):
        first = sampled(ready, 3)
        assert results(first) == {"SAMPLE": "not run"}
        assert first["sample"]["read"] == 2
        assert "the next call goes on" in check(first, "SAMPLE")["seen"]
        assert sampled(ready, 3)["verdict"] == "GO"


def test_where_nothing_can_be_sampled_though_it_was_asked_for_nothing_is_proven(world):
    for key in world.keys:
        world.put(key, "12", "form", fate="lost")
    world.freeze()
    world.prove()
    document = sampled(world, 3)
    assert document["sample"]["drawn"] == 0
    assert check(document, "SAMPLE")["result"] == "not run"
    assert document["verdict"] != "GO"


def test_without_a_comparison_nothing_is_sampled(world):
    world.freeze()
    document = sampled(world, 3)
    assert check(document, "SAMPLE")["result"] == "not run"
    assert document["verdict"] == "NOT PROVEN"


def test_twenty_differing_objects_of_two_thousand_are_found_as_often_as_is_claimed():
    # A hundred objects: the probability that none of twenty in two thousand is among them is the product of
    # (1980 - i) / (2000 - i), which is 0.357. With 300 it is 0.037: a bound of 3/n = 1 % at 95 %.
    keys = [f"photos/{number:04}.jpg" for number in range(2000)]
    bad = set(keys[5::100])
    missed = {100: 0, 300: 0}
    digests = [(key, digest(key.encode(), 1)) for key in keys]
    for number in range(200):
        drawing = Drawing(hashlib.md5(str(number).encode()).hexdigest(), Drawn())
        for key, of in digests:
            drawing.add(key, of)
        drawn = drawing.drawn().keys
        for number in missed:
            missed[number] += not bad.intersection(drawn[:number])
    # Within four standard deviations of the binomial distribution.
    assert abs(missed[100] - 200 * 0.357) < 4 * (200 * 0.357 * 0.643) ** 0.5
    assert abs(missed[300] - 200 * 0.037) < 4 * (200 * 0.037 * 0.963) ** 0.5
    assert missed[300] <= 200 * 0.05
