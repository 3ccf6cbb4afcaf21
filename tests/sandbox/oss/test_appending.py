"""AppendObject: what grows, and when it is refused."""

import hashlib

import oss2
import pytest


def test_an_appended_objects_etag_is_no_md5_and_its_first_headers_stay(photos):
    first = photos.append_object("a", 0, b"hel", headers={"Content-Type": "text/plain"})
    photos.append_object("a", first.next_position, b"lo", headers={"Content-Type": "text/html"})

    got = photos.get_object("a")

    assert (got.object_type, got.content_type) == ("Appendable", "text/plain")
    assert got.etag not in (first.etag, hashlib.md5(b"hello").hexdigest().upper())
    assert got.headers["x-oss-next-append-position"] == "5"


def test_appending_at_a_wrong_position_or_to_a_normal_object_is_refused(photos):
    photos.put_object("normal", b"")
    photos.append_object("a", 0, b"hel")

    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        photos.append_object("normal", 0, b"")
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength):
        photos.append_object("a", 1, b"lo")
