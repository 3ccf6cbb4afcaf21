"""Reading a listing one page ahead: when pages are asked for, what is an error, and what becomes of those left."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.connection import Session
from oss_oms_sync.clouds.oss import Bucket, Credentials, OssClient
from oss_oms_sync.clouds.oss_listing import UnreadPage
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.errors import StorageError
from support.fake_clouds import DRIP, HANG, OSS, World
from support.listing import answer


@pytest.fixture
def world() -> World:
    return World()


def asked(world: World) -> list[str]:
    """After which names pages were asked for."""
    return [parse_qs(urlsplit(url).query, keep_blank_values=True)["start-after"][0] for url in world.oss.urls]


def names(world: World, after: str = "") -> list[list[str]]:
    with world.invocation(30).log_bucket.pages("", after) as pages:
        return [[one.name for one in page.objects] for page in pages]


def test_pages_come_in_order_and_each_is_asked_for_once(world):
    world.oss.schedule = [answer("b", "c", token="t"), answer("d/é", token="t"), answer("e")]
    assert names(world, "a") == [["b", "c"], ["d/é"], ["e"]]
    assert asked(world) == ["a", "c", "d/é"]


def test_nothing_is_one_page(world):
    world.oss.schedule = [answer()]
    assert names(world) == [[]]


def test_the_next_page_is_asked_for_before_this_one_is_parsed_and_no_other_is(world, mocker):
    world.oss.schedule = [answer("a", token="t"), answer("b", token="t"), answer("c", token="t"), answer("d")]
    read, when_read = UnreadPage.read, []
    mocker.patch.object(UnreadPage, "read", lambda page: (when_read.append(asked(world)), read(page))[1])
    with world.invocation(30).log_bucket.pages("") as pages:
        assert asked(world) == [""]
        next(pages)
        assert when_read == [["", "a"]]
        next(pages)
        assert when_read[1:] == [["", "a", "b"]]


def test_waiting_for_pages_and_working_on_them_go_side_by_side(world):
    world.oss.round_trip = 2.0
    world.oss.schedule = [answer("a", token="t"), answer("b", token="t"), answer("c")]
    with world.invocation(30).log_bucket.pages("") as pages:
        for _ in pages:
            world.clock.sleep(2.0)
    assert world.clock.seconds == 2.0 + 3 * 2.0


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
def test_keys_that_do_not_rise_are_an_error_and_never_an_end(world, pages):
    world.oss.schedule = pages * 2
    with pytest.raises(StorageError, match="is not in order"):
        names(world, "0")


def test_an_error_of_the_page_ahead_is_raised_when_the_caller_comes_to_it(world):
    world.oss.schedule = [answer("a", token="t"), 403]
    with world.invocation(30).log_bucket.pages("") as pages:
        assert next(pages).objects[0].name == "a"
        assert len(world.oss.urls) == 2
        with pytest.raises(StorageError, match="lacks oss:ListObjects"):
            next(pages)


@pytest.mark.parametrize("fault", [503, HANG, (200, {}, "Please log in"), (200, OSS, "no listing"), (200, OSS, "")])
def test_a_passing_fault_of_any_page_is_retried(world, fault):
    world.oss.schedule = [fault, answer("a", token="t"), fault, answer("b")]
    if not isinstance(fault, tuple):
        assert names(world) == [["a"], ["b"]]
        return
    # A body that is none is seen when it is parsed.
    assert names(world) == [["a"], ["b"]]
    assert world.oss.schedule == []


def test_a_listing_that_lasts_in_being_none_is_an_error(world):
    world.oss.schedule = [answer("a", token="t"), *[(200, OSS, answer("b", token="t")[2][:-1])] * 20]
    with pytest.raises(StorageError), world.invocation(30).log_bucket.pages("") as pages:
        list(pages)
    assert world.oss.schedule


def test_a_page_that_is_empty_and_truncated_is_gone_on_with_by_its_token(world):
    world.oss.schedule = [
        answer("a", token="t"),
        answer(token="u"),
        answer(token="u"),
        answer("b", token="v"),
        answer("c"),
    ]
    assert names(world) == [["a"], ["b"], ["c"]]


def test_where_keys_are_not_encoded_the_next_page_is_asked_for_once_this_one_is_parsed(world):
    status, headers, body = answer("a", token="t")
    world.oss.schedule = [(status, headers, body.replace("<EncodingType>url</EncodingType>", "")), answer("b")]
    assert names(world) == [["a"], ["b"]]
    assert asked(world) == ["", "a"]


@pytest.mark.parametrize("fault", [HANG, DRIP])
def test_reading_ends_by_the_deadline(world, fault):
    world.oss.schedule = [answer("a", token="t"), *[fault] * 100]
    with pytest.raises(StorageError), world.invocation(7).log_bucket.pages("") as pages:
        list(pages)
    assert world.clock.seconds <= 7


class HangingOss(requests.adapters.BaseAdapter):
    """Answers one page, and then nothing until the session's connections are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.oss.schedule = [answer("a", token="t")]
        self.hangs, self.closed = threading.Event(), threading.Event()
        self.calls = 0

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        self.calls += 1
        if self.world.oss.schedule:
            return self.world.oss.send(request, **options)
        self.hangs.set()
        assert self.closed.wait(60)
        raise requests.ConnectionError("closed")

    def close(self) -> None:
        pass


def test_a_page_on_its_way_that_nobody_waits_for_ends_with_its_connection_and_is_not_tried_again(world, mocker):
    clock, pool, oss = Clock(), CallPool(1), HangingOss()
    session = Session("https://oss.example", clock)
    session.mount("https://", oss)
    mocker.patch.object(session, "abort", oss.closed.set)
    client = OssClient(world.settings, session, pool, clock)
    bucket = Bucket(client, "log", "LOG_BUCKET", Credentials("ID", "secret", "token"), Deadline(60, clock))
    # GIVEN a listing whose second page does not come
    for one in bucket.iter_objects(""):
        assert one.name == "a"
        assert oss.hangs.wait(60)
        break  # WHEN its reader has enough
    # THEN its call ends, and its thread is there for others
    assert oss.closed.wait(60)
    assert pool.run([lambda: "free"], 60) == ["free"]
    assert oss.calls == 2
