"""Doctor in the rendered project: each misconfiguration is named, and nothing else is called a fault."""

from __future__ import annotations

import importlib
import json
import socket
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from textwrap import dedent

import pytest

from oss_oms_sync.clouds.retry import Deadline
from sandbox import Sandbox
from sandbox.server.certificate import make_certificate
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from tools.render import render
from tools.serverless import serving

HOUR = 3600
# The resolver is asked once, and not waited for long.
QUICK = {"RES_OPTIONS": "attempts:1 timeout:1"}

Environment = dict[str, str]


def deploy(box: Sandbox, folder: Path, environment: Environment) -> None:
    render(box.answers(), folder)
    box.deploy_project(folder, environment=environment)


def examine(box: Sandbox) -> dict:
    invocation = box.fc.invoke("doctor", b"")
    assert invocation.outcome == "returned", invocation.error_message
    return invocation.value


def states(report: dict, *wanted: str) -> list[str]:
    return [check["name"] for check in report["checks"] if check["state"] in wanted]


def the_check(report: dict, name: str) -> dict:
    (check,) = (check for check in report["checks"] if check["name"] == name)
    return check


def a_day_of_work(box: Sandbox) -> None:
    """Objects that were accepted a while ago."""
    bucket = box.bucket(box.source_bucket)
    for number in range(3):
        bucket.put_object(f"object {number}", b"contents")
    box.wait_idle(60)
    box.oss.age(HOUR)


def test_with_everything_right_there_is_no_fault_and_nothing_is_left_behind(deployed):
    # GIVEN a project at work, of yesterday's installation
    deployed.oss.put(
        deployed.log_bucket,
        f"oms_source_record/{deployed.task_id}/state/installed.json",
        b'{"at": "2020-01-01T00:00:00Z"}',
    )
    deployed.task.overwrite_mode = "FULL_OVERWRITE"
    a_day_of_work(deployed)
    deployed.tick("reconcile")
    before, calls = dict(deployed.oss.objects(deployed.log_bucket)), len(deployed.oms.calls)

    # WHEN doctor looks at it
    report = examine(deployed)

    # THEN all is well, and nothing was written or sent
    assert (report["ok"], report["text"], report["text_zh"]) == (True, "Set up right", "配置正确")
    assert states(report, "fault", "warning", "unknown") == []
    assert states(report, "skipped") == ["OMS region"]
    assert all(check["seen"] for check in report["checks"])
    assert dict(deployed.oss.objects(deployed.log_bucket)) == before
    assert len(deployed.oms.calls) == calls


def test_it_logs_the_same_as_lines(deployed):
    invocation = deployed.fc.invoke("doctor", b"{}")
    checks = invocation.value["checks"]
    lines = [json.loads(line[line.index("{") :]) for line in invocation.logs if '"check"' in line]
    logged = [
        {"name": line["check"], **{name: line.get(name) for name in checks[0] if name != "name"}} for line in lines
    ]
    assert logged == checks


def test_a_payload_is_refused(deployed):
    assert deployed.fc.invoke("doctor", b'{"key": "a"}').error_type == "PayloadError"


