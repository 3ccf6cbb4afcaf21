"""Properties of buckets, and the effects of versioning."""

import oss2
import pytest
from oss2.models import BucketVersioningConfig


def switch(bucket, status):
    bucket.put_bucket_versioning(BucketVersioningConfig(status))


def test_a_bucket_in_another_region_returns_only_its_info_and_location(box):
    box.oss.create_bucket("elsewhere", "cn-beijing")
    bucket = box.bucket("elsewhere")

    assert bucket.get_bucket_info().location == bucket.get_bucket_location().location == "oss-cn-beijing"
    with pytest.raises(oss2.exceptions.AccessDenied, match="specified endpoint"):
        bucket.put_object("a", b"")


def versions(bucket):
    """Return the version id in the response to each kind of request."""
    upload = bucket.init_multipart_upload("big").upload_id
    part = oss2.models.PartInfo(1, bucket.upload_part("big", upload, 1, b"data").etag)
    answers = [
        bucket.put_object("a", b"data"),
        bucket.copy_object(bucket.bucket_name, "a", "copy"),
        bucket.complete_multipart_upload("big", upload, [part]),
        bucket.get_object("a"),
        bucket.head_object("a"),
        bucket.delete_object("a"),
    ]
    return [answer.headers.get("x-oss-version-id") for answer in answers]


def test_with_versioning_answers_name_the_version(photos):
    assert set(versions(photos)) == {None}
    switch(photos, "Enabled")

    put, copied, completed, got, head, deleted = versions(photos)

    assert put == got == head
    assert len({put, copied, completed, deleted} - {None, "null"}) == 4


def test_objects_written_before_or_after_versioning_have_the_version_null(photos):
    photos.put_object("before", b"data")
    switch(photos, "Enabled")
    assert photos.head_object("before").headers["x-oss-version-id"] == "null"

    switch(photos, "Suspended")

    assert set(versions(photos)) == {"null"}


def test_with_versioning_a_deletion_leaves_a_marker(box, photos):
    switch(photos, "Enabled")
    for key in ("a", "b"):
        photos.put_object(key, b"data")

    single = photos.delete_object("a")
    [several] = photos.batch_delete_objects(["b"]).delete_versions

    assert single.delete_marker is True
    assert several.key == "b"
    assert several.delete_marker is True
    assert single.versionid and several.delete_marker_versionid
    assert not box.oss.objects("photos")


@pytest.mark.parametrize(("status", "word"), [("Enabled", "true"), ("Suspended", "true"), (None, "false")])
def test_overwriting_is_forbidden_by_true_if_versioning_is_off(box, photos, status, word):
    if status:
        switch(photos, status)
    photos.put_object("a", b"first")

    photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": word})

    assert box.oss.objects("photos")["a"].data == b"second"
