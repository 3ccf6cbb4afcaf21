"""Requests of ops.py to the clouds, which equal those of the vendors' SDKs."""

import io
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as sdk
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkoms import v2
from obs import ObsClient
from obs.model import Versions

from ops.clock import WallClock
from ops.clouds import wire
from ops.clouds.bucket_client import BucketAddress
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import Keys, Secret
from ops.clouds.oms import NewGroup, SyncTaskClient, TaskGroups
from ops.clouds.services import Ram, Service
from oss_oms_sync.answers.bandwidth import NIGHT_WINDOWS
from support.names import esdk_client
from support.sdk_requests import capture_requests, compare_with_sdk, huawei_client

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


# The SDK's method, its request and the class of the body, by method and path.
OMS_CALLS = {
    ("GET", "/v2/{_}/sync-tasks/{sync_task_id}"): ("show_sync_task", v2.ShowSyncTaskRequest, None),
    ("GET", "/v2/{_}/sync-tasks/{sync_task_id}/statistics"): (
        "list_sync_task_statistic",
        v2.ListSyncTaskStatisticRequest,
        None,
    ),
}


def test_requests_of_ops_to_oms_equal_those_of_the_vendors_sdk(box):
    clock = WallClock(lambda: box.clock_lead)
    task = SyncTaskClient(box.task.sync_url, make_keys(box.huawei_credentials), clock)
    own_requests = capture_requests(box.oms, lambda: (task.show(), task.statistics(clock.now())))
    credentials = BasicCredentials(*box.huawei_credentials, box.project_id)
    compare_with_sdk(own_requests, box.oms, OMS_CALLS, [huawei_client(v2, box.oms, credentials, v2.OmsClient)])


def test_an_upload_in_parts_by_ops_equals_that_of_the_vendors_sdk(box, oss, sdk_oss):
    body = bytes(range(256)) * 800
    own_requests = capture_requests(box.oss, lambda: oss.upload(KEY, body, 150 * 1024, HEADERS))
    uploader = sdk_oss.uploader(part_size=150 * 1024, parallel_num=1)
    upload = sdk.PutObjectRequest(
        bucket=SOURCE,
        key=KEY,
        content_type="text/plain",
        cache_control="no-cache",
        metadata={"note": 'a=b "c"'},
    )
    sdk_requests = capture_requests(box.oss, lambda: uploader.upload_from(upload, io.BytesIO(body)))

    def without_id(request):
        method, path, query, headers, sent = request_parts(request)
        names = [(name, "" if name == "uploadId" else value) for name, value in query]
        return method, path, names, headers, sent.startswith(b"<") or sent

    assert list(map(without_id, own_requests)) == list(map(without_id, sdk_requests))
    assert box.oss.objects(SOURCE)[KEY].data == body


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


KEYS = Keys(Secret("a"), Secret("s"), Secret())
NEW_GROUP = NewGroup("photos", "cn-hangzhou", "photos-obs", "cn-north-4", [""], "note", overwrite=False, restore=False)
GROUPS = TaskGroups(Service("https://oms.cn-north-4.myhuaweicloud.com", KEYS, WallClock()), "project")


@pytest.mark.parametrize(
    "change",
    [
        lambda: Ram(KEYS, WallClock()).send("CreateAccessKey", UserName="x"),
        lambda: GROUPS.create(NEW_GROUP, KEYS, KEYS),
        lambda: GROUPS.pause("1"),
        lambda: GROUPS.resume("1", KEYS, KEYS),
        lambda: GROUPS.retry("1", KEYS, KEYS, only_failed=True),
        lambda: GROUPS.limit_bandwidth("1", NIGHT_WINDOWS),
        lambda: GROUPS.delete("1"),
    ],
)
def test_ops_does_not_repeat_a_change_whose_response_is_lost(mocker, change):
    exchange = mocker.patch.object(wire, "exchange", side_effect=ConnectionResetError)
    with pytest.raises(wire.UnreachableError):
        change()
    assert exchange.call_count == 1


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
