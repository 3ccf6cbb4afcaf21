"""Signatures of ops.py, which equal those of the vendors' SDKs byte for byte; no printed text shows an access key."""

import datetime
import os
import pickle
from datetime import timezone
from itertools import zip_longest
from urllib.parse import quote, urlencode

import pytest
from alibabacloud_oss_v2.credentials import StaticCredentialsProvider
from alibabacloud_oss_v2.signer import SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer import signer as vendors
from hypothesis import given, settings
from hypothesis import strategies as st
from obs.auth import Authentication
from obs.convertor import Adapter

from ops.clouds import keys, signers
from ops.errors import UsageError
from support.ops import Console

ID, SECRET = "FAKEACCESSKEY0000001", "fakeSecretKey0001"
TOKEN = "FAKETOKEN+/=1"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
object_keys = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("/~+% .é"), max_size=20)
# White space around the value of a header is ignored.
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip)
moments = st.datetimes(
    min_value=datetime.datetime(2000, 1, 1), max_value=datetime.datetime(2099, 1, 1), timezones=st.just(timezone.utc)
).map(lambda time: time.replace(microsecond=0))
hundred_examples = settings(max_examples=100, deadline=None)


def headers(cloud):
    own = st.from_regex(rf"x-{cloud}-(meta-)?[a-z]{{1,8}}", fullmatch=True)
    return st.dictionaries(st.sampled_from(["Content-MD5", "Content-Type", "Range"]) | own, values, max_size=5)


def make_keys(token=""):
    return keys.Keys(keys.Secret(ID), keys.Secret(SECRET), keys.Secret(token))


@hundred_examples
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
    key=object_keys,
    query=st.dictionaries(st.sampled_from(["prefix", "uploads", "versions", "versionId", "marker"]), texts),
    plain=headers("oss").filter(lambda plain: "x-oss-date" not in plain),
    token=st.sampled_from(["", TOKEN]),
    now=moments,
)
def test_the_signature_for_oss_equals_that_of_the_sdk(method, key, query, plain, token, now):
    own_signature = signers.sign_oss(
        method, "bkt", key, query, plain, access_keys=make_keys(token), region="cn-x", now=now
    )
    query_text = "&".join(
        urlencode({name: value}, quote_via=quote, safe="") if value else name for name, value in query.items()
    )
    request = HttpRequest(method, f"https://bkt.oss.example/x?{query_text}")
    request.headers.update(plain)
    theirs = SigningContext(product="oss", region="cn-x", bucket="bkt", key=key, request=request, signing_time=now)
    theirs.credentials = StaticCredentialsProvider(ID, SECRET, token or None).get_credentials()
    SignerV4().sign(theirs)
    assert {name.lower(): value for name, value in own_signature.items()} == {
        name.lower(): value for name, value in request.headers.items()
    }


@hundred_examples
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    key=object_keys,
    query=st.dictionaries(
        st.sampled_from(["prefix", "marker", "max-keys", "versionId", "versions", "versioning", "object-lock"]), texts
    ),
    plain=headers("obs").filter(lambda plain: "x-obs-date" not in plain),
    token=st.sampled_from(["", TOKEN]),
    now=moments,
)
def test_the_signature_for_obs_equals_that_of_the_sdk(method, key, query, plain, token, now):
    own_signature = signers.sign_obs(method, "bkt", key, query, plain, access_keys=make_keys(token), now=now)
    sent_headers = {name: value for name, value in own_signature.items() if name != "Authorization"}
    signer = Authentication(ID, SECRET, False, Adapter("obs"), "", False)
    theirs = signer.doAuth(method, "bkt", key, {name: value or None for name, value in query.items()}, sent_headers)
    assert own_signature["Authorization"] == theirs["Authorization"]


@hundred_examples
@given(
    key=object_keys,
    plain=headers("obs").filter(lambda plain: "x-obs-date" not in plain),
    token=st.sampled_from(["", TOKEN]),
    now=moments,
)
def test_the_signature_for_obs_in_a_url_equals_that_of_the_sdk(key, plain, token, now):
    expires = int(now.timestamp())
    own_signature = signers.sign_obs_url(
        "PUT", "bkt", key, {"metadata": ""}, plain, access_keys=make_keys(token), expires=expires
    )
    signer = Authentication(ID, SECRET, False, Adapter("obs"), "", False)
    parameters = {"metadata": None, **({"x-obs-security-token": TOKEN} if token else {})}
    theirs = signer.getSignature("PUT", "bkt", key, parameters, plain, str(expires))["Signature"]
    assert own_signature == {
        **{name: value or "" for name, value in parameters.items()},
        "AccessKeyId": ID,
        "Expires": str(expires),
        "Signature": theirs,
    }


