"""The status as a web page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from ops.pages.status import page as page_of
from support.ops import NASTY
from support.status_answer import EMPTY, report


class Reader(HTMLParser):
    """What a page fetches, runs and shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.shown += data


@pytest.mark.parametrize("changes", [{}, EMPTY], ids=["full", "empty"])
def test_the_page_is_self_contained_and_shows_what_it_was_given(changes):
    page = page_of(report(**changes), "en")
    reader = Reader(page)
    assert reader.fetched == ["data:,"]
    assert "script" not in reader.tags
    assert "url(" not in page
    assert "@import" not in page
    assert {"Now behind.", "现在 behind。"} <= {line.strip() for line in re.split(r"[\n<>]", page)}
    if not changes:
        assert NASTY in reader.shown
        assert "2026-01-01T23:50:00Z: " in reader.shown
        assert "已接收，尚未处理" in reader.shown
        assert {"svg", "polyline", "rect"} <= set(reader.tags)


def hostile(value: object, path: tuple[str, ...] = ()) -> object:
    """`value` with markup instead of each text that the page does not compute with."""
    match value:
        case dict():
            names = (NASTY,) if path == ("backlog", "by_reason") else value
            return {name: hostile(one, (*path, name)) for name, one in zip(names, value.values(), strict=False)}
        case list():
            return [hostile(one, path) for one in value]
        case str() if path not in (("at",), ("statistics", "from"), ("statistics", "step")):
            return NASTY
    return value


@pytest.mark.parametrize("changes", [{}, EMPTY], ids=["full", "empty"])
def test_no_text_of_the_answer_is_markup_in_the_page(changes):
    page = page_of(hostile(report(**changes)), "en")
    assert NASTY in Reader(page).shown
    assert "<script" not in page
    assert 'class="verdict &lt;script&gt;' in page


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium")
    if not path:
        reason = "chromium is missing (Debian: apt install chromium)"
        if os.environ.get("REQUIRE_TOOLS"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("state", ["in step", "behind", "broken"])
def test_in_chromium_the_page_has_no_errors_and_shows_the_verdict(chromium, tmp_path, state, lang, theme):
    file = tmp_path / "status.html"
    file.write_text(page_of(report(state), lang), encoding="utf-8")
    dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if theme == "dark" else []
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--enable-logging=stderr", *quiet]
    flags.append(f"--user-data-dir={tmp_path}/profile")
    # What is laid out for display: the other language is not.
    probe = file.read_text(encoding="utf-8").replace(
        "</main>",
        "</main><script>document.title = document.querySelector('.verdict').innerText + '|' +"
        " getComputedStyle(document.body).backgroundColor</script>",
    )
    looked = tmp_path / "looked.html"
    looked.write_text(re.sub(r"<meta http-equiv[^>]*>", "", probe), encoding="utf-8")
    plain = subprocess.run([chromium, *flags, *dark, "--dump-dom", file.as_uri()], capture_output=True, text=True)
    assert plain.returncode == 0
    assert "CONSOLE" not in plain.stderr
    seen = subprocess.run([chromium, *flags, *dark, "--dump-dom", looked.as_uri()], capture_output=True, text=True)
    title = re.search(r"<title>(.*?)</title>", seen.stdout)
    verdict, background = title[1].split("|")
    assert verdict == (f"Now {state}." if lang == "en" else f"现在 {state}。")
    assert background == ("rgb(18, 22, 31)" if theme == "dark" else "rgb(255, 255, 255)")


def test_a_constant_rate_is_a_straight_line():
    hours = [[1767225600000 + 3_600_000 * hour, 60] for hour in range(24)]
    series = {**report()["statistics"]["series"], "REQUEST": hours}
    page = page_of(report(statistics={**report()["statistics"], "series": series}), "en")
    points = re.search(r'class="REQUEST" points="(.*?)"', page)[1].split()
    assert {point.split(",")[1] for point in points} == {"6.0"}
