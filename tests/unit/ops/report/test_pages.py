"""All pages: each is one well-formed, accessible file, which shows text from outside only as text."""

from __future__ import annotations

import re
from itertools import cycle, pairwise

import pytest

from support.answers import EXAMPLES, answer
from support.ops import missing_parts
from unit.ops.web_page import NASTY, Element, hostile, huge, page_of, parse

LANGUAGES = ["en", "zh"]
TAGS = set(
    re.findall(
        r"\w+",
        "html head meta title link style body div header p b h1 h2 h3 section dl dt dd pre code table caption thead"
        " tbody tfoot tr th td span i ul li figure figcaption svg rect line polyline time bdi small",
    )
)


@pytest.fixture(scope="module", params=[(name, language) for name in EXAMPLES for language in LANGUAGES], ids=" ".join)
def page(request) -> str:
    name, language = request.param
    return page_of(answer(name), language)


@pytest.fixture(scope="module")
def page_element(page) -> Element:
    return parse(page)


def test_a_page_loads_no_resource_and_runs_no_script(page, page_element):
    assert not re.search(r"https?:|//|url\(|@import|javascript:", page)
    attributes = [named for element in page_element.every() for named in element.attributes.items()]
    assert [name for name, _ in attributes if name.startswith("on") or name == "src"] == []
    assert [value for name, value in attributes if name == "href"] == ["data:,"]
    assert {element.name for element in page_element.every()} <= TAGS
    policy = page_element.only("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_a_page_declares_its_language_and_title(page_element):
    assert page_element.only("html").attributes["lang"] in ("en", "zh-CN")
    assert page_element.only("title").text.startswith("oss-oms-sync · ")
    assert "display: none" not in page_element.only("style").text


def test_a_page_nests_its_headings_without_gaps(page_element):
    first, *levels = [int(element.name[1]) for element in page_element.every() if re.fullmatch(r"h[1-6]", element.name)]
    assert 1 not in levels
    assert first == 1
    assert all(later <= level + 1 for level, later in pairwise([first, *levels]))
    ids = [element.attributes["id"] for element in page_element.every() if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    assert [element.attributes["aria-labelledby"] for element in page_element.every("section")] == ids


def test_each_column_and_row_of_a_table_on_a_page_has_a_header(page_element):
    for table in page_element.every("table"):
        assert table.attributes["role"] == "table"
        head = list(table.only("thead").every("th", scope="col"))
        assert all(title.text for title in head)
        for row in table.every("tr"):
            cells = [element for element in row.children if isinstance(element, Element)]
            assert len(cells) == len(head)
            assert cells[0].attributes["scope"] in ("row", "col")


def test_each_picture_on_a_page_has_a_description(page_element):
    for element in page_element.every():
        if element.attributes.get("role") == "img":
            assert re.search(r"\d", element.attributes["aria-label"])
        if element.name == "svg" or re.search("swatch|track", element.attributes.get("class", "")):
            assert element.attributes["aria-hidden"] == "true"
        if "mark" in element.attributes.get("class", "").split():
            assert element.text


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_shows_hostile_text_as_text(name, language):
    page_element = parse(page_of(hostile(answer(name), cycle(NASTY)), language))
    assert len([*page_element.every("section")]) > 5
    assert {element.name for element in page_element.every()} <= TAGS
    # Only the link has an address, and no element has a script.
    attributes = [name for element in page_element.every() for name in element.attributes if element.name != "link"]
    assert [attribute for attribute in attributes if re.match("on|src|href", attribute)] == []
    # Invisible and reordering characters are only in the style sheet.
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", page_element.only("body").text
    )


def test_a_page_shows_a_billion_objects_200_folders_and_20_reasons():
    expected = ("4,402,118,000,000", "folder-199/", *(f"REASON_{number}" for number in range(20)))
    assert missing_parts(parse(page_of(huge())).text, *expected) == []
