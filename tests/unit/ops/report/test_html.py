"""Elements of pages, which show text from outside only as text, and make invisible characters visible."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops import shell
from ops.show import html
from ops.show.html import Markup, element, escape_invisible
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from unit.ops.web_page import parse

any_text = st.text(st.characters() | st.sampled_from("<>&\"'\u202e\x00\n\ud800"))


@given(any_text)
def test_a_page_shows_text_from_outside_as_text_and_not_as_html(text):
    # WHEN an element has it as content and in an attribute
    child = parse(element("p", text, title=text)).only("p")
    # THEN it is no markup, only invisible characters are escaped, and a file can contain the page
    assert child.children == ([escape_invisible(text)] if text else [])
    assert child.attributes["title"] == escape_invisible(text)
    html.document(text, "en", "", element("p", text), html.key(text)).encode()


def test_a_page_does_not_escape_an_element_inside_an_element():
    assert element("p", element("b", "1 < 2")) == "<p><b>1 &lt; 2</b></p>"
    assert element("p", "a", Markup("<i></i>"), None) == "<p>a<i></i></p>"


@pytest.mark.parametrize(
    "command",
    [
        "py ops.py reconcile --since 1970-01-01",
        "python3.13 ops.py migrate --look -t s.staging.yaml",
        "python3 ops.py replay --reason COPY_FAILED",
        "python3 ops.py compare --restart --since 2026-01-31T12:00:00Z",
        "python3 ops.py migrate --overwrite --prefix photos/ --prefix b -t 'my dir/o.yaml'",
    ],
)
def test_a_command_in_a_sentence_is_highlighted(monkeypatch, command):
    monkeypatch.setattr(shell, "command", lambda step: command)
    text = shell.sentence(t("Open it: {it}.", it=Step("open")), "en")
    paragraph = parse(element("p", text, title=text)).only("p")
    assert paragraph.only("code").text == command
    assert paragraph.text == paragraph.attributes["title"] == f"Open it: {command}."


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("a/b c.txt", "a/b c.txt"),
        ("合影.jpg", "合影.jpg"),
        ("שלום.jpg", "שלום.jpg"),
        ("\u202egpj.exe", '"\\u202egpj.exe"'),
        ("a\nb\x00", '"a\\nb\\u0000"'),
        ("zero\u200bwidth", '"zero\\u200bwidth"'),
        ("no\u00a0break", '"no\\u00a0break"'),
        ("two  blanks", '"two  blanks"'),
        (" before", '" before"'),
        ('"quoted"', '"\\"quoted\\""'),
        ("\ud800", '"\\ud800"'),
        ("", ""),
    ],
)
def test_a_page_quotes_an_object_key_that_is_ambiguous(key, shown):
    child = parse(html.key(key)).only("code")
    assert child.text == shown
    # It does not reorder the text around it.
    assert child.attributes["dir"] == "ltr"


def test_a_page_shortens_a_long_object_key_in_its_middle():
    key = "a" * 500 + "b" * 500 + "\n"
    child = parse(html.key(key)).only("code")
    assert re.fullmatch(r'"aaaa+ \[…\] b+bbb\\n"', child.text)
    assert len(child.text) < 300
    assert child.attributes["title"] == escape_invisible(key)
