"""The command `python3 ops.py headers` over sockets; Huawei's SDK reads the changed headers in OBS."""

from __future__ import annotations

import json
from contextlib import closing
from urllib.parse import unquote

from obs import ObsClient
from obs.auth import Authentication
from obs.convertor import Adapter

from oss_oms_sync.clouds.objects import StoredObject
from sandbox import Sandbox
from support.log_bucket import LogBucket
from support.names import obs_server, redirect_huawei_hosts
from support.stored import Stored

KEYS = ["a b/1+%2F", "a/2", "山/3"]
SOURCE = {"Content-Type": "text/html", "Cache-Control": "max-age=60", "x-oss-meta-team": "a b, 'c'"}
MEASURED = {"moves_time": "no", "moves_etag": "no", "url": "yes", "expired_url": "no", "replaces": "yes"}


def put_in_both(box: Sandbox) -> None:
    """Put objects into both buckets, without their headers in OBS, and a canary's result into the log bucket."""
    for key in KEYS:
        Stored(box.oss, box.source_bucket).add(StoredObject(key, b"A", SOURCE))
        box.obs.bucket(box.destination_bucket).put(key, b"A", headers={"content-type": "text/html"})
    LogBucket(box).add_canary_result({"in_place": MEASURED})
    box.advance(3600)


def headers_in_obs(box: Sandbox, monkeypatch) -> list[tuple[str, ...]]:
    """Return each object's Content-Type, Cache-Control and a custom header, as Huawei's SDK reads them."""
    redirect_huawei_hosts(monkeypatch)
    access_key, secret = box.huawei_credentials
    with closing(ObsClient(access_key, secret, server=obs_server(box), max_retry_count=0, timeout=10)) as client:
        heads = [dict(client.getObjectMetadata(box.destination_bucket, key).header) for key in KEYS]
    return [tuple(head.get(name) for name in ("content-type", "cache-control", "team")) for head in heads]


def test_the_command_headers_compares_changes_and_restores_headers(box, deploy, ops, monkeypatch):
    deploy(instances=2)
    put_in_both(box)
    lost_headers, expected_headers = ("text/html", None, None), ("text/html", "max-age=60", "a b, 'c'")
    answers = {}
    for words, code in (("--dry-run", 3), ("", 0), ("--restart", 0)):
        exit_code, out, messages = ops("headers", "--json", *words.split())
        assert exit_code == code, out + messages
        answers[words] = json.loads(out)["outcomes"]
        assert headers_in_obs(box, monkeypatch) == [lost_headers if words == "--dry-run" else expected_headers] * 3
    assert answers == {"--dry-run": {"differs": 3}, "": {"mended": 3}, "--restart": {"recorded": 3}}

    # Each change is signed as the vendor's client signs it, and expires by OBS's clock.
    access_key, secret = box.huawei_credentials
    signer = Authentication(access_key, secret, False, Adapter("obs"), "", False)
    changes = [request for request in box.obs.requests if "metadata" in request.params]
    assert sorted(unquote(change.raw_path).removeprefix(f"/{box.destination_bucket}/") for change in changes) == KEYS
    for change in changes:
        key = unquote(change.raw_path).removeprefix(f"/{box.destination_bucket}/")
        signed = {name: value for name, value in change.headers.items() if name.startswith(("x-obs-", "content-type"))}
        query = {"metadata": None}
        theirs = signer.getSignature("PUT", box.destination_bucket, key, query, signed, change.params["Expires"])
        assert (change.params["AccessKeyId"], change.params["Signature"]) == (access_key, theirs["Signature"])
        assert "authorization" not in change.headers

    exit_code, out, messages = ops("headers", "--undo", "--json")
    assert (exit_code, json.loads(out)["outcomes"]) == (0, {"restored": 3}), messages
    assert headers_in_obs(box, monkeypatch) == [lost_headers] * 3
    assert not any(secret in text for text in (out, messages))
