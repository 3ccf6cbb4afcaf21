"""A judge from outside: ali-oss, the vendor's SDK for Node.js, against the sandbox."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from support.law import HOSTILE
from support.machine import lack

SCRIPT = Path(__file__).parent / "ali_oss.js"
TIMEOUT = 60
# Its HTTP library tidies a path up before it sends it, so what it signed is not what it asked for.
TIDIED = "../..//./x"


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, which finds the SDK."""
    found = shutil.which("node")
    missing = "Node.js is" if found is None else "" if _has_sdk(found) else "the npm package ali-oss is"
    if missing:
        lack(f"{missing} missing: `make setup` installs what npm can")
    return str(found)


def _has_sdk(node: str) -> bool:
    looked = subprocess.run(
        [node, "-e", "require.resolve('ali-oss')"], cwd=SCRIPT.parent, capture_output=True, timeout=TIMEOUT, check=False
    )
    return looked.returncode == 0


@pytest.fixture
def play(box: Sandbox, node: str) -> Callable[..., Any]:
    """Play a scenario of the script; what it returned, or {"name", "code", "status", "message"} of what it raised."""

    def run(scenario: str, keys: list[str] | None = None) -> Any:
        key_id, secret = box.user_credentials
        given = {"scenario": scenario, "endpoint": box.oss.endpoint, "region": box.region, "id": key_id}
        done = subprocess.run(
            [node, str(SCRIPT)],
            input=json.dumps({**given, "secret": secret, "keys": keys}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        [answer] = json.loads(done.stdout).values()
        return answer

    return run


def test_hostile_keys_are_stored_and_listed(box, play):
    keys = [key for key in HOSTILE if key != TIDIED]

    seen = play("hostile_keys", keys)

    assert seen["contents"] == {key: key for key in keys}
    assert seen["list"] == seen["listV2"] == list(box.oss.objects("photos")) == sorted(keys)


def test_a_large_object_is_uploaded_in_parts(play):
    seen = play("multipart")

    assert (seen["equal"], seen["meta"]) == (True, {"author": "me"})
    assert all(etag.endswith('-4"') for etag in seen["etags"])


def test_a_precondition_that_does_not_hold_is_named(play):
    refused = play("failed_precondition")

    assert (refused["status"], refused["code"]) == (412, "PreconditionFailed")
    assert refused["message"].endswith("(condition: If-Match)")


def test_an_existing_object_can_be_protected(box, play):
    refused = play("forbidden_to_overwrite")

    assert (refused["status"], refused["code"]) == (409, "FileAlreadyExists")
    assert box.oss.objects("photos")["a"].data == b"first"


KEPT = [{"a": "1", "a-b": "2"}, "text/plain", "no-cache"]
# What each scenario comes to.
SEEN = {
    "deletes": {"deleted": ["a", "b&<c>", "d e", "照片", "never was"], "status": 204, "left": []},
    "folders": [[["a"], ["b/"]], [["c"], None], [["a", "c"], ["b/"]]],
    "ranges_and_conditions": {"part": [206, "ell", "bytes 1-3/5"], "same": 304, "found": "hello"},
    "metadata": {"a": KEPT, "kept": KEPT, "replaced": [{"c": "3"}, "application/octet-stream", None]},
    "append": "hello",
    "more_than_it_can": [["NotImplemented"] * 6, "hello"],
    "buckets": {
        "names": ["photos", "photos-oms-log"],
        "info": ["photos", "Standard"],
        "location": "oss-cn-hangzhou",
        "versioning": None,
    },
    "versioning": ["Enabled", "string"],
}
REFUSED = {
    "tidied_path": "SignatureDoesNotMatch",
    "small_part": "EntityTooSmall",
    "append_at_a_wrong_position": "PositionNotEqualToLength",
    "missing": "NoSuchKey",
}


@pytest.mark.parametrize("scenario", SEEN)
def test_what_it_does_comes_to_what_its_users_expect(play, scenario):
    assert play(scenario) == SEEN[scenario]


@pytest.mark.parametrize("scenario", REFUSED)
def test_what_is_wrong_is_refused_by_its_code(play, scenario):
    assert play(scenario)["code"] == REFUSED[scenario]
