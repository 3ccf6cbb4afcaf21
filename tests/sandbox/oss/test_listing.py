"""Listings of both API versions: byte order, pages, common prefixes."""

import pytest

HOSTILE_KEYS = [
    "\x01control",
    " leading space",
    '"quoted"',
    "#a",
    "%41",
    "&amp;",
    "+",
    "0/1",
    "0/2/3",
    "<tag>",
    "?a=b",
    "Z",
    "a",
    "a\rb",
    "a\tb",
    "a b",
    "~",
    "\x7f",
    "\x85",
    "é",
    "照片/1",
    "\uffee",
    "\ufffd",
    "😀",
]


# For each version: the method, and its names of the beginning of a page and of the next page.
VERSIONS = {
    "version 1": ("list_objects", "marker", "next_marker"),
    "version 2": ("list_objects_v2", "continuation_token", "next_continuation_token"),
}


@pytest.fixture(params=VERSIONS)
def list_page(photos, request):
    """Return a function that reads a page of a listing, and returns it with the start of the next page."""
    method, begin, following = VERSIONS[request.param]

    def list_page(begins="", **parameters):
        page = getattr(photos, method)(**{begin: begins}, **parameters)
        return page, getattr(page, following)

    return list_page


@pytest.fixture
def list_all(list_page):
    """Return a function that reads all pages, and returns the keys, the prefixes and the number of pages."""

    def list_all(**parameters):
        keys, prefixes, begins, pages, is_truncated = [], [], "", 0, True
        while is_truncated:
            page, begins = list_page(begins, **parameters)
            keys += [entry.key for entry in page.object_list]
            prefixes += page.prefix_list
            pages, is_truncated = pages + 1, page.is_truncated
        return keys, prefixes, pages

    return list_all


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_keys_are_in_byte_order_for_any_page_size(box, list_all, page_size):
    for key in reversed(HOSTILE_KEYS):
        box.oss.put("photos", key, b"")

    pages = -(-len(HOSTILE_KEYS) // page_size)
    assert list_all(max_keys=page_size) == (sorted(HOSTILE_KEYS, key=str.encode), [], pages)


def test_an_entry_holds_size_etag_time_class_and_owner(box, photos):
    stored = box.oss.put("photos", "a", b"hello")

    [entry] = photos.list_objects_v2(fetch_owner=True).object_list

    assert (entry.key, entry.size, entry.etag) == ("a", 5, "5D41402ABC4B2A76B9719D911017C592")
    assert (entry.last_modified, entry.type, entry.storage_class) == (stored.last_modified, "Normal", "Standard")
    assert entry.owner.id == photos.list_objects().object_list[0].owner.id, "version 1 always names the owner"


@pytest.mark.parametrize(
    ("version", "parameters", "keys"),
    [
        ("list_objects_v2", {"start_after": "a"}, ["b", "c"]),
        ("list_objects_v2", {"start_after": "x", "prefix": "b"}, []),
        ("list_objects", {"marker": "aa"}, ["b", "c"]),
    ],
    ids=str,
)
def test_a_listing_can_begin_after_a_missing_key(box, photos, version, parameters, keys):
    for key in ["a", "b", "c"]:
        box.oss.put("photos", key, b"")
    assert [entry.key for entry in getattr(photos, version)(**parameters).object_list] == keys


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_keys_that_share_a_prefix_up_to_the_delimiter_are_one_entry(box, list_all, page_size):
    for key in ["a", "d/", "d/1", "d/2", "d/2/x", "d0", "e/1", "f"]:
        box.oss.put("photos", key, b"")

    assert list_all(delimiter="/", max_keys=page_size)[:2] == (["a", "d0", "f"], ["d/", "e/"])
    assert list_all(delimiter="/", prefix="d/", max_keys=page_size)[:2] == (["d/", "d/1", "d/2"], ["d/2/"])


def test_a_listing_continues_after_a_page_whose_last_key_was_deleted(box, photos):
    for key in ["a", "b", "c"]:
        box.oss.put("photos", key, b"")
    page = photos.list_objects_v2(max_keys=2)
    photos.batch_delete_objects(["a", "b"])

    following = photos.list_objects_v2(continuation_token=page.next_continuation_token)

    assert [entry.key for entry in following.object_list] == ["c"]
