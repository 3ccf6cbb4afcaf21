"""Tests that the simulated IAM refuses requests with unknown parts, or with changes after the signature."""

import json

import pytest

from sandbox.account import DOMAIN_ID

USER = json.dumps({"name": "a"}).encode()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v5/users", USER, 201),
        ("POST", "/v5/users", b"{}", 400),
        ("POST", "/v5/users", b"name=a", 400),
        ("POST", "/v5/users", b'{"name": "a", "path": "/"}', 400),
        ("POST", "/v5/users", b'{"name": 7}', 400),
        ("GET", "/v5/users?group_id=1", b"", 400),
        ("GET", "/v5/users?limit=1000", b"", 400),
        ("GET", "/v5/users", b"{}", 400),
        ("GET", "/v5/policies?policy_type=system", b"", 400),
        ("PATCH", "/v5/users", b"", 404),
        ("GET", "/v5/groups", b"", 404),
        ("GET", "/v3/projects?enabled=true", b"", 400),
    ],
)
def test_the_simulated_iam_refuses_a_request_with_an_unknown_part(box, huawei, method, path, body, status):
    headers = {"Content-Type": "application/json", "X-Domain-Id": DOMAIN_ID}
    assert huawei.call(method, f"{box.iam.endpoint}{path}", body, headers=headers).status_code == status


@pytest.mark.parametrize(
    "unsigned_headers",
    [{"X-Domain-Id": DOMAIN_ID}, {"X-Sdk-Date": "20060102T150405Z"}, {"X-Security-Token": "a"}],
    ids=["the domain", "the date", "a token"],
)
def test_the_simulated_iam_refuses_a_request_with_an_unsigned_header(box, huawei, unsigned_headers, assert_refused):
    answer = huawei.call("POST", f"{box.iam.endpoint}/v5/users", USER, unsigned_headers=unsigned_headers)
    assert_refused(answer, 401, "APIGW.0301")
    assert not box.iam.users
