"""Signatures of the function's requests, which equal those of the vendors' own signers byte for byte."""

from datetime import datetime, timezone
from types import SimpleNamespace
from urllib.parse import quote

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st
from obs.auth import Authentication
from obs.convertor import Adapter

from oss_oms_sync.clouds.obs_signature import quote_key, sign_url
from oss_oms_sync.clouds.obs_signature import sign as sign_for_obs
from oss_oms_sync.clouds.oms import sign

AK, SK = "FAKEACCESSKEY0000001", "fakeSecretKey0001"
segments = st.lists(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=8), max_size=5)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# The vendor's signer omits names with "_", uses any passed content hash, and hashes only JSON bodies.
header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: name.lower() not in {"host", "x-sdk-date", "x-sdk-content-sha256", "content-type", "authorization"}
)
headers = st.dictionaries(
    header_names, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), max_size=4
).filter(lambda headers: len({name.lower() for name in headers}) == len(headers))


@given(
    method=st.sampled_from(["GET", "POST", "put", "DELETE"]),
    path=segments,
    query=st.dictionaries(texts, texts, max_size=4),
    plain=headers,
    body=st.binary(max_size=40),
    token=st.sampled_from(["", "FAKETOKEN+/=1"]),
    now=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1)),
)
def test_the_signature_for_oms_equals_that_of_the_vendors_sdk(method, path, query, plain, body, token, now):
    # GIVEN any request
    encoded = "/" + "/".join(quote(segment, safe="") for segment in path)
    plain = {**plain, "Content-Type": "application/json"}

    passed_headers = dict(plain)

    # WHEN both signers sign it
    ours = sign(
        method,
        "oms.example.com",
        encoded,
        list(query.items()),
        passed_headers,
        body,
        ak=AK,
        sk=SK,
        now=now,
        security_token=token,
    )
    request = SdkRequest(
        method=method,
        schema="https",
        host="oms.example.com",
        resource_path=encoded,
        query_params=list(query.items()),
        header_params={**plain, "X-Sdk-Date": ours["X-Sdk-Date"], **({"X-Security-Token": token} if token else {})},
        body=body,
    )
    theirs = Signer(SimpleNamespace(ak=AK, sk=SK)).sign(request).header_params

    # THEN both signatures are equal, and only the vendor's headers are added
    assert ours["Authorization"] == theirs["Authorization"]
    assert {name.lower() for name in ours} == {name.lower() for name in theirs}
    assert passed_headers == plain


NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
obs_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
keys = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("/~+% .é"), max_size=20)
# White space around a header's value has no meaning, but the SDK signs it.
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip)
names = st.sampled_from(["Content-MD5", "Content-Type", "Range", "User-Agent", "If-Match"]) | st.from_regex(
    r"[xX]-[oO]bs-(meta-)?[a-z]{1,8}", fullmatch=True
)
obs_headers = st.dictionaries(names, values, max_size=5).filter(
    lambda headers: len({name.lower() for name in headers}) == len(headers)
)


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    key=keys,
    query=st.dictionaries(st.sampled_from(["prefix", "marker", "max-keys", "delimiter", "encoding-type"]), obs_texts),
    plain=obs_headers,
    token=st.sampled_from(["", "FAKETOKEN+/=1"]),
    now=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(timezone.utc)),
)
def test_the_signature_for_obs_equals_that_of_the_vendors_sdk(method, key, query, plain, token, now):
    # WHEN both signers sign the same request
    ours = sign_for_obs(method, f"/bkt/{quote_key(key)}", plain, ak=AK, sk=SK, now=now, security_token=token)
    sent = {name: value for name, value in ours.items() if name != "Authorization"}
    theirs = Authentication(AK, SK, False, Adapter("obs"), "", False).doAuth(method, "bkt", key, query, sent)

    # THEN both signatures are equal, and only the vendor's headers are added
    assert ours["Authorization"] == theirs["Authorization"]
    assert sent == {
        **plain,
        "Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        **({"x-obs-security-token": token} if token else {}),
    }


@given(
    key=keys,
    plain=obs_headers,
    version=st.sampled_from(["", "G001+/="]),
    token=st.sampled_from(["", "FAKETOKEN+/=1"]),
    expires=st.integers(0, 2**40),
)
def test_the_signature_of_a_url_for_obs_equals_that_of_the_vendors_sdk(key, plain, version, token, expires):
    query = {"metadata": "", **({"versionId": version} if version else {})}
    place = f"/bkt/{quote_key(key)}"
    ours = sign_url("PUT", place, query, plain, ak=AK, sk=SK, expires=expires, security_token=token)
    asked = {"metadata": None, **({"versionId": version} if version else {})}
    asked |= {"x-obs-security-token": token} if token else {}
    signer = Authentication(AK, SK, False, Adapter("obs"), "", False)
    theirs = signer.getSignature("PUT", "bkt", key, asked, plain, str(expires))["Signature"]
    assert ours == {
        **{name: value or "" for name, value in asked.items()},
        "AccessKeyId": AK,
        "Expires": str(expires),
        "Signature": theirs,
    }


def test_a_listing_at_an_ip_address_is_signed_like_by_the_vendors_sdk():
    ours = sign_for_obs("GET", "/bkt", {}, ak=AK, sk=SK, now=NEW_YEAR)
    sent = {"Date": ours["Date"]}
    theirs = Authentication(AK, SK, True, Adapter("obs"), "", False).doAuth("GET", "bkt", "", {"prefix": "a"}, sent)
    assert ours["Authorization"] == theirs["Authorization"]


def test_sign_for_obs_does_not_sign_the_date_header_with_x_obs_date():
    dated = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    first, second = (
        sign_for_obs("GET", "/bkt/", dated, ak=AK, sk=SK, now=now) for now in (NEW_YEAR, NEW_YEAR.replace(day=2))
    )
    assert first["Authorization"] == second["Authorization"]
    assert first["Date"] != second["Date"]
