"""Tests of buckets in the simulated OBS, which the vendor's client, esdk-obs-python, creates and reads."""

import pytest
from obs import CreateBucketHeader


def create(obs, name, location="cn-north-4", **header):
    answer = obs.createBucket(name, header=CreateBucketHeader(**header), location=location)
    return answer.status, answer.errorCode


def test_a_bucket_is_created_in_its_class_and_location(box, obs):
    assert obs.headBucket("new").status == 404
    assert create(obs, "new", storageClass="WARM") == (200, None)
    metadata = obs.getBucketMetadata("new").body
    assert (metadata.storageClass, metadata.location, metadata.obsVersion) == ("WARM", "cn-north-4", "3.0")
    assert obs.getBucketLocation("new").body.location == "cn-north-4"
    assert obs.getBucketEncryption("new").errorCode == "NoSuchEncryptionConfiguration"
    box.obs.bucket("new").is_encrypted = True
    assert obs.getBucketEncryption("new").body.encryption == "kms"


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
def test_a_wrong_bucket_is_refused(box, obs, name, location, header, code):
    box.obs.create_bucket("theirs", owner="another")
    names_before = list(box.obs._buckets)
    assert create(obs, name, location, **header)[1] == code
    assert list(box.obs._buckets) == names_before


def test_an_unknown_class_is_refused(box, obs):
    answer = obs.createBucket("new", location="cn-north-4", extensionHeaders={"x-obs-storage-class": "HOT"})
    assert answer.status == 400
    assert answer.errorCode == "InvalidArgument"
    assert box.obs.has_bucket("new") is False


def test_a_bucket_of_another_owner_is_denied(box, obs):
    box.obs.create_bucket("theirs", owner="another")
    assert obs.headBucket("theirs").status == 403


def test_a_new_bucket_appears_late_and_at_most_100_can_exist(box, obs):
    box.obs.visibility_delay = 1
    create(obs, "new")
    assert obs.headBucket("new").status == 404
    assert create(obs, "new") == (409, "BucketAlreadyOwnedByYou")
    box.advance(1)
    assert obs.headBucket("new").status == 200
    for number in range(98):
        box.obs.create_bucket(f"more-{number}")
    assert create(obs, "last") == (400, "TooManyBuckets")
