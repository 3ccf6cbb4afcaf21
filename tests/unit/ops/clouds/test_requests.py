"""Requests of ops.py to the clouds, which equal those of the vendors' SDKs.

The sandbox refuses a request in which any signed part was changed.
"""

import datetime as dt
import re
from contextlib import suppress
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as sdk
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkoms.v2 import ListSyncTaskStatisticRequest, OmsClient, ShowSyncTaskRequest
from obs import ObsClient
from obs.model import Versions

from ops.clock import WallClock
from ops.clouds import wire
from ops.clouds.bucket_client import BucketAddress
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import Keys, Secret
from ops.clouds.oms import SyncTaskClient
from ops.clouds.services import Ram
from support.names import esdk_client

SOURCE, DESTINATION = "photos", "photos-obs"
KEY = "a b/é+%/c=.txt"
HEADERS = {"Content-Type": "text/plain", "Cache-Control": "no-cache", "x-oss-meta-note": 'a=b "c"'}
# Parts that differ, with the reason that the requests are equal without them.
EXPECTED_DIFFERENCES = {
    "accept": "the SDKs accept any type, which is the default",
    "accept-encoding": "the SDKs accept compressed bodies; without the header no body is compressed",
    "connection": "the SDKs keep connections open",
    "user-agent": "each has its own name",
    "host": "both name the port at an address of this machine, in names of other case",
    # Parts of the signature, which both clients send where they are needed.
    "content-length": "a request without a body may omit it",
    "content-md5": "the SDK checks a CRC64 after the call, and here OSS checks the MD5 before it stores anything",
    "content-type": "is compared where the cloud stores it",
    "authorization": "is compared by the tests of the signers",
    "x-sdk-content-sha256": "is the hash of the body, which both sign",
    **dict.fromkeys(("date", "x-oss-date", "x-sdk-date"), "each request has its own time"),
}


def make_keys(credentials):
    return Keys(*map(Secret, credentials))


@pytest.fixture
def oss(box):
    return OssBucketClient(
        BucketAddress.at_endpoint(box.oss.endpoint, SOURCE), make_keys(box.user_credentials), WallClock(), box.region
    )


@pytest.fixture
def obs(box, sdk_obs):
    port = urlsplit(box.obs.endpoint).port
    address = BucketAddress.at_endpoint(f"http://obs.cn-north-4.myhuaweicloud.com:{port}", DESTINATION)
    return ObsBucketClient(address, make_keys(box.huawei_credentials), WallClock())


@pytest.fixture
def sdk_oss(box):
    config = sdk.config.load_default()
    config.credentials_provider = sdk.credentials.StaticCredentialsProvider(*box.user_credentials)
    config.region, config.endpoint = box.region, box.oss.endpoint
    config.use_path_style, config.retry_max_attempts = True, 1
    return sdk.Client(config)


@pytest.fixture
def sdk_obs(box, monkeypatch):
    with esdk_client(box, monkeypatch) as client:
        yield client


def request_parts(request):
    """Return the parts of a request to compare; these exclude the headers that `DIFFERENT` names."""
    headers = {name: value for name, value in request.headers.items() if name not in EXPECTED_DIFFERENCES}
    if request.method in ("PUT", "POST") and "partNumber" not in request.params:
        headers["content-type"] = request.headers.get("content-type")
    body = b"".join(request.body.split()) if request.raw_query.startswith("uploadId") else request.body
    return request.method, request.raw_path, sorted(request.query), headers, body


