"""The vendor's own client (esdk-obs-python) creates buckets in the simulated OBS, and asks what they are."""

import pytest
from obs import CreateBucketHeader

from support.names import esdk


@pytest.fixture
def client(box, monkeypatch):
    with esdk(box, monkeypatch) as made:
        yield made


def create(client, name, location="cn-north-4", **header):
    answer = client.createBucket(name, header=CreateBucketHeader(**header), location=location)
    return answer.status, answer.errorCode


def test_a_bucket_is_created_and_tells_what_it_is(box, client):
    assert client.headBucket("new").status == 404
    assert create(client, "new", storageClass="WARM") == (200, None)
    told = client.getBucketMetadata("new").body
    assert (told.storageClass, told.location, told.obsVersion) == ("WARM", "cn-north-4", "3.0")
    assert client.getBucketLocation("new").body.location == "cn-north-4"
    missing = client.getBucketEncryption("new")
    assert (missing.status, missing.errorCode) == (404, "NoSuchEncryptionConfiguration")
    box.obs.bucket("new").encrypted = True
    assert client.getBucketEncryption("new").body.encryption == "kms"


@pytest.mark.parametrize(
    ("name", "location", "header", "code"),
    [
        ("new", "cn-east-3", {}, "InvalidLocationConstraint"),
        ("new", None, {}, "MalformedXML"),
        ("new", "cn-north-4", {"aclControl": "private"}, "ServiceNotImplemented"),
        ("new-", "cn-north-4", {}, "InvalidBucketName"),
        ("photos-obs", "cn-north-4", {}, "BucketAlreadyOwnedByYou"),
        ("theirs", "cn-north-4", {}, "BucketAlreadyExists"),
    ],
)
def test_what_obs_does_not_take_is_refused(box, client, name, location, header, code):
    box.obs.create_bucket("theirs", owner="another")
    before = list(box.obs._buckets)
    assert create(client, name, location, **header)[1] == code
    assert list(box.obs._buckets) == before


def test_a_class_that_is_none_is_refused(box, client):
    answer = client.createBucket("new", location="cn-north-4", extensionHeaders={"x-obs-storage-class": "HOT"})
    assert (answer.status, answer.errorCode) == (400, "InvalidArgument")
    assert not box.obs.has("new")


def test_a_bucket_of_somebody_else_is_denied(box, client):
    box.obs.create_bucket("theirs", owner="another")
    assert client.headBucket("theirs").status == 403


def test_a_new_bucket_is_not_seen_at_once_and_the_hundredth_is_the_last(box, client):
    box.obs.stale_for = 1
    create(client, "new")
    assert client.headBucket("new").status == 404
    assert create(client, "new") == (409, "BucketAlreadyOwnedByYou")
    box.later(1)
    assert client.headBucket("new").status == 200
    for number in range(98):
        box.obs.create_bucket(f"more-{number}")
    assert create(client, "last") == (400, "TooManyBuckets")