def test_before_the_first_object_nothing_is_called_a_fault(deployed):
    report = examine(deployed)
    assert (report["ok"], report["text"]) == (True, "Set up right")
    assert states(report, "fault", "unknown") == []
    assert states(report, "warning") == ["task overwrite mode"]
    assert states(report, "skipped") == ["OMS region", "right oms:synctask:createEvent", "reconcile", "records flow"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lost_to_the_trigger(box: Sandbox, environment: Environment) -> None:
    box.oss.lose_events(lambda key: True)
    name = f"oms_source_record/{box.task_id}/state/installed.json"
    box.oss.put(box.log_bucket, name, b'{"at": "2020-01-01T00:00:00Z"}')
    a_day_of_work(box)


def failed_for_want_of_a_right(box: Sandbox, environment: Environment) -> None:
    box.oms.deny("oms:synctask:createEvent")
    a_day_of_work(box)


def set_to(**changes: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: environment.update(changes)


def huawei(**changes: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: [setattr(box.task, name, value) for name, value in changes.items()]


def url_with(old: str, new: str) -> Callable[[Sandbox, Environment], None]:
    def change(box: Sandbox, environment: Environment) -> None:
        environment["SYNC_URL"] = environment["SYNC_URL"].replace(old, new)

    return change


def host(new: str) -> Callable[[Sandbox, Environment], None]:
    def change(box: Sandbox, environment: Environment) -> None:
        environment["SYNC_URL"] = environment["SYNC_URL"].replace(box.oms.endpoint, new)

    return change


def denied(action: str, bucket: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: box.oss.deny(action, bucket)


def elsewhere(bucket: str) -> Callable[[Sandbox, Environment], None]:
    def change(box: Sandbox, environment: Environment) -> None:
        box.oss.remove_bucket(bucket)
        box.oss.create_bucket(bucket, "cn-beijing")

    return change


def clocks(seconds: float, *names: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: [setattr(getattr(box, name), "clock_offset", seconds) for name in names]


def oms_answers(fault: Fault) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: box.oms.faults.add(fault)


THROTTLED = Fault.status(429, b'{"error_code": "APIGW.0308", "error_msg": "throttled"}', {"Retry-After": "60"})
DOWN = Fault.status(503, b'{"error_code": "OMS.0503", "error_msg": "later"}', {"Retry-After": "60"})
FROZEN = Fault.status(400, b'{"error_code": "OMS.0202", "error_msg": "frozen"}')
PHOTOS, LOG = Sandbox.source_bucket, Sandbox.log_bucket

# What is wrong, the check that says so, and a word of what to do.
FAULTS = {
    "wrong AK": (set_to(HW_AK="WRONG"), "access key", "HW_AK"),
    "wrong SK": (set_to(HW_SK="WRONG"), "access key", "HW_SK"),
    "expired Huawei token": (set_to(HW_SECURITY_TOKEN="EXPIRED"), "access key", "HW_SECURITY_TOKEN"),
    "frozen account": (oms_answers(FROZEN), "access key", "account"),
    "no get right": (lambda box, _: box.oms.deny("oms:synctask:get"), "right oms:synctask:get", "oms:synctask:get"),
    "no statistics right": (
        lambda box, _: box.oms.deny("oms:synctask:statistics"),
        "right oms:synctask:statistics",
        "oms:synctask:statistics",
    ),
    "no createEvent right": (failed_for_want_of_a_right, "right oms:synctask:createEvent", "oms:synctask:createEvent"),
    "no such task": (url_with(Sandbox.task_id, "another"), "task", "Copy the URL again"),
    "stopped task": (huawei(status="STOPPED"), "task runs", "Start it"),
    "task of another bucket": (huawei(src_bucket="videos"), "task source", "bucket should be"),
    "task of another region": (huawei(src_region="cn-beijing"), "task source", "region should be"),
    "task of another cloud": (huawei(src_cloud_type="AWS"), "task source", "cloud should be"),
    "task that does not overwrite": (huawei(overwrite_mode="NO_OVERWRITE"), "task overwrite mode", "overwrites"),
    "OMS down": (oms_answers(DOWN), "OMS answers", "service health"),
    "OMS throttling": (oms_answers(THROTTLED), "OMS answers", "limit"),
    "OMS hangs up": (oms_answers(Fault.drop_before()), "OMS answers", "SYNC_URL"),
    "something else at OMS's address": (oms_answers(Fault.status(200, b"Please log in")), "OMS answers", "SYNC_URL"),
    "no such name": (host("https://oms.nowhere.invalid"), "OMS connection", "host in SYNC_URL"),
    "refused connection": (host(f"http://127.0.0.1:{free_port()}"), "OMS connection", "internetAccess"),
    "no such OSS": (set_to(OSS_ENDPOINT=f"http://127.0.0.1:{free_port()}"), "OSS connection", "OSS_ENDPOINT"),
    "clock off": (clocks(1200, "oms", "oss"), "clock", "ticket"),
    "clock off at OMS": (clocks(-1200, "oms"), "clock", "ticket"),
    "log bucket missing": (lambda box, _: box.oss.remove_bucket(LOG), "log bucket", "LOG_BUCKET"),
    "log bucket in another region": (elsewhere(LOG), "log bucket", "cn-hangzhou"),
    "log bucket not to be written": (denied("oss:PutObject", LOG), "right to write records", "oss:PutObject"),
    "log bucket not to be read": (denied("oss:GetObject", LOG), "right to read records", "oss:GetObject"),
    "log bucket not to be listed": (denied("oss:ListObjects", LOG), "right to list records", "oss:ListObjects"),
    "records not to be deleted": (denied("oss:DeleteObject", LOG), "right to delete records", "oss:DeleteObject"),
    "source bucket missing": (lambda box, _: box.oss.remove_bucket(PHOTOS), "source bucket", "SOURCE_BUCKET"),
    "source bucket in another region": (elsewhere(PHOTOS), "source bucket", "cn-hangzhou"),
    "source bucket not to be listed": (
        denied("oss:ListObjects", PHOTOS),
        "right to list source bucket",
        "oss:ListObjects",
    ),
    "expired OSS token": (lambda box, _: box.oss.expire_tokens(), "OSS answers", "role"),
    "function in another region": (
        set_to(OSS_ENDPOINT="https://oss-cn-beijing-internal.aliyuncs.com"),
        "region",
        "vars.region",
    ),
    "log bucket is the source": (set_to(LOG_BUCKET=PHOTOS), "settings", "s.yaml"),
    "malformed settings": (set_to(SYNC_URL="oms", OMS_RATE="fast"), "settings", "s.yaml"),
    "no trigger": (lost_to_the_trigger, "records flow", "trigger"),
}


@pytest.fixture
def handler(in_process):
    def run(box: Sandbox, environment: Environment, credentials: tuple[str, ...] | None = None) -> dict:
        return in_process(box, "doctor", environment=environment, credentials=credentials)

    return run


@pytest.mark.parametrize("what", FAULTS)
def test_a_misconfiguration_is_named_and_nothing_else_is_called_a_fault(box, tmp_path, handler, what):
    go_wrong, name, fix = FAULTS[what]
    environment = {**box.environment(), **QUICK}
    deploy(box, tmp_path, environment)
    go_wrong(box, environment)
    report = handler(box, environment)
    assert (report["ok"], report["text"]) == (False, "Not set up right")
    assert states(report, "fault") == [name]
    # What has a fix is to be done: nothing else is, until then.
    assert [check["name"] for check in report["checks"] if check["state"] == "unknown" and check["fix"]] == []
    assert fix in the_check(report, name)["fix"] + the_check(report, name)["seen"]
    shown = json.dumps(report)
    assert not [secret for secret in (*box.huawei_credentials, *box.function_credentials) if secret in shown]


def test_without_a_source_bucket_reconciles_checks_are_skipped(box, handler):
    report = handler(box, {**box.environment(), "SOURCE_BUCKET": ""})
    assert report["ok"]
    assert states(report, "unknown") == []
    assert {"source bucket", "right to list source bucket", "records flow"} <= set(states(report, "skipped"))


def test_a_server_that_cannot_be_trusted_is_told_from_one_that_is_not_there(handler, tmp_path):
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Sandbox(ssl_context=context) as box, Sandbox() as plain:
        environment = {**plain.environment(), "SYNC_URL": box.environment()["SYNC_URL"]}
        # A folder without it, then the file itself, in the way in which requests is told of them.
        trusting = [{}, {"REQUESTS_CA_BUNDLE": str(tmp_path)}, {"REQUESTS_CA_BUNDLE": str(certificate)}]
        reports = [handler(plain, environment | certificates) for certificates in trusting]
    for report in reports[:2]:
        assert states(report, "fault") == ["OMS connection"]
        assert "cannot be trusted" in next(check["seen"] for check in report["checks"] if check["state"] == "fault")
    assert "OMS connection" in states(reports[2], "ok")


def line_of(request: Request) -> str:
    return f"{request.method} {request.raw_path} {request.raw_query}"


def test_whatever_call_of_oss_fails_doctor_answers_and_leaves_nothing_behind(box, handler, mocker):
    mocker.patch("oss_oms_sync.clouds.retry._FIRST_WAIT", 0.001)
    handler(box, box.environment())
    calls = len({line_of(one) for one in box.oss.requests if "authorization" in one.headers})
    assert calls > 7
    for number in range(calls):
        seen: list[str] = []

        def is_it(request: Request, number: int = number, seen: list[str] = seen) -> bool:
            if "authorization" in request.headers:
                line = line_of(request)
                seen.append(line) if line not in seen else None
                return seen.index(line) == number
            return False

        box.oss.faults.add(Fault.status(500), where=is_it)
        report = handler(box, box.environment())
        box.oss.faults.clear()
        assert not report["ok"]
        left = [name for name in box.oss.objects(box.log_bucket) if "/doctor/" in name]
        # Where deleting itself fails, the probe stays.
        assert left == [] or "right to delete records" in states(report, "fault")
        for name in left:
            box.bucket(box.log_bucket).delete_object(name)


def test_a_service_that_is_down_is_not_called_a_wrong_bucket(box, handler):
    box.oss.faults.add(Fault.status(503, headers={"Retry-After": "60"}), where=lambda r: "authorization" in r.headers)
    assert states(handler(box, box.environment()), "fault") == ["OSS answers"]


def test_a_host_that_can_be_none_is_a_finding_and_no_exception(box, handler):
    url = box.task.sync_url.replace(box.oms.endpoint, f"https://{'a' * 70}.example.com")
    assert states(handler(box, {**box.environment(), "SYNC_URL": url}), "fault") == ["OMS connection"]


def test_where_every_key_failed_it_does_not_say_that_all_is_well(box, tmp_path, handler):
    deploy(box, tmp_path, box.environment())
    handler(box, box.environment())
    name = f"oms_source_record/{box.task_id}/state/installed.json"
    box.oss.put(box.log_bucket, name, b'{"at": "2020-01-01T00:00:00Z"}')
    box.oms.faults.add(Fault.status(400))
    a_day_of_work(box)
    box.oms.faults.clear()
    report = handler(box, box.environment())
    assert (report["ok"], report["text"]) == (False, "Not all could be looked at")
    assert states(report, "unknown") == ["right oms:synctask:createEvent"]
    assert "(REFUSED)" in the_check(report, "right oms:synctask:createEvent")["seen"]
    assert "records flow" in states(report, "warning")


def test_records_that_reconcile_made_do_not_make_a_dead_trigger_look_well(box, handler, in_process):
    # GIVEN an object of which no event told
    lost_to_the_trigger(box, box.environment())
    assert "records flow" in states(handler(box, box.environment()), "fault")

    # WHEN reconcile has sent it, THEN doctor does not say that records flow
    assert in_process(box, "reconcile")["submitted"]
    report = handler(box, box.environment())
    assert (report["ok"], states(report, "unknown")) == (False, ["records flow"])


def test_keys_that_replay_has_in_hand_are_not_called_lost(box, handler):
    root = f"oms_source_record/{box.task_id}"
    box.oss.put(box.log_bucket, f"{root}/state/installed.json", b'{"at": "2020-01-01T00:00:00Z"}')
    entry = dict.fromkeys(("event_name", "event_time", "etag", "first_failure", "reason"), "")
    run = {"busy_until": "", "keys": [{"key": "a", **entry, "held": False}]}
    box.oss.put(box.log_bucket, f"{root}/replay/1.json", json.dumps(run).encode())
    box.oss.put(box.source_bucket, "a", b"contents")
    box.oss.age(HOUR)
    assert "records flow" in states(handler(box, box.environment()), "warning")


def test_an_answer_of_oms_without_a_status_is_no_task(box, handler):
    box.oms.faults.add(Fault.status(200, b"{}"))
    report = handler(box, box.environment())
    assert states(report, "fault") == ["task"]


def test_a_region_in_another_form_is_a_warning(box, handler):
    box.task.src_region = "Hangzhou (East China 1)"
    assert "task source" in states(handler(box, box.environment()), "warning")


def test_a_function_without_a_role_is_told_so(box, handler):
    assert states(handler(box, box.environment(), ("", "", "")), "fault") == ["role"]


def test_a_log_bucket_whose_etags_are_not_md5_is_named(box, handler):
    box.oss.encrypt(box.log_bucket)
    report = handler(box, box.environment())
    assert states(report, "fault") == ["record ETag"]


def test_a_listing_that_lacks_what_was_just_written_is_not_taken_for_a_right_one(box, handler):
    empty = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
    answer = Fault.status(200, empty, {"x-oss-request-id": "5D12"})
    box.oss.faults.add(answer, where=lambda request: "/doctor/" in request.params.get("prefix", ""))
    report = handler(box, box.environment())
    assert not report["ok"]
    assert states(report, "unknown") == ["record ETag"]


REGIONS = {
    "cn-north-4": "CN North-Beijing4 (cn-north-4)",
    "cn-east-3": "CN East-Shanghai1 (cn-east-3)",
    "cn-southwest-2": "CN Southwest-Guiyang1 (cn-southwest-2)",
}


@pytest.mark.parametrize("region", [*REGIONS, "cn-east-2", "cn-south-1"])
def test_a_region_that_is_not_known_to_offer_sync_tasks_is_a_warning(box, handler, mocker, region):
    url = box.task.sync_url.replace(box.oms.endpoint, f"https://oms.{region}.myhuaweicloud.com")
    mocker.patch("socket.getaddrinfo", side_effect=OSError(-2, "Name or service not known"))
    check = the_check(handler(box, {**box.environment(), "SYNC_URL": url}), "OMS region")
    if region in REGIONS:
        assert (check["state"], REGIONS[region] in check["seen"]) == ("ok", True)
    else:
        assert (check["state"], check["fix"].endswith(" or ".join(REGIONS.values()))) == ("warning", True)


def test_a_clock_that_is_a_little_off_is_a_warning(box, handler):
    box.oms.clock_offset = 300
    report = handler(box, box.environment())
    assert report["ok"]
    assert "clock" in states(report, "warning")


@pytest.mark.parametrize(
    ("mode", "state", "seen"),
    [
        ("FULL_OVERWRITE", "ok", "no new version is skipped"),
        ("CRC64_COMPARISON_OVERWRITE", "warning", "has no CRC64, OMS compares size and time"),
        ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "warning", "same size"),
        ("ONE_THAT_IS_NOT_KNOWN", "warning", "may be skipped"),
    ],
)
def test_an_overwrite_mode_with_a_gap_is_a_warning_that_names_the_one_without(box, handler, mode, state, seen):
    box.task.overwrite_mode = mode
    report = handler(box, box.environment())
    check = the_check(report, "task overwrite mode")
    assert report["ok"]
    assert (check["state"], "FULL_OVERWRITE" in check["fix"]) == (state, state == "warning")
    assert seen in check["seen"]


def test_a_log_bucket_that_fails_between_is_told_as_what_it_says(box, handler):
    box.oss.faults.add(Fault.status(500), where=lambda request: request.method == "PUT")
    report = handler(box, box.environment())
    assert states(report, "fault") == ["right to write records"]


@pytest.mark.parametrize(("proxy", "state"), [("HTTPS_PROXY", "ok"), ("HTTP_PROXY", "fault")])
def test_behind_a_proxy_the_connection_to_the_proxy_is_tried(box, handler, monkeypatch, proxy, state):
    # GIVEN an OMS that this machine cannot reach by itself, and a proxy for https or for http
    monkeypatch.setenv(proxy, box.oms.endpoint.removeprefix("http://"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url = box.task.sync_url.replace(box.oms.endpoint, "https://oms.cn-north-4.invalid")
    report = handler(box, {**box.environment(), **QUICK, "SYNC_URL": url})
    assert "OMS connection" in states(report, state)


def through_a_dead_proxy(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://someone:secret@127.0.0.1:{free_port()}")


def from_hosts_that_never_answer(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "clouds.oms._READ_SECONDS",
        "jobs.doctor._CONNECT_SECONDS",
        "clouds.oss._SECONDS",
        "clouds.retry._PATIENCE",
    ):
        monkeypatch.setattr(f"oss_oms_sync.{name}", 0.2)
    box.oms.faults.add(Fault.hang())
    box.oss.faults.add(Fault.hang())


@pytest.mark.parametrize(
    ("nothing_comes", "faults", "fix"),
    [
        (through_a_dead_proxy, ["OMS connection", "OSS connection"], "HTTP_PROXY"),
        (from_hosts_that_never_answer, ["OMS answers", "OSS answers"], "SYNC_URL"),
    ],
)
def test_where_neither_cloud_is_reached_that_is_a_fault_and_all_that_depends_on_it_unknown(
    box, handler, monkeypatch, nothing_comes, faults, fix
):
    nothing_comes(box, monkeypatch)
    report = handler(box, box.environment())
    assert (report["ok"], report["text"]) == (False, "Not set up right")
    assert states(report, "fault") == faults
    assert fix in the_check(report, faults[0])["fix"]
    assert states(report, "skipped") == ["OMS region"]
    assert {"task", "log bucket", "right to write records", "records flow"} <= set(states(report, "unknown"))
    assert "secret" not in json.dumps(report)


@pytest.mark.parametrize("location", ["http://[", "//", "http://a:b/", "http://x/\xff\xfe", "\x80"])
def test_a_clock_is_read_from_an_answer_with_a_malformed_location(box, handler, location):
    # GIVEN something at OMS's address that redirects to nowhere, and then refuses
    class Redirecting(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_HEAD(self) -> None:
            self.send_response(302)
            self.send_header("Location", location)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Redirecting) as address:
        url = box.task.sync_url.replace(box.oms.endpoint, address)
        report = handler(box, {**box.environment(), "SYNC_URL": url})
    assert states(report, "fault") == ["right oms:synctask:get"]
    check = the_check(report, "clock")
    assert (check["state"], "OMS's clock" in check["seen"]) == ("ok", True)


def test_where_neither_cloud_tells_its_time_the_signatures_that_they_accept_show_that_it_is_right(box, handler):
    for cloud in (box.oms, box.oss):
        cloud.faults.add(Fault.drop_before(), where=lambda request: request.method == "HEAD")
    report = handler(box, box.environment())
    assert (report["ok"], the_check(report, "clock")["state"]) == (True, "warning")


def accepted(*keys: str) -> list[tuple[str, bytes]]:
    return [(f"success_object/{key}", b"-") for key in keys]


def failed(reason: str, *keys: str) -> list[tuple[str, bytes]]:
    return [(f"failed_object/{key}", json.dumps({"key": key, "reason": reason}).encode()) for key in keys]


def in_hand(reason: str) -> list[tuple[str, bytes]]:
    """The run file of a replay."""
    return [("replay/1.json", json.dumps({"busy_until": "", "keys": [{"key": "k", "reason": reason}]}).encode())]


MANY = [f"a{number:04}" for number in range(1001)]

# The records from the oldest, what is to be said of the right to createEvent.
RECORDS = {
    "the last key failed for want of it": ([accepted("a"), failed("FORBIDDEN", "b")], "fault"),
    "it stands behind a page of others": ([accepted(*MANY), failed("FORBIDDEN", "z")], "fault"),
    "it failed before others on another page": ([failed("FORBIDDEN", "z"), failed("TIMEOUT", *MANY[:150])], "unknown"),
    "none was ever accepted": ([failed("FORBIDDEN", "a")], "fault"),
    "none was ever accepted, for another reason": ([failed("REFUSED", "a")], "unknown"),
    "one was accepted since": ([failed("FORBIDDEN", "a"), accepted("b")], "ok"),
    "one was accepted since, on another page": ([accepted(*MANY), failed("FORBIDDEN", "a"), accepted("z")], "ok"),
    "one was accepted in the same second": ([failed("FORBIDDEN", "a") + accepted("b")], "unknown"),
    "the last failed for another reason": ([accepted("a"), failed("TIMEOUT", "b")], "ok"),
    "it failed for want of it, then for another": ([failed("FORBIDDEN", "a"), failed("TIMEOUT", "b")], "unknown"),
    "replay has it in hand": ([accepted("a"), in_hand("FORBIDDEN")], "unknown"),
    "replay had it in hand": ([in_hand("FORBIDDEN"), accepted("a")], "ok"),
    "replay has others in hand": ([accepted("a"), in_hand("TIMEOUT")], "ok"),
    "the record tells no reason": ([accepted("a"), [("failed_object/b", b"")]], "unknown"),
    "the key is long": ([accepted("a"), [("failed_object_long/0", b'{"reason": "FORBIDDEN"}')]], "fault"),
    "not all failures were read": ([failed("FORBIDDEN", "z"), failed("TIMEOUT", *MANY[:201])], "unknown"),
    "not all were read, and one was accepted since": (
        [failed("FORBIDDEN", "z"), accepted("a"), failed("TIMEOUT", *MANY[:200])],
        "ok",
    ),
    "there are none": ([], "skipped"),
}


@pytest.mark.parametrize("what", RECORDS)
def test_the_right_to_submit_is_told_from_the_last_that_failed_for_want_of_it(box, handler, what):
    ages, state = RECORDS[what]
    for records in ages:
        box.oss.age(60)
        for name, body in records:
            box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/{name}", body)
    report = handler(box, box.environment())
    check = the_check(report, "right oms:synctask:createEvent")
    assert check["state"] == state
    assert report["ok"] == (state in ("ok", "skipped"))
    assert ("createEvent" in check["fix"]) == (not report["ok"])


def test_records_of_another_project_do_not_tell_of_this_ones_right(box, handler):
    root = f"oms_source_record/{box.task_id}"
    box.oss.put(box.log_bucket, f"{root}/success_object/mine/a", b"-")
    box.oss.age(60)
    for name, body in failed("FORBIDDEN", "another/b", "mine/c.txt"):
        box.oss.put(box.log_bucket, f"{root}/{name}", body)
    report = handler(box, {**box.environment(), "OBJECT_PREFIX": "mine/", "OBJECT_SUFFIX": "a"})
    assert "right oms:synctask:createEvent" in states(report, "ok")


@pytest.mark.parametrize("kind", ["failed", "success"])
def test_records_that_there_was_no_time_to_look_at_are_not_taken_for_none(box, handler, mocker, kind):
    # GIVEN more records than there is time for
    for name, body in (*accepted("a"), *failed("FORBIDDEN", "b")):
        box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/{name}", body)
    if kind == "success":
        doctor = importlib.import_module("oss_oms_sync.jobs.doctor")
        times = iter([doctor._WALK_SECONDS])
        mocker.patch.object(doctor._Examination, "_a_while", lambda one: Deadline(next(times, 0), one._clock))
    else:
        mocker.patch("oss_oms_sync.jobs.doctor._WALK_SECONDS", 0)

    # WHEN doctor looks, THEN it says so
    report = handler(box, box.environment())
    assert not report["ok"]
    assert states(report, "unknown") == ["right oms:synctask:createEvent"]
    assert "more records than could be looked at" in the_check(report, "right oms:synctask:createEvent")["seen"]
    assert "of the first 0 names" in the_check(report, "records flow")["seen"]


def test_reconcile_that_has_not_begun_for_longer_than_passes_are_kept_is_a_warning(box, handler):
    assert "reconcile" in states(handler(box, box.environment()), "skipped")
    name = f"oms_source_record/{box.task_id}/state/installed.json"
    box.oss.put(box.log_bucket, name, b'{"at": "2020-01-01T00:00:00Z"}')
    assert "reconcile" in states(handler(box, box.environment()), "warning")


def test_reconcile_that_does_not_run_any_more_is_a_warning(deployed):
    # GIVEN one that ran, and long ago
    assert "reconcile" in states(examine(deployed), "skipped")
    deployed.tick("reconcile")
    assert "reconcile" in states(examine(deployed), "ok")
    (name,) = (one for one in deployed.oss.objects(deployed.log_bucket) if "/reconcile/" in one)
    kept = json.loads(deployed.oss.objects(deployed.log_bucket)[name].data)
    deployed.oss.put(deployed.log_bucket, name, json.dumps({**kept, "started": "2026-01-01T00:00:00Z"}).encode())
    assert "reconcile" in states(examine(deployed), "warning")


OLD_OSS2 = """
    from pathlib import Path
    import sys
    folder = next(Path(path) / "oss2" for path in sys.path[1:] if (Path(path) / "oss2").is_dir())
    __path__ = [str(folder)]
    exec(compile((folder / "__init__.py").read_text(), "oss2", "exec"))
    __version__ = "2.15.0"
"""


def test_an_oss2_without_v4_signatures_is_named(box, tmp_path):
    render(box.answers(), tmp_path)
    (tmp_path / "code" / "oss2").mkdir()
    (tmp_path / "code" / "oss2" / "__init__.py").write_text(dedent(OLD_OSS2))
    box.deploy_project(tmp_path)
    assert states(examine(box), "fault") == ["libraries"]


@pytest.mark.parametrize("marker", ["success_object/", "success_object_long/", "failed_object/", "replay/"])
def test_the_object_that_a_console_makes_of_a_folder_is_the_record_of_no_key(box, handler, marker):
    box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/{marker}", b"")
    assert "right oms:synctask:createEvent" in states(handler(box, box.environment()), "skipped")


@pytest.mark.parametrize("proxy", ["http://proxy:80x", "http://user:p#ss@proxy:80"])
def test_a_proxy_that_has_no_address_is_a_fault_that_does_not_quote_it(box, handler, monkeypatch, proxy):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    report = handler(box, box.environment())
    assert states(report, "fault") == ["OMS connection", "OSS connection"]
    assert "p#ss" not in str(report)
