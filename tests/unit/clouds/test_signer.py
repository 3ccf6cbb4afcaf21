"""The signature equals that of the vendor's own signer, byte for byte."""

from datetime import datetime
from types import SimpleNamespace
from urllib.parse import quote

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.clouds.oms import sign

AK, SK = "FAKEACCESSKEY0000001", "fakeSecretKey0001"
segments = st.lists(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=8), max_size=5)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# The vendor's signer leaves out names with "_", signs what it is given as content hash, and hashes JSON bodies only.
header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: name.lower() not in {"host", "x-sdk-date", "x-sdk-content-sha256", "content-type", "authorization"}
)
headers = st.dictionaries(
    header_names, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), max_size=4
).filter(lambda given: len({name.lower() for name in given}) == len(given))


@given(
    method=st.sampled_from(["GET", "POST", "put", "DELETE"]),
    path=segments,
    query=st.dictionaries(texts, texts, max_size=4),
    plain=headers,
    body=st.binary(max_size=40),
    token=st.sampled_from(["", "FAKETOKEN+/=1"]),
    now=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1)),
)
def test_the_signature_equals_the_vendors(method, path, query, plain, body, token, now):
    # GIVEN any request
    encoded = "/" + "/".join(quote(segment, safe="") for segment in path)
    plain = {**plain, "Content-Type": "application/json"}

    # WHEN both sign it
    ours = sign(
        method,
        "oms.example.com",
        encoded,
        list(query.items()),
        plain,
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

    # THEN they agree, and nothing but the vendor's headers is added
    assert ours["Authorization"] == theirs["Authorization"]
    assert {name.lower() for name in ours} == {name.lower() for name in theirs}


def test_the_given_headers_are_not_changed():
    given = {"Content-Type": "application/json"}
    sign("POST", "h", "/", (), given, b"", ak=AK, sk=SK, now=datetime(2026, 1, 1))
    assert given == {"Content-Type": "application/json"}
