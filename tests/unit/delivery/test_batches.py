"""Submitting: batches, encoding, retries, bisecting, and which answers concern a key, a request or everything."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.counters import DATA_TYPES, Statistics
from oss_oms_sync.delivery.batches import submit
from oss_oms_sync.errors import presentable
from oss_oms_sync.reasons import Failure, Reason
from support.fake_clouds import DRIP, DROP_AFTER, DROP_BEFORE, ENVIRONMENT, HANG, REDIRECTS, TASK, World

TEN = [f"key {number}" for number in range(10)]


@pytest.fixture
def world() -> World:
    return World()


def send(world: World, keys: list[str], seconds: float = 60):
    return submit(world.invocation(), keys, Deadline(seconds, world.clock))


def reasons(submission) -> set[Reason | None]:
    return {failure and failure.reason for failure in submission.outcomes.values()}


def error(status: int, code: str, message: str = "no", **headers: str):
    body = f'{{"error_code": "{code}", "error_msg": "{message}"}}'
    return (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_keys_go_url_encoded_in_batches(world):
    keys = ["a/b c+d%20.txt", "山/海 🎉", *[f"k{number}" for number in range(21)]]
    submission = send(world, keys)
    assert [len(call) for call in world.oms.calls] == [10, 10, 3]
    assert world.oms.calls[0][:2] == ["a%2Fb%20c%2Bd%2520.txt", "%E5%B1%B1%2F%E6%B5%B7%20%F0%9F%8E%89"]
    assert submission.outcomes == dict.fromkeys(keys)
    assert submission.calls == 3


def test_raw_encoding_sends_keys_as_they_are():
    world = World(OMS_KEY_ENCODING="raw")
    send(world, ["a/b c"])
    assert world.oms.calls == [["a/b c"]]


def test_no_keys_cost_no_call(world):
    assert send(world, []).outcomes == {}
    assert world.oms.calls == []


@pytest.mark.parametrize(
    "fault", [500, 502, 503, 504, 429, DROP_BEFORE, DROP_AFTER, HANG, DRIP, error(400, "APIG.0308")]
)
def test_a_passing_fault_is_retried(world, fault):
    world.oms.schedule = [fault]
    assert send(world, TEN).outcomes == dict.fromkeys(TEN)
    assert len(world.oms.calls) == 2


def test_a_lost_connection_is_retried_at_once_on_a_new_one(world):
    world.oms.schedule = [DROP_BEFORE]
    send(world, TEN)
    assert world.clock.seconds == pytest.approx(2 * world.oms.round_trip)
    assert world.oms.closed == 1


def test_a_connection_that_was_idle_too_long_is_not_used_again(world):
    send(world, ["a"])
    world.clock.sleep(29)
    send(world, ["b"])
    assert world.oms.closed == 0
    world.clock.sleep(31)
    send(world, ["c"])
    assert world.oms.closed == 1


def test_retry_after_is_heeded(world):
    world.oms.schedule = [error(429, "APIGW.0308", Retry_After="2")]
    assert reasons(send(world, TEN)) == {None}
    assert 2 <= world.clock.seconds < 2.5


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (429, Reason.THROTTLED),
        (error(500, "APIGW.0308"), Reason.THROTTLED),
        (503, Reason.UNAVAILABLE),
        (DROP_BEFORE, Reason.UNREACHABLE),
        (HANG, Reason.TIMEOUT),
        (DRIP, Reason.TIMEOUT),
    ],
)
def test_a_permanent_fault_is_given_up_on_in_time(world, fault, reason):
    world.oms.schedule = [fault] * 1000
    submission = send(world, [f"k{number}" for number in range(100)], seconds=55)
    assert len(submission.outcomes) == 100
    assert reasons(submission) <= {reason, Reason.DEADLINE}
    assert world.clock.seconds <= 55


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error(401, "APIGW.0301"), Reason.CREDENTIALS),
        (error(400, "OMS.0068"), Reason.CREDENTIALS),
        (error(403, "APIGW.0302"), Reason.FORBIDDEN),
        (error(400, "OMS.0072"), Reason.FORBIDDEN),
        (error(400, "OMS.0201"), Reason.ACCOUNT),
        (error(400, "OMS.0202"), Reason.ACCOUNT),
        (error(404, "APIGW.0101"), Reason.NO_TASK),
    ],
)
def test_what_concerns_every_key_is_asked_once(world, answer, reason):
    world.oms.schedule = [answer] * 100
    submission = send(world, [f"k{number}" for number in range(35)])
    assert reasons(submission) == {reason}
    assert len(submission.outcomes) == 35
    assert len(world.oms.calls) == 1
    assert world.clock.seconds < 1


def test_a_clock_that_is_off_is_told_from_wrong_credentials(world):
    world.clock.ahead = timedelta(minutes=20)
    world.oms.schedule = [error(401, "APIGW.0301", Date="Fri, 02 Jan 2026 00:00:00 GMT")]
    assert reasons(send(world, TEN)) == {Reason.CLOCK}


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 405, 409, 418, 501])
def test_an_unknown_answer_is_neither_taken_for_success_nor_followed(world, status):
    world.oms.schedule = [(status, {"Location": "https://elsewhere.example.com/"}, "")]
    assert reasons(send(world, TEN)) == {Reason.UNEXPECTED}
    assert len(world.oms.calls) == 1


def test_a_refused_key_does_not_hold_back_its_nine_neighbours(world):
    for place in range(10):
        world.oms.refused, world.oms.calls = {TEN[place]}, []
        submission = send(world, TEN)
        assert submission.outcomes[TEN[place]].reason is Reason.REJECTED
        assert sum(failure is None for failure in submission.outcomes.values()) == 9
        assert len(world.oms.calls) == submission.calls <= 9


@pytest.mark.parametrize(("bad", "most"), [(2, 15), (3, 17), (9, 19)])
def test_several_refused_keys_hold_back_none_of_the_others_wherever_they_stand(world, bad, most):
    for places in itertools.combinations(range(10), bad):
        world.oms.refused, world.oms.calls = {TEN[place] for place in places}, []
        outcomes = send(world, TEN).outcomes
        assert {key for key, failure in outcomes.items() if failure} == world.oms.refused
        assert {failure.reason for failure in outcomes.values() if failure} == {Reason.REJECTED}
        assert len(world.oms.calls) <= most


def test_a_refusal_of_everything_makes_nothing_rejected(world):
    world.oms.refused = set(TEN)
    submission = send(world, TEN)
    assert reasons(submission) == {Reason.REFUSED}
    assert submission.calls == 19


def test_a_single_refused_key_is_not_rejected_because_nothing_shows_the_task_works(world):
    world.oms.refused = {"a"}
    assert reasons(send(world, ["a"])) == {Reason.REFUSED}


def test_what_was_accepted_while_bisecting_stays_so_when_the_rest_is_not_sent(world):
    world.oms.schedule = [400, "ok", error(401, "APIGW.0301")]
    outcomes = send(world, TEN).outcomes
    assert [outcomes[key] is None for key in TEN] == [True] * 5 + [False] * 5
    assert Counter(failure.reason for failure in outcomes.values() if failure) == {Reason.CREDENTIALS: 5}


def test_a_failure_tells_what_oms_said_in_one_clean_line_without_secrets(world):
    ak, sk = ENVIRONMENT["HW_AK"], ENVIRONMENT["HW_SK"]
    world.oms.schedule = [error(401, "APIGW.0301", f"verify fail: {ak}\\n\\u001b[31m{sk} " + "x" * 500)]
    failure = send(world, ["a"]).outcomes["a"]
    assert failure.message.startswith("verify fail: *** [31m*** xxx")
    assert len(failure.message) == 300
    assert (failure.status, failure.error_code) == (401, "APIGW.0301")


@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", "[]", "{}", '"x"', "", "[" * 100_000])
def test_an_error_in_another_form_is_kept_as_text(world, body):
    world.oms.schedule = [(404, {}, body)]
    failure = send(world, ["a"]).outcomes["a"]
    assert failure == Failure(Reason.NO_TASK, 404, None, failure.message)
    assert failure.message[:20] == body[:20]


def test_every_call_gets_the_smaller_of_its_own_timeout_and_what_is_left(world):
    world.oms.schedule = [HANG] * 9
    send(world, ["a"], seconds=12)
    assert world.oms.timeouts[0] == (3.0, 10.0)
    assert max(world.oms.timeouts[1]) <= 2.0


@pytest.mark.parametrize("body", ["", " \n", "{}", '{"request_id": "1"}'])
def test_a_200_without_a_word_of_error_is_acceptance(world, body):
    world.oms.schedule = [(200, {}, body)]
    assert reasons(send(world, ["a"])) == {None}


@pytest.mark.parametrize(
    "body", ["<html>log in</html>", '{"error_code": "OMS.0001", "error_msg": "no"}', "[]", "[" * 100_000]
)
def test_a_200_that_is_not_omss_is_no_acceptance(world, body):
    world.oms.schedule = [(200, {}, body)]
    assert reasons(send(world, ["a"])) == {Reason.UNEXPECTED}


def test_neither_an_error_code_nor_a_text_cut_short_shows_a_secret(world):
    sk = ENVIRONMENT["HW_SK"]
    world.oms.schedule = [error(401, f"bad {sk}\\n"), (404, {}, " " * 992 + sk)]
    for key in ("a", "b"):
        failure = send(world, [key]).outcomes[key]
        assert sk[:6] not in f"{failure.error_code} {failure.message}"
        assert "\n" not in (failure.error_code or "")


def test_a_secret_inside_another_is_masked_with_it():
    assert presentable("say abcdef and abc", ["abc", "abcdef", ""]) == "say *** and ***"


def test_temporary_credentials_are_signed_in(mocker):
    world = World(HW_SECURITY_TOKEN="FAKETOKEN")
    sent = mocker.spy(world.oms, "send")
    send(world, ["a"])
    headers = sent.call_args.args[0].headers
    assert headers["X-Security-Token"] == "FAKETOKEN"
    assert "x-security-token" in headers["Authorization"]


def test_a_netrc_file_does_not_replace_the_signature(mocker, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine oms.cn-north-4.myhuaweicloud.com login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    world = World()
    sent = mocker.spy(world.oms, "send")
    send(world, ["a"])
    assert sent.call_args.args[0].headers["Authorization"].startswith("SDK-HMAC-SHA256 ")


def test_any_other_error_of_requests_is_a_failure_not_an_exception(world, mocker):
    mocker.patch.object(world.oms, "send", side_effect=requests.exceptions.ChunkedEncodingError("broken"))
    assert reasons(send(world, ["a"])) == {Reason.UNREACHABLE}


def test_every_reason_says_what_to_do_in_both_languages():
    for reason in Reason:
        assert reason.fix.en.endswith(".")
        assert reason.fix.zh.endswith("。")


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_no_redirect_is_followed_and_the_failure_names_it_for_every_key(world, redirect):
    world.oms.schedule = [redirect]
    outcomes = send(world, TEN).outcomes
    said = f"a redirect to {redirect[1]['Location']}, which is never followed"
    assert outcomes == dict.fromkeys(TEN, Failure(Reason.UNEXPECTED, 302, None, said))
    assert len(world.oms.calls) == 1


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_asking_for_the_task_survives_a_redirect(world, redirect):
    world.oms.schedule = [redirect]
    assert world.client.task(Deadline(60, world.clock)).reason is Reason.UNEXPECTED


def test_no_more_is_read_of_an_answer_than_is_needed(world):
    for status in (200, 404):
        world.oms.schedule = [(status, {}, "x" * 10_000_000)]
        assert len(send(world, ["a"]).outcomes["a"].message) == 300
    assert max(body.tell() for body in world.oms.bodies) == 64 * 1024 + 1


def test_an_acceptance_that_was_cut_off_is_none(world):
    world.oms.schedule = [(200, {"Content-Length": "40"}, "")] * 5
    assert reasons(send(world, ["a"])) == {Reason.UNREACHABLE}


@pytest.mark.parametrize("answer", [(401, "APIGW.0301"), (400, "OMS.0068")])
def test_a_clock_that_is_off_is_told_from_wrong_keys_whatever_the_answer(world, answer):
    world.oms.schedule = [error(*answer, Date="Thu, 01 Jan 2026 23:40:00 GMT")]
    assert reasons(send(world, ["a"])) == {Reason.CLOCK}


@given(before=st.integers(0, 5000), secrets=st.integers(1, 3), gap=st.sampled_from(["", " ", " " * 4000, "x" * 250]))
def test_no_part_of_a_secret_is_shown_wherever_it_stands(before, secrets, gap):
    secret = "".join(chr(ord("a") + number % 26) + str(number % 10) for number in range(60))
    shown = presentable(" " * before + gap.join([secret] * secrets) + " " * 9000, ["", secret])
    assert len(shown) <= 300
    assert secret[:3] not in shown


def test_a_day_of_statistics_in_five_minute_steps_is_read_whole():
    world = World()
    points = [{"time_stamp": 1767312000000 + step * 300_000, "statistic_num": 0} for step in range(288)]
    datas = [{"data_type": name, "data": points} for name in ("REQUEST", "SUCCESS", "FAILURE", "SKIP", "SIZE")]
    answer = {"sync_task_id": TASK, "statistic_time_type": "FIVE_MINUTES", "statistic_datas": datas}
    world.oms.schedule = [(200, {}, json.dumps(answer, separators=(",", ":")))]
    now = world.clock.now()
    start = now - timedelta(days=1)
    series = {name: [(point["time_stamp"], 0) for point in points] for name in DATA_TYPES}
    told = world.client.statistics(start, now, Deadline(30, world.clock))
    assert told == Statistics(start, "FIVE_MINUTES", series, unread=0)


def test_a_location_shows_no_secret_however_it_is_encoded():
    token = "tok/EN+0123456789secret=="
    world = World(HW_SECURITY_TOKEN=token)
    world.oms.schedule = [(302, {"Location": f"https://login.example/?t={quote(token, safe='')}"}, "")]
    failure = send(world, ["a"], 30).outcomes["a"]
    assert "0123456789secret" not in failure.message
