"""The account's buckets, and what versioning changes."""

import oss2
import pytest
from oss2.models import BucketVersioningConfig


@pytest.fixture
def service(box):
    return oss2.Service(oss2.AuthV4(*box.user_credentials), box.oss.endpoint, region=box.region, session=box._http)


def switch(bucket, status):
    bucket.put_bucket_versioning(BucketVersioningConfig(status))


def test_the_buckets_of_the_account_are_listed_page_by_page(box, service):
    box.oss.create_bucket("elsewhere", "cn-beijing")

    first = service.list_buckets(max_keys=2)
    second = service.list_buckets(marker=first.next_marker)

    assert [one.name for one in first.buckets] == ["elsewhere", "photos"]
    assert [one.name for one in second.buckets] == ["photos-oms-log"]
    assert (first.is_truncated, second.is_truncated) == (True, False)
    assert (first.buckets[0].location, first.buckets[1].location) == ("oss-cn-beijing", "oss-cn-hangzhou")
    assert [one.name for one in service.list_buckets(prefix="photos-").buckets] == ["photos-oms-log"]


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_bad_page_size_is_refused(service, limit):
    with pytest.raises(oss2.exceptions.InvalidArgument):
        service.list_buckets(max_keys=limit)


def test_the_right_to_list_buckets_can_be_taken_away(box, service):
    box.oss.deny("oss:ListBuckets", "")

    with pytest.raises(oss2.exceptions.AccessDenied):
        service.list_buckets()


def test_a_bucket_tells_what_it_is(photos):
    info = photos.get_bucket_info()

    assert (info.name, info.location, info.storage_class) == ("photos", "oss-cn-hangzhou", "Standard")
    assert info.extranet_endpoint == "oss-cn-hangzhou.aliyuncs.com"
    assert info.intranet_endpoint == "oss-cn-hangzhou-internal.aliyuncs.com"
    assert (info.owner.id, info.acl.grant) == ("1000000000000001", "private")
    assert info.creation_date
    assert info.versioning_status is None


def test_of_a_bucket_in_another_region_only_what_it_is_is_told(box):
    box.oss.create_bucket("elsewhere", "cn-beijing")
    bucket = box.bucket("elsewhere")

    assert bucket.get_bucket_info().location == bucket.get_bucket_location().location == "oss-cn-beijing"
    with pytest.raises(oss2.exceptions.AccessDenied, match="specified endpoint"):
        bucket.put_object("a", b"")
    with pytest.raises(oss2.exceptions.AccessDenied, match="specified endpoint"):
        box.bucket("photos").copy_object("elsewhere", "a", "a")


def test_versioning_can_be_switched_on_and_suspended(photos):
    assert photos.get_bucket_versioning().status is None

    for status in ("Enabled", "Suspended"):
        switch(photos, status)
        assert photos.get_bucket_versioning().status == status
        assert photos.get_bucket_info().versioning_status == status


def answers(bucket):
    """One of each kind that names a version."""
    upload = bucket.init_multipart_upload("big").upload_id
    part = oss2.models.PartInfo(1, bucket.upload_part("big", upload, 1, b"data").etag)
    return [
        bucket.put_object("a", b"data"),
        bucket.copy_object(bucket.bucket_name, "a", "copy"),
        bucket.append_object("appended", 0, b"data"),
        bucket.complete_multipart_upload("big", upload, [part]),
        bucket.get_object("a"),
        bucket.head_object("a"),
        bucket.get_object_meta("a"),
        bucket.delete_object("a"),
    ]


def test_without_versioning_no_answer_names_a_version(photos):
    assert [one.headers.get("x-oss-version-id") for one in answers(photos)] == [None] * 8


def test_with_versioning_answers_name_the_version(photos):
    switch(photos, "Enabled")

    put, copied, appended, completed, got, head, meta, deleted = [
        one.headers["x-oss-version-id"] for one in answers(photos)
    ]

    assert put == got == head == meta
    assert len({put, copied, appended, completed, deleted}) == 5
    assert "null" not in (put, deleted)


def test_what_was_there_before_versioning_or_comes_after_it_is_the_version_null(photos):
    photos.put_object("before", b"data")
    switch(photos, "Enabled")
    assert photos.head_object("before").headers["x-oss-version-id"] == "null"

    switch(photos, "Suspended")

    assert {one.headers["x-oss-version-id"] for one in answers(photos)} == {"null"}


def not_found(read, key):
    """The headers of the answer that there is no such object."""
    with pytest.raises(oss2.exceptions.NotFound) as refused:
        read(key)
    return refused.value.headers


def test_with_versioning_a_deletion_leaves_a_marker(box, photos):
    switch(photos, "Enabled")
    for key in ("a", "b"):
        photos.put_object(key, b"data")

    single = photos.delete_object("a")
    [several] = photos.batch_delete_objects(["b"]).delete_versions

    assert single.delete_marker
    assert single.versionid
    assert (several.key, several.delete_marker) == ("b", True)
    assert several.delete_marker_versionid
    assert not box.oss.objects("photos")


def test_who_reads_what_a_marker_hides_is_told_of_the_marker(photos):
    assert "x-oss-delete-marker" not in not_found(photos.head_object, "a")
    switch(photos, "Enabled")
    assert "x-oss-delete-marker" not in not_found(photos.get_object, "a")
    photos.put_object("a", b"data")

    marker = photos.delete_object("a").versionid

    for read in (photos.get_object, photos.head_object, photos.get_object_meta):
        told = not_found(read, "a")
        assert (told["x-oss-delete-marker"], told["x-oss-version-id"]) == ("true", marker)
    photos.put_object("a", b"data")
    assert "x-oss-delete-marker" not in photos.head_object("a").headers


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_with_versioning_nothing_is_protected_against_overwriting(box, photos, status):
    switch(photos, status)
    photos.put_object("a", b"first")

    photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": "true"})

    assert box.oss.objects("photos")["a"].data == b"second"


def test_overwriting_is_forbidden_only_by_the_word_true(box, photos):
    photos.put_object("a", b"first")

    photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": "false"})

    assert box.oss.objects("photos")["a"].data == b"second"