@hundred_examples
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.text(st.sampled_from("abc-/~é %"), max_size=20).map(lambda path: "/" + quote(path, safe="/~")),
    query=st.dictionaries(texts.filter(bool), texts, max_size=4),
    body=st.binary(max_size=20),
    token=st.sampled_from(["", TOKEN]),
    now=moments,
)
def test_the_signature_for_huaweis_services_equals_that_of_the_sdk(method, path, query, body, token, now):
    own_signature = signers.sign_huawei_service(
        method,
        "oms.example.com",
        path,
        query,
        {"Content-Type": "application/json"},
        body,
        access_keys=make_keys(token),
        now=now,
    )
    sent_headers = {name: value for name, value in own_signature.items() if name != "Authorization"}
    request = SdkRequest(
        method=method,
        schema="https",
        host="oms.example.com",
        resource_path=path,
        query_params=list(query.items()),
        header_params=sent_headers,
        body=body,
    )
    credentials = BasicCredentials(ID, SECRET, "project")
    theirs = vendors.Signer(credentials).sign(request).header_params
    assert own_signature["Authorization"] == theirs["Authorization"]


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{:>9}".format, lambda secret: f"{secret!r} {secret}"])
def test_the_representation_of_access_keys_shows_no_secret(shown):
    for secret in (keys.Secret(SECRET), make_keys(TOKEN)):
        assert SECRET not in shown(secret) if not isinstance(secret, keys.Keys) else SECRET not in repr(secret)
    assert "***" in shown(keys.Secret(SECRET))
    with pytest.raises(TypeError):
        pickle.dumps(keys.Secret(SECRET))


@pytest.fixture
def read_keys(monkeypatch):
    """Return a function that reads a cloud's access keys from an environment or from typed input.

    The function returns the access keys and the printed messages.
    """

    def read_keys(names, environment=(), typed=None):
        for name, value in zip_longest(names, environment):
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        monkeypatch.setattr("getpass.getpass", lambda *_: next(typing))
        typing, console = iter(typed or ()), Console(typed=None if typed is None else "")
        pair = keys.read_administrator_keys(console.session, names)
        return [secret.reveal() for secret in (pair.access, pair.secret, pair.token)], console.messages

    return read_keys


def test_ops_removes_the_access_keys_that_it_read_from_the_environment(read_keys):
    assert read_keys(keys.ALIBABA_VARIABLES, (ID, SECRET, TOKEN)) == ([ID, SECRET, TOKEN], "")
    assert not set(keys.ALIBABA_VARIABLES) & os.environ.keys()


def test_ops_names_the_variables_of_missing_access_keys(read_keys):
    with pytest.raises(UsageError) as refused:
        read_keys(keys.HUAWEI_VARIABLES)
    assert "HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK" in refused.value.fix.en


@pytest.mark.parametrize(
    "half", [(), ("OTHER", None, TOKEN)], ids=["no variable", "half an access key in the environment"]
)
def test_ops_does_not_show_typed_access_keys(read_keys, half):
    typed_keys, output = read_keys(keys.HUAWEI_VARIABLES, half, typed=(ID, SECRET))
    assert SECRET not in output
    assert typed_keys == [ID, SECRET, ""]


def test_ops_refuses_an_access_key_that_contains_blanks(read_keys):
    with pytest.raises(UsageError, match="blanks"):
        read_keys(keys.ALIBABA_VARIABLES, (ID, "two words", ""))


@hundred_examples
@given(
    action=st.from_regex("[A-Z][A-Za-z]{1,12}", fullmatch=True),
    query=st.dictionaries(st.from_regex("[A-Za-z.0-9]{1,9}", fullmatch=True), texts, max_size=4),
    token=st.sampled_from(["", TOKEN]),
    now=moments,
    nonce=st.from_regex("[0-9a-f]{32}", fullmatch=True),
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/", "/2023-03-30/functions/photos%24thumbnails/triggers"]),
)
def test_the_signature_for_alibabas_services_equals_that_of_the_sdk(action, query, token, now, nonce, method, path):
    about = (method, "fc.example.com", path, action, "2015-05-01", query)
    own_signature = signers.sign_alibaba_service(*about, access_keys=make_keys(token), now=now, nonce=nonce)
    theirs = DaraRequest()
    theirs.method, theirs.pathname, theirs.query = method, path, query
    theirs.headers = {name.lower(): value for name, value in own_signature.items() if name != "Authorization"}
    payload = own_signature["x-acs-content-sha256"]
    expected_signature = Utils.get_authorization(theirs, "ACS3-HMAC-SHA256", payload, ID, SECRET)
    assert own_signature["Authorization"] == expected_signature
