"""One OSS bucket: what is retried, how long, and what the caller hears."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import Credentials
from oss_oms_sync.errors import StorageError
from support.fake_clouds import DRIP, DROP_AFTER, DROP_BEFORE, HANG, OSS, REDIRECTS, TASK, World

CODE = str(Path(__file__).parents[3] / "template" / "code")
PREFIX = f"oms_source_record/{TASK}/"


@pytest.fixture
def world() -> World:
    return World()


def write(world: World, *objects: StoredObject, seconds: float = 30) -> list[str]:
    """Why each was not written; empty where it was."""
    problems = world.invocation(seconds).log_bucket.try_put_all(objects)
    return [problem.message if problem else "" for problem in problems]


def test_records_are_written_with_v4_signatures_of_the_region(world):
    assert write(world, StoredObject(f"{PREFIX}success_object/a b", b"ABC")) == [""]
    headers = world.oss.headers[f"{PREFIX}success_object/a b"]
    assert headers["Authorization"].startswith("OSS4-HMAC-SHA256 Credential=FAKEID/")
    assert "/cn-hangzhou/oss/aliyun_v4_request" in headers["Authorization"]
    assert headers["x-oss-security-token"] == "faketoken"


@pytest.mark.parametrize("fault", [500, 502, 503, 504, 429, DROP_BEFORE, DROP_AFTER, HANG])
def test_a_passing_fault_is_retried(world, fault):
    world.oss.schedule = [fault]
    assert write(world, StoredObject("a", b"x")) == [""]
    assert world.oss.objects == {"a": b"x"}


def test_a_lost_connection_is_retried_at_once_on_a_new_one(world):
    world.oss.schedule = [DROP_BEFORE]
    write(world, StoredObject("a", b"x"))
    assert world.clock.seconds == pytest.approx(2 * world.oss.round_trip)
    assert world.oss.closed == 1


def test_a_connection_that_was_idle_too_long_is_not_used_again(world):
    write(world, StoredObject("a", b"x"))
    world.clock.sleep(31)
    write(world, StoredObject("a", b"x"))
    assert world.oss.closed == 1


@pytest.mark.parametrize(
    ("status", "fix"), [(403, "oss:PutObject"), (404, "LOG_BUCKET names a bucket that does not exist")]
)
def test_a_permanent_refusal_is_not_retried_and_says_what_to_do(world, status, fix):
    world.oss.schedule = [status] * 9
    (problem,) = write(world, StoredObject("a", b"x"))
    assert fix in problem
    assert world.oss.puts == 0
    assert len(world.oss.schedule) == 8


def test_a_bucket_of_another_region_is_told_from_a_missing_right(world):
    said = "The bucket you are attempting to access must be addressed using the specified endpoint."
    world.oss.schedule = [(403, {}, f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>")]
    (problem,) = write(world, StoredObject("a", b"x"))
    assert problem.startswith("OSS_ENDPOINT may name another region than that of LOG_BUCKET")


@pytest.mark.parametrize("fault", [HANG, DRIP, 503, DROP_BEFORE])
def test_writing_ends_by_the_deadline_and_every_unwritten_record_has_a_problem(world, fault):
    world.oss.schedule = [fault] * 1000
    records = [StoredObject(f"k{number}", b"x") for number in range(10)]
    problems = write(world, *records, seconds=7)
    assert len(problems) == 10
    assert all(problems)
    assert world.clock.seconds <= 7


def test_no_write_is_begun_after_the_deadline(world):
    assert write(world, StoredObject("a", b"x"), seconds=0) == ["the invocation's time was up"]
    assert world.oss.timeouts == []


def test_every_write_gets_the_smaller_of_five_seconds_and_what_is_left(world):
    write(world, StoredObject("a", b"x"), seconds=30)
    write(world, StoredObject("a", b"x"), seconds=2)
    assert world.oss.timeouts == [(5.0, 5.0), (2.0, 2.0)]


def test_an_error_that_oss2_lets_pass_is_a_storage_failure_not_an_exception(world, mocker):
    mocker.patch("oss2.Bucket.put_object", side_effect=requests.exceptions.ChunkedEncodingError("cut\nshort"))
    assert write(world, StoredObject("a", b"x")) == ["cut short"]


def test_an_answer_that_is_cut_off_is_tried_again_and_never_taken_for_the_whole(world):
    cut = (200, {**OSS, "Content-Length": "100"}, '{"at": "2026')
    world.oss.schedule = [cut, (200, {**OSS, "Content-Length": "2"}, "{}")]
    assert world.invocation(30).log_bucket.get("a") == b"{}"
    world.oss.schedule = [cut] * 9
    with pytest.raises(StorageError, match="the answer was cut off"):
        world.invocation(30).log_bucket.get("a")


NO_LISTINGS = [
    "<ListBucketResult><Contents>",
    "Please log in",
    "",
    "<html><body>Please log in</body></html>",
    "<ListBucketResult><IsTruncated>perhaps</IsTruncated></ListBucketResult>",
    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>",
    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><ETag>x</ETag><Type>Normal</Type>"
    "<LastModified>yesterday</LastModified><Size>many</Size></Contents></ListBucketResult>",
]


@pytest.mark.parametrize("headers", [{}, OSS], ids=["", "with a request id"])
@pytest.mark.parametrize("body", NO_LISTINGS)
def test_a_listing_that_is_none_is_tried_again_and_then_an_error(world, body, headers):
    world.oss.schedule = [(200, headers, body)] * 10
    with pytest.raises(StorageError):
        world.invocation(30).log_bucket.list_page("", "")
    assert len(world.oss.schedule) == 5


@pytest.mark.parametrize("body", ["<html><body>Please log in</body></html>", "<DeleteResult/>", "", "nothing"])
@pytest.mark.parametrize("headers", [{}, OSS], ids=["", "with a request id"])
@pytest.mark.parametrize("status", [200, 302, 403])
def test_a_delete_that_something_else_than_oss_answers_was_not_answered(world, body, headers, status):
    world.oss.schedule = [(status, headers, body)]
    problem = world.invocation(30).log_bucket.try_delete_all(["a"])["a"]
    # Where OSS itself refuses, nothing will be deleted any more.
    assert problem.answered == (status != 200 and headers == OSS)


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_no_redirect_is_followed_and_the_storage_failure_names_it(world, redirect):
    world.oss.schedule = [redirect]
    (problem,) = write(world, StoredObject("a", b"x"))
    assert "OSS_ENDPOINT answers with a redirect" in problem
    assert world.oss.objects == {}
    world.oss.schedule = [redirect] * 5
    with pytest.raises(StorageError, match="OSS_ENDPOINT answers with a redirect"):
        world.invocation(30).log_bucket.list_page("", "")


ETAG = '"9DD4E461268C8034F5C8564E155C67A6"'  # the MD5 of b"x"
ENCRYPTED = {**OSS, "x-oss-server-side-encryption": "KMS", "ETag": '"ABCD"'}


@pytest.mark.parametrize(
    ("headers", "written"),
    [
        ({**OSS, "ETag": ETAG}, True),
        ({**OSS, "ETag": '"ABCD"'}, False),
        (OSS, False),
        ({"ETag": ETAG}, False),
        ({}, False),
        (ENCRYPTED, True),
        ({name: value for name, value in ENCRYPTED.items() if name != "ETag"}, False),
    ],
)
def test_a_record_is_written_only_where_the_answer_says_the_md5_of_its_body(world, headers, written):
    world.oss.schedule = [(200, headers, "")] * 5
    (problem,) = write(world, StoredObject("a", b"x"))
    assert problem == "" if written else problem.startswith("something else than OSS answered 200")


def test_no_more_is_read_of_an_answer_than_is_needed(world):
    for status in (200, 403):
        world.oss.schedule = [(status, OSS, "x" * 10_000_000)] * 5
        assert all(write(world, StoredObject("a", b"x")))
    assert max(body.tell() for body in world.oss.bodies) <= 64 * 1024 + 1
    # Of a listing, and of an object of ours, no more than any takes.
    world.oss.schedule = [(200, OSS, "x" * 20_000_000)] * 5
    with pytest.raises(StorageError, match="longer than 16777216 bytes"):
        world.invocation(30).log_bucket.list_page("", "")
    world.oss.schedule = [(200, OSS, "x" * 12_000_000)]
    assert len(world.invocation(30).log_bucket.get("a")) == 12_000_000


def listing(*keys: str, more: str = "") -> tuple[int, dict[str, str], str]:
    """A page of a listing; `more` is the token to go on with."""
    contents = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag>"
        "<Type>Normal</Type><Size>1</Size><StorageClass>Standard</StorageClass></Contents>"
        for key in keys
    )
    goes_on = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    truncated = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
    return 200, OSS, f"<ListBucketResult>{truncated}{goes_on}{contents}</ListBucketResult>"


def test_a_page_that_is_empty_and_truncated_is_followed_by_its_token(world):
    world.oss.schedule = [listing(more="t1"), listing(more="t2"), listing("a", "b", more="t3")]
    page = world.invocation(30).log_bucket.list_page("", "")
    assert [one.name for one in page.objects] == ["a", "b"]
    assert page.more
    assert ["continuation-token=t" in url for url in world.oss.urls] == [False, True, True]


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ([listing(more="t"), listing(more="t")], "does not go on"),
        ([listing("b", "a")], "not in order"),
        ([listing("b", "b")], "not in order"),
        ([listing("a", more="t")], "not in order"),
    ],
)
def test_a_listing_that_makes_no_progress_is_an_error(world, pages, problem):
    world.oss.schedule = list(pages)
    with pytest.raises(StorageError, match=problem):
        world.invocation(30).log_bucket.list_page("", "a" if "a" in pages[0][2] else "")


@pytest.mark.parametrize(("held_back", "pause"), [("1500", 1.5), ("999999", 5), ("soon", 0)])
def test_a_listing_that_oss_held_back_is_gone_on_with_as_much_later(world, held_back, pause):
    status, headers, body = listing("a", "b")
    world.oss.schedule = [(status, {**headers, "x-oss-qos-delay-time": held_back}, body)]
    world.invocation(30).log_bucket.list_page("", "")
    assert world.clock.seconds == pytest.approx(world.oss.round_trip + pause)


def test_credentials_do_not_show_their_secrets():
    assert repr(Credentials("ID", "secret", "token")) == "Credentials(access_key_id='ID')"


@pytest.mark.parametrize(
    "body",
    [
        "<Error><Code>AccessDenied</Code><Message/></Error>",
        "<Error><Code/></Error>",
        '<?xml version="1.0" encoding="klingon"?><Error><Code>A</Code></Error>',
    ],
)
def test_an_error_of_oss_in_an_odd_form_is_a_storage_failure(body):
    world = World()
    world.oss.schedule = [(403, OSS, body)] * 5
    (problem,) = world.invocation(30).log_bucket.try_put_all([StoredObject("a", b"x")])
    assert problem


def test_what_oss_says_shows_no_secret():
    world = World()
    said = "<Error><Code>X</Code><Message>x-oss-security-token: faketoken, fakesecret</Message></Error>"
    world.oss.schedule = [(403, OSS, said)]
    (problem,) = world.invocation(30).log_bucket.try_put_all([StoredObject("a", b"x")])
    assert "faketoken" not in problem.message
    assert "fakesecret" not in problem.message
