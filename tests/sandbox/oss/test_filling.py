"""Buckets as large as real ones, made in a moment."""

import time

import oss2
import pytest

from sandbox.oss.errors import OssError

MANY = 400_000
ETAG = "0123456789ABCDEF0123456789ABCDEF"


def test_a_bucket_of_many_objects_is_filled_and_listed_quickly(box, photos):
    begun = time.process_time()
    box.oss.fill("photos", (f"照片/{MANY - number:06}" for number in range(MANY)), size=1000, etag=ETAG)
    filled = time.process_time()
    for number in range(MANY, 0, -MANY // 200):
        [entry] = photos.list_objects(prefix="照片/", marker=f"照片/{number - 1:06}", max_keys=1).object_list
        assert (entry.key, entry.size, entry.etag) == (f"照片/{number:06}", 1000, ETAG)
    listed = time.process_time()

    # It takes less than a second each. Were all names sorted for each listing, it would be more than a minute.
    assert filled - begun < 5
    assert listed - filled < 5


def test_what_was_filled_in_is_as_if_it_had_been_uploaded(box, photos):
    now = photos.put_object("now", b"").headers
    box.oss.fill("photos", ["b", "a"], size=3, age=3600)

    assert [one.key for one in oss2.ObjectIterator(photos)] == ["a", "b", "now"]
    head = photos.head_object("a")
    assert (head.content_length, head.etag) == (3, "693E9AF84D3DFCC71E640E005BDC5E2E"), "the MD5 of three zeros"
    assert abs(head.last_modified - (oss2.utils.http_to_unixtime(now["Date"]) - 3600)) <= 5
    assert photos.get_object("a").read() == bytes(3), "oss2 checks the CRC64"
    photos.put_object("a", b"new")
    photos.delete_object("b")
    assert [one.size for one in oss2.ObjectIterator(photos)] == [3, 0]


def test_filling_a_bucket_wakes_nobody(box):
    events = []
    box.oss.add_trigger("all", "photos", ["oss:ObjectCreated:PutObject"], "", "", events.append)

    box.oss.fill("photos", ["a"])

    assert events == []


def test_a_bucket_is_not_filled_with_names_that_oss_refuses(box):
    with pytest.raises(OssError, match="InvalidObjectName"):
        box.oss.fill("photos", ["a", "/b"])

    assert not box.oss.objects("photos")
