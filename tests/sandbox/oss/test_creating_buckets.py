"""Tests of new simulated OSS buckets: names, owners, storage classes, and the delay until requests see a bucket."""

import oss2
import pytest


def test_the_simulated_oss_creates_a_private_bucket_in_its_storage_class(box, catch_refusal):
    bucket = box.bucket("new-log")
    assert catch_refusal(bucket.get_bucket_info) == (404, "NoSuchBucket")
    bucket.create_bucket(input=oss2.models.BucketCreateConfig(oss2.BUCKET_STORAGE_CLASS_IA))
    info = bucket.get_bucket_info()
    properties = info.location, info.acl.grant, info.owner.id, info.storage_class, info.versioning_status
    assert properties == ("oss-cn-hangzhou", "private", "1000000000000001", "IA", None)
    assert info.bucket_encryption_rule.sse_algorithm is None
    box.oss.encrypt("new-log")
    assert bucket.get_bucket_info().bucket_encryption_rule.sse_algorithm == "KMS"


@pytest.mark.parametrize("name", ["photo_s", "photos-"])
def test_the_simulated_oss_refuses_an_invalid_bucket_name(oss_requests, refusal, name):
    assert refusal(oss_requests.send("PUT", "", bucket=name)) == (400, "InvalidBucketName")


def test_the_simulated_oss_lets_only_the_owner_create_a_bucket_again(box, catch_refusal):
    box.oss.create_bucket("theirs", owner="2000000000000002")
    for name in ("photos", "theirs"):
        assert catch_refusal(box.bucket(name).create_bucket) == (409, "BucketAlreadyExists")
    assert catch_refusal(box.bucket("theirs").get_bucket_info) == (403, "AccessDenied")
    box.oss.add_credentials(*box.user_credentials, holder="root")
    assert box.bucket("photos").create_bucket().status == 200
    assert catch_refusal(box.bucket("theirs").create_bucket) == (409, "BucketAlreadyExists")


def test_the_simulated_oss_shows_a_new_bucket_late_and_allows_at_most_100(box, catch_refusal):
    box.oss.visibility_delay = 1
    box.bucket("new").create_bucket()
    assert catch_refusal(box.bucket("new").get_bucket_info) == (404, "NoSuchBucket")
    assert catch_refusal(box.bucket("new").create_bucket) == (409, "BucketAlreadyExists")
    box.advance(1)
    assert box.bucket("new").get_bucket_info().name == "new"
    for number in range(97):
        box.oss.create_bucket(f"more-{number}")
    assert catch_refusal(box.bucket("last").create_bucket) == (400, "TooManyBuckets")
