"""Tests of the method `fill`, which stores many objects in a simulated bucket at once."""

import oss2


def test_the_sandboxs_method_fill_stores_objects_like_uploaded_objects(box, photos):
    now = photos.put_object("now", b"").headers
    box.oss.fill("photos", ["b", "a"], size=3, age=3600)

    assert [entry.key for entry in oss2.ObjectIterator(photos)] == ["a", "b", "now"]
    head = photos.head_object("a")
    assert (head.content_length, head.etag) == (3, "693E9AF84D3DFCC71E640E005BDC5E2E"), "the MD5 of three zeros"
    assert abs(head.last_modified - (oss2.utils.http_to_unixtime(now["Date"]) - 3600)) <= 5
    assert photos.get_object("a").read() == bytes(3), "oss2 checks the CRC64"
    photos.put_object("a", b"new")
    photos.delete_object("b")
    assert [entry.size for entry in oss2.ObjectIterator(photos)] == [3, 0]
