"""Tests of properties of simulated OSS buckets, and of the effects of versioning."""

import oss2
import pytest
from oss2.models import BucketVersioningConfig


def set_versioning(bucket, status):
    bucket.put_bucket_versioning(BucketVersioningConfig(status))


def test_a_simulated_oss_bucket_of_another_region_returns_only_its_region(box):
    box.oss.create_bucket("elsewhere", "cn-beijing")
    bucket = box.bucket("elsewhere")

    assert bucket.get_bucket_info().location == bucket.get_bucket_location().location == "oss-cn-beijing"
    with pytest.raises(oss2.exceptions.AccessDenied, match="specified endpoint"):
        bucket.put_object("a", b"")


@pytest.mark.parametrize(("status", "value"), [("Enabled", "true"), ("Suspended", "true"), (None, "false")])
def test_the_simulated_oss_ignores_forbid_overwrite_with_versioning(box, photos, status, value):
    if status:
        set_versioning(photos, status)
    photos.put_object("a", b"first")

    photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": value})

    assert box.oss.objects("photos")["a"].data == b"second"
