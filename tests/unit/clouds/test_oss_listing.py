"""Pages of OSS's listings, which the code reads like the SDK oss2; the code refuses other response bodies."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.clouds.by_oss2 import import_oss2
from oss_oms_sync.clouds.listings import OSS_LISTING, NotAListing, UnreadPage
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary
from support.law import HOSTILE
from support.listing import listing, make_page

A = ObjectSummary("a", "AB", 1, 1_767_225_600)
PAGE = listing([A, ObjectSummary("b/c", "CD-2", 2, 1_767_225_661, "Multipart")], "to/ken")


def read(text: str) -> ListPage:
    return UnreadPage(text.encode(), OSS_LISTING).read()


def read_by_oss2(text: str) -> ListPage:
    oss2 = import_oss2()
    answer = SimpleNamespace(read=text.encode, status=200, headers={}, request_id="1")
    result = oss2.models.ListObjectsV2Result(answer)
    oss2.xml_utils.parse_list_objects_v2(result, text.encode())
    objects = [
        ObjectSummary(o.key, o.etag.upper(), o.size, o.last_modified, o.type, o.storage_class)
        for o in result.object_list
    ]
    return make_page(objects, result.is_truncated, result.next_continuation_token)


objects = st.lists(
    st.builds(
        ObjectSummary,
        # Some of these keys are encoded twice, or in unusual ways.
        st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(HOSTILE) | st.text("%2Ff/5eE+ \x00é"),
        st.text("0123456789ABCDEFabcdef-", max_size=40),
        st.integers(0, 10**15),
        st.integers(0, 4_000_000_000),
        st.sampled_from(["Normal", "Multipart", "Appendable", "Symlink"]),
        st.sampled_from(["Standard", "IA", "Archive", "ColdArchive", ""]),
    ),
    max_size=20,
)


@given(objects=objects, token=st.sampled_from(["", "t", "to/ken+%41="]))
def test_an_oss_listing_is_read_like_oss2_reads_it(objects, token):
    text, upper = listing(objects, token), [stored._replace(etag=stored.etag.upper()) for stored in objects]
    assert read(text) == make_page(upper, bool(token), token) == read_by_oss2(text)


@given(names=st.lists(st.text("abc%2Fé/+ ;"), max_size=5), token=st.sampled_from(["", "t%41"]))
def test_an_oss_listing_without_encoding_is_not_decoded(names, token):
    objects = [A._replace(name=name) for name in names]
    text = listing(objects, token, head="")
    assert read(text) == make_page(objects, bool(token), token) == read_by_oss2(text)


@given(encoded=st.text("%25Ff/2aéE4+", min_size=1))
def test_unusual_encodings_of_an_oss_listing_are_decoded_like_by_oss2(encoded):
    text = listing([A]).replace("<Key>a<", f"<Key>{encoded}<")
    assert read(text) == read_by_oss2(text)


@given(objects=objects, token=st.sampled_from(["", "t"]))
def test_an_unread_page_guesses_the_marker_of_the_next_page(objects, token):
    expected = objects[-1].name if objects and token else ""
    assert UnreadPage(listing(objects, token).encode(), OSS_LISTING).guess_next() == expected


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html/>", listing([A], "t", head="").encode()])
def test_an_unread_page_guesses_no_marker_for_another_document(body):
    assert UnreadPage(body, OSS_LISTING).guess_next() == ""


@pytest.mark.parametrize("tag", ["Key", "ETag", "Size", "LastModified", "Type", "IsTruncated", "NextContinuationToken"])
def test_an_oss_listing_without_a_required_element_is_refused(tag):
    with pytest.raises(NotAListing):
        read(re.sub(f"<{tag}>.*?</{tag}>", "", PAGE, count=1))


@pytest.mark.parametrize("tag", ["StorageClass", "KeyCount", "EncodingType"])
def test_an_oss_listing_is_read_without_its_unused_elements(tag):
    assert len(read(re.sub(f"<{tag}>.*?</{tag}>", "", PAGE)).objects) == 2


def test_the_last_page_of_an_oss_listing_has_no_token():
    assert read(listing([A])) == make_page([A], more=False)


TIME = "2026-01-01T00:01:01.000Z"


@pytest.mark.parametrize(
    "time",
    ["", "yesterday", "2026-02-30T00:01:01.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z",
     "2026-01-01T00:00:61.000Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.000+08:00", "2026-01-01 00:00:00.000Z",
     "2026-01-01T00:00:00.000Z\n", "2026-1-01T00:00:00.000Z"],
)  # fmt: skip
def test_an_oss_listing_with_an_invalid_time_is_refused(time):
    assert TIME in PAGE
    with pytest.raises(NotAListing):
        read(PAGE.replace(TIME, time))


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("doctype", [BOMB, "<!DOCTYPE x>", '<!DOCTYPE x SYSTEM "file:///etc/passwd">'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
def test_an_oss_listing_with_a_document_type_is_refused(doctype, encoding):
    declaration, body = PAGE.replace("UTF-8", encoding).split("\n", 1)
    with pytest.raises(NotAListing):
        UnreadPage(f"{declaration}\n{doctype}{body}".encode(encoding), OSS_LISTING).read()


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"\xff", b"<a>" * 100_000, PAGE.encode()[:-1], PAGE.encode() + b"<", PAGE.encode() + PAGE.encode(),
     PAGE.replace("b%2Fc", "&b;").encode(), PAGE.replace("b%2Fc", "\x01").encode(),
     PAGE.replace("<Size>2<", "<Size>two<").encode(), PAGE.replace(">true<", ">perhaps<").encode(),
     PAGE.replace("ListBucketResult", "ListVersionsResult").encode()],
)  # fmt: skip
def test_a_document_that_is_no_oss_listing_is_refused(body):
    with pytest.raises(NotAListing):
        UnreadPage(body, OSS_LISTING).read()
