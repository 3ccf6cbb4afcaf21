"""Permissions that OMS needs for its tasks, and errors of the vendor's client (huaweicloudsdkoms)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

SOURCE = [
    {"Effect": "Allow", "Action": ["oss:ListBuckets"], "Resource": ["acs:oss:*:*:*"]},
    {"Effect": "Allow", "Action": ["oss:GetBucketLocation", "oss:ListObjects"], "Resource": ["acs:oss:*:*:photos"]},
    {"Effect": "Allow", "Action": ["oss:GetObject"], "Resource": ["acs:oss:*:*:photos/*"]},
]
KEYS = ("src_ak", "src_sk", "dst_ak", "dst_sk")
BUCKET = "obs:*:*:bucket:photos-obs"
DESTINATION = [
    {"Effect": "Allow", "Action": ["obs:bucket:listAllMyBuckets"], "Resource": ["*"]},
    {"Effect": "Allow", "Action": ["obs:bucket:getBucketLocation", "obs:bucket:listBucket"], "Resource": [BUCKET]},
    {
        "Effect": "Allow",
        "Action": ["obs:object:getObject", "obs:object:putObject", "obs:object:listMultipartUploadParts"],
        "Resource": ["obs:*:*:object:photos-obs/*"],
    },
]

Statements = list[dict[str, object]]


def drop_action(statements: Statements, action: str) -> Statements:
    """Return the statements of a policy without an action, and without statements that have no other action."""
    kept = [
        {**statement, "Action": [name for name in statement["Action"] if name != action]} for statement in statements
    ]
    return [statement for statement in kept if statement["Action"]]


def catch_refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Make a call that OMS refuses; return the status and the code of the error."""
    with pytest.raises(ClientRequestException) as caught:
        call()
    return caught.value.status_code, caught.value.error_code
