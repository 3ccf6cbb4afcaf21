"""The baseline of the benchmarks: the vendor's published function, made as fast as possible.

An invocation submits a single key, opens a new connection to OMS, creates an `oss2.Bucket` and writes an empty record.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlsplit

import oss2
import requests

from oss_oms_sync.clouds.oms import sign

SYNC_URL = os.environ["SYNC_URL"]
# The vendor's page signs with V1, which new buckets refuse, and so does the sandbox.
SIGNATURE = {"auth_version": "v4"} if "BASELINE_V4" in os.environ else {}
TASK = SYNC_URL.split("/")[-2]


def handler(event: bytes, context: Any) -> bool:  # noqa: ARG001
    key = json.loads(event)["events"][0]["oss"]["object"]["key"]
    body = json.dumps({"object_keys": [quote(key, safe="")]}).encode()
    url = urlsplit(SYNC_URL)
    headers = sign(
        "POST",
        url.netloc,
        url.path,
        (),
        {"Content-Type": "application/json"},
        body,
        ak=os.environ["HW_AK"],
        sk=os.environ["HW_SK"],
        now=datetime.now(timezone.utc),
    )
    accepted = requests.post(SYNC_URL, data=body, headers=headers, timeout=30).status_code == 200
    names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    auth = oss2.StsAuth(*(os.environ[f"ALIBABA_CLOUD_{name}"] for name in names), **SIGNATURE)
    bucket = oss2.Bucket(auth, os.environ["OSS_ENDPOINT"], os.environ["LOG_BUCKET"], region=os.environ["FC_REGION"])
    bucket.put_object(f"oms_source_record/{TASK}/{'success' if accepted else 'failed'}_object/{key}", b"")
    return accepted
