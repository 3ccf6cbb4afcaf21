"""Tests of buckets in the simulated OBS, which the vendor's client, esdk-obs-python, creates and reads."""

import pytest
from obs import CreateBucketHeader


def create(obs, name, location="cn-north-4", **header):
    answer = obs.createBucket(name, header=CreateBucketHeader(**header), location=location)
    return answer.status, answer.errorCode


def test_the_simulated_obs_creates_a_bucket_in_its_class_and_location(box, obs):
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
def test_the_simulated_obs_refuses_to_create_a_wrong_bucket(box, obs, name, location, header, code):
    box.obs.create_bucket("theirs", owner="another")
    names_before = list(box.obs._buckets)
    assert create(obs, name, location, **header)[1] == code
    assert list(box.obs._buckets) == names_before


def test_the_simulated_obs_refuses_an_unknown_storage_class(box, obs):
    answer = obs.createBucket("new", location="cn-north-4", extensionHeaders={"x-obs-storage-class": "HOT"})
    assert answer.status == 400
    assert answer.errorCode == "InvalidArgument"
    assert box.obs.has_bucket("new") is False


def test_the_simulated_obs_denies_access_to_a_bucket_of_another_owner(box, obs):
    box.obs.create_bucket("theirs", owner="another")
    assert obs.headBucket("theirs").status == 403


def test_the_simulated_obs_shows_a_new_bucket_late_and_allows_at_most_100(box, obs):
    box.obs.visibility_delay = 1
    create(obs, "new")
    assert obs.headBucket("new").status == 404
    assert create(obs, "new") == (409, "BucketAlreadyOwnedByYou")
    box.advance(1)
    assert obs.headBucket("new").status == 200
    for number in range(98):
        box.obs.create_bucket(f"more-{number}")
    assert create(obs, "last") == (400, "TooManyBuckets")
