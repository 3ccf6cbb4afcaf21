"""The door: settings, credentials of both runtimes, logging, and what Function Compute is told."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ListPage, StoredObject
from oss_oms_sync.clouds.oss import Bucket
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.errors import CredentialsError, SettingsError
from support.fake_bucket import BucketView, MemoryBucket
from support.fake_clouds import ENVIRONMENT, TASK, VirtualClock, VirtualOms, VirtualOss, payload

ROLE = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.FAKE312",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "fakesecret312",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "faketoken312",
}
CONTEXT_312 = SimpleNamespace(request_id="1-abc", function=SimpleNamespace(timeout=60))
CONTEXT_310 = SimpleNamespace(
    request_id="1-def",
    function=SimpleNamespace(timeout=60),
    credentials=SimpleNamespace(
        access_key_id="STS.FAKE310", access_key_secret="fakesecret310", security_token="faketoken310"
    ),
)


@pytest.fixture
def clouds(mocker, monkeypatch):
    """A fresh instance of the function between virtual clouds; gives (index module, OMS, OSS)."""
    for name, value in {**ENVIRONMENT, **ROLE}.items():
        monkeypatch.setenv(name, value)
    clock = VirtualClock()
    oms, oss = VirtualOms(clock), VirtualOss(clock)

    def adapter(session, url):
        return oms if url.startswith("https://oms.") else oss

    mocker.patch("requests.Session.get_adapter", adapter)
    index = importlib.import_module("index")
    index._instance.cache_clear()
    yield index, oms, oss
    index._instance.cache_clear()
    logging.getLogger("oss_oms_sync").setLevel(logging.NOTSET)


def credentials_of(oss: VirtualOss) -> set[tuple[str, str]]:
    return {
        (headers["Authorization"].split("Credential=")[1].split("/")[0], headers["x-oss-security-token"])
        for headers in oss.headers.values()
    }


def test_python312_takes_the_roles_credentials_from_the_environment(clouds):
    index, oms, oss = clouds
    assert index.handler(payload("a"), CONTEXT_312) is True
    assert oms.accepted == {"a": 1}
    assert credentials_of(oss) == {("STS.FAKE312", "faketoken312")}


def test_python310_takes_them_from_the_context(clouds):
    index, _, oss = clouds
    assert index.handler(payload("a"), CONTEXT_310) is True
    assert credentials_of(oss) == {("STS.FAKE310", "faketoken310")}


def test_credentials_are_read_at_every_invocation(clouds, monkeypatch):
    index, _, oss = clouds
    index.handler(payload("a"), CONTEXT_312)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.NEXT")
    index.handler(payload("b"), CONTEXT_312)
    assert {key_id for key_id, _ in credentials_of(oss)} == {"STS.FAKE312", "STS.NEXT"}


def test_a_function_without_a_role_says_so_before_anything_is_sent(clouds, monkeypatch):
    index, oms, _ = clouds
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN")
    with pytest.raises(CredentialsError, match=r"set `role` in s\.yaml"):
        index.handler(payload("a"), CONTEXT_312)
    assert oms.calls == []


def test_unusable_settings_are_one_line_and_nothing_is_sent_until_they_are_right(clouds, monkeypatch, mocker):
    index, oms, _ = clouds
    error = mocker.patch.object(index.log, "error")
    monkeypatch.setenv("SYNC_URL", "")
    with pytest.raises(SettingsError):
        index.handler(payload("a"), CONTEXT_312)
    assert error.call_args.args[0]["message"].startswith("SYNC_URL is empty")
    assert oms.calls == []

    monkeypatch.setenv("SYNC_URL", ENVIRONMENT["SYNC_URL"])
    assert index.handler(payload("a"), CONTEXT_312) is True


def test_clients_are_built_once_per_instance(clouds, mocker):
    index, _, _ = clouds
    built = mocker.spy(index, "OmsClient")
    for key in ("a", "b"):
        index.handler(payload(key), CONTEXT_312)
    assert built.call_count == 1


def test_the_context_says_how_long_the_invocation_may_take(clouds):
    index, oms, _ = clouds
    index.handler(payload("a"), SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=4)))
    index.handler(payload("b"), SimpleNamespace())
    (short, _), (usual, usual_read) = oms.timeouts
    assert short < 4
    assert (usual, usual_read) == (3.0, 10.0)


def test_the_replay_handler_returns_its_report(clouds, mocker):
    index, _, oss = clouds
    mocker.patch.object(Bucket, "list_page", return_value=ListPage([], more=False))
    mocker.patch.object(Bucket, "iter_objects", return_value=iter(()))
    mocker.patch.object(Bucket, "get", return_value=None)
    report = index.replay_handler(b"", CONTEXT_312)
    assert (report["taken"], report["finished"]) == (0, True)
    assert list(oss.objects) == [f"oms_source_record/{TASK}/state/replay.json"]


def test_the_reconcile_handler_walks_the_source_bucket_and_returns_its_report(clouds, mocker):
    # GIVEN an object from before the function's clock, and a log bucket that knows of the installation
    index, oms, _ = clouds
    buckets = {name: MemoryBucket(VirtualClock()) for name in ("photos", "photos-oms-log")}
    buckets["photos"].add(StoredObject("a", b"a"))
    note = f"oms_source_record/{TASK}/state/installed.json"
    buckets["photos-oms-log"].add(StoredObject(note, b'{"at": "2001-01-01"}'))
    mocker.patch.object(
        Invocation, "_bucket", lambda one, name, setting: BucketView(buckets[name], one.deadline, CallPool())
    )

    # WHEN it is called, THEN it answers for a whole pass, which is in the log bucket
    report = index.reconcile_handler(b"", CONTEXT_312)
    assert (report["accepted"], report["finished"]) == (1, True)
    assert oms.accepted == {"a": 1}
    assert any(name.endswith(f"/{report['pass']}/total") for name in buckets["photos-oms-log"].objects)

    # AND an event of the log bucket, of which nobody waits for an answer, with what was done
    assert index.reconcile_handler(payload("foreign"), CONTEXT_312) == {"pieces": {}, "stopped": None}


def line_of(index, message, *arguments) -> str:
    """What a message becomes in the log at half a second past noon."""
    index._lines.bind("forward", CONTEXT_312)
    record = logging.LogRecord("oss_oms_sync", logging.INFO, "", 0, message, arguments, None)
    record.created = datetime(2026, 1, 31, 12, 0, 0, 500_999, timezone.utc).timestamp()
    return index._lines.format(record)


@pytest.mark.parametrize("message", [{"key": "山"}, "said so"])
def test_a_log_line_is_a_date_then_json_with_the_request_id(clouds, message):
    time, _, text = line_of(clouds[0], message).partition(" ")
    assert time == "2026-01-31T12:00:00.500Z"
    said = message if isinstance(message, dict) else {"message": message}
    assert json.loads(text) == {"level": "INFO", "request_id": "1-abc", "job": "forward", **said}


@pytest.mark.parametrize("job", ["forward", "replay", "reconcile", "doctor", "status"])
def test_every_line_of_an_invocation_names_its_job_whatever_module_writes_it(clouds, monkeypatch, capsys, job):
    index, _, _ = clouds
    lines = io.StringIO()
    monkeypatch.setattr(index.log.handlers[0], "stream", lines)
    index.log.setLevel("INFO")
    monkeypatch.setenv("SYNC_URL", "")
    with contextlib.suppress(SettingsError):
        getattr(index, "handler" if job == "forward" else f"{job}_handler")(b"", CONTEXT_312)
    logging.getLogger("oss_oms_sync.ledger.state").error({"state": "?"})
    told = [json.loads(line.partition(" ")[2]) for line in lines.getvalue().splitlines()]
    assert len(told) > 1
    assert {(line["job"], line["request_id"]) for line in told} == {(job, "1-abc")}


def test_a_messages_arguments_are_in_its_log_line(clouds):
    assert '"message": "said so"' in line_of(clouds[0], "said %s", "so")


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029", "\ud800"], ids=ascii
)
def test_no_character_of_a_key_breaks_a_log_line(clouds, character):
    line = line_of(clouds[0], {"key": f"a{character}2026-01-31 b"})
    assert line.splitlines() == [line]
    assert line.encode()  # no lone surrogate is left
    assert json.loads(line.partition(" ")[2])["key"] == f"a{character}2026-01-31 b"


def test_the_libraries_chatter_is_silenced(clouds):
    index, _, _ = clouds
    index.handler(payload("a"), CONTEXT_312)
    for library in ("oss2", "oss2.api", "urllib3", "urllib3.connectionpool"):
        assert not logging.getLogger(library).isEnabledFor(logging.WARNING)


def test_what_importing_takes_is_taken_off_the_first_invocations_time(clouds, mocker):
    # GIVEN an instance that was imported so long ago
    index, _, _ = clouds
    clock = VirtualClock()
    for ago, taken_off in ((2.5, 2.5), (3600, 5)):
        mocker.patch.object(index, "BEGAN", 0.0)
        mocker.patch.object(index, "time", SimpleNamespace(monotonic=mocker.Mock(return_value=ago)))
        mocker.patch.object(index, "_import_seconds", index._imported())

        # WHEN it is invoked twice, THEN that counts once, and no pause does
        assert [index._deadline(CONTEXT_312, clock).remaining() for _ in range(2)] == [59.5 - taken_off, 59.5]
