"""The signature "OBS": every rule has a client that breaks it and is refused."""

from email.utils import formatdate

import pytest

from sandbox import Sandbox


def test_a_right_request_is_answered_whose_listings_parameters_are_not_signed(obs_requests):
    for params in ({}, {"prefix": "a", "marker": "b"}):
        assert obs_requests.send(params=params).status_code == 200


def test_x_obs_date_may_stand_in_for_date(box, obs_requests):
    headers = {"x-obs-date": formatdate(box.obs.now(), usegmt=True)}
    assert obs_requests.send(headers=headers).status_code == 200


def with_scheme(scheme: str) -> dict[str, object]:
    return {"change": lambda sent: sent.update({"Authorization": sent["Authorization"].replace("OBS", scheme)})}


def changed(**headers: str) -> dict[str, object]:
    return {"change": lambda sent: sent.update({name.replace("_", "-"): value for name, value in headers.items()})}


# What is wrong with a request, and what it is refused with.
WRONG = {
    "no signature": ({"change": lambda sent: sent.pop("Authorization")}, "AccessDenied"),
    **{f"scheme {one}": (with_scheme(one), "AccessDenied") for one in ("AWS", "OSS", "obs", "OBS4-HMAC-SHA256")},
    "unknown access key": ({"credentials": ("NOBODY", "x")}, "InvalidAccessKeyId"),
    "wrong secret": ({"credentials": (Sandbox.huawei_credentials[0], "wrong")}, "SignatureDoesNotMatch"),
    "another x-obs header": (changed(x_obs_new="1"), "SignatureDoesNotMatch"),
    "another content type": (changed(Content_Type="text/plain"), "SignatureDoesNotMatch"),
    "another digest": (changed(Content_MD5="AAAA"), "SignatureDoesNotMatch"),
    "another date": ({"change": lambda sent: sent.update({"x-obs-date": sent["Date"]})}, "SignatureDoesNotMatch"),
    "another key": ({"key": "a", "path": "/b"}, "SignatureDoesNotMatch"),
    "another bucket": ({"host": "other.obs.cn-north-4.myhuaweicloud.com"}, "SignatureDoesNotMatch"),
    **{f"date {one}": ({"headers": {"Date": one}}, "AccessDenied") for one in ("", "2026-01-01T00:00:00Z", "now")},
    **{
        f"date without a zone {text}": ({"headers": {"Date": text}}, "AccessDenied")
        for text in ("Thu, 01 Jan 2026 00:00:00", "Thu, 01 Jan 2026 00:00:00 GM0", "Thu, 01 Jan 2026 00:00:00 -0000")
    },
    "a lasting key with a token": ({"headers": {"x-obs-security-token": "token"}}, "InvalidSecurity"),
}


@pytest.mark.parametrize("what", WRONG)
def test_who_signs_wrongly_is_refused(box, obs_requests, refusal, what):
    box.obs.create_bucket("other")
    details, code = WRONG[what]
    assert refusal(obs_requests.send(**details)) == (403, code)


def test_another_method_than_the_signed_one_is_refused(obs_requests, box):
    box.obs.put("photos-obs", "a", b"hello")

    def as_get(sent):
        sent["Authorization"] = obs_requests.send("GET", "a").request.headers["Authorization"]

    assert obs_requests.send("GET", "a", change=as_get).status_code == 200
    assert obs_requests.send("HEAD", "a", change=as_get).status_code == 403


@pytest.mark.parametrize("key", ["a/b", "a~b", "a b"])
def test_a_key_that_is_quoted_otherwise_in_the_url_is_the_same_key(box, obs_requests, key):
    box.obs.put("photos-obs", key, b"")
    quoted = "".join(f"%{ord(character):02x}" for character in key)
    assert obs_requests.send(key=key, path=f"/{quoted}").status_code == 200


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_request_may_be_fifteen_minutes_off(box, obs_requests, refusal, sign):
    lesser, over = ({"Date": formatdate(box.obs.now() + sign * off, usegmt=True)} for off in (890, 901))
    assert obs_requests.send(headers=lesser).status_code == 200
    assert refusal(obs_requests.send(headers=over)) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize(("token", "status"), [("token", 200), ("another", 403), (None, 403)])
def test_temporary_credentials_need_their_token(box, obs_requests, token, status):
    box.obs.add_credentials("TEMPORARY", "secret", "token")
    headers = {"x-obs-security-token": token} if token else {}
    assert obs_requests.send(headers=headers, credentials=("TEMPORARY", "secret")).status_code == status
