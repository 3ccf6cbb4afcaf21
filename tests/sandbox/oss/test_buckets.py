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

    def listed(**given):
        page = service.list_buckets(**given)
        return [(bucket.name, bucket.location) for bucket in page.buckets], page.is_truncated, page.next_marker

    here = ("photos", "oss-cn-hangzhou"), ("photos-oms-log", "oss-cn-hangzhou")
    first = listed(max_keys=2)
    assert first[:2] == ([("elsewhere", "oss-cn-beijing"), here[0]], True)
    assert listed(marker=first[2])[:2] == listed(prefix="photos-")[:2] == ([here[1]], False)


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_bad_page_size_is_refused(service, refused, limit):
    assert refused(lambda: service.list_buckets(max_keys=limit)) == (400, "InvalidArgument")


def test_the_right_to_list_buckets_can_be_taken_away(box, service, refused):
    box.oss.deny("oss:ListBuckets", "")

    assert refused(service.list_buckets) == (403, "AccessDenied")


def test_a_bucket_tells_what_it_is(photos):
    info = photos.get_bucket_info()

    hosts = "oss-cn-hangzhou.aliyuncs.com", "oss-cn-hangzhou-internal.aliyuncs.com"
    assert (info.name, info.location, info.storage_class) == ("photos", "oss-cn-hangzhou", "Standard")
    assert (info.extranet_endpoint, info.intranet_endpoint) == hosts
    assert (info.owner.id, info.acl.grant, info.versioning_status) == ("1000000000000001", "private", None)
    assert info.creation_date


def test_of_a_bucket_in_another_region_only_what_it_is_is_told(box):
    box.oss.create_bucket("elsewhere", "cn-beijing")
    bucket = box.bucket("elsewhere")

    assert bucket.get_bucket_info().location == bucket.get_bucket_location().location == "oss-cn-beijing"
    for call in (bucket.put_object, lambda *_: box.bucket("photos").copy_object("elsewhere", "a", "a")):
        with pytest.raises(oss2.exceptions.AccessDenied, match="specified endpoint"):
            call("a", b"")


def test_versioning_can_be_switched_on_and_suspended(photos):
    assert photos.get_bucket_versioning().status is None

    for status in ("Enabled", "Suspended"):
        switch(photos, status)
        assert photos.get_bucket_versioning().status == status
        assert photos.get_bucket_info().versioning_status == status


def versions(bucket):
    """What the answers of each kind that names a version name."""
    upload = bucket.init_multipart_upload("big").upload_id
    part = oss2.models.PartInfo(1, bucket.upload_part("big", upload, 1, b"data").etag)
    answers = [
        bucket.put_object("a", b"data"),
        bucket.copy_object(bucket.bucket_name, "a", "copy"),
        bucket.append_object("appended", 0, b"data"),
        bucket.complete_multipart_upload("big", upload, [part]),
        bucket.get_object("a"),
        bucket.head_object("a"),
        bucket.get_object_meta("a"),
        bucket.delete_object("a"),
    ]
    return [answer.headers.get("x-oss-version-id") for answer in answers]


def test_without_versioning_no_answer_names_a_version(photos):
    assert versions(photos) == [None] * 8


def test_with_versioning_answers_name_the_version(photos):
    switch(photos, "Enabled")

    put, copied, appended, completed, got, head, meta, deleted = versions(photos)

    assert put == got == head == meta
    assert len({put, copied, appended, completed, deleted} - {None, "null"}) == 5


def test_what_was_there_before_versioning_or_comes_after_it_is_the_version_null(photos):
    photos.put_object("before", b"data")
    switch(photos, "Enabled")
    assert photos.head_object("before").headers["x-oss-version-id"] == "null"

    switch(photos, "Suspended")

    assert set(versions(photos)) == {"null"}


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

    assert (single.delete_marker, several.key, several.delete_marker) == (True, "b", True)
    assert single.versionid and several.delete_marker_versionid
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


@pytest.mark.parametrize(("status", "word"), [("Enabled", "true"), ("Suspended", "true"), (None, "false")])
def test_overwriting_is_forbidden_only_without_versioning_and_by_the_word_true(box, photos, status, word):
    if status:
        switch(photos, status)
    photos.put_object("a", b"first")

    photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": word})

    assert box.oss.objects("photos")["a"].data == b"second"