OSS_CALLS = {
    "put": (
        lambda ours: ours.put(KEY, b"hello", HEADERS),
        lambda theirs: theirs.put_object(
            sdk.PutObjectRequest(
                bucket=SOURCE,
                key=KEY,
                body=b"hello",
                content_type="text/plain",
                cache_control="no-cache",
                metadata={"note": 'a=b "c"'},
            )
        ),
    ),
    "copy": (
        lambda ours: ours.copy("there", KEY),
        lambda theirs: theirs.copy_object(
            sdk.CopyObjectRequest(bucket=SOURCE, key=KEY, source_bucket=SOURCE, source_key="there")
        ),
    ),
    "head": (
        lambda ours: ours.head("there"),
        lambda theirs: theirs.head_object(sdk.HeadObjectRequest(bucket=SOURCE, key="there")),
    ),
    "get": (
        lambda ours: ours.get("there"),
        lambda theirs: theirs.get_object(sdk.GetObjectRequest(bucket=SOURCE, key="there")),
    ),
    "delete": (
        lambda ours: ours.delete(KEY),
        lambda theirs: theirs.delete_object(sdk.DeleteObjectRequest(bucket=SOURCE, key=KEY)),
    ),
    "delete a version": (
        lambda ours: ours.delete(KEY, "VERSION"),
        lambda theirs: theirs.delete_object(sdk.DeleteObjectRequest(bucket=SOURCE, key=KEY, version_id="VERSION")),
    ),
    "objects": (
        lambda ours: list(ours.objects("é")),
        lambda theirs: theirs.list_objects(
            sdk.ListObjectsRequest(bucket=SOURCE, prefix="é", max_keys=1000, encoding_type="url")
        ),
    ),
    "versions": (
        lambda ours: list(ours.versions("é")),
        lambda theirs: theirs.list_object_versions(
            sdk.ListObjectVersionsRequest(bucket=SOURCE, prefix="é", max_keys=1000, encoding_type="url")
        ),
    ),
    "uploads": (
        lambda ours: ours.list_uploads("é"),
        lambda theirs: theirs.list_multipart_uploads(
            sdk.ListMultipartUploadsRequest(bucket=SOURCE, prefix="é", encoding_type="url")
        ),
    ),
    "abort": (
        lambda ours: ours.abort_upload(KEY, "NONE"),
        lambda theirs: theirs.abort_multipart_upload(
            sdk.AbortMultipartUploadRequest(bucket=SOURCE, key=KEY, upload_id="NONE")
        ),
    ),
    "versioning": (
        lambda ours: ours.versioning(),
        lambda theirs: theirs.get_bucket_versioning(sdk.GetBucketVersioningRequest(bucket=SOURCE)),
    ),
    "retention": (
        lambda ours: ours.read_setting("worm"),
        lambda theirs: theirs.get_bucket_worm(sdk.GetBucketWormRequest(bucket=SOURCE)),
    ),
}
# Settings that checklist reads.
OSS_SETTINGS = {
    "acl": (sdk.Client.get_bucket_acl, sdk.GetBucketAclRequest),
    "cname": (sdk.Client.list_cname, sdk.ListCnameRequest),
    "cors": (sdk.Client.get_bucket_cors, sdk.GetBucketCorsRequest),
    "encryption": (sdk.Client.get_bucket_encryption, sdk.GetBucketEncryptionRequest),
    "lifecycle": (sdk.Client.get_bucket_lifecycle, sdk.GetBucketLifecycleRequest),
    "logging": (sdk.Client.get_bucket_logging, sdk.GetBucketLoggingRequest),
    "policy": (sdk.Client.get_bucket_policy, sdk.GetBucketPolicyRequest),
    "referer": (sdk.Client.get_bucket_referer, sdk.GetBucketRefererRequest),
    "tagging": (sdk.Client.get_bucket_tags, sdk.GetBucketTagsRequest),
    "website": (sdk.Client.get_bucket_website, sdk.GetBucketWebsiteRequest),
}
OSS_CALLS |= {
    name: (
        lambda ours, name=name: ours.read_document(name),
        lambda theirs, ask=ask, request=request: ask(theirs, request(bucket=SOURCE)),
    )
    for name, (ask, request) in OSS_SETTINGS.items()
}
OBS_CALLS = {
    "head": (lambda ours: ours.head("there"), lambda theirs: theirs.getObjectMetadata(DESTINATION, "there")),
    "get": (
        lambda ours: ours.get("there"),
        lambda theirs: theirs.getObject(DESTINATION, "there", loadStreamInMemory=True),
    ),
    "delete": (lambda ours: ours.delete(KEY), lambda theirs: theirs.deleteObject(DESTINATION, KEY)),
    "delete a version": (
        lambda ours: ours.delete(KEY, "VERSION"),
        lambda theirs: theirs.deleteObject(DESTINATION, KEY, versionId="VERSION"),
    ),
    "objects": (
        lambda ours: list(ours.objects("é")),
        lambda theirs: theirs.listObjects(DESTINATION, prefix="é", max_keys=1000, encoding_type="url"),
    ),
    "versions": (
        lambda ours: list(ours.versions("é")),
        lambda theirs: theirs.listVersions(DESTINATION, Versions(prefix="é", max_keys=1000, encoding_type="url")),
    ),
    "versioning": (lambda ours: ours.versioning(), lambda theirs: theirs.getBucketVersioning(DESTINATION)),
    "retention": (
        lambda ours: ours.read_setting("object-lock"),
        lambda theirs: theirs.getBucketObjectLock(DESTINATION),
    ),
}
OBS_SETTINGS = {
    "acl": ObsClient.getBucketAcl,
    "cors": ObsClient.getBucketCors,
    "customdomain": ObsClient.getBucketCustomDomain,
    "encryption": ObsClient.getBucketEncryption,
    "lifecycle": ObsClient.getBucketLifecycle,
    "logging": ObsClient.getBucketLogging,
    "policy": ObsClient.getBucketPolicy,
    "tagging": ObsClient.getBucketTagging,
    "website": ObsClient.getBucketWebsite,
}
OBS_CALLS |= {
    name: (lambda ours, name=name: ours.read_document(name), lambda theirs, ask=ask: ask(theirs, DESTINATION))
    for name, ask in OBS_SETTINGS.items()
}


