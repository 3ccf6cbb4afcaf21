"""A whole cutover over sockets: deployed functions, a sample of objects, and digests computed by vendors' SDKs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any

import oss2
import pytest

from sandbox import Sandbox
from sandbox.demo.cutover import format_now
from support.names import esdk_client
from support.uploads import upload
from support.world import HOUR

MIB = 1024 * 1024
KEYS = ["a b+c%2F.txt", "photos/山 🎉.jpg", "最" * 341, "control\x01.bin", "empty/"]


def invoke(box: Sandbox, job: str, **options: object) -> dict[str, Any]:
    """Call a deployed function with these options, and return its answer."""
    invocation = box.fc.invoke(job, json.dumps(options).encode())
    assert not invocation.failed, invocation.error_message
    return dict(invocation.value)


def digest(objects: Iterable[tuple[str, int]]) -> str:
    """Compute the digest of objects, given by key and size, without the project's code."""
    digests = [hashlib.sha256(f"{key}\0{size}".encode()).hexdigest() for key, size in objects]
    return f"{sum(int(hexdigest, 16) for hexdigest in digests) % 2**256:064x}"


def in_oss(box: Sandbox) -> list[tuple[str, int]]:
    bucket = oss2.Bucket(oss2.AuthV4(*box.user_credentials), box.oss.endpoint, box.source_bucket, region=box.region)
    return [(stored.key, stored.size) for stored in oss2.ObjectIteratorV2(bucket)]


def in_obs(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    with esdk_client(box, monkeypatch) as client:
        body = client.listObjects(box.destination_bucket, encoding_type="url").body
    return [
        (content.key, int(content.size)) for content in body.contents if not content.key.startswith("oms/sync_task/")
    ]


@pytest.fixture
def copied_project(deployed: Sandbox) -> Sandbox:
    """Return a project whose objects OMS copied an hour ago, one of them of 20 MiB; replay has read OMS's lists."""
    upload(deployed, *KEYS)
    deployed.oss.put(deployed.source_bucket, "big", bytes(20 * MIB))
    deployed.fc.wait_idle(60)
    deployed.tick("replay")
    deployed.advance(HOUR)
    return deployed


def test_a_cutover_ends_with_a_go_whose_digests_are_reproducible(copied_project, monkeypatch):
    frozen = format_now(copied_project)
    assert invoke(copied_project, "certify")["verdict"] == "REHEARSAL"
    assert invoke(copied_project, "compare", restart=True)["finished"]
    document = invoke(copied_project, "certify", frozen_since=frozen)
    assert document["verdict"] == "NOT PROVEN"
    # The project was closed an hour ago, and OMS is idle since.
    assert invoke(copied_project, "certify", close=True, run="r")["closed"]["run"] == "r"
    copied_project.advance(HOUR)
    # Times are whole seconds, and the standstill pass has to begin after the end of compare.
    while format_now(copied_project) <= document["as_of"]:
        time.sleep(0.05)
    copied_project.tick("replay")
    assert invoke(copied_project, "compare", standstill=True, restart=True)["finished"]
    document = invoke(copied_project, "certify", frozen_since=frozen, sample=4, run="r")
    assert document["verdict"] == "GO", [check for check in document["checks"] if check["result"] != "passed"]
    assert digest(in_oss(copied_project)) == document["source"]["digest"]
    assert digest(in_obs(copied_project, monkeypatch)) == document["destination"]["digest"]
    # The reads of OBS are those of the sample.
    drawn = set(document["sample"]["keys"])
    assert {action.key for action in copied_project.obs.actions if action.status == 206} == drawn
    assert document["sample"]["read"] == len(drawn) == 4
    assert invoke(copied_project, "certify", look=True)["go"] == document
    assert invoke(copied_project, "status")["verdict"]["state"] == "closed"
