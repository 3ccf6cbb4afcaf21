"""Submission of keys: batches, encoding, retries, bisection, and errors that concern one key or all keys."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.task import DATA_TYPES, Statistics
from oss_oms_sync.delivery.batches import submit
from oss_oms_sync.errors import Failure, Reason, printable_line
from oss_oms_sync.ledger.closing import ProjectState
from sandbox.inprocess.network import Adapter, Body
from sandbox.server.faults import Fault
from support.world import DRIP, DROP_AFTER, DROP_BEFORE, HANG, OK, REDIRECTS, World, oms_error

TEN = [f"key {number}" for number in range(10)]


@pytest.fixture
def world() -> World:
    """Return a world whose instance knows that the project is open, so that all further requests go to OMS."""
    open_world = World()
    open_world.oss.round_trip = 0
    assert ProjectState(open_world.invocation()).refusal() is None
    return open_world


def submit_keys(world: World, keys: list[str], seconds: float = 60):
    return submit(world.invocation(), keys, Deadline(seconds, world.clock))


def find_reasons(submission) -> set[Reason | None]:
    return {failure and failure.reason for failure in submission.outcomes.values()}


def test_a_submission_sends_url_encoded_keys_in_batches(world):
    keys = ["a/b c+d%20.txt", "山/海 🎉", *[f"k{number}" for number in range(21)]]
    submission = submit_keys(world, keys)
    assert [len(call.sent_keys) for call in world.oms.calls] == [10, 10, 3]
    assert world.oms.calls[0].sent_keys[:2] == ["a%2Fb%20c%2Bd%2520.txt", "%E5%B1%B1%2F%E6%B5%B7%20%F0%9F%8E%89"]
    assert submission.outcomes == dict.fromkeys(keys)
    assert submission.calls == 3


def test_a_submission_with_raw_encoding_sends_unquoted_keys():
    world = World(OMS_KEY_ENCODING="raw")
    submit_keys(world, ["a/b c"])
    assert [call.sent_keys for call in world.oms.calls] == [["a/b c"]]


@pytest.mark.parametrize(
    "fault",
    [*map(oms_error, (500, 502, 503, 504, 429)), DROP_BEFORE, DROP_AFTER, HANG, DRIP, oms_error(400, "APIG.0308")],
)
def test_a_submission_retries_a_call_after_a_temporary_fault(world, fault):
    world.oms.faults.then(fault)
    assert submit_keys(world, TEN).outcomes == dict.fromkeys(TEN)
    assert len(world.oms.requests) == 2


@pytest.mark.parametrize("wait", ["2", "Fri, 02 Jan 2026 00:00:02 GMT"])
def test_a_submission_waits_as_long_as_the_retry_after_header_says(world, wait):
    world.oms.faults.then(oms_error(429, "APIGW.0308", Retry_After=wait))
    assert find_reasons(submit_keys(world, TEN)) == {None}
    assert 1.9 <= world.clock.seconds < 2.5


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (oms_error(429), Reason.THROTTLED),
        (oms_error(500, "APIGW.0308"), Reason.THROTTLED),
        (oms_error(503), Reason.UNAVAILABLE),
        (DROP_BEFORE, Reason.UNREACHABLE),
        (HANG, Reason.TIMEOUT),
        (DRIP, Reason.TIMEOUT),
    ],
)
def test_a_submission_ends_its_retries_by_the_deadline(world, fault, reason):
    world.oms.faults.add(fault)
    submission = submit_keys(world, [f"k{number}" for number in range(100)], seconds=55)
    assert len(submission.outcomes) == 100
    assert find_reasons(submission) <= {reason, Reason.DEADLINE}
    assert world.clock.seconds <= 55


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (oms_error(401, "APIGW.0301"), Reason.CREDENTIALS),
        (oms_error(400, "OMS.0068"), Reason.CREDENTIALS),
        (oms_error(403, "APIGW.0302"), Reason.FORBIDDEN),
        (oms_error(400, "OMS.0072"), Reason.FORBIDDEN),
        (oms_error(400, "OMS.0201"), Reason.ACCOUNT),
        (oms_error(400, "OMS.0202"), Reason.ACCOUNT),
        (oms_error(404, "APIGW.0101"), Reason.NO_TASK),
    ],
)
def test_a_submission_does_not_bisect_a_batch_if_all_keys_are_refused(world, answer, reason):
    world.oms.faults.add(answer)
    submission = submit_keys(world, [f"k{number}" for number in range(35)])
    assert find_reasons(submission) == {reason}
    assert len(submission.outcomes) == 35
    assert len(world.oms.requests) == 1
    assert world.clock.seconds < 1


@pytest.mark.parametrize(("bad", "most"), [(1, 9), (2, 15), (3, 17), (9, 19)])
def test_a_submission_delivers_all_other_keys_of_a_batch_with_bad_keys(world, bad, most):
    # Every seventh combination of these positions is enough.
    for refused in itertools.islice(itertools.combinations(TEN, bad), 0, None, 7 if bad in (2, 3) else 1):
        world.oms.refuse(refused.__contains__)
        before = len(world.oms.calls)
        failures = [(key, failure.reason) for key, failure in submit_keys(world, TEN).outcomes.items() if failure]
        assert failures == [(key, Reason.REJECTED) for key in refused]
        assert len(world.oms.calls) - before <= most


ELSEWHERE = {"Location": "https://elsewhere.example.com/"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        *[
            (Fault.status(status, headers=ELSEWHERE), Reason.UNEXPECTED)
            for status in (201, 202, 204, 301, 302, 405, 409, 418, 501)
        ],
        *[(Fault.status(200, body), None) for body in (b"", b" \n", b"{}", b'{"request_id": "1"}')],
        *[
            (Fault.status(200, body), Reason.UNEXPECTED)
            for body in (
                b"<html>log in</html>",
                b'{"error_code": "OMS.0001", "error_msg": "no"}',
                b"[]",
                b"[" * 100_000,
            )
        ],
    ],
)
def test_a_submission_counts_only_a_200_without_error_code_as_accepted(world, answer, reason):
    world.oms.faults.then(answer)
    assert find_reasons(submit_keys(world, TEN)) == {reason}
    assert len(world.oms.requests) == 1


@pytest.mark.parametrize(("keys", "calls"), [(TEN, 19), (["a"], 1)])
def test_no_key_counts_as_rejected_if_oms_accepts_none_of_the_batch(world, keys, calls):
    world.oms.refuse(lambda _: True)
    submission = submit_keys(world, keys)
    assert find_reasons(submission) == {Reason.REFUSED}
    assert submission.calls == calls


def test_keys_accepted_during_a_bisection_stay_accepted(world):
    world.oms.faults.then(oms_error(400), OK, oms_error(401, "APIGW.0301"))
    outcomes = submit_keys(world, TEN).outcomes
    assert [failure and failure.reason for failure in map(outcomes.get, TEN)] == [None] * 5 + [Reason.CREDENTIALS] * 5


def test_a_failure_quotes_oms_in_a_single_line_without_secrets(world):
    ak, sk = world.huawei_credentials
    world.oms.faults.then(oms_error(401, "APIGW.0301", f"verify fail: {ak}\n\x1b[31m{sk} " + "x" * 500))
    failure = submit_keys(world, ["a"]).outcomes["a"]
    assert failure.message.startswith("verify fail: *** [31m*** xxx")
    assert len(failure.message) == 300
    assert failure.status == 401
    assert failure.error_code == "APIGW.0301"


def test_a_failure_shows_no_secret_in_error_codes_or_shortened_texts(world):
    _, sk = world.huawei_credentials
    world.oms.faults.then(oms_error(401, f"bad {sk}\n"), Fault.status(404, b" " * 992 + sk.encode()))
    for key in ("a", "b"):
        failure = submit_keys(world, [key]).outcomes[key]
        assert sk[:6] not in f"{failure.error_code} {failure.message}"
        assert "\n" not in (failure.error_code or "")


def test_a_failure_masks_a_secret_that_contains_another_secret():
    assert printable_line("say abcdef and abc", ["abc", "abcdef", ""]) == "say *** and ***"


def test_a_submission_signs_the_token_of_temporary_access_keys():
    world = World(HW_SECURITY_TOKEN="FAKETOKEN")
    world.oms.add_credentials(*world.huawei_credentials, "FAKETOKEN")
    assert find_reasons(submit_keys(world, ["a"])) == {None}
    assert "x-security-token" in world.oms.requests[0].headers["authorization"]


def test_a_netrc_file_does_not_replace_the_signature_of_a_submission(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine oms.cn-north-4.myhuaweicloud.com login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert find_reasons(submit_keys(World(), ["a"])) == {None}


def test_a_submission_returns_a_failure_for_every_error_of_requests(world, mocker):
    mocker.patch.object(Adapter, "send", side_effect=requests.exceptions.ChunkedEncodingError("broken"))
    assert find_reasons(submit_keys(world, ["a"])) == {Reason.UNREACHABLE}


def test_each_failure_reason_has_a_remedy_in_english_and_chinese():
    for reason in Reason:
        # No text follows a command, because it would be pasted with it.
        assert reason.fix.en.endswith((".", "python3 policies/show.py"))
        assert reason.fix.zh.endswith(("。", "python3 policies/show.py"))


@pytest.mark.parametrize("query", ["", "?token=secret"])
@pytest.mark.parametrize("redirect", REDIRECTS)
def test_a_submission_follows_no_redirect_and_names_it_without_its_query(world, redirect, query):
    address = redirect.headers["Location"]
    world.oms.faults.add(Fault.status(302, headers={"Location": address + query}))
    message = f"a redirect to {address}, which this project does not follow"
    failure = Failure(Reason.UNEXPECTED, 302, None, message)
    assert submit_keys(world, TEN).outcomes == dict.fromkeys(TEN, failure)
    assert world.invocation().oms.query_task(Deadline(60, world.clock)) == failure
    assert len(world.oms.requests) == 2


def test_a_submission_reads_a_huge_response_only_up_to_a_limit(world, mocker):
    read = mocker.spy(Body, "read")
    for status in (200, 404):
        world.oms.faults.then(Fault.status(status, b"x" * 10_000_000))
        assert len(submit_keys(world, ["a"]).outcomes["a"].message) == 300
    assert [call.args[1] for call in read.call_args_list] == [64 * 1024 + 1] * 2


@pytest.mark.parametrize(
    ("minutes", "answer", "reason"),
    [
        (13, oms_error(401), Reason.CREDENTIALS),
        (15, oms_error(401), Reason.CLOCK),
        (-15, oms_error(401), Reason.CLOCK),
        (20, OK, Reason.CLOCK),
        (-20, oms_error(400, "OMS.0068"), Reason.CLOCK),
    ],
)
def test_a_submission_distinguishes_a_wrong_clock_from_wrong_access_keys(world, minutes, answer, reason):
    world.call_instance.skew = 60 * minutes
    world.oms.faults.then(answer)
    assert find_reasons(submit_keys(world, TEN)) == {reason}


@given(before=st.integers(0, 5000), secrets=st.integers(1, 3), gap=st.sampled_from(["", " ", " " * 4000, "x" * 250]))
def test_a_shortened_text_contains_no_part_of_a_secret(before, secrets, gap):
    secret = "".join(chr(ord("a") + number % 26) + str(number % 10) for number in range(60))
    shown = printable_line(" " * before + gap.join([secret] * secrets) + " " * 9000, ["", secret])
    assert len(shown) <= 300
    assert secret[:3] not in shown


def test_statistics_of_oms_of_a_day_are_read_completely():
    world = World()
    world.task.has_early_steps = True
    now = world.clock.now()
    start = now - timedelta(days=1)
    stamps = range(int(start.timestamp() * 1000), int(now.timestamp() * 1000) + 1, 300_000)
    series = {name: [(stamp, 0) for stamp in stamps] for name in DATA_TYPES}
    answer = world.invocation().oms.query_statistics(DATA_TYPES, start, now, Deadline(30, world.clock))
    assert answer == Statistics(start, "FIVE_MINUTES", series, unread=0)
