"""Tests of the simulated OSS with an independent client: ali-oss, the vendor's SDK for Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from support.law import HOSTILE
from support.machine import skip_or_fail
from support.process import start_process

SCRIPT = Path(__file__).parent / "ali_oss.js"
TIMEOUT = 60
# The SDK's HTTP library normalizes a path after the signature.
NORMALIZED_KEY = "../..//./x"


@pytest.fixture(scope="session")
def node() -> Iterator[subprocess.Popen[str]]:
    """Yield the process of ali_oss.js, which loads the SDK once; skip the test if Node.js or the SDK is missing."""
    path = shutil.which("node")
    missing_program = "Node.js is" if path is None else "" if _has_sdk(path) else "the npm package ali-oss is"
    if missing_program:
        skip_or_fail(f"{missing_program} missing: `make setup` installs what npm can")
    with start_process([str(path), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def _has_sdk(node: str) -> bool:
    process = subprocess.run(
        [node, "-e", "require.resolve('ali-oss')"], cwd=SCRIPT.parent, capture_output=True, timeout=TIMEOUT, check=False
    )
    return process.returncode == 0


@pytest.fixture
def play(box: Sandbox, node: subprocess.Popen[str]) -> Callable[..., Any]:
    """Return a function that runs a scenario of ali_oss.js.

    The function returns the scenario's result, or its error as {"name", "code", "status", "message"}.
    """

    def run(scenario: str, keys: list[str] | None = None) -> Any:
        key_id, secret = box.user_credentials
        options = {"scenario": scenario, "endpoint": box.oss.endpoint, "region": box.region, "id": key_id}
        print(json.dumps({**options, "secret": secret, "keys": keys}), file=node.stdin, flush=True)
        assert node.stdout
        [answer] = json.loads(node.stdout.readline()).values()
        return answer

    return run


def test_the_simulated_oss_stores_and_lists_hostile_keys_of_ali_oss(box, play):
    keys = [key for key in HOSTILE if key != NORMALIZED_KEY]

    result = play("hostile_keys", keys)

    assert result["contents"] == {key: key for key in keys}
    assert result["list"] == result["listV2"] == list(box.oss.objects("photos")) == sorted(keys)


def test_the_simulated_oss_accepts_uploads_in_parts_of_ali_oss(play):
    result = play("multipart")

    assert result["equal"] is True
    assert result["meta"] == {"author": "me"}
    assert all(etag.endswith('-4"') for etag in result["etags"])


def test_an_error_of_the_simulated_oss_names_the_failed_precondition(play):
    error = play("failed_precondition")

    assert (error["status"], error["code"]) == (412, "PreconditionFailed")
    assert error["message"].endswith("(condition: If-Match)")


def test_a_header_prevents_the_simulated_oss_from_overwriting_an_object(box, play):
    error = play("forbidden_to_overwrite")

    assert (error["status"], error["code"]) == (409, "FileAlreadyExists")
    assert box.oss.objects("photos")["a"].data == b"first"


COPIED_METADATA = [{"a": "1", "a-b": "2"}, "text/plain", "no-cache"]
# The result of each scenario.
RESULTS = {
    "deletes": {"deleted": ["a", "b&<c>", "d e", "照片", "never was"], "status": 204, "left": []},
    "folders": [[["a"], ["b/"]], [["c"], None], [["a", "c"], ["b/"]]],
    "ranges_and_conditions": {"part": [206, "ell", "bytes 1-3/5"], "same": 304, "found": "hello"},
    "metadata": {
        "a": COPIED_METADATA,
        "kept": COPIED_METADATA,
        "replaced": [{"c": "3"}, "application/octet-stream", None],
    },
    "more_than_it_can": [["NotImplemented"] * 6, "hello"],
    "buckets": {
        "names": ["photos", "photos-oms-log"],
        "info": ["photos", "Standard"],
        "location": "oss-cn-hangzhou",
        "versioning": None,
    },
    "versioning": ["Enabled", "string"],
}
ERROR_CODES = {
    "tidied_path": "SignatureDoesNotMatch",
    "small_part": "EntityTooSmall",
    "missing": "NoSuchKey",
}


@pytest.mark.parametrize("scenario", RESULTS)
def test_each_scenario_of_ali_oss_has_its_expected_result(play, scenario):
    assert play(scenario) == RESULTS[scenario]


@pytest.mark.parametrize("scenario", ERROR_CODES)
def test_the_simulated_oss_refuses_each_wrong_request_of_ali_oss(play, scenario):
    assert play(scenario)["code"] == ERROR_CODES[scenario]
