"""The certificate in docs/, which the demo made: `ops.py check` accepts it, and detects every change in it."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.command_line import cli
from oss_oms_sync.rules.cutover import CHECKS
from support.documents import Document
from support.ops import NOW, FakeClock
from support.world import HOUR, World
from tools.package import ROOT

FILE = ROOT / "docs" / "certificate.json"
TEXT = FILE.read_bytes()
DOCUMENT = json.loads(TEXT)


MINUTE_AFTER = FakeClock((datetime.fromisoformat(DOCUMENT["made"].replace("Z", "+00:00")) - NOW).total_seconds() + 60)


def canonical_text(text: bytes) -> str:
    """Return the certificate's contents as JSON with sorted names, or "" if the text is not JSON."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return ""


def check(file: Path) -> int:
    """Run `ops.py check` a minute after the time of the certificate; return the exit code."""
    return cli.main(["check", "--lang", "en", str(file)], MINUTE_AFTER)


def test_check_accepts_the_certificate_in_docs_as_a_go(capsys):
    assert check(FILE) == 0
    assert "The certificate is sound. Verdict: GO." in capsys.readouterr().out
    assert DOCUMENT["source"]["digest"] == DOCUMENT["destination"]["digest"]
    assert DOCUMENT["sample"]["read"] > 0


@pytest.fixture(scope="module")
def changed_certificate(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("spoiled") / "certificate.json"


@given(place=st.integers(0, len(TEXT) - 1), length=st.integers(0, 200), instead=st.binary(max_size=1))
@example(place=TEXT.index(b"GO"), length=1, instead=b"g")
@example(place=TEXT.index(b'"sha256": "') + 11, length=1, instead=b"A")
@example(place=TEXT.index(b"\n"), length=1, instead=b"\t")
def test_check_refuses_a_certificate_with_changed_or_removed_bytes(changed_certificate, place, length, instead):
    text = TEXT[:place] + instead + TEXT[place + length :]
    changed_certificate.write_bytes(text)
    assert (check(changed_certificate) == 0) == (canonical_text(text) == canonical_text(TEXT))


@pytest.mark.parametrize("page", ["certificate.md", "certificate.zh.md"])
def test_the_documents_explain_each_check_of_a_certificate_in_a_row(page):
    (table,) = (table for table in Document.read(ROOT / "docs" / page).tables if "`FROZEN`" in table[1][0].content)
    ids = [name for row in table[1:] for name in re.findall("`(.*?)`", row[0].content)]
    assert sorted(ids) == sorted(CHECKS)


@pytest.mark.parametrize(
    ("page", "words", "zero", "comma"),
    [
        (
            "certificate.md",
            r"over (?P<parts>key.*?size.*?ETag) \(upper-case\), each times `(?P<factor>.*?)`",
            "zero byte",
            ", ",
        ),
        ("certificate.zh.md", r"乘以 `(?P<factor>.*?)` .*?依次为(?P<parts>对象名.*?ETag)（大写）", "零字节", "、"),
    ],
)
def test_the_documents_have_the_formula_of_the_state_digest(page, words, zero, comma):
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    formula = re.search(f"`source.state_digest`[^`]*?{words}", text)
    assert formula["parts"].split(comma)[1::2] == [zero, zero]
    assert formula["factor"] == "2 * t + 1"


def test_the_digests_of_a_pass_follow_the_formula_of_the_documents():
    # GIVEN objects that partly differ in OBS
    world = World.holding_copies()
    for key in ("a/1", "a/2", "b"):
        world.put(key, key)
    world.write("b", "B")
    world.advance(HOUR)
    answer = world.compare(standstill=True)
    for bucket, name in ((world.source, "state"), (world.destination, "twin")):
        total = 0
        for key, stored_object in bucket.service.objects(bucket.name).items():
            parts = f"{key}\0{stored_object.size}\0{stored_object.etag.upper()}"
            version = int(hashlib.sha256(parts.encode()).hexdigest(), 16)
            total += version * (2 * stored_object.last_modified + 1 if name == "state" else 1)
        assert answer[name] == f"{total % 2**256:064x}"