def capture_requests(service, call):
    """Return the requests that a call sends; the call may reject the responses."""
    number_before = len(service.requests)
    with suppress(sdk.exceptions.OperationError, wire.RefusedError):
        call()
    return list(service.requests)[number_before:]


@pytest.mark.parametrize(
    ("cloud", "name"), [*(("oss", name) for name in OSS_CALLS), *(("obs", name) for name in OBS_CALLS)]
)
def test_each_request_of_ops_equals_that_of_the_vendors_sdk(box, oss, obs, sdk_oss, sdk_obs, cloud, name):
    box.oss.put(SOURCE, "there", b"there")
    box.obs.put(DESTINATION, "there", b"there")
    service, calls, us, them = {
        "oss": (box.oss, OSS_CALLS, oss, sdk_oss),
        "obs": (box.obs, OBS_CALLS, obs, sdk_obs),
    }[cloud]
    own_call, sdk_call = calls[name]
    own_requests = [*map(request_parts, capture_requests(service, lambda: own_call(us)))]
    assert own_requests == [*map(request_parts, capture_requests(service, lambda: sdk_call(them)))] != []


def test_an_upload_in_parts_by_ops_equals_that_of_the_vendors_sdk(box, oss, sdk_oss):
    body = bytes(range(256)) * 800
    own_requests = capture_requests(box.oss, lambda: oss.upload(KEY, body, 150 * 1024, HEADERS))

    def theirs():
        upload = sdk_oss.initiate_multipart_upload(
            sdk.InitiateMultipartUploadRequest(
                bucket=SOURCE,
                key=KEY,
                encoding_type="url",
                content_type="text/plain",
                cache_control="no-cache",
                metadata={"note": 'a=b "c"'},
            )
        ).upload_id
        parts = []
        for number, start in enumerate(range(0, len(body), 150 * 1024), 1):
            part = sdk.UploadPartRequest(
                bucket=SOURCE, key=KEY, upload_id=upload, part_number=number, body=body[start : start + 150 * 1024]
            )
            parts.append(sdk.UploadPart(part_number=number, etag=sdk_oss.upload_part(part).etag))
        sdk_oss.complete_multipart_upload(
            sdk.CompleteMultipartUploadRequest(
                bucket=SOURCE,
                key=KEY,
                upload_id=upload,
                encoding_type="url",
                complete_multipart_upload=sdk.CompleteMultipartUpload(parts=parts),
            )
        )

    def without_id(request):
        method, path, query, headers, sent = request_parts(request)
        names = [(name, "" if name == "uploadId" else value) for name, value in query]
        is_list = sent.startswith(b"<")
        return method, path, names, headers, is_list or sent

    yours = capture_requests(box.oss, theirs)
    assert list(map(without_id, own_requests)) == list(map(without_id, yours))
    assert box.oss.objects(SOURCE)[KEY].data == body


def test_requests_of_ops_to_oms_equal_those_of_the_vendors_sdk(box):
    task = SyncTaskClient(box.task.sync_url, make_keys(box.huawei_credentials), WallClock(lambda: box.clock_lead))
    since = dt.datetime.fromtimestamp(box.now(), dt.timezone.utc)
    own_requests = capture_requests(box.oms, lambda: (task.show(), task.statistics(since)))
    config = HttpConfig.get_default_config()
    config.ignore_ssl_verification = True
    client = (
        OmsClient.new_builder()
        .with_http_config(config)
        .with_credentials(BasicCredentials(*box.huawei_credentials, box.project_id))
        .with_endpoints([box.oms.endpoint])
        .build()
    )

    show_parameters, statistics_parameters = (dict(request.params) for request in own_requests)
    yours = capture_requests(
        box.oms,
        lambda: (
            client.show_sync_task(ShowSyncTaskRequest(sync_task_id=box.task_id, **show_parameters)),
            client.list_sync_task_statistic(
                ListSyncTaskStatisticRequest(sync_task_id=box.task_id, **statistics_parameters)
            ),
        ),
    )
    assert list(map(request_parts, own_requests)) == list(map(request_parts, yours))


