"""The entry points of the functions: settings, credentials, log lines, and answers to Function Compute."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from oss_oms_sync import clock
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import CredentialsError, SettingsError
from sandbox.inprocess.network import Adapter
from support.world import ROOT, World, payload

CONTEXT = SimpleNamespace(request_id="1-abc", function=SimpleNamespace(timeout=60))


@pytest.fixture
def index(world):
    """Yield the module with the entry points of an instance; a test may change its environment."""
    index = world.call_instance.load_module()
    yield index
    logging.getLogger("oss_oms_sync").setLevel(logging.NOTSET)


def make_role_variables(world: World, key_id: str) -> dict[str, str]:
    """Return the environment of a function whose role has temporary credentials with this key id."""
    world.oss.add_credentials(key_id, "fakesecret", "faketoken")
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "fakesecret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "faketoken",
    }


def find_writers(world: World) -> list[str]:
    puts = [request for request in world.oss.requests if request.method == "PUT"]
    return [put.headers["authorization"].split("Credential=")[1].split("/")[0] for put in puts]


def test_the_handler_on_python_310_takes_credentials_from_the_context(world, index):
    role = {
        name.removeprefix("ALIBABA_CLOUD_").lower(): value
        for name, value in make_role_variables(world, "STS.310").items()
    }
    context = SimpleNamespace(**vars(CONTEXT), credentials=SimpleNamespace(**role))
    assert index.handler(payload("a"), context) is True
    assert find_writers(world) == ["STS.310"]


def test_the_handler_on_python_312_reads_credentials_from_the_environment(world, index):
    for name in ("STS.FIRST", "STS.NEXT"):
        index.os.environ.update(make_role_variables(world, name))
        assert index.handler(payload(name), CONTEXT) is True
    assert world.oms.accepted == {"STS.FIRST": 1, "STS.NEXT": 1}
    assert find_writers(world) == ["STS.FIRST", "STS.NEXT"]


def test_the_handler_of_a_function_without_a_role_sends_no_request(world, index):
    del index.os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"]
    with pytest.raises(CredentialsError, match=r"set `role` in s\.yaml"):
        index.handler(payload("a"), CONTEXT)
    assert not world.oms.requests


def test_the_handler_logs_invalid_settings_and_submits_no_key(world, index, mocker):
    error = mocker.patch.object(index.log, "error")
    index._instance.cache_clear()
    url = index.os.environ.pop("SYNC_URL")
    with pytest.raises(SettingsError):
        index.handler(payload("a"), CONTEXT)
    assert error.call_args.args[0]["message"].startswith("SYNC_URL is empty")
    assert not world.oms.requests

    index.os.environ["SYNC_URL"] = url
    assert index.handler(payload("a"), CONTEXT) is True


def test_the_handler_creates_its_clients_once_per_instance(index, mocker):
    index._instance.cache_clear()
    built = mocker.spy(index, "OmsClient")
    for key in ("a", "b"):
        index.handler(payload(key), CONTEXT)
    assert built.call_count == 1


def test_the_timeout_in_the_context_sets_the_deadline_of_an_invocation(world, index, mocker):
    sent = mocker.spy(Adapter, "send")
    index.handler(payload("a"), SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=4)))
    index.handler(payload("b"), SimpleNamespace())
    posts = [call for call in sent.call_args_list if call.args[1].method == "POST"]
    (short, _), (usual, usual_read) = (call.kwargs["timeout"] for call in posts)
    assert short < 4
    assert usual == 3.0
    assert usual_read == 10.0


def test_the_reconcile_handler_lists_the_source_bucket_and_reports(world, index):
    # GIVEN an object, and the record of the installation in the log bucket
    world.source.add(StoredObject("a", b"a"))
    world.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "2001-01-01"}'))
    world.advance(3600)

    # WHEN the handler is called, THEN it answers for a whole pass, and stores the pass in the log bucket
    report = index.reconcile_handler(b"", SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=600)))
    assert report["accepted"] == 1
    assert report["finished"] is True
    assert world.oms.accepted == {"a": 1}
    assert any(name.endswith(f"/{report['pass']}/total") for name in world.bucket.objects)

    # AND it answers an event of the log bucket with the completed pieces
    assert index.reconcile_handler(payload("foreign"), CONTEXT) == {"pieces": {}, "stop": None, "stopped": None}


def format_line(index, message, *arguments) -> str:
    """Return the log line of a message, logged half a second after noon."""
    index._formatter.bind("forward", CONTEXT)
    record = logging.LogRecord("oss_oms_sync", logging.INFO, "", 0, message, arguments, None)
    record.created = datetime(2026, 1, 31, 12, 0, 0, 500_999, timezone.utc).timestamp()
    return index._formatter.format(record)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (({"key": "山"},), {"key": "山"}),
        (("said so",), {"message": "said so"}),
        (("said %s", "so"), {"message": "said so"}),
    ],
)
def test_a_log_line_is_a_date_then_json_with_the_request_id(index, message, fields):
    time, _, text = format_line(index, *message).partition(" ")
    assert time == "2026-01-31T12:00:00.500Z"
    assert json.loads(text) == {"level": "INFO", "request_id": "1-abc", "job": "forward", **fields}


@pytest.mark.parametrize("job", ["forward", "replay", "reconcile", "doctor", "status"])
def test_each_log_line_of_an_invocation_names_its_job(index, monkeypatch, job):
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(index._formatter)
    monkeypatch.setattr(index.log, "handlers", [handler])
    index.log.setLevel("INFO")
    index._instance.cache_clear()
    index.os.environ["SYNC_URL"] = ""
    with contextlib.suppress(SettingsError):
        getattr(index, "handler" if job == "forward" else f"{job}_handler")(b"", CONTEXT)
    logging.getLogger("oss_oms_sync.ledger.state").error({"state": "?"})
    logged = [json.loads(line.partition(" ")[2]) for line in lines.getvalue().splitlines()]
    assert len(logged) > 1
    assert {(line["job"], line["request_id"]) for line in logged} == {(job, "1-abc")}


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029", "\ud800"], ids=ascii
)
def test_no_character_of_an_object_key_breaks_a_log_line(index, character):
    line = format_line(index, {"key": f"a{character}2026-01-31 b"})
    assert line.encode().decode().splitlines() == [line], "and no lone surrogate is left"
    assert json.loads(line.partition(" ")[2])["key"] == f"a{character}2026-01-31 b"


def test_the_handler_suppresses_log_lines_of_libraries(index):
    index.handler(payload("a"), CONTEXT)
    for library in ("oss2", "oss2.api", "urllib3", "urllib3.connectionpool"):
        assert not logging.getLogger(library).isEnabledFor(logging.WARNING)


def test_the_first_invocation_deducts_the_import_from_its_time_limit(world, index, mocker):
    # GIVEN an instance that was imported long ago
    for ago, taken_off in ((2.5, 2.5), (3600, 5)):
        mocker.patch.object(index, "IMPORT_START", 0.0)
        mocker.patch.object(index, "time", SimpleNamespace(monotonic=mocker.Mock(return_value=ago)))
        mocker.patch.object(index, "_import_seconds", index._measure_import())

        # WHEN it is invoked twice, THEN only the first invocation has less time, by the time of the import
        assert [index._make_deadline(CONTEXT, world.clock).remaining() for _ in range(2)] == [59.5 - taken_off, 59.5]


def test_a_cold_start_of_forward_does_not_import_the_listing_reader():
    script = "import sys, index, oss_oms_sync.jobs.forward; print(*(name for name in sys.modules if 'clouds.' in name))"
    path = os.pathsep.join([str(Path(clock.__file__).parents[1]), *sys.path])
    words = [sys.executable, "-B", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, env={"PYTHONPATH": path}, check=True)
    imported = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert {"oss", "oms"} <= imported
    assert imported.isdisjoint({"listings", "obs"})
