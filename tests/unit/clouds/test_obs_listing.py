"""Pages of OBS's listings, which the code reads like the vendor's SDK; the code refuses other response bodies."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obs.convertor import Adapter, Convertor

from oss_oms_sync.clouds.listings import NotAListing, UnreadPage
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary
from oss_oms_sync.clouds.obs import OBS_LISTING
from support.law import HOSTILE
from support.listing import NEW_YEAR, OBS_NAMESPACE, make_page, obs_listing

A = ObjectSummary("a", "AB", 1, NEW_YEAR)
PAGE = obs_listing([A, ObjectSummary("b/c", "CD-2", 2, NEW_YEAR + 61, "Appendable")], more=True)


@pytest.fixture(autouse=True, scope="module")
def use_utc() -> Iterator[None]:
    """Set the machine's time zone to UTC; the SDK converts times to the machine's zone, which may repeat an hour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def read(text: str) -> ListPage:
    return UnreadPage(text.encode(), OBS_LISTING).read()


def read_by_sdk(text: str) -> ListPage:
    # The SDK's caller removes the namespace.
    result = Convertor("obs", Adapter("obs")).parseListObjects(text.replace(OBS_NAMESPACE, ""), {})
    objects = [
        ObjectSummary(
            content.key or "",
            (content.etag or "").strip('"').upper(),
            content.size,
            int(datetime.strptime(content.lastModified, "%Y/%m/%d %H:%M:%S").timestamp()),
            "Normal",  # any value, because no job reads it
            content.storageClass or "",
        )
        for content in result.contents
    ]
    return make_page(objects, result.is_truncated)


objects = st.lists(
    st.builds(
        ObjectSummary,
        # Some of these keys are encoded twice, or in unusual ways.
        st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(HOSTILE) | st.text("%2Ff/5eE+ \x00é"),
        st.text("0123456789ABCDEF-", max_size=40),
        st.integers(0, 10**15),
        st.integers(0, 4_000_000_000),
        st.sampled_from(["Normal", "Appendable"]),
        st.sampled_from(["STANDARD", "WARM", "COLD", "DEEP_ARCHIVE", ""]),
    ),
    max_size=20,
)


@given(objects=objects, more=st.booleans())
def test_an_obs_listing_is_read_like_the_vendors_sdk_reads_it(objects, more):
    text = obs_listing(objects, more)
    assert read(text) == make_page([stored._replace(type="Normal") for stored in objects], more) == read_by_sdk(text)


@given(names=st.lists(st.text("abc%2Fé/+ ;", min_size=1), max_size=5))
def test_an_obs_listing_without_encoding_is_not_decoded(names):
    objects = [A._replace(name=name) for name in names]
    text = obs_listing(objects, head="")
    assert read(text) == make_page(objects, more=False) == read_by_sdk(text)


@given(encoded=st.text("%25Ff/2aéE4+", min_size=1))
def test_unusual_encodings_of_an_obs_listing_are_decoded_like_by_the_sdk(encoded):
    text = obs_listing([A]).replace("<Key>a<", f"<Key>{encoded}<")
    assert read(text) == read_by_sdk(text)


@pytest.mark.parametrize("namespace", ["", ' xmlns="http://obs.myhwclouds.com/doc/2015-06-30/"', ' xmlns="urn:x"'])
def test_an_obs_listing_can_have_any_xml_namespace(namespace):
    assert read(obs_listing([A], namespace=namespace)) == make_page([A], more=False)


@pytest.mark.parametrize("end", [".000Z", ".999Z", "Z"])
def test_an_obs_listing_has_times_in_whole_seconds(end):
    assert read(obs_listing([A]).replace(".987Z", end)).objects == [A]


@given(objects=objects, more=st.booleans())
def test_an_unread_page_guesses_the_marker_of_the_next_page(objects, more):
    expected = objects[-1].name if objects and more else ""
    assert UnreadPage(obs_listing(objects, more).encode(), OBS_LISTING).guess_next() == expected


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html/>", obs_listing([A], more=True, head="").encode()])
def test_an_unread_page_guesses_no_marker_for_another_document(body):
    assert UnreadPage(body, OBS_LISTING).guess_next() == ""


@pytest.mark.parametrize("tag", ["Key", "ETag", "Size", "LastModified", "IsTruncated"])
def test_an_obs_listing_without_a_required_element_is_refused(tag):
    with pytest.raises(NotAListing):
        read(re.sub(f"<{tag}>.*?</{tag}>", "", PAGE, count=1))


@pytest.mark.parametrize(
    "modified",
    ["", "yesterday", "2026-02-30T00:01:01.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01T00:00:61.000Z",
     "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.000+08:00", "2026-01-01 00:00:00.000Z", "2026-1-01T00:00:00.000Z"],
)  # fmt: skip
def test_an_obs_listing_with_an_invalid_time_is_refused(modified):
    with pytest.raises(NotAListing):
        read(PAGE.replace("2026-01-01T00:01:01.987Z", modified))


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"<a>" * 100_000, PAGE.encode()[:-1], PAGE.encode() + b"<",
     b"<html><body>Please log in</body></html>", b"<Error><Code>a</Code><IsTruncated>false</IsTruncated></Error>",
     PAGE.replace("b/c", "\x01").encode(), PAGE.replace("<Size>2<", "<Size>two<").encode(),
     PAGE.replace("\n", '\n<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>').encode()],
    ids=range(10),
)  # fmt: skip
def test_a_document_that_is_no_obs_listing_is_refused(body):
    with pytest.raises(NotAListing):
        UnreadPage(body, OBS_LISTING).read()