# The parts that a signature covers, by the vendors' pages: headers, and parameters of the query.
SIGNED_HEADERS = {
    "oss": re.compile(r"x-oss-.*|content-type|content-md5"),
    "obs": re.compile(r"x-obs-.*|content-type|content-md5|date"),
    "oms": re.compile(r"host|content-type|x-project-id|x-sdk-date"),
}
SIGNED_QUERY = {
    "oss": re.compile(r".*"),
    # By the vendor's page; the SDK does not sign customdomain.
    "obs": re.compile("|".join((*OBS_SETTINGS, "mirrorBackToSource|object-lock|versions|versioning|versionId"))),
    "oms": re.compile(r".*"),
}
# Parts that are added to a request in which they are missing.
ADDED_PARAMETERS = {
    "oss": ({"x-oss-meta-more": "1"}, "versionId=1"),
    "obs": ({"x-obs-meta-more": "1"}, "versionId=1"),
    "oms": ({}, "more=1"),
}
# A cloud's answer to the signature of another request; HEAD has no code.
REFUSAL_CODES = {"SignatureDoesNotMatch", "InvalidArgument", "InvalidAccessKeyId", "AccessDenied", "APIGW.0301", ""}
# Changes that may name an unknown call, which a cloud answers before it checks the signature.
UNROUTED_CHANGES = {"another method", "another path", "more versionId=1"}


def change_text(text):
    """Change the last letter or digit of a text; a changed time is a valid time."""
    index = max(position for position, letter in enumerate(text) if letter.isalnum())
    return f"{text[:index]}{'1' if text[index] == '0' else '0'}{text[index + 1 :]}"


def change_signed_parts(cloud, request):
    """Yield, for each signed part of a request, its name and the request in which only this part is changed."""
    url, (more_headers, more_query) = urlsplit(request.url), ADDED_PARAMETERS[cloud]
    authorization = request.headers["Authorization"]
    pairs = url.query.split("&") if url.query else []

    def with_header(name, value):
        """Return the request with another value of a header, or without the header if `value` is None."""
        headers = {**request.headers, name: value}
        return request._replace(
            headers={
                header_name: header_value for header_name, header_value in headers.items() if header_value is not None
            }
        )

    def with_url(**parts):
        return request._replace(url=url._replace(**parts).geturl())

    signed_names = [name for name in request.headers if SIGNED_HEADERS[cloud].fullmatch(name.lower())]
    yield from ((f"another {name}", with_header(name, change_text(request.headers[name]))) for name in signed_names)
    yield from (
        (f"no {name}", with_header(name, None)) for name in signed_names if name != "Host"
    )  # every request has an id
    yield from ((f"more {name}", with_header(name, value)) for name, value in more_headers.items())
    yield "another signature", with_header("Authorization", change_text(authorization))
    yield "no signature", with_header("Authorization", None)
    parts = re.findall(r"(?:Credential|Access)=([^,]+)|OBS ([^:]+)", authorization)
    for word in "/".join(map("".join, parts)).split("/"):
        yield f"another {word}", with_header("Authorization", authorization.replace(word, change_text(word), 1))
    for index, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        if SIGNED_QUERY[cloud].fullmatch(name):
            earlier_pairs, later_pairs = pairs[:index], pairs[index + 1 :]
            changed_pair = f"{name}={change_text(value)}" if value else f"{name}=1"
            yield f"another {name}", with_url(query="&".join([*earlier_pairs, changed_pair, *later_pairs]))
            yield f"no {name}", with_url(query="&".join([*earlier_pairs, *later_pairs]))
    if not any(pair.startswith("versionId") for pair in pairs):
        yield f"more {more_query}", with_url(query="&".join([*pairs, more_query]))
    yield "another path", with_url(path=f"{url.path}x")
    yield "another method", request._replace(method={"GET": "HEAD", "HEAD": "GET"}.get(request.method, "GET"))


