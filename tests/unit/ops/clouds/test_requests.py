"""Requests of ops.py to the clouds, which equal those of the vendors' SDKs.

The sandbox refuses each request if a signed part is changed.
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
from ops.clouds.bucket_client import Place
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import Keys, Secret
from ops.clouds.oms import SyncTaskClient
from ops.clouds.services import Ram
from support.names import esdk_client

SOURCE, DESTINATION = "photos", "photos-obs"
KEY = "a b/é+%/c=.txt"
HEADERS = {"Content-Type": "text/plain", "Cache-Control": "no-cache", "x-oss-meta-note": 'a=b "c"'}
# Parts that differ, with the reason that the requests are equal without them.
DIFFERENT = {
    "accept": "the SDKs accept any type, which is the default",
    "accept-encoding": "the SDKs accept compressed bodies; without the header no body is compressed",
    "connection": "the SDKs keep connections open",
    "user-agent": "each has its own name",
    "host": "both name the port at an address of this machine, in names of other case",
    # Parts of the signature: both send each where it is needed.
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
    return OssBucketClient(Place.of(box.oss.endpoint, SOURCE), make_keys(box.user_credentials), WallClock(), box.region)


@pytest.fixture
def obs(box, their_obs):
    port = urlsplit(box.obs.endpoint).port
    place = Place.of(f"http://obs.cn-north-4.myhuaweicloud.com:{port}", DESTINATION)
    return ObsBucketClient(place, make_keys(box.huawei_credentials), WallClock())


@pytest.fixture
def their_oss(box):
    config = sdk.config.load_default()
    config.credentials_provider = sdk.credentials.StaticCredentialsProvider(*box.user_credentials)
    config.region, config.endpoint = box.region, box.oss.endpoint
    config.use_path_style, config.retry_max_attempts = True, 1
    return sdk.Client(config)


@pytest.fixture
def their_obs(box, monkeypatch):
    with esdk_client(box, monkeypatch) as client:
        yield client


def request_parts(request):
    """Return the parts of a request, without those that `DIFFERENT` names."""
    headers = {name: value for name, value in request.headers.items() if name not in DIFFERENT}
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
        lambda ours: ours.uploads("é"),
        lambda theirs: theirs.list_multipart_uploads(
            sdk.ListMultipartUploadsRequest(bucket=SOURCE, prefix="é", encoding_type="url")
        ),
    ),
    "abort": (
        lambda ours: ours.abort(KEY, "NONE"),
        lambda theirs: theirs.abort_multipart_upload(
            sdk.AbortMultipartUploadRequest(bucket=SOURCE, key=KEY, upload_id="NONE")
        ),
    ),
    "versioning": (
        lambda ours: ours.versioning(),
        lambda theirs: theirs.get_bucket_versioning(sdk.GetBucketVersioningRequest(bucket=SOURCE)),
    ),
    "retention": (
        lambda ours: ours.configured("worm"),
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
        lambda ours, name=name: ours.document(name),
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
    "retention": (lambda ours: ours.configured("object-lock"), lambda theirs: theirs.getBucketObjectLock(DESTINATION)),
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
    name: (lambda ours, name=name: ours.document(name), lambda theirs, ask=ask: ask(theirs, DESTINATION))
    for name, ask in OBS_SETTINGS.items()
}


def capture_requests(service, call):
    """Return the requests of a call; the call may reject the responses."""
    before = len(service.requests)
    with suppress(sdk.exceptions.OperationError, wire.RefusedError):
        call()
    return list(service.requests)[before:]


@pytest.mark.parametrize(
    ("cloud", "name"), [*(("oss", name) for name in OSS_CALLS), *(("obs", name) for name in OBS_CALLS)]
)
def test_each_request_equals_that_of_the_sdk(box, oss, obs, their_oss, their_obs, cloud, name):
    box.oss.put(SOURCE, "there", b"there")
    box.obs.put(DESTINATION, "there", b"there")
    service, calls, us, them = {
        "oss": (box.oss, OSS_CALLS, oss, their_oss),
        "obs": (box.obs, OBS_CALLS, obs, their_obs),
    }[cloud]
    ours, theirs = calls[name]
    mine = [*map(request_parts, capture_requests(service, lambda: ours(us)))]
    assert mine == [*map(request_parts, capture_requests(service, lambda: theirs(them)))] != []


def test_an_upload_in_parts_equals_that_of_the_sdk(box, oss, their_oss):
    body = bytes(range(256)) * 800
    mine = capture_requests(box.oss, lambda: oss.upload(KEY, body, 150 * 1024, HEADERS))

    def theirs():
        upload = their_oss.initiate_multipart_upload(
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
            parts.append(sdk.UploadPart(part_number=number, etag=their_oss.upload_part(part).etag))
        their_oss.complete_multipart_upload(
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
    assert list(map(without_id, mine)) == list(map(without_id, yours))
    assert box.oss.objects(SOURCE)[KEY].data == body


def test_requests_to_oms_equal_those_of_the_sdk(box):
    task = SyncTaskClient(box.task.sync_url, make_keys(box.huawei_credentials), WallClock(lambda: box.clock_lead))
    since = dt.datetime.fromtimestamp(box.now(), dt.timezone.utc)
    mine = capture_requests(box.oms, lambda: (task.show(), task.statistics(since)))
    config = HttpConfig.get_default_config()
    config.ignore_ssl_verification = True
    client = (
        OmsClient.new_builder()
        .with_http_config(config)
        .with_credentials(BasicCredentials(*box.huawei_credentials, box.project_id))
        .with_endpoints([box.oms.endpoint])
        .build()
    )

    shown, counted = (dict(request.params) for request in mine)
    yours = capture_requests(
        box.oms,
        lambda: (
            client.show_sync_task(ShowSyncTaskRequest(sync_task_id=box.task_id, **shown)),
            client.list_sync_task_statistic(ListSyncTaskStatisticRequest(sync_task_id=box.task_id, **counted)),
        ),
    )
    assert list(map(request_parts, mine)) == list(map(request_parts, yours))


# The parts that a signature covers, by the vendors' pages: headers, and parameters of the query.
SIGNED_HEADERS = {
    "oss": re.compile(r"x-oss-.*|content-type|content-md5"),
    "obs": re.compile(r"x-obs-.*|content-type|content-md5|date"),
    "oms": re.compile(r"host|content-type|x-project-id|x-sdk-date"),
}
SIGNED_QUERY = {
    "oss": re.compile(r".*"),
    # By its page; the SDK does not sign customdomain.
    "obs": re.compile("|".join((*OBS_SETTINGS, "mirrorBackToSource|object-lock|versions|versioning|versionId"))),
    "oms": re.compile(r".*"),
}
# Parts that are added to a request without them.
MORE = {
    "oss": ({"x-oss-meta-more": "1"}, "versionId=1"),
    "obs": ({"x-obs-meta-more": "1"}, "versionId=1"),
    "oms": ({}, "more=1"),
}
# A cloud's answer to the signature of another request; HEAD has no code.
REFUSED = {"SignatureDoesNotMatch", "InvalidArgument", "InvalidAccessKeyId", "AccessDenied", "APIGW.0301", ""}
# Changes that may name an unknown call, which a cloud answers before it checks the signature.
ELSEWHERE = {"another method", "another path", "more versionId=1"}


def alter(text):
    """Change the last letter or digit of a text; a time remains a time."""
    place = max(position for position, letter in enumerate(text) if letter.isalnum())
    return f"{text[:place]}{'1' if text[place] == '0' else '0'}{text[place + 1 :]}"


def spoil(cloud, request):
    """Yield each signed part of a request, with a request in which this part is changed."""
    url, (more_headers, more_query) = urlsplit(request.url), MORE[cloud]
    authorization = request.headers["Authorization"]
    pairs = url.query.split("&") if url.query else []

    def headed(name, value):
        """Return the request with another value of a header, or without the header."""
        headers = {**request.headers, name: value}
        return request._replace(
            headers={
                header_name: header_value for header_name, header_value in headers.items() if header_value is not None
            }
        )

    def at(**parts):
        return request._replace(url=url._replace(**parts).geturl())

    signed = [name for name in request.headers if SIGNED_HEADERS[cloud].fullmatch(name.lower())]
    yield from ((f"another {name}", headed(name, alter(request.headers[name]))) for name in signed)
    yield from ((f"no {name}", headed(name, None)) for name in signed if name != "Host")  # every request has an id
    yield from ((f"more {name}", headed(name, value)) for name, value in more_headers.items())
    yield "another signature", headed("Authorization", alter(authorization))
    yield "no signature", headed("Authorization", None)
    parts = re.findall(r"(?:Credential|Access)=([^,]+)|OBS ([^:]+)", authorization)
    for word in "/".join(map("".join, parts)).split("/"):
        yield f"another {word}", headed("Authorization", authorization.replace(word, alter(word), 1))
    for place, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        if SIGNED_QUERY[cloud].fullmatch(name):
            before, after = pairs[:place], pairs[place + 1 :]
            wrong = f"{name}={alter(value)}" if value else f"{name}=1"
            yield f"another {name}", at(query="&".join([*before, wrong, *after]))
            yield f"no {name}", at(query="&".join([*before, *after]))
    if not any(pair.startswith("versionId") for pair in pairs):
        yield f"more {more_query}", at(query="&".join([*pairs, more_query]))
    yield "another path", at(path=f"{url.path}x")
    yield "another method", request._replace(method={"GET": "HEAD", "HEAD": "GET"}.get(request.method, "GET"))


ALL_CALLS = {
    **{f"oss {name}": ours for name, (ours, _) in OSS_CALLS.items()},
    "oss upload": lambda ours: ours.upload(KEY, bytes(200_000), 150_000, HEADERS),
    **{f"obs {name}": ours for name, (ours, _) in OBS_CALLS.items()},
    # The SDK has no such call.
    "obs mirrorBackToSource": lambda ours: ours.document("mirrorBackToSource"),
    "oms show": lambda ours: ours.show(),
    "oms statistics": lambda ours: ours.statistics(ours._clock.now()),
}


@pytest.mark.parametrize("call", ALL_CALLS)
def test_a_request_with_a_changed_part_is_refused(box, oss, obs, monkeypatch, call):
    # GIVEN the requests of a call, which no cloud refuses for their signatures
    cloud = call.split()[0]
    ours = {
        "oss": oss,
        "obs": obs,
        "oms": SyncTaskClient(box.task.sync_url, make_keys(box.huawei_credentials), WallClock()),
    }[cloud]
    for key in ("there", KEY):
        box.oss.put(SOURCE, key, b"here")
    box.obs.put(DESTINATION, "there", b"here")
    exchange, sent = wire.exchange, []
    monkeypatch.setattr(wire, "exchange", lambda request: sent.append(request) or exchange(request))
    with suppress(wire.RefusedError):
        ALL_CALLS[call](ours)
    assert len(sent) == (4 if call == "oss upload" else 1)

    # WHEN a signed part is changed THEN the cloud refuses the request, and no object changes
    def stored():
        return dict(box.oss.objects(SOURCE)), dict(box.obs.objects(DESTINATION))

    places = 0
    for request in sent:
        assert exchange(request).status not in (401, 403)
        before = stored()
        for what, wrong in spoil(cloud, request):
            answer = exchange(wrong)
            is_none = what in ELSEWHERE and answer.status in (404, 501)
            assert is_none or (answer.status in (400, 401, 403) and answer.code in REFUSED), (what, answer)
            places += 1
        assert stored() == before
    assert places >= 8


def test_a_refusal_shows_no_key(box, oss):
    box.oss.remove_credentials(box.user_credentials[0])
    with pytest.raises(wire.RefusedError) as refused:
        oss.put(KEY, b"hello")
    assert refused.value.code == "InvalidAccessKeyId"
    text = f"{refused.value} {refused.value.happened} {refused.value.fix}"
    assert not any(user_credential in text for user_credential in box.user_credentials)


def test_an_object_is_missing_only_from_a_readable_bucket(box, oss):
    elsewhere = OssBucketClient(
        Place.of(box.oss.endpoint, "nowhere"), make_keys(box.user_credentials), WallClock(), box.region
    )
    assert (oss.head(KEY), oss.get(KEY)) == (None, None)
    with pytest.raises(wire.RefusedError, match="NoSuchBucket"):
        elsewhere.get(KEY)
    box.oss.remove_credentials(box.user_credentials[0])
    with pytest.raises(wire.RefusedError, match="403"):
        oss.head(KEY)


def test_a_key_is_created_once_though_the_answer_is_lost(box, mocker):
    exchange = mocker.patch.object(wire, "exchange", side_effect=ConnectionResetError)
    with pytest.raises(wire.UnreachableError):
        Ram(make_keys(box.user_credentials), WallClock()).do("CreateAccessKey", UserName="x")
    ((request,),) = (call.args for call in exchange.call_args_list)
    assert request.url.startswith("https://ram.aliyuncs.com/")


def test_versions_are_listed_page_by_page_and_deleted_by_their_ids(box, oss, obs):
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
