"""Tests of requests that the simulated RAM refuses: wrong signatures, wrong parameters, missing permissions."""

import hashlib
import json
import time
import uuid

import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

ALGORITHM = "ACS3-HMAC-SHA256"
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}],
    }
)


def document(*statements):
    return json.dumps({"Version": "1", "Statement": list(statements)})


ALLOW = {"Effect": "Allow", "Action": "oss:*", "Resource": "*"}
PLAIN = document(ALLOW)


@pytest.fixture
def send(box, http):
    """Return a function that sends a call with the signature of the vendor's SDK.

    `before` has headers to sign, and `change` can alter the headers after the signature.
    """

    def call(action, query=None, change=lambda _: None, credentials=None, before=None, **details):
        key, secret = credentials or box.user_credentials
        request = DaraRequest()
        request.method, request.pathname, request.query = "POST", "/", dict(query or {})
        request.headers = {
            "host": box.ram.endpoint.removeprefix("http://"),
            "x-acs-action": action,
            "x-acs-version": "2015-05-01",
            "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(box.ram.now())),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            **(before or {}),
        }
        payload = request.headers["x-acs-content-sha256"]
        request.headers["Authorization"] = Utils.get_authorization(request, ALGORITHM, payload, key, secret)
        change(request.headers)
        arguments = {
            "method": "POST",
            "url": f"{box.ram.endpoint}/",
            "params": query,
            "headers": request.headers,
            **details,
        }
        return http.request(**arguments, timeout=10)

    return call


@pytest.fixture
def refusal(send):
    """Return a function that sends a call that RAM must refuse, and returns the status and the error code."""

    def call(*arguments, **details):
        answer = send(*arguments, **details)
        assert {"RequestId", "HostId", "Code", "Message", "Recommend"} <= answer.json().keys()
        return answer.status_code, answer.json()["Code"]

    return call


def test_the_simulated_ram_answers_a_valid_call(send):
    answer = send("CreateUser", {"UserName": "a", "Comments": "a +&=~山"})
    assert (answer.status_code, answer.json()["User"]["Comments"]) == (200, "a +&=~山")


def put(**headers):
    return lambda sent: sent.update({name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (put(Authorization=""), "MissingAuthorization"),
        (lambda sent: sent.pop("x-acs-signature-nonce"), "Missingx-acs-signature-nonce"),
        (put(x_acs_signature_nonce="another"), "SignatureDoesNotMatch"),
        (put(x_acs_action="GetUser"), "SignatureDoesNotMatch"),
        (put(x_acs_content_sha256="0" * 64), "SignatureDoesNotMatch"),
        (put(x_acs_unsigned="a"), "IncompleteSignature"),
        (put(x_acs_security_token="a"), "InvalidSecurityToken.Malformed"),
    ],
)
def test_the_simulated_ram_refuses_a_request_that_changed_after_signing(refusal, change, code):
    assert refusal("CreateUser", {"UserName": "a"}, change) == (400, code)


@pytest.mark.parametrize(
    ("before", "code"),
    [({"x-acs-date": "today"}, "InvalidTimeStamp.Format"), ({"x-acs-version": "2014-05-01"}, "InvalidVersion")],
)
def test_the_simulated_ram_refuses_a_signed_wrong_date_or_version(refusal, before, code):
    assert refusal("CreateUser", {"UserName": "a"}, before=before)[1] == code


@pytest.mark.parametrize(
    ("minutes", "answer"),
    [(-14, (200, None)), (14, (200, None)), *((minutes, (400, "InvalidTimeStamp.Expired")) for minutes in (-16, 16))],
)
def test_the_simulated_ram_accepts_a_date_up_to_15_minutes_off(box, send, minutes, answer):
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(box.ram.now() + minutes * 60))
    response = send("CreateUser", {"UserName": "a"}, before={"x-acs-date": date})
    assert (response.status_code, response.json().get("Code")) == answer


def test_the_simulated_ram_refuses_a_wrong_access_key_or_token(box, refusal):
    key, secret = box.user_credentials
    assert refusal("GetUser", credentials=("LTAI", secret)) == (404, "InvalidAccessKeyId.NotFound")
    assert refusal("GetUser", credentials=(key, "wrong")) == (400, "SignatureDoesNotMatch")
    temporary_key, mixed_headers = ("STS.KEY", "secret"), {"x-acs-security-token": "TOKEN", "x-acs-accesskey-id": key}
    box.ram.add_credentials(*temporary_key, "TOKEN")
    assert refusal("GetUser", credentials=temporary_key) == (400, "MissingSecurityToken")
    mismatch = (400, "InvalidSecurityToken.MismatchWithAccessKey")
    assert refusal("GetUser", credentials=temporary_key, before=mixed_headers) == mismatch