ALL_CALLS = {
    **{f"oss {name}": ours for name, (ours, _) in OSS_CALLS.items()},
    "oss upload": lambda ours: ours.upload(KEY, bytes(200_000), 150_000, HEADERS),
    **{f"obs {name}": ours for name, (ours, _) in OBS_CALLS.items()},
    # The SDK has no such call.
    "obs mirrorBackToSource": lambda ours: ours.read_document("mirrorBackToSource"),
    "oms show": lambda ours: ours.show(),
    "oms statistics": lambda ours: ours.statistics(ours._clock.now()),
}


@pytest.mark.parametrize("call", ALL_CALLS)
def test_the_clouds_refuse_a_signed_request_with_a_changed_part(box, oss, obs, monkeypatch, call):
    # GIVEN the requests of a call, which no cloud refuses for their signatures
    cloud = call.split()[0]
    client = {
        "oss": oss,
        "obs": obs,
        "oms": SyncTaskClient(box.task.sync_url, make_keys(box.huawei_credentials), WallClock()),
    }[cloud]
    for key in ("there", KEY):
        box.oss.put(SOURCE, key, b"here")
    box.obs.put(DESTINATION, "there", b"here")
    exchange, requests = wire.exchange, []
    monkeypatch.setattr(wire, "exchange", lambda request: requests.append(request) or exchange(request))
    with suppress(wire.RefusedError):
        ALL_CALLS[call](client)
    assert len(requests) == (4 if call == "oss upload" else 1)

    # WHEN a signed part is changed THEN the cloud refuses the request, and no object changes
    def list_stored():
        return dict(box.oss.objects(SOURCE)), dict(box.obs.objects(DESTINATION))

    changed_parts = 0
    for request in requests:
        assert exchange(request).status not in (401, 403)
        earlier_contents = list_stored()
        for part, wrong_request in change_signed_parts(cloud, request):
            answer = exchange(wrong_request)
            is_none = part in UNROUTED_CHANGES and answer.status in (404, 501)
            assert is_none or (answer.status in (400, 401, 403) and answer.code in REFUSAL_CODES), (part, answer)
            changed_parts += 1
        assert list_stored() == earlier_contents
    assert changed_parts >= 8


def test_the_error_of_a_refused_request_shows_no_access_key(box, oss):
    box.oss.remove_credentials(box.user_credentials[0])
    with pytest.raises(wire.RefusedError) as refused:
        oss.put(KEY, b"hello")
    assert refused.value.code == "InvalidAccessKeyId"
    text = f"{refused.value} {refused.value.problem} {refused.value.fix}"
    assert not any(user_credential in text for user_credential in box.user_credentials)


def test_ops_reports_an_object_as_missing_only_in_a_readable_bucket(box, oss):
    elsewhere = OssBucketClient(
        BucketAddress.at_endpoint(box.oss.endpoint, "nowhere"), make_keys(box.user_credentials), WallClock(), box.region
    )
    assert (oss.head(KEY), oss.get(KEY)) == (None, None)
    with pytest.raises(wire.RefusedError, match="NoSuchBucket"):
        elsewhere.get(KEY)
    box.oss.remove_credentials(box.user_credentials[0])
    with pytest.raises(wire.RefusedError, match="403"):
        oss.head(KEY)


def test_ops_requests_an_access_key_once_even_if_the_response_is_lost(box, mocker):
    exchange = mocker.patch.object(wire, "exchange", side_effect=ConnectionResetError)
    with pytest.raises(wire.UnreachableError):
        Ram(make_keys(box.user_credentials), WallClock()).send("CreateAccessKey", UserName="x")
    ((request,),) = (call.args for call in exchange.call_args_list)
    assert request.url.startswith("https://ram.aliyuncs.com/")


def test_ops_lists_versions_by_pages_and_deletes_them_by_their_ids(box, oss, obs):
    # GIVEN versioned buckets with three versions of a key; the last is a delete marker
    box.oss.buckets[SOURCE].versioning = "Enabled"
    box.obs.bucket(DESTINATION).has_versions = True
    for body in (b"1", b"2"):
        oss.put(KEY, body)
        box.obs.put(DESTINATION, KEY, body)
    for bucket in (oss, obs):
        bucket.delete(KEY)
        assert bucket.versioning() == "Enabled"
        assert bucket.head(KEY) is None
        versions = list(bucket.versions("a "))
        assert [version.key for version in versions] == [KEY] * 3
        assert list(bucket.versions("b")) == []
        # WHEN each version is deleted by its id THEN nothing is left
        for version in versions:
            bucket.delete(version.key, version.version)
        assert list(bucket.versions("")) == []
