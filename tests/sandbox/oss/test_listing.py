"""Listings of both versions: byte order, pages, common prefixes."""

import oss2
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


def list_all(bucket, **parameters):
    """Keys and prefixes of all pages, and the number of pages."""
    keys, prefixes, token, pages = [], [], "", 0
    while True:
        page = bucket.list_objects_v2(continuation_token=token, **parameters)
        keys += [found.key for found in page.object_list]
        prefixes += page.prefix_list
        pages += 1
        if not page.is_truncated:
            return keys, prefixes, pages
        token = page.next_continuation_token


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_keys_come_in_byte_order_whatever_the_page_size(box, photos, page_size):
    for key in reversed(HOSTILE_KEYS):
        box.oss.put("photos", key, b"")

    keys, _, pages = list_all(photos, max_keys=page_size)

    assert keys == sorted(HOSTILE_KEYS, key=str.encode)
    assert pages == -(-len(HOSTILE_KEYS) // page_size)


def test_a_page_holds_a_hundred_keys_unless_told_otherwise(box, photos):
    for number in range(101):
        box.oss.put("photos", f"{number:03}", b"")

    assert len(photos.list_objects_v2().object_list) == 100
    assert len(photos.list_objects_v2(max_keys=1000).object_list) == 101


def test_an_entry_tells_what_an_object_is(box, photos):
    stored = box.oss.put("photos", "a", b"hello")

    [entry] = photos.list_objects_v2(fetch_owner=True).object_list

    assert (entry.key, entry.size, entry.etag) == ("a", 5, "5D41402ABC4B2A76B9719D911017C592")
    assert entry.last_modified == stored.last_modified
    assert (entry.type, entry.storage_class) == ("Normal", "Standard")
    assert entry.owner.id


def test_only_keys_with_the_prefix_are_listed(box, photos):
    for key in ["a", "b/", "b/1", "b/2", "b0", "c"]:
        box.oss.put("photos", key, b"")

    assert list_all(photos, prefix="b/", max_keys=1)[0] == ["b/", "b/1", "b/2"]


def test_start_after_leaves_out_the_key_itself(box, photos):
    for key in ["a", "b", "c"]:
        box.oss.put("photos", key, b"")

    assert list_all(photos, start_after="a")[0] == ["b", "c"]
    assert list_all(photos, start_after="aa", prefix="c")[0] == ["c"]
    assert list_all(photos, start_after="x", prefix="b")[0] == []


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_keys_that_share_a_prefix_up_to_the_delimiter_count_as_one(box, photos, page_size):
    for key in ["a", "d/1", "d/2", "d/2/x", "d0", "e/1", "f"]:
        box.oss.put("photos", key, b"")

    keys, prefixes, _ = list_all(photos, delimiter="/", max_keys=page_size)

    assert (keys, prefixes) == (["a", "d0", "f"], ["d/", "e/"])
    assert list_all(photos, delimiter="/", prefix="d/", max_keys=page_size)[:2] == (["d/1", "d/2"], ["d/2/"])


def test_a_listing_goes_on_where_the_last_page_ended_though_its_last_key_was_deleted(box, photos):
    for key in ["a", "b", "c"]:
        box.oss.put("photos", key, b"")
    page = photos.list_objects_v2(max_keys=2)
    photos.batch_delete_objects(["a", "b"])

    rest = photos.list_objects_v2(continuation_token=page.next_continuation_token)

    assert [entry.key for entry in rest.object_list] == ["c"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many"])
def test_a_bad_page_size_is_refused(photos, limit):
    with pytest.raises(oss2.exceptions.InvalidArgument):
        photos.list_objects_v2(max_keys=limit)


@pytest.mark.parametrize("token", ["made up", "bm8ga2luZA=="])
def test_a_made_up_token_is_refused(photos, token):
    with pytest.raises(oss2.exceptions.InvalidArgument):
        photos.list_objects_v2(continuation_token=token)


def test_an_unknown_encoding_is_refused(oss_requests):
    answer = oss_requests.send("GET", "", params={"list-type": "2", "encoding-type": "base64"})

    assert answer.status_code == 400


def test_without_encoding_a_key_stands_in_the_answer_as_text(box, oss_requests):
    box.oss.put("photos", "a&b <照片>", b"")

    answer = oss_requests.send("GET", "", params={"list-type": "2"})

    assert "<Key>a&amp;b &lt;照片&gt;</Key>" in answer.text


def test_a_hundred_thousand_objects_are_listed_completely(box, photos):
    for number in range(100_000):
        box.oss.put("photos", f"{number:06}", b"")

    keys, _, pages = list_all(photos, max_keys=1000)

    assert (len(keys), pages) == (100_000, 100)


def list_all_v1(bucket, **parameters):
    keys, prefixes, marker, pages = [], [], "", 0
    while True:
        page = bucket.list_objects(marker=marker, **parameters)
        keys += [found.key for found in page.object_list]
        prefixes += page.prefix_list
        pages += 1
        if not page.is_truncated:
            return keys, prefixes, pages
        marker = page.next_marker


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_version_1_lists_in_byte_order_too(box, photos, page_size):
    for key in reversed(HOSTILE_KEYS):
        box.oss.put("photos", key, b"")

    keys, _, pages = list_all_v1(photos, max_keys=page_size)

    assert keys == sorted(HOSTILE_KEYS, key=str.encode)
    assert pages == -(-len(HOSTILE_KEYS) // page_size)


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_version_1_groups_keys_by_delimiter_and_goes_on_behind_a_group(box, photos, page_size):
    for key in ["a", "d/", "d/1", "d/2", "d/2/x", "d0", "e/1", "f"]:
        box.oss.put("photos", key, b"")

    keys, prefixes, _ = list_all_v1(photos, delimiter="/", max_keys=page_size)
    below = list_all_v1(photos, delimiter="/", prefix="d/", max_keys=page_size)

    assert (keys, prefixes) == (["a", "d0", "f"], ["d/", "e/"])
    assert below[:2] == (["d/", "d/1", "d/2"], ["d/2/"])


def test_version_1_begins_behind_a_marker_that_need_not_exist(box, photos):
    for key in ["a", "b", "c"]:
        box.oss.put("photos", key, b"")

    assert list_all_v1(photos, max_keys=1)[0] == ["a", "b", "c"]
    assert [one.key for one in photos.list_objects(marker="aa").object_list] == ["b", "c"]
    assert [one.key for one in photos.list_objects(marker="b").object_list] == ["c"]


def test_version_1_tells_the_owner_unasked(box, photos):
    box.oss.put("photos", "a", b"")

    [entry] = photos.list_objects().object_list

    assert entry.owner.id


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many"])
def test_version_1_refuses_a_bad_page_size(photos, limit):
    with pytest.raises(oss2.exceptions.InvalidArgument):
        photos.list_objects(max_keys=limit)


def test_another_version_of_the_listing_is_refused(oss_requests):
    assert "<Code>NotImplemented</Code>" in oss_requests.send("GET", "", params={"list-type": "3"}).text
