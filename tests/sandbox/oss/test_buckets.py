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


def collect_version_ids(bucket):
    """Send each kind of request to the bucket; return the version id in each response, or None if there is none."""
    upload = bucket.init_multipart_upload("big").upload_id
    part = oss2.models.PartInfo(1, bucket.upload_part("big", upload, 1, b"data").etag)
    responses = [
        bucket.put_object("a", b"data"),
        bucket.copy_object(bucket.bucket_name, "a", "copy"),
        bucket.complete_multipart_upload("big", upload, [part]),
        bucket.get_object("a"),
        bucket.head_object("a"),
        bucket.delete_object("a"),
    ]
    return [response.headers.get("x-oss-version-id") for response in responses]


def test_the_simulated_oss_names_the_version_in_a_bucket_with_versioning(photos):
    assert set(collect_version_ids(photos)) == {None}
    set_versioning(photos, "Enabled")

    put_id, copy_id, upload_id, get_id, head_id, delete_id = collect_version_ids(photos)

    assert put_id == get_id == head_id
    assert len({put_id, copy_id, upload_id, delete_id} - {None, "null"}) == 4


def test_simulated_objects_from_before_versioning_have_the_version_null(photos):
    photos.put_object("before", b"data")
    set_versioning(photos, "Enabled")
    assert photos.head_object("before").headers["x-oss-version-id"] == "null"

    set_versioning(photos, "Suspended")

    assert set(collect_version_ids(photos)) == {"null"}


def test_the_simulated_oss_writes_a_delete_marker_with_versioning(box, photos):
    set_versioning(photos, "Enabled")
    for key in ("a", "b"):
        photos.put_object(key, b"data")

    single_result = photos.delete_object("a")
    [batch_result] = photos.batch_delete_objects(["b"]).delete_versions

    assert single_result.delete_marker is True
    assert batch_result.key == "b"
    assert batch_result.delete_marker is True
    assert single_result.versionid and batch_result.delete_marker_versionid
    assert not box.oss.objects("photos")


@pytest.mark.parametrize(("status", "value"), [("Enabled", "true"), ("Suspended", "true"), (None, "false")])
def test_the_simulated_oss_ignores_forbid_overwrite_with_versioning(box, photos, status, value):
    if status:
        set_versioning(photos, status)
    photos.put_object("a", b"first")

    photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": value})

    assert box.oss.objects("photos")["a"].data == b"second"
