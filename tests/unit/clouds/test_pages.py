"""Listings that the code requests one page ahead: the order of requests, errors, and callers that stop early."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.listings import UnreadPage
from oss_oms_sync.clouds.objects import etag_of, etags_of
from oss_oms_sync.errors import StorageError
from sandbox.server.faults import Fault
from support.listing import answer
from support.world import HANG, OSS_HEADERS, World, oss_error


def requested_markers(world: World) -> list[str]:
    """Return the keys after which the requested pages begin."""
    return [request.params["start-after"] for request in world.oss.requests]


def list_names(world: World, after_name: str = "") -> list[list[str]]:
    with world.invocation(30).log_bucket.pages("", after_name) as pages:
        return [[listed_object.name for listed_object in page.objects] for page in pages]


def test_a_listing_returns_its_pages_in_order_and_requests_each_once(world):
    world.oss.faults.then(answer("b", "c", token="t"), answer("d/é", token="t"), answer("e"), answer())
    assert list_names(world, "a") == [["b", "c"], ["d/é"], ["e"]]
    assert list_names(world, "e") == [[]]
    assert requested_markers(world) == ["a", "c", "d/é", "e"]


def test_a_listing_requests_the_next_page_before_it_parses_a_page(world, mocker):
    world.oss.faults.then(answer("a", token="t"), answer("b", token="t"), answer("c", token="t"), answer("d"))
    read, when_read = UnreadPage.read, []

    def read_slowly(page):
        world.advance(1)
        when_read.append(requested_markers(world))
        return read(page)

    mocker.patch.object(UnreadPage, "read", read_slowly)
    with world.invocation(30).log_bucket.pages("") as pages:
        world.advance(1)
        assert requested_markers(world) == [""]
        for before in (["", "a"], ["", "a", "b"]):
            next(pages)
            assert when_read.pop() == before
            assert when_read == []


@pytest.mark.parametrize(
    "pages",
    [
        [answer("b", "a")],
        [answer("a", "a")],
        [answer("0", token="t")],
        [answer("a", "b", token="t"), answer("b", "c")],
        [answer("a", "b", token="t"), answer("a", "b", token="t"), answer("c")],
        [answer("a", "b", token="t"), answer(token="t"), answer("b")],
    ],
)
def test_a_listing_raises_an_error_for_keys_out_of_order(world, pages):
    world.oss.faults.then(*pages * 2)
    with pytest.raises(StorageError, match="is not sorted"):
        list_names(world, "0")


def test_a_listing_raises_the_error_of_a_page_when_that_page_is_read(world):
    world.oss.faults.then(answer("a", token="t"), oss_error(403))
    with world.invocation(30).log_bucket.pages("") as pages:
        assert next(pages).objects[0].name == "a"
        world.advance(1)
        assert requested_markers(world) == ["", "a"]
        with pytest.raises(StorageError, match="lacks oss:ListObjects"):
            next(pages)


@pytest.mark.parametrize(
    "fault",
    [
        oss_error(503),
        HANG,
        Fault.status(200, b"Please log in"),
        Fault.status(200, b"no listing", OSS_HEADERS),
        Fault.status(200, headers=OSS_HEADERS),
    ],
)
def test_a_listing_retries_each_page_after_a_temporary_fault(world, fault):
    world.oss.faults.then(fault, answer("a", token="t"), fault, answer("b"))
    assert list_names(world) == [["a"], ["b"]]
    assert len(world.oss.requests) == 4


def test_a_listing_continues_after_an_empty_truncated_page(world):
    world.oss.faults.then(
        answer("a", token="t"), answer(token="u"), answer(token="u"), answer("b", token="v"), answer("c")
    )
    assert list_names(world) == [["a"], ["b"], ["c"]]


def test_a_listing_without_encoding_requests_the_next_page_after_parsing(world):
    plain = answer("a", token="t").body.replace(b"<EncodingType>url</EncodingType>", b"")
    world.oss.faults.then(Fault.status(200, plain, OSS_HEADERS), answer("b"))
    assert list_names(world) == [["a"], ["b"]]
    assert requested_markers(world) == ["", "a"]


def test_a_listing_does_not_retry_a_pending_page_that_nobody_reads(world):
    # GIVEN a listing whose second page does not arrive
    world.oss.faults.then(answer("a", token="t"), HANG)
    for listed_object in world.invocation(30).log_bucket.iter_objects(""):
        assert listed_object.name == "a"
        world.advance(1)
        assert requested_markers(world) == ["", "a"]
        break  # WHEN the reader of the listing stops
    # THEN the call for the second page ends at once
    world.advance(0)
    assert not world.oss._open_connections
    world.advance(60)
    assert requested_markers(world) == ["", "a"]


@pytest.mark.parametrize("bodies", [[], [""], ["A" * 32, "é", "", "A\nB"]], ids=["none", "empty", "some"])
def test_etags_of_returns_the_etag_of_each_body(bodies):
    assert etags_of(bodies) == [etag_of(body) for body in bodies]
