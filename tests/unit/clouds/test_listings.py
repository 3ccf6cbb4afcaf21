"""Pages of the clouds' listings, which the code reads like the vendors' SDKs; other response bodies are refused."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.clouds.by_oss2 import import_oss2
from oss_oms_sync.clouds.listings import OSS_LISTING, Dialect, NotAListing, UnreadPage
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary
from oss_oms_sync.clouds.obs import OBS_LISTING
from support.law import HOSTILE
from support.listing import NEW_YEAR, OBS_NAMESPACE, listing, make_page, obs_listing

TOKEN = "to/ken+%41="


@pytest.fixture(autouse=True, scope="module")
def use_utc() -> Iterator[None]:
    """Set the machine's time zone to UTC; OBS's SDK converts times to the machine's zone, which may repeat an hour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def write_oss_listing(objects: list[ObjectSummary], more: bool = False, **options: str) -> str:
    return listing(objects, TOKEN if more else "", **options)


def read_by_oss2(text: str) -> ListPage:
    oss2 = import_oss2()
    result = oss2.models.ListObjectsV2Result(SimpleNamespace(status=200, headers={}, request_id="1"))
    oss2.xml_utils.parse_list_objects_v2(result, text.encode())
    objects = [
        ObjectSummary(o.key, o.etag.upper(), o.size, o.last_modified, o.type, o.storage_class)
        for o in result.object_list
    ]
    return make_page(objects, result.is_truncated, result.next_continuation_token)


def read_by_obs_sdk(text: str) -> ListPage:
    # Function Compute's runtimes have no SDK for OBS. The SDK's caller removes the namespace.
    sdk = pytest.importorskip("obs.convertor")
    result = sdk.Convertor("obs", sdk.Adapter("obs")).parseListObjects(text.replace(OBS_NAMESPACE, ""), {})
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


class Cloud(NamedTuple):
    """A cloud's form of a listing, with a function that writes a page and a function that reads it with an SDK."""

    dialect: Dialect
    write: Callable[..., str]
    read_by_sdk: Callable[[str], ListPage]

    def read(self, text: str) -> ListPage:
        return UnreadPage(text.encode(), self.dialect).read()

    def write_page(self) -> str:
        """Return a page of two objects that is not the last page."""
        return self.write([A, ObjectSummary("b/c", "CD-2", 2, NEW_YEAR + 61, "Appendable")], more=True)


A = ObjectSummary("a", "AB", 1, NEW_YEAR)
OSS, OBS = Cloud(OSS_LISTING, write_oss_listing, read_by_oss2), Cloud(OBS_LISTING, obs_listing, read_by_obs_sdk)
each_cloud = pytest.mark.parametrize("cloud", [OSS, OBS], ids=["OSS", "OBS"])
objects = st.lists(
    st.builds(
        ObjectSummary,
        # Some of these keys are encoded twice, or in unusual ways.
        st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(HOSTILE) | st.text("%2Ff/5eE+ \x00é"),
        st.text("0123456789ABCDEFabcdef-", max_size=40),
        st.integers(0, 10**15),
        st.integers(0, 4_000_000_000),
        st.sampled_from(["Normal", "Multipart", "Appendable", "Symlink"]),
        st.sampled_from(["Standard", "IA", "COLD", "DEEP_ARCHIVE", ""]),
    ),
    max_size=20,
)


@each_cloud
@given(objects=objects, more=st.booleans())
def test_a_listing_is_read_like_the_vendors_sdk_reads_it(cloud, objects, more):
    text = cloud.write(objects, more)
    kinds = {} if cloud is OSS else {"type": "Normal"}
    expected = [stored._replace(etag=stored.etag.upper(), **kinds) for stored in objects]
    assert cloud.read(text) == make_page(expected, more, TOKEN if more and cloud is OSS else "")
    assert cloud.read(text) == cloud.read_by_sdk(text)
    # The marker of the next page is guessed without reading the page.
    assert UnreadPage(text.encode(), cloud.dialect).guess_next() == (objects[-1].name if objects and more else "")


@each_cloud
@given(names=st.lists(st.text("abc%2Fé/+ ;", min_size=1), max_size=5))
def test_a_listing_without_encoding_is_not_decoded(cloud, names):
    text = cloud.write([A._replace(name=name) for name in names], head="")
    assert [listed.name for listed in cloud.read(text).objects] == names
    assert cloud.read(text) == cloud.read_by_sdk(text)


