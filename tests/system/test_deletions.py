"""The steps that `ops.py deletions` prints: Huawei's SDK for OBS deletes the listed objects."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from obs import ObsClient

from sandbox import Sandbox
from support.log_bucket import LogBucket
from support.names import obs_server, redirect_huawei_hosts
from support.uploads import PATIENCE, upload

DAY = 86400
GONE = ["a/1 +%2F", "b", "山/3"]
KEPT = [f"kept/{number}" for number in range(4)]


def delete_at_source(box: Sandbox, *keys: str) -> None:
    for key in keys:
        box.oss.buckets[box.source_bucket].delete(key)


def in_obs(box: Sandbox) -> set[str]:
    """Return the keys in OBS, except those of OMS's own lists."""
    return {key for key in list(box.obs.objects(box.destination_bucket)) if not key.startswith("oms/")}


def test_the_printed_steps_of_deletions_delete_the_listed_objects(box, deploy, ops, monkeypatch, tmp_path):
    # GIVEN objects in OBS that the source deleted, as comparisons of two days found; an object of others; no rules
    deploy(instances=2)
    upload(box, *GONE, *KEPT)
    box.obs.put(box.destination_bucket, "others", b"b")
    box.advance(3600)
    delete_at_source(box, *GONE)
    for _ in range(2):
        assert json.loads(ops("compare", "--json")[1])["finished"] is True
        box.advance(DAY + 3600)
    LogBucket(box).add_back_to_source()
    before = in_obs(box)
    # WHEN the list is made, THEN it has these keys, and nothing was deleted
    code, out, messages = ops("deletions", "--list", "gone.txt", "--max", "3")
    assert code == 0, messages
    assert Path("gone.txt").read_text(encoding="utf-8").splitlines() == GONE
    assert "of unknown origin: no record that OMS accepted the key" in out
    assert in_obs(box) == before
    # AND the user deletes them, after the source has written one again whose event is lost
    box.oss.fill(box.source_bucket, ["b"], size=1)
    redirect_huawei_hosts(monkeypatch)
    access_key, secret = box.huawei_credentials
    with closing(ObsClient(access_key, secret, server=obs_server(box), max_retry_count=0, timeout=10)) as client:
        for key in Path("gone.txt").read_text(encoding="utf-8").splitlines():
            assert client.deleteObject(box.destination_bucket, key).status == 204
    assert in_obs(box) == before - {*GONE}
    # THEN the comparison after it submits the key that came back, and nothing else is missing
    box.advance(3600)
    assert json.loads(ops("compare", "--json")[1])["submitted"] == 1
    box.wait_idle(PATIENCE)
    assert in_obs(box) == before - {*GONE} | {"b"}
    assert not (tmp_path / "gone.txt.part").exists()
