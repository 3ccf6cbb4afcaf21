"""The check of the language: it reports vague identifiers, long test names, and sentences with unwanted first words."""

from __future__ import annotations

import ast

import pytest

from tools.language import BEGINNING, find_prose, find_unwanted_identifiers

LONGEST = "test_" + "a" * 65


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("for one in records:\n    print(one)", ["one", "one"]),
        ("def is_told(key): ...", ["is_told"]),
        ("class LastSeen: ...", ["LastSeen"]),
        ("answer(seen=state.found)", ["seen", "found"]),
        ("def test_one_key(): ...", []),
        (f"def {LONGEST}(): ...", []),
        (f"def {LONGEST}s(): ...", [f"{LONGEST}s"]),
        ("from hypothesis import given\n\n@given(keys)\ndef test_keys(keys): ...", []),
        ("raise FileNotFoundError", []),
        ("for record in records:\n    print(record.reason)", []),
    ],
)
def test_the_check_of_language_counts_each_vague_or_long_name(source, names):
    assert sorted(name for _, name in find_unwanted_identifiers(ast.parse(source))) == sorted(names)


@pytest.mark.parametrize(
    ("source", "hits"),
    [
        ('"""What a pass found."""', 1),
        ('"""Return the keys. Whether they wait."""', 1),
        ("# Of these\n# two, the first.\nx = 1", 1),
        ("x = 1  # noqa: E501", 0),
        ('"""Return the number of keys."""', 0),
        ('"""Return a record, whatever its age."""', 0),
    ],
)
def test_the_check_of_language_counts_unwanted_first_words_of_sentences(source, hits):
    matches = [match for _, text in find_prose(ast.parse(source), source) for match in BEGINNING.finditer(text)]
    assert len(matches) == hits