@each_cloud
@given(encoded=st.text("%25Ff/2aéE4+", min_size=1))
def test_unusual_encodings_of_a_listing_are_decoded_like_by_the_sdk(cloud, encoded):
    text = cloud.write([A]).replace("<Key>a<", f"<Key>{encoded}<")
    assert cloud.read(text) == cloud.read_by_sdk(text)


@pytest.mark.parametrize("namespace", ["", ' xmlns="http://obs.myhwclouds.com/doc/2015-06-30/"', ' xmlns="urn:x"'])
@pytest.mark.parametrize("end", [".000Z", ".999Z", "Z"])
def test_an_obs_listing_can_have_any_xml_namespace_and_parts_of_seconds(namespace, end):
    assert OBS.read(obs_listing([A], namespace=namespace).replace(".987Z", end)) == make_page([A], more=False)


@each_cloud
def test_an_unread_page_guesses_no_marker_for_another_document(cloud):
    bodies = [b"", b"\xff\xfe", b"<html/>", cloud.write([A], more=True, head="").encode()]
    assert [UnreadPage(body, cloud.dialect).guess_next() for body in bodies] == [""] * len(bodies)


@pytest.mark.parametrize(
    ("cloud", "tag"),
    [
        *((cloud, tag) for cloud in (OSS, OBS) for tag in ("Key", "ETag", "Size", "LastModified", "IsTruncated")),
        (OSS, "Type"),
        (OSS, "NextContinuationToken"),
    ],
)
def test_a_listing_without_a_required_element_is_refused(cloud, tag):
    with pytest.raises(NotAListing):
        cloud.read(re.sub(f"<{tag}>.*?</{tag}>", "", cloud.write_page(), count=1))


@pytest.mark.parametrize("tag", ["StorageClass", "KeyCount", "EncodingType"])
def test_an_oss_listing_is_read_without_its_unused_elements(tag):
    assert len(OSS.read(re.sub(f"<{tag}>.*?</{tag}>", "", OSS.write_page())).objects) == 2


@each_cloud
@pytest.mark.parametrize(
    "modified",
    ["", "yesterday", "2026-02-30T00:01:01.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z",
     "2026-01-01T00:00:61.000Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.000+08:00", "2026-01-01 00:00:00.000Z",
     "2026-01-01T00:00:00.000Z\n", "2026-1-01T00:00:00.000Z"],
)  # fmt: skip
def test_a_listing_with_an_invalid_time_is_refused(cloud, modified):
    page, number = re.subn(r"2026-01-01T00:01:01\.\d+Z", modified, cloud.write_page())
    assert number == 1
    with pytest.raises(NotAListing):
        cloud.read(page)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@each_cloud
@pytest.mark.parametrize("doctype", [BOMB, "<!DOCTYPE x>", '<!DOCTYPE x SYSTEM "file:///etc/passwd">'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
def test_a_listing_with_a_document_type_is_refused(cloud, doctype, encoding):
    declaration, body = cloud.write_page().replace("UTF-8", encoding).split("\n", 1)
    with pytest.raises(NotAListing):
        UnreadPage(f"{declaration}\n{doctype}{body}".encode(encoding), cloud.dialect).read()


@each_cloud
@pytest.mark.parametrize(
    ("old", "new"),
    [("(?s).+", ""), ("(?s).+", "\x00"), ("(?s).+", "<a>" * 100_000), (">$", ""), ("$", "<"), ("(?s)(.+)", r"\1\1"),
     ("(?s).+", "<html><body>Please log in</body></html>"),
     ("(?s).+", "<Error><Code>a</Code><IsTruncated>false</IsTruncated></Error>"), ("b(%2F|/)c", "&b;"),
     ("b(%2F|/)c", "\x01"), ("<Size>2<", "<Size>two<"), (">true<", ">perhaps<"), ("ListBucketRes", "ListVersionsRes")],
    ids=range(13),
)  # fmt: skip
def test_a_document_that_is_no_listing_is_refused(cloud, old, new):
    with pytest.raises(NotAListing):
        cloud.read(re.sub(old, new, cloud.write_page()))
