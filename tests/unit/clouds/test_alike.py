"""The fast reader of listing pages, a regular expression for similar objects, compared with the XML parser.

For any change of a page, the two return the same objects.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from unittest.mock import patch

import pytest

from oss_oms_sync.clouds.listings import OSS_LISTING, Dialect, NotAListing, UnreadPage, extract_objects
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary
from oss_oms_sync.clouds.obs import OBS_LISTING
from support.law import EXTRAS, HOSTILE
from support.listing import NEW_YEAR, listing, obs_listing

CHANGED_PAGES = 2000 if EXTRAS else 500
OWNER = "<Owner><ID>7</ID><DisplayName>me</DisplayName></Owner>"


def make_page(dice: random.Random) -> tuple[str, Dialect]:
    names = sorted({dice.choice([*HOSTILE, "a", "b c", "d+e", "f/g", "é"]) + str(dice.randrange(99)) for _ in range(4)})
    objects = [
        ObjectSummary(
            name,
            dice.choice(["AB", "0" * 32, "C-2", ""]),
            dice.randrange(10**6),
            NEW_YEAR + dice.randrange(10**8),
            dice.choice(["Normal", "Multipart"]) if dice.random() < 0.1 else "Normal",
            dice.choice(["IA", "COLD"]) if dice.random() < 0.1 else "IA",
        )
        for name in names
    ]
    if dice.random() < 0.5:
        return listing(objects, dice.choice(["", "to/ken"])), OSS_LISTING
    return obs_listing(objects, dice.choice([True, False])), OBS_LISTING


def mutate(dice: random.Random, text: str, pattern: str, change: Callable[[str], str]) -> str:
    """Change one place in `text` that the pattern matches."""
    matches = list(re.finditer(pattern, text, re.DOTALL))
    if not matches:
        return text
    at = dice.choice(matches)
    return text[: at.start()] + change(at[0]) + text[at.end() :]


def reverse_elements(text: str) -> str:
    """Return the XML of an object with its elements in reverse order."""
    leaves = re.findall(r"<(?!Contents|Owner|ID)(\w+)>([^<]*)</\1>", text)
    return "<Contents>" + "".join(f"<{tag}>{value}</{tag}>" for tag, value in reversed(leaves)) + "</Contents>"


OBJECT, LEAF, TAG = "<Contents>.*?</Contents>", r"<(\w+)>[^<]*</\1>", r"</?\w+>"
CHANGES: dict[str, Callable[[random.Random, str], str]] = {
    "cut": lambda dice, text: text[: dice.randrange(len(text))],
    "goes on": lambda dice, text: text + dice.choice(["<", " ", "<!-- -->", text, "x"]),
    "a byte": lambda dice, text: mutate(dice, text, ".", lambda _: dice.choice("<>&\"'/ a0\x00\x01\n\x7fé%+;")),
    "a byte less": lambda dice, text: mutate(dice, text, ".", lambda _: ""),
    "an element less": lambda dice, text: mutate(dice, text, LEAF, lambda _: ""),
    "an element twice": lambda dice, text: mutate(dice, text, LEAF, lambda leaf: leaf + dice.choice([leaf, "<Key/>"])),
    "an empty element": lambda dice, text: mutate(dice, text, LEAF, lambda leaf: f"{leaf.partition('>')[0]}/>"),
    "an object twice": lambda dice, text: mutate(dice, text, OBJECT, lambda element: element * 2),
    "reordered": lambda dice, text: mutate(dice, text, OBJECT, reverse_elements),
    "all reordered": lambda _, text: re.sub(OBJECT, lambda match: reverse_elements(match[0]), text),
    "elsewhere": lambda dice, text: mutate(dice, text, OBJECT, lambda element: f"<Versions>{element}</Versions>"),
    "hidden": lambda dice, text: mutate(
        dice,
        text,
        f"(?:{OBJECT})+",
        lambda some: dice.choice(["<!--{}-->", "<![CDATA[{}]]>", "<?x {}?>", "<a>{}</a>"]).format(some),
    ),
    "a folder": lambda dice, text: mutate(
        dice,
        text,
        "<Contents>|</ListBucketResult>",
        lambda at: f"<CommonPrefixes><Prefix>a</Prefix></CommonPrefixes>{at}",
    ),
    "namespace": lambda dice, text: mutate(
        dice, text, "<ListBucketResult", lambda tag: f'{tag} {dice.choice(["xmlns", "xmlns:x"])}="u"'
    ),
    "prefixed": lambda dice, text: mutate(dice, text, OBJECT, lambda tags: tags.replace("Contents>", "x:Contents>")),
    "entity": lambda dice, text: mutate(
        dice, text, r">[^<]*</", lambda at: f">{dice.choice(['&amp;', '&#65;', '&a;', '&'])}{at[1:]}"
    ),
    "document type": lambda _, text: text.replace("\n", '\n<!DOCTYPE x [<!ENTITY a "b">]>', 1),
    "CDATA": lambda dice, text: mutate(dice, text, r">[^<]+</", lambda at: f"><![CDATA[{at[1:-2]}]]></"),
    "attribute": lambda dice, text: mutate(dice, text, r"<\w+>", lambda tag: f'{tag[:-1]} x="1">'),
    "comment": lambda dice, text: mutate(dice, text, TAG, lambda tag: f"{tag}<!-- x -->"),
    "white space": lambda dice, text: mutate(
        dice, text, TAG, lambda tag: tag + dice.choice([" ", "\n", "\t", "\r\n", "\u00a0"])
    ),
    "white space in tags": lambda dice, text: mutate(dice, text, TAG, lambda tag: f"{tag[:-1]} >"),
    "white space everywhere": lambda _, text: text.replace("><", ">\n  <"),
    "not encoded": lambda _, text: text.replace("<EncodingType>url</EncodingType>", ""),
    "size": lambda dice, text: mutate(
        dice, text, r"(?<=<Size>)\d+", lambda size: dice.choice(["+", "-", " ", "0", "1_", "٣", "1.", "9" * 20]) + size
    ),
    "time": lambda dice, text: mutate(
        dice, text, r"(?<=<LastModified>)[^<]*",
        lambda time: dice.choice(
            [time.replace("Z", "+08:00"), time[:19] + "Z", time[:10], time.replace("T", " "), f"2026-02-30{time[10:]}",
             "0000-01-01" + time[10:], time[:11] + "24:00:00.000Z", time[:17] + "60.000Z", time[:19] + ".5Z",
             time + " ", time.replace("-0", "-"), time[:17] + "1.000Z"]
        ),
    ),
    "etag": lambda dice, text: mutate(
        dice,
        text,
        r"&quot;[^&]*&quot;",
        lambda etag: dice.choice([etag[6:], etag[6:-6], f'"{etag[6:-6]}"', f"'{etag}", "&quot;é&quot;"]),
    ),
    "owner": lambda dice, text: mutate(dice, text, OBJECT, lambda element: element.replace("</C", f"{OWNER}</C")),
    "owners": lambda dice, text: text.replace(
        "</Contents>", f"{dice.choice([OWNER, '<Owner><Key>k</Key></Owner>'])}</Contents>"
    ),
}  # fmt: skip


def read(body: bytes, dialect: Dialect) -> ListPage | None:
    """Return a listing page, or None if the body is not a listing."""
    try:
        return UnreadPage(body, dialect).read()
    except NotAListing:
        return None


def read_both_ways(body: bytes, dialect: Dialect, full_page: int = 1000) -> tuple[ListPage | None, bool]:
    """Return the XML parser's page, and True if the fast reader read the page as well; assert that the two agree.

    `full_page` is the number of objects in a full page. In a full page whose objects share a storage class, the fast
    reader does not read the class of each object.
    """
    with (
        patch("oss_oms_sync.clouds.listings._read_any_page", return_value=None),
        patch("oss_oms_sync.clouds.listings._FULL_PAGE_OBJECTS", full_page),
    ):
        fast_page = read(body, dialect)
    with patch("oss_oms_sync.clouds.listings.extract_objects", return_value=None):
        slow_page = read(body, dialect)
    assert fast_page in (None, slow_page), body
    return slow_page, fast_page is not None


@pytest.mark.part
def test_the_fast_reader_and_the_xml_parser_agree_on_any_listing_page():
    outcomes: Counter[tuple[str, bool, bool]] = Counter()
    for seed in range(CHANGED_PAGES):
        dice = random.Random(seed)
        text, dialect = make_page(dice)
        name = list(CHANGES)[seed % len(CHANGES)]
        for _ in range(dice.choice([1, 1, 2])):
            text = CHANGES[name](dice, text)
            name = dice.choice(list(CHANGES))
        full_page = dice.choice([text.count("<Contents>"), text.count("<StorageClass>"), 1000])
        page, is_fast = read_both_ways(text.encode("utf-8", "surrogatepass"), dialect, full_page)
        outcomes[name, page is not None, is_fast] += 1
    # Some changed texts are still pages, and some of these pages still have objects of the same form.
    by_outcome = Counter((is_page, is_fast) for _, is_page, is_fast in outcomes.elements())
    assert min(by_outcome[False, False], by_outcome[True, False], by_outcome[True, True]) > CHANGED_PAGES / 20, (
        by_outcome
    )


@pytest.mark.parametrize("number", [1, 2, 1000])
@pytest.mark.parametrize("space", ["", "\n", "\r\n  "])
@pytest.mark.parametrize("classes", [["IA"], ["IA", "COLD"]], ids=["one class", "two classes"])
def test_the_fast_reader_reads_a_full_listing_page_of_similar_objects(number, space, classes):
    objects = [
        ObjectSummary(
            f"photos/{place:04}é+", "0F" * 16, place, NEW_YEAR + place, storage_class=classes[place % len(classes)]
        )
        for place in range(number)
    ]
    for page, dialect in ((listing(objects, "t"), OSS_LISTING), (obs_listing(objects, True), OBS_LISTING)):
        list_page, is_fast = read_both_ways(page.replace("><", f">{space}<").encode(), dialect)
        assert list_page
        assert is_fast is True
        assert list_page.objects == objects
        assert list_page.has_more is True


def test_the_fast_listing_reader_refuses_an_object_with_many_elements():
    body = f"<ListBucketResult><Contents>{'<a></a> ' * 10_000}<b x=''></b></Contents></ListBucketResult>"
    assert extract_objects(body, "", "Z") is None


OBJECT_A = ObjectSummary("a", "AB", 5, NEW_YEAR)
PAGES = {
    "OSS": (listing([OBJECT_A, OBJECT_A._replace(name="b")]), OSS_LISTING),
    "OBS": (obs_listing([OBJECT_A], more=False), OBS_LISTING),
}


REFUSED_CHANGES = {
    **{f"a size of {size!r}": ("<Size>5<", f"<Size>{size}<") for size in ("-5", "+5", "1_000", " 5", "٥", "５", "5.0")},
    **{
        f"a time of {time!r}": ("2026-01-01T00:00:00", time)
        for time in ("2026-01-01t00:00:00", "２０２６-01-01T00:00:00", "2026-01-01T٠٠:00:00")
    },
    "a second key": ("</Key>", "</Key><Key>b</Key>"),
    "a second size": ("<Size>", "<Size>7</Size><Size>"),
    "a second ETag": ("</ETag>", "</ETag><ETag/>"),
    "a second time": ("</LastModified>", "</LastModified><LastModified>2027-01-01T00:00:00.000Z</LastModified>"),
    "a second end": ("<IsTruncated>", "<IsTruncated>true</IsTruncated><IsTruncated>"),
    "a second encoding": ("<EncodingType>", "<EncodingType>none</EncodingType><EncodingType>"),
}


@pytest.mark.parametrize("change", REFUSED_CHANGES)
@pytest.mark.parametrize("cloud", PAGES)
def test_the_fast_reader_and_the_xml_parser_refuse_an_invalid_value(cloud, change):
    text, dialect = PAGES[cloud]
    old, new = REFUSED_CHANGES[change]
    assert read(text.encode(), dialect) is not None
    assert old in text
    assert read(text.replace(old, new, 1).encode(), dialect) is None
