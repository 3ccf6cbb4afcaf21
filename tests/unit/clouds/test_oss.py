"""Requests to a bucket of OSS: the retries and their limits, and the errors that callers receive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import Credentials
from oss_oms_sync.errors import StorageError
from sandbox.inprocess.network import Adapter, Body
from sandbox.server.faults import Fault
from support.listing import answer
from support.world import DRIP, DROP_AFTER, DROP_BEFORE, HANG, OSS_HEADERS, PAGE, REDIRECTS, World, oss_error

A = StoredObject("a", b"x")


def write(world: World, *objects: StoredObject, seconds: float = 30) -> list[str]:
    """Write objects; return the reason of each failed write, and "" for each written object."""
    problems = world.invocation(seconds).log_bucket.try_put_all(objects)
    return [str(problem) if problem else "" for problem in problems]


def test_an_oss_client_writes_with_v4_signatures_of_the_region(world):
    assert write(world, StoredObject("success_object/a b", b"ABC")) == [""]
    assert world.bucket.objects["success_object/a b"].body == b"ABC"
    headers, (identifier, _, token) = world.oss.requests[-1].headers, world.function_credentials
    scope = f"{identifier}/20260102/cn-hangzhou/oss/aliyun_v4_request"
    assert headers["authorization"].startswith(f"OSS4-HMAC-SHA256 Credential={scope},")
    assert headers["x-oss-security-token"] == token


@pytest.mark.parametrize("fault", [*map(oss_error, (500, 502, 503, 504, 429)), DROP_BEFORE, DROP_AFTER, HANG])
def test_an_oss_client_retries_a_request_after_a_temporary_fault(world, fault):
    world.oss.faults.then(fault)
    assert write(world, A) == [""]
    assert world.bucket.objects["a"].body == b"x"
    assert world.bucket.calls == {"put": 2}


def test_an_oss_client_retries_a_request_on_a_lost_connection_at_once(world):
    world.oss.faults.then(DROP_BEFORE)
    write(world, A)
    assert world.clock.seconds == pytest.approx(1.5 * world.oss.round_trip)
    assert world.oss.connections == 2


def test_an_oss_client_does_not_reuse_a_connection_that_was_idle_too_long(world):
    for pause, connections in ((0, 1), (29, 1), (31, 2)):
        world.clock.sleep(pause)
        write(world, A)
        assert world.oss.connections == connections


@pytest.mark.parametrize(
    ("status", "refuse", "fix"),
    [
        (403, lambda world: world.oss.deny("oss:PutObject", world.log_bucket), "oss:PutObject"),
        (
            404,
            lambda world: world.oss.remove_bucket(world.log_bucket),
            "LOG_BUCKET names a bucket that does not exist",
        ),
    ],
)
def test_an_oss_client_does_not_retry_a_refused_request(world, status, refuse, fix):
    refuse(world)
    (problem,) = write(world, A)
    assert fix in problem
    assert f"OSS answered {status} " in problem
    assert len(world.oss.requests) == 1


def test_an_oss_client_distinguishes_another_region_from_denied_access(world):
    world.oss.remove_bucket(world.log_bucket)
    world.oss.create_bucket(world.log_bucket, "cn-beijing")
    body = (
        b"<Error><Code>InvalidArgument</Code><Message>Invalid signing region in Authorization header.</Message></Error>"
    )
    for fault in (None, Fault.status(400, body, OSS_HEADERS)):
        world.oss.faults.then(fault)
        (problem,) = write(world, A)
        assert problem.startswith("OSS_ENDPOINT may name another region than that of LOG_BUCKET")


def test_an_oss_client_reads_user_headers_even_if_other_requests_fail(world):
    headers = {"Content-Type": "text/html", "Cache-Control": "max-age=60", "x-oss-meta-Team": "山 %E6%B5%B7 100%"}
    world.bucket.add(StoredObject("a", b"12345", headers))
    world.bucket.fail(Fault.status(403, b"", OSS_HEADERS), "head", lambda name: name == "c")
    head, missing_error, refused_error = world.within(
        lambda: world.invocation().log_bucket.try_head_all(["a", "b", "c"])
    )
    values = {"content-type": "text/html", "cache-control": "max-age=60", "meta-team": "山 %E6%B5%B7 100%"}
    assert head.metadata == values
    # A response to HEAD has no body with the reason.
    assert missing_error.code == "NoSuchKey"
    assert refused_error.code == "AccessDenied"
    assert "oss:GetObject" in str(refused_error)


def test_an_oss_client_does_not_overwrite_an_object_if_a_header_forbids_it(world):
    world.bucket.add(StoredObject("a", b"before"))
    protected_object = StoredObject("a", b"x", {"x-oss-forbid-overwrite": "true"})
    (problem,) = world.invocation(30).log_bucket.try_put_all([protected_object])
    assert problem.code == "FileAlreadyExists"
    assert problem.had_no_effect is True
    assert world.bucket.objects["a"].body == b"before"


@pytest.mark.parametrize("fault", [HANG, DRIP, oss_error(503), DROP_BEFORE])
def test_an_oss_client_reports_each_record_unwritten_by_the_deadline(world, fault):
    world.oss.faults.add(fault)
    problems = write(world, *(StoredObject(f"k{number}", b"x") for number in range(10)), seconds=7)
    assert list(map(bool, problems)) == [True] * 10
    assert world.clock.seconds <= 7


def test_an_oss_client_begins_no_write_after_the_deadline(world):
    assert write(world, A, seconds=0) == ["the invocation's time limit was reached"]
    assert not world.oss.requests


def test_an_oss_client_limits_each_write_to_five_seconds(world, mocker):
    sent_requests = mocker.spy(Adapter, "send")
    write(world, A, seconds=30)
    write(world, A, seconds=2)
    assert [call.kwargs["timeout"] for call in sent_requests.call_args_list] == [(5.0, 5.0), (2.0, 2.0)]


def test_an_oss_client_raises_a_storage_error_for_an_error_of_requests(world, mocker):
    mocker.patch("oss2.Bucket.put_object", side_effect=requests.exceptions.ChunkedEncodingError("cut\nshort"))
    assert write(world, A) == ["cut short"]


def test_an_oss_client_never_uses_a_response_that_was_cut_off(world):
    cut_response = Fault.status(200, b'{"at": "2026', {**OSS_HEADERS, "Content-Length": "100"})
    world.bucket.add(A)
    world.oss.faults.then(cut_response)
    assert world.invocation(30).log_bucket.get("a") == b"x"
    world.oss.faults.add(cut_response)
    with pytest.raises(StorageError, match="the answer was cut off"):
        world.invocation(30).log_bucket.get("a")


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("body", [b"", PAGE.body, oss_error(404, "NoSuchKey").body])
def test_an_oss_client_retries_a_request_that_another_server_refused(world, status, body):
    bucket = world.invocation(30).log_bucket
    world.bucket.add(A)
    world.oss.faults.then(Fault.status(status, body))
    assert bucket.get("a") == b"x"
    world.oss.faults.add(Fault.status(status, body))
    for call in (bucket.try_get_all, bucket.try_head_all):
        (problem,) = call(["a"])
        assert problem.code == ""
        assert problem.had_no_effect is False
        assert str(problem).startswith(f"another service than OSS answered {status}")


@pytest.mark.parametrize("headers", [{}, OSS_HEADERS], ids=["", "with a request id"])
@pytest.mark.parametrize("body", ["", "Please log in", "<ListBucketResult><Contents>"])
def test_an_oss_client_retries_an_invalid_listing_and_then_raises(world, body, headers):
    world.oss.faults.add(Fault.status(200, body.encode(), headers))
    with pytest.raises(StorageError):
        world.invocation(30).log_bucket.list_page("", "")
    assert world.bucket.calls == {"list": 5}


@pytest.mark.parametrize(
    ("fault", "answered"),
    [
        *(
            # After a refusal by OSS itself, no delete can take effect.
            (Fault.status(status, body, headers), status != 200 and headers == OSS_HEADERS)
            for status in (200, 302, 403)
            for headers in ({}, OSS_HEADERS)
            for body in (b"<html><body>Please log in</body></html>", b"<DeleteResult/>", b"", b"nothing")
        ),
        *((fault, False) for fault in (*map(oss_error, (500, 502, 503, 504)), DROP_AFTER)),
    ],
)
def test_an_oss_client_never_repeats_a_delete_without_a_response(world, fault, answered):
    world.oss.faults.then(fault)
    assert world.invocation(30).log_bucket.try_delete_all(["a"])["a"].had_no_effect == answered
    assert world.bucket.calls == {"delete": 1}


def test_an_oss_client_repeats_a_delete_that_was_throttled(world):
    world.oss.faults.then(oss_error(429))
    assert world.invocation(30).log_bucket.try_delete_all(["a"]) == {"a": None}


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_an_oss_client_follows_no_redirect_and_names_it_in_its_error(world, redirect):
    world.oss.faults.add(redirect)
    assert "OSS_ENDPOINT answers with a redirect" in write(world, A)[0]
    assert len(world.oss.requests) == 1
    with pytest.raises(StorageError, match="OSS_ENDPOINT answers with a redirect"):
        world.invocation(30).log_bucket.list_page("", "")


ETAG = '"9DD4E461268C8034F5C8564E155C67A6"'  # the MD5 of b"x"
ENCRYPTED = {**OSS_HEADERS, "x-oss-server-side-encryption": "KMS", "ETag": '"ABCD"'}


@pytest.mark.parametrize(
    ("headers", "written"),
    [
        ({**OSS_HEADERS, "ETag": ETAG}, True),
        ({**OSS_HEADERS, "ETag": '"ABCD"'}, False),
        (OSS_HEADERS, False),
        ({"ETag": ETAG}, False),
        ({}, False),
        (ENCRYPTED, True),
        ({name: value for name, value in ENCRYPTED.items() if name != "ETag"}, False),
    ],
)
def test_an_oss_client_trusts_a_write_only_if_the_response_has_its_md5(world, headers, written):
    world.oss.faults.add(Fault.status(200, headers=headers))
    (problem,) = write(world, A)
    assert problem == "" if written else problem.startswith("another service than OSS answered 200")


def test_an_oss_client_reads_a_huge_response_only_up_to_a_limit(world, mocker):
    read = mocker.spy(Body, "read")
    for status in (200, 403):
        world.oss.faults.then(*[Fault.status(status, b"x" * 10_000_000, OSS_HEADERS)] * 5)
        assert all(write(world, A))
        world.oss.faults.clear()
    assert max(call.args[1] for call in read.call_args_list) <= 64 * 1024 + 1
    # A listing, and a project's object, are read only up to the longest possible length.
    world.oss.faults.then(*[Fault.status(200, b"x" * 20_000_000, OSS_HEADERS)] * 5)
    with pytest.raises(StorageError, match="longer than 16777216 bytes"):
        world.invocation(30).log_bucket.list_page("", "")
    assert read.call_args.args[1] <= 16 * 1024 * 1024 + 2
    world.bucket.add(StoredObject("long", bytes(12_000_000)))
    assert len(world.invocation(30).log_bucket.get("long")) == 12_000_000


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ([answer(token="t"), answer(token="t")], "has no page after it"),
        ([answer("c", "b")], "is not sorted"),
        ([answer("b", "b")], "is not sorted"),
        ([answer("a", token="t")], "is not sorted"),
    ],
)
def test_an_oss_client_refuses_a_listing_that_makes_no_progress(world, pages, problem):
    world.oss.faults.then(*pages)
    with pytest.raises(StorageError, match=problem):
        world.invocation(30).log_bucket.list_page("", "a")


@pytest.mark.parametrize(("delay", "pause"), [("1500", 1.5), ("999999", 5), ("soon", 0)])
def test_an_oss_client_pauses_a_listing_for_the_delay_that_oss_reports(world, delay, pause):
    world.oss.faults.then(Fault.status(200, answer("a").body, {**OSS_HEADERS, "x-oss-qos-delay-time": delay}))
    world.invocation(30).log_bucket.list_page("", "")
    assert world.clock.seconds == pytest.approx(world.oss.round_trip + pause)


def test_iter_contents_reads_an_oss_object_in_parts_of_one_version(world, mocker):
    mocker.patch("oss_oms_sync.clouds.bucket._PART_BYTES", 2)
    world.source.add(StoredObject("a", b"hello"))
    bucket = world.invocation(30).source_bucket
    (listed,) = bucket.find_all(["a"])
    assert list(bucket.iter_contents(listed)) == [b"he", b"ll", b"o"]

    for changed in (lambda: world.source.add(StoredObject("a", b"hallo")), lambda: world.source.objects.remove("a")):
        parts = bucket.iter_contents(listed)
        world.source.add(StoredObject("a", b"hello"))
        assert next(parts) == b"he"
        changed()
        with pytest.raises(StorageError) as caught:
            list(parts)
        assert caught.value.code == ("NoSuchKey" if "a" not in world.source.objects else "PreconditionFailed")


def test_iter_contents_raises_if_a_part_is_shorter_than_requested(world):
    world.source.add(StoredObject("a", b"hello"))
    bucket = world.invocation(30).source_bucket
    (listed,) = bucket.find_all(["a"])
    world.oss.faults.add(Fault.status(206, b"hell", OSS_HEADERS))
    with pytest.raises(StorageError, match="another service than OSS answered 206"):
        list(bucket.iter_contents(listed))


def test_find_all_returns_none_for_a_missing_object(world):
    for name in ("a", "bb"):
        world.source.add(StoredObject(name, b"x"))
    bucket = world.invocation(30).source_bucket
    stored, missing = bucket.find_all(["a", "b"])
    assert stored.name == "a"
    assert stored.size == 1
    assert stored.etag == "9DD4E461268C8034F5C8564E155C67A6"
    assert missing is None
    assert [bucket.find_first_name("", after) for after in ("", "a", "bb")] == ["a", "bb", ""]
    assert {request.params["max-keys"] for request in world.oss.requests} == {"1"}


def test_an_oss_client_deletes_names_that_xml_cannot_carry_one_by_one(world):
    names = ["a", "b\x01", "c\r", "d"]
    for name in names:
        world.bucket.add(StoredObject(name, b""))
    assert world.invocation(30).log_bucket.try_delete_all(names) == dict.fromkeys(names)
    assert not world.bucket.objects
    assert world.bucket.calls == {"delete": 3}


def test_the_representation_of_credentials_shows_no_secret():
    assert repr(Credentials("ID", "secret", "token")) == "Credentials(access_key_id='ID')"


@pytest.mark.parametrize(
    ("body", "problem_text"),
    [
        ("<Error><Code>AccessDenied</Code><Message/></Error>", "AccessDenied"),
        ("<Error><Code/></Error>", "OSS answered 403"),
        ('<?xml version="1.0" encoding="klingon"?><Error><Code>A</Code></Error>', "unknown encoding"),
        (
            "<Error><Code>X</Code><Message>x-oss-security-token: {2}, {1}</Message></Error>",
            "x-oss-security-token: ***, ***",
        ),
    ],
)
def test_the_errors_of_an_oss_client_show_no_secret(world, body, problem_text):
    world.oss.faults.add(Fault.status(403, body.format(*world.function_credentials).encode(), OSS_HEADERS))
    (problem,) = write(world, A)
    assert problem_text in problem


CODE = str(Path(__file__).parents[3] / "template" / "code")


def test_import_oss2_does_not_import_the_encryption_of_oss2():
    script = (
        "import sys; from oss_oms_sync.clouds.by_oss2 import import_oss2; oss2 = import_oss2();"
        " assert 'Crypto.PublicKey' not in sys.modules and 'aliyunsdkcore' not in sys.modules;"
        " import oss2.crypto; assert oss2.crypto.RsaProvider.__module__ == 'oss2.crypto';"
        " print(oss2 is import_oss2(), oss2.Bucket.__name__)"
    )
    path = os.pathsep.join([CODE, *sys.path])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert done.stdout == "True Bucket\n"
    assert done.stderr == ""
