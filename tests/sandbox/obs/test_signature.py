"""Tests that the simulated OBS refuses a request that breaks a rule of its signature scheme."""

from email.utils import formatdate

import pytest

from sandbox import Sandbox


def test_the_simulated_obs_accepts_x_obs_date_instead_of_date(box, obs_requests):
    headers = {"x-obs-date": formatdate(box.obs.now(), usegmt=True)}
    assert obs_requests.send(headers=headers).status_code == 200


def replace_scheme(scheme: str) -> dict[str, object]:
    return {
        "change": lambda headers: headers.update({"Authorization": headers["Authorization"].replace("OBS", scheme)})
    }


def change_headers(**headers: str) -> dict[str, object]:
    return {
        "change": lambda request_headers: request_headers.update(
            {name.replace("_", "-"): value for name, value in headers.items()}
        )
    }


# Mistakes in a request, and the codes of their errors.
MISTAKES = {
    "no signature": ({"change": lambda headers: headers.pop("Authorization")}, "AccessDenied"),
    "another scheme": (replace_scheme("AWS"), "AccessDenied"),
    "unknown access key": ({"credentials": ("NOBODY", "x")}, "InvalidAccessKeyId"),
    "wrong secret": ({"credentials": (Sandbox.huawei_credentials[0], "wrong")}, "SignatureDoesNotMatch"),
    "another x-obs header": (change_headers(x_obs_new="1"), "SignatureDoesNotMatch"),
    "another content type": (change_headers(Content_Type="text/plain"), "SignatureDoesNotMatch"),
    "another digest": (change_headers(Content_MD5="AAAA"), "SignatureDoesNotMatch"),
    "another date": (
        {"change": lambda headers: headers.update({"x-obs-date": headers["Date"]})},
        "SignatureDoesNotMatch",
    ),
    "another key": ({"key": "a", "path": "/b"}, "SignatureDoesNotMatch"),
    "another bucket": ({"host": "other.obs.cn-north-4.myhuaweicloud.com"}, "SignatureDoesNotMatch"),
    "date in another form": ({"headers": {"Date": "2026-01-01T00:00:00Z"}}, "AccessDenied"),
    "date without a zone": ({"headers": {"Date": "Thu, 01 Jan 2026 00:00:00"}}, "AccessDenied"),
    "a permanent key with a token": ({"headers": {"x-obs-security-token": "token"}}, "InvalidSecurity"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_simulated_obs_refuses_a_wrong_signature(box, obs_requests, refusal, mistake):
    box.obs.create_bucket("other")
    details, code = MISTAKES[mistake]
    assert refusal(obs_requests.send(**details)) == (403, code)


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_simulated_obs_accepts_a_date_up_to_fifteen_minutes_off(box, obs_requests, refusal, sign):
    valid_date, expired_date = (
        {"Date": formatdate(box.obs.now() + sign * seconds, usegmt=True)} for seconds in (890, 901)
    )
    assert obs_requests.send(headers=valid_date).status_code == 200
    assert refusal(obs_requests.send(headers=expired_date)) == (403, "RequestTimeTooSkewed")
