"""The signature "OBS": every rule has a client that breaks it and is refused."""

from email.utils import formatdate

import pytest

MISMATCH = (403, "SignatureDoesNotMatch")


def test_a_right_request_is_answered(obs_requests):
    assert obs_requests.send().status_code == 200


def test_parameters_of_a_listing_are_not_signed(obs_requests):
    assert obs_requests.send(params={"prefix": "a", "marker": "b"}).status_code == 200


def test_x_obs_date_may_stand_in_for_date(box, obs_requests):
    headers = {"x-obs-date": formatdate(box.obs.now(), usegmt=True)}
    assert obs_requests.send(headers=headers).status_code == 200


def test_a_request_without_a_signature_is_refused(obs_requests, refusal):
    answer = obs_requests.send(change=lambda sent: sent.pop("Authorization"))
    assert refusal(answer) == (403, "AccessDenied")


@pytest.mark.parametrize("scheme", ["AWS", "OSS", "obs", "OBS4-HMAC-SHA256"])
def test_another_scheme_is_refused(obs_requests, refusal, scheme):
    def change(sent):
        sent["Authorization"] = sent["Authorization"].replace("OBS", scheme)

    assert refusal(obs_requests.send(change=change)) == (403, "AccessDenied")


def test_an_unknown_access_key_is_refused(obs_requests, refusal):
    assert refusal(obs_requests.send(credentials=("NOBODY", "x"))) == (403, "InvalidAccessKeyId")


def test_a_wrong_secret_is_refused(box, obs_requests, refusal):
    access_key, _ = box.huawei_credentials
    assert refusal(obs_requests.send(credentials=(access_key, "wrong"))) == MISMATCH


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: sent.update({"x-obs-new": "1"}),
        lambda sent: sent.update({"Content-Type": "text/plain"}),
        lambda sent: sent.update({"Content-MD5": "AAAA"}),
        lambda sent: sent.update({"x-obs-date": sent["Date"]}),
    ],
    ids=["an x-obs header", "the content type", "the digest", "the date"],
)
def test_what_is_changed_after_signing_is_noticed(obs_requests, refusal, change):
    assert refusal(obs_requests.send(change=change)) == MISMATCH


def test_another_method_than_the_signed_one_is_refused(obs_requests, box):
    box.obs.put("photos-obs", "a", b"hello")

    def as_get(sent):
        sent["Authorization"] = obs_requests.send("GET", "a").request.headers["Authorization"]

    assert obs_requests.send("GET", "a", change=as_get).status_code == 200
    assert obs_requests.send("HEAD", "a", change=as_get).status_code == 403


def test_the_signature_of_another_key_is_refused(obs_requests, refusal):
    assert refusal(obs_requests.send(key="a", path="/b")) == MISMATCH


def test_the_signature_of_another_bucket_is_refused(box, obs_requests, refusal):
    box.obs.create_bucket("other")
    assert refusal(obs_requests.send(host="other.obs.cn-north-4.myhuaweicloud.com")) == MISMATCH


@pytest.mark.parametrize("key", ["a/b", "a~b", "a b"])
def test_a_key_that_is_quoted_otherwise_in_the_url_is_the_same_key(box, obs_requests, key):
    box.obs.put("photos-obs", key, b"")
    quoted = "".join(f"%{ord(character):02x}" for character in key)
    assert obs_requests.send(key=key, path=f"/{quoted}").status_code == 200


@pytest.mark.parametrize("off", [-901, 901])
def test_a_request_that_is_over_fifteen_minutes_off_is_refused(box, obs_requests, refusal, off):
    headers = {"Date": formatdate(box.obs.now() + off, usegmt=True)}
    assert refusal(obs_requests.send(headers=headers)) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("off", [-890, 890])
def test_a_request_that_is_less_off_is_answered(box, obs_requests, off):
    headers = {"Date": formatdate(box.obs.now() + off, usegmt=True)}
    assert obs_requests.send(headers=headers).status_code == 200


@pytest.mark.parametrize("date", ["", "2026-01-01T00:00:00Z", "now"])
def test_a_request_without_a_date_is_refused(obs_requests, refusal, date):
    assert refusal(obs_requests.send(headers={"Date": date})) == (403, "AccessDenied")


@pytest.mark.parametrize(("token", "status"), [("token", 200), ("another", 403), (None, 403)])
def test_temporary_credentials_need_their_token(box, obs_requests, token, status):
    box.obs.add_credentials("TEMPORARY", "secret", "token")
    headers = {"x-obs-security-token": token} if token else {}
    assert obs_requests.send(headers=headers, credentials=("TEMPORARY", "secret")).status_code == status


def test_lasting_credentials_with_a_token_are_refused(obs_requests, refusal):
    assert refusal(obs_requests.send(headers={"x-obs-security-token": "token"})) == (403, "InvalidSecurity")
