"""Tests of V4 signatures in the header Authorization, without which the simulated OSS refuses requests."""

import oss2
import pytest

from sandbox import Sandbox

SCOPE = "SANDBOXALIUSER000001/20260114/cn-hangzhou/oss/aliyun_v4_request"
USER, FUNCTION = Sandbox.user_credentials, Sandbox.function_credentials


def client(box, *credentials, token=None, region="cn-hangzhou", version="v4"):
    auth = oss2.StsAuth(*credentials, token, auth_version=version) if token else oss2.make_auth(*credentials, version)
    return oss2.Bucket(auth, box.oss.endpoint, "photos", region=region, session=box._http)


@pytest.mark.parametrize(
    ("details", "error", "message"),
    [
        ({"version": "v1"}, oss2.exceptions.AccessDenied, "use v4"),
        ({"region": "cn-shanghai"}, oss2.exceptions.InvalidArgument, "signing region.*Expected cn-hangzhou"),
    ],
    ids=str,
)
def test_the_simulated_oss_refuses_an_older_signature_or_a_wrong_region(box, details, error, message):
    with pytest.raises(error, match=message):
        client(box, *USER, **details).put_object("a", b"")


def test_the_simulated_oss_refuses_anonymous_access(box, http, refusal):
    answer = http.get(f"{box.oss.endpoint}/photos/a")

    assert refusal(answer) == (403, "AccessDenied")
    assert f"<RequestId>{answer.headers['x-oss-request-id']}</RequestId>" in answer.text
    assert "<HostId>" in answer.text


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_the_simulated_oss_refuses_a_presigned_url(box, http, refusal, version):
    url = client(box, *USER, version=version).sign_url("PUT", "a", 60)

    assert refusal(http.put(url)) == (400, "NotImplemented")
    assert not box.oss.objects("photos")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("OSS4-HMAC-SHA256 Signature=00", "InvalidArgument"),
        ("OSS4-HMAC-SHA256 Credential=a/b/c, Signature=00", "InvalidArgument"),
        ("Bearer token", "InvalidArgument"),
        (f"OSS4-HMAC-SHA256 Credential={SCOPE}, Signature=0, AdditionalHeaders=host", "NotImplemented"),
    ],
)
def test_the_simulated_oss_refuses_a_malformed_authorization_header(box, http, refusal, header, code):
    assert refusal(http.get(f"{box.oss.endpoint}/photos/a", headers={"Authorization": header})) == (400, code)


@pytest.mark.parametrize(
    ("credentials", "token", "code"),
    [
        (("SANDBOXNOBODY", "secret"), None, "InvalidAccessKeyId"),
        ((USER[0], "wrong"), None, "SignatureDoesNotMatch"),
        (FUNCTION[:2], None, "AccessDenied"),
        (FUNCTION[:2], "wrong", "InvalidSecurityToken"),
        (USER, "surplus", "InvalidSecurityToken"),
    ],
    ids=["unknown key", "wrong secret", "missing token", "wrong token", "token of a key without a token"],
)
def test_the_simulated_oss_refuses_wrong_access_keys_and_tokens(box, catch_refusal, credentials, token, code):
    assert catch_refusal(lambda: client(box, *credentials, token=token).put_object("a", b"")) == (403, code)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_simulated_oss_accepts_a_date_up_to_15_minutes_off(box, photos, catch_refusal, sign):
    box.oss.clock_offset = sign * 14 * 60
    assert photos.put_object("a", b"").status == 200

    box.oss.clock_offset = sign * 16 * 60
    assert catch_refusal(lambda: photos.put_object("a", b"")) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize(
    ("path", "params", "replacement", "headers", "code"),
    [
        ("photos/b", {}, ("", ""), {}, "SignatureDoesNotMatch"),
        ("photos-oms-log/a", {}, ("", ""), {}, "SignatureDoesNotMatch"),
        ("photos/a", {"prefix": "a"}, ("", ""), {}, "SignatureDoesNotMatch"),
        *[
            ("photos/a", {}, ("", ""), {name: "true"}, "SignatureDoesNotMatch")
            for name in ("x-oss-meta-author", "x-oss-forbid-overwrite", "Content-Type", "Content-MD5")
        ],
        ("photos/a", {}, ("", ""), {"x-oss-content-sha256": "0" * 64}, "InvalidArgument"),
        ("photos/a", {}, ("/oss/", "/oss-cloudbox/"), {}, "InvalidArgument"),
        ("photos/a", {}, ("aliyun_v4_request", "aws4_request"), {}, "InvalidArgument"),
        ("photos/a", {}, ("", ""), {"x-oss-date": "Thu, 01 Jan 2026 00:00:00 GMT"}, "AccessDenied"),
        ("photos/a", {}, ("", ""), {"x-oss-date": "20261399T000000Z"}, "AccessDenied"),
        ("photos/a", {}, ("", ""), {"x-oss-date": "20200101T000000Z"}, "InvalidArgument"),
    ],
)
def test_the_simulated_oss_refuses_a_request_that_changed_after_signing(
    oss_requests, box, http, path, params, replacement, headers, code
):
    signed_headers = oss_requests.sign("PUT", "a").headers
    changed_headers = {
        **signed_headers,
        "authorization": signed_headers["authorization"].replace(*replacement),
        **headers,
    }
    answer = http.put(f"{box.oss.endpoint}/{path}", params=params, headers=changed_headers, data=b"")
    assert f"<Code>{code}</Code>" in answer.text


def test_the_simulated_oss_accepts_the_bucket_in_the_host_name(box, http, oss_requests):
    box.oss.put("photos", "a/b", b"data")
    signed_headers = oss_requests.sign("GET", "a/b").headers

    answer = http.get(
        f"{box.oss.endpoint}/a/b", headers={**signed_headers, "Host": "photos.oss-cn-hangzhou.aliyuncs.com"}
    )

    assert answer.content == b"data"
    other_headers = {**signed_headers, "Host": "photos-oms-log.oss-cn-hangzhou.aliyuncs.com"}
    assert "<Code>SignatureDoesNotMatch</Code>" in http.get(f"{box.oss.endpoint}/a/b", headers=other_headers).text
