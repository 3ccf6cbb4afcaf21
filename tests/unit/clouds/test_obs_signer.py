"""OBS's signature equals that of the vendor's own SDK, byte for byte."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obs.auth import Authentication
from obs.convertor import Adapter

from oss_oms_sync.clouds.obs import quote_key, sign

AK, SK = "FAKEACCESSKEY0000001", "fakeSecretKey0001"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
keys = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("/~+% .é"), max_size=20)
# In a header, white space around a value does not count, and the SDK leaves it in what it signs.
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip)
names = st.sampled_from(["Content-MD5", "Content-Type", "Range", "User-Agent", "If-Match"]) | st.from_regex(
    r"[xX]-[oO]bs-(meta-)?[a-z]{1,8}", fullmatch=True
)
headers = st.dictionaries(names, values, max_size=5).filter(
    lambda given: len({name.lower() for name in given}) == len(given)
)


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    key=keys,
    query=st.dictionaries(st.sampled_from(["prefix", "marker", "max-keys", "delimiter", "encoding-type"]), texts),
    plain=headers,
    token=st.sampled_from(["", "FAKETOKEN+/=1"]),
    now=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(timezone.utc)),
)
def test_the_signature_equals_the_vendors(method, key, query, plain, token, now):
    # WHEN both sign the same request
    ours = sign(method, f"/bkt/{quote_key(key)}", plain, ak=AK, sk=SK, now=now, security_token=token)
    sent = {name: value for name, value in ours.items() if name != "Authorization"}
    theirs = Authentication(AK, SK, False, Adapter("obs"), "", False).doAuth(method, "bkt", key, query, sent)

    # THEN they agree, and nothing is added but what the vendor sends
    assert ours["Authorization"] == theirs["Authorization"]
    assert sent == {
        **plain,
        "Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        **({"x-obs-security-token": token} if token else {}),
    }


def test_on_an_ip_address_a_listing_is_signed_as_the_sdk_does_it():
    ours = sign("GET", "/bkt", {}, ak=AK, sk=SK, now=NEW_YEAR)
    sent = {"Date": ours["Date"]}
    theirs = Authentication(AK, SK, True, Adapter("obs"), "", False).doAuth("GET", "bkt", "", {"prefix": "a"}, sent)
    assert ours["Authorization"] == theirs["Authorization"]


@pytest.mark.parametrize(
    ("method", "resource", "token", "signature"),
    [
        ("GET", "/bkt/", "", "G/hCLtgBfumglKREvksHGZ7WQ38="),
        ("HEAD", "/bkt/a%20b", "", "VcJ1u976llAdqc1TTzB9F7O0AsU="),
        ("GET", "/bkt/", "TOKEN", "jzm6yHGq5VTYmoiPgQTAJfbIjMc="),
        ("HEAD", "/bkt//lead", "", "M8SxnAaLqcSDjMVLyVcfzKfbImI="),
    ],
)
def test_vectors(method, resource, token, signature):
    signed = sign(method, resource, {}, ak="test", sk="test", now=NEW_YEAR, security_token=token)
    assert signed["Authorization"] == f"OBS test:{signature}"


def test_with_a_date_of_its_own_header_the_other_is_not_signed():
    headers = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    one, other = (sign("GET", "/bkt/", headers, ak=AK, sk=SK, now=now) for now in (NEW_YEAR, NEW_YEAR.replace(day=2)))
    assert one["Authorization"] == other["Authorization"]
    assert one["Date"] != other["Date"]