def test_the_simulated_ram_accepts_a_nonce_once_within_15_minutes(box, send, refusal):
    nonce = {"x-acs-signature-nonce": "n"}
    assert send("CreateUser", {"UserName": "a"}, before=nonce).status_code == 200
    assert refusal("CreateUser", {"UserName": "b"}, before=nonce) == (400, "SignatureNonceUsed")
    box.advance(16 * 60)
    assert send("CreateUser", {"UserName": "b"}, before=nonce).status_code == 200


@pytest.mark.parametrize(
    ("action", "query", "code"),
    [
        ("DeleteEverything", {}, "InvalidAction.NotFound"),
        ("CreateRole", {"RoleName": "a"}, "MissingAssumeRolePolicyDocument"),
        (
            "CreateRole",
            {"RoleName": "a_b", "AssumeRolePolicyDocument": TRUST},
            "InvalidParameter.RoleName.InvalidChars",
        ),
        ("CreateRole", {"RoleName": "a" * 65, "AssumeRolePolicyDocument": TRUST}, "InvalidParameter.RoleName.Length"),
        ("CreateRole", {"RoleName": "a", "AssumeRolePolicyDocument": PLAIN}, "MalformedPolicyDocument"),
        (
            "CreateRole",
            {"RoleName": "a", "AssumeRolePolicyDocument": TRUST, "Tag": "a=b"},
            "InvalidParameter.Tag",
        ),
        ("CreatePolicy", {"PolicyName": "a.b", "PolicyDocument": PLAIN}, "InvalidParameter.PolicyName.InvalidChars"),
        ("CreatePolicy", {"PolicyName": "a" * 129, "PolicyDocument": PLAIN}, "InvalidParameter.PolicyName.Length"),
        (
            "CreatePolicy",
            {"PolicyName": "a", "PolicyDocument": PLAIN.ljust(6145)},
            "InvalidParameter.PolicyDocument.Length",
        ),
        ("CreatePolicy", {"PolicyName": "a", "PolicyDocument": "{"}, "MalformedPolicyDocument"),
        ("DeletePolicy", {"PolicyName": "a", "CascadingDelete": "1"}, "EntityNotExist.Policy"),
        (
            "CreatePolicy",
            {"PolicyName": "a", "PolicyDocument": PLAIN, "Description": "a" * 1025},
            "InvalidParameter.Description.Length",
        ),
        ("CreatePolicy", {"PolicyName": "a", "PolicyDocument": PLAIN, "Path": "/"}, "NotImplemented"),
        ("GetPolicy", {"PolicyName": "a", "PolicyType": "System"}, "NotImplemented"),
        ("CreateUser", {"UserName": "a b"}, "InvalidParameter.UserName.InvalidChars"),
        ("DeleteAccessKey", {"UserName": "a", "AccessKeyId": "b"}, "NotImplemented"),
        ("AttachPolicyToUser", {"UserName": "a", "PolicyName": "b", "PolicyType": "Custom"}, "EntityNotExist.User"),
    ],
)
def test_the_simulated_ram_refuses_a_wrong_parameter(refusal, action, query, code):
    assert refusal(action, query)[1] == code


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Perhaps", "Action": "oss:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "oss:*"},
        {"Effect": "Allow", "NotAction": "oss:*", "Resource": "*"},
        {"Effect": "Allow", "Action": [], "Resource": [7]},
        {**ALLOW, "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}},
        {**ALLOW, "Condition": {"StringLike": {"oss:Delimiter": "/"}}},
    ],
)
def test_the_simulated_ram_refuses_a_wrong_or_unsupported_policy(refusal, statement):
    answer = refusal("CreatePolicy", {"PolicyName": "a", "PolicyDocument": document(statement)})
    assert answer == (400, "MalformedPolicyDocument")


@pytest.mark.parametrize("kind", ["ImplicitDeny", "ExplicitDeny"])
def test_the_simulated_ram_names_a_missing_permission_and_its_denial(box, send, kind):
    box.ram.deny("ram:CreateRole", kind)
    answer = send("CreateRole", {"RoleName": "a", "AssumeRolePolicyDocument": TRUST})
    assert (answer.status_code, answer.json()["Code"]) == (403, "NoPermission")
    detail = {"AuthAction": "ram:CreateRole", "NoPermissionType": kind, "PolicyType": "AccountLevelIdentityBasedPolicy"}
    assert answer.json()["AccessDeniedDetail"].items() >= detail.items()


def test_the_simulated_ram_shows_a_new_user_late_and_reserves_its_name(box, send, refusal):
    box.ram.entities.visibility_delay = 1
    send("CreateUser", {"UserName": "a"})
    assert refusal("GetUser", {"UserName": "a"}) == (404, "EntityNotExist.User")
    assert refusal("CreateUser", {"UserName": "a"}) == (409, "EntityAlreadyExists.User")
    box.advance(1)
    assert send("GetUser", {"UserName": "a"}).status_code == 200
    send("CreateAccessKey", {"UserName": "a"})
    assert send("ListAccessKeys", {"UserName": "a"}).json()["AccessKeys"]["AccessKey"] == []
