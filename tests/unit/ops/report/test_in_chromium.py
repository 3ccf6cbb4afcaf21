"""Pages in a browser: on a phone, in light and dark mode."""

from __future__ import annotations

import html
import json
import re
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from support.answers import EXAMPLES, answer
from support.machine import skip_or_fail
from tools import chromium
from unit.ops.web_page import NASTY, certificate_page, hostile, huge, page_of

PHONE_WIDTH = 320
LANGUAGES = ("en", "zh")
# Script that reports each framed page: its width, elements that stick out, its colours, its heading.
LOOK_PROGRAM = """
addEventListener("load", () => {
  const seen = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, body = frame.contentWindow.getComputedStyle(page.body);
    const out = [...page.body.querySelectorAll(":not(thead, thead *)")].filter(
      (one) => one.getBoundingClientRect().right > frame.clientWidth + 0.5);
    seen[frame.title] = {
      width: page.documentElement.scrollWidth,
      out: out.map((one) => one.outerHTML.slice(0, 200)),
      colours: [body.backgroundColor, body.color],
      heading: page.querySelector("h1").innerText,
    };
  }
  document.title = JSON.stringify(seen);
});
"""


COLOURS = {"light": ["rgb(255, 255, 255)", "rgb(20, 24, 31)"], "dark": ["rgb(15, 18, 22)", "rgb(231, 235, 241)"]}


@cache
def pages() -> dict[str, str]:
    """Return the pages of all examples in both languages, with pages of hostile text and of huge numbers, by name."""
    hostile_text = cycle(NASTY)
    return {
        **{f"{name} {language}": page_of(answer(name), language) for name in EXAMPLES for language in LANGUAGES},
        "no certificate": certificate_page({}, "en"),
        "huge": page_of(huge()),
        **{f"hostile {name}": page_of(hostile(answer(name), hostile_text)) for name in ("status", "certificate-no-go")},
    }


def measure_pages(folder: Path, *, dark: bool) -> dict[str, Any]:
    """Return the measurements that Chromium makes of each page, and assert that its console is empty."""
    frames = "".join(
        f'<iframe title="{name}" srcdoc="{html.escape(page)}" style="width:{PHONE_WIDTH}px;height:600px;border:0">'
        "</iframe>"
        for name, page in pages().items()
    )
    file = folder / "all.html"
    file.write_text(
        f"<!doctype html><meta charset=utf-8><title></title><script>{LOOK_PROGRAM}</script>{frames}", "utf-8"
    )
    process = chromium.run(file, "--dump-dom", dark=dark)
    assert "CONSOLE" not in process.stderr, process.stderr
    title = re.search(r"<title>(.*?)</title>", process.stdout, re.DOTALL)
    assert title
    return dict(json.loads(html.unescape(title[1])))


@pytest.mark.long
@pytest.mark.parametrize("theme", COLOURS)
def test_a_page_fits_a_phone_follows_the_theme_and_has_no_errors(tmp_path, theme):
    if not chromium.program_path():
        skip_or_fail(chromium.MISSING)
    looks = measure_pages(tmp_path, dark=theme == "dark")
    assert looks.keys() == pages().keys()
    assert {name: look["out"] for name, look in looks.items() if look["out"] or look["width"] > PHONE_WIDTH} == {}
    assert [name for name, look in looks.items() if look["colours"] != COLOURS[theme]] == []
    headings = {
        "certificate-go en": "GO",
        "certificate-go zh": "可以切换",
        "status en": "Behind",
        "no certificate": "UNKNOWN",
    }
    assert {name: looks[name]["heading"] for name in headings} == headings
