"""Texts in English and Chinese: phrases with values, and the Chinese catalogue, which has only phrases in use."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

from oss_oms_sync.answers import text
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import AtLeast, Text, sentences, t, untranslated
from support.phrases import CATALOGUE, PHRASES
from tools.package import ROOT


def find_placeholders(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}


def is_english(phrase: str) -> bool:
    return bool(re.search("[A-Za-z]", re.sub(r"{\w*(:size|:time)?}", "", phrase)))


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (0, "0 keys wait", "0"),
        (1, "1 key waits", "1"),
        (2, "2 keys wait", "2"),
        (12345, "12,345 keys wait", "12,345"),
        (AtLeast(0), "at least 0 keys wait", "至少 0"),
        (AtLeast(1), "at least 1 key waits", "至少 1"),
        (AtLeast(2000), "at least 2,000 keys wait", "至少 2,000"),
    ],
)
def test_a_number_in_a_text_selects_the_singular_or_the_plural(number, english, chinese):
    assert t("{n:key waits|keys wait}", n=number).en == english
    assert t("{n}", n=number).zh == chinese


@pytest.mark.parametrize(
    ("spec", "value", "english", "chinese"),
    [
        ("size", 0, "0 bytes", "0 字节"),
        ("size", 1, "1 byte", "1 字节"),
        ("size", 2, "2 bytes", "2 字节"),
        ("size", 1_240_000, "1.24 MB", "1.24 MB"),
        ("size", None, "unknown", "未知"),
        ("time", 0, "< 1 s", "不到 1 秒"),
        ("time", 1, "1 s", "1 秒"),
        ("time", 2, "2 s", "2 秒"),
        ("time", 60, "1 min", "1 分钟"),
        ("time", 7200, "2 h", "2 小时"),
        ("time", None, "unknown", "未知"),
    ],
)
def test_a_text_formats_sizes_and_times_with_a_unit(spec, value, english, chinese):
    text = t(f"{{it:{spec}}}", it=value)
    assert [part.replace("\u00a0", " ") for part in (text.en, text.zh)] == [english, chinese]


@pytest.mark.parametrize(
    ("names", "listed", "both", "either", "chinese"),
    [
        ([], "", "", "", ""),
        (["a"], "a", "a", "a", "a"),
        (["a", "b"], "a, b", "a and b", "a or b", "a、b"),
        (["a", "b", "c"], "a, b, c", "a, b and c", "a, b or c", "a、b、c"),
    ],
)
def test_a_text_joins_the_members_of_a_list_in_both_languages(names, listed, both, either, chinese):
    texts = [t(phrase, names=names) for phrase in ("{names}", "{names:and}", "{names:or}")]
    assert [text.en for text in texts] == [listed, both, either]
    assert {text.zh for text in texts} == {chinese}


def test_a_text_within_a_text_is_in_the_same_language(monkeypatch):
    monkeypatch.setattr(text, "_load_chinese", lambda: {"It failed: {why}": "失败：{why}", "too large": "过大"})
    failure = t("It failed: {why}", why=[t("too large"), untranslated("{n}")])
    assert to_json(failure) == {"en": "It failed: too large, {n}", "zh": "失败：过大、{n}"}


COMPARE = Step("compare", {"deep": True})


def test_a_step_in_a_text_is_printed_for_the_readers_shell():
    text = t("First {step}. {then}", step=Step("status"), then=sentences(t("Do: {it}", it=COMPARE), t("One.")))
    assert text.en == "First python3 ops.py status. Do: python3 ops.py compare --deep. One."
    assert text.of("en", lambda step: f"<{step.job}>") == "First <status>. Do: <compare>. One."
    assert [part for part in text.parts("zh") if isinstance(part, Step)] == text.steps == [Step("status"), COMPARE]


FIRST, SECOND, DO = t("One."), t("Two."), t("Do: {it}", it="x")


@pytest.mark.parametrize(
    ("parts", "english", "chinese"),
    [
        ([FIRST, None, SECOND], "One. Two.", "一。二。"),
        ([None], "", ""),
        # A text that ends in a command has a full stop if another text follows.
        ([DO, SECOND], "Do: x. Two.", "执行：x。二。"),
        ([SECOND, DO], "Two. Do: x", "二。执行：x"),
    ],
)
def test_a_text_joins_its_sentences_in_order(monkeypatch, parts, english, chinese):
    monkeypatch.setattr(text, "_load_chinese", lambda: {"One.": "一。", "Two.": "二。", "Do: {it}": "执行：{it}"})
    assert to_json(sentences(*parts)) == {"en": english, "zh": chinese}


@pytest.mark.parametrize("hostile", ["{n}", "{n:key|keys}", "{0}", "}{", "%s", "\n"])
def test_a_text_inserts_a_value_unchanged(hostile):
    assert t("{it}, {n}", it=hostile, n=1).en == f"{hostile}, 1"


def test_a_text_accepts_the_format_specifiers_of_python():
    assert t("{share:.0%} of {name!r} in {year:d}", share=0.5, name="a", year=2026).en == "50% of 'a' in 2026"
    assert t("{yes} {no} {nothing}", yes=True, no=1.5, nothing=None).en == "True 1.5 None"


def test_each_phrase_of_the_code_is_in_the_chinese_catalogue():
    # Computed phrases are not readable here.
    assert [where for where, _, phrase in PHRASES if not phrase] == []
    english_phrases = [(where, phrase) for where, _, phrase in PHRASES if is_english(phrase)]
    assert [(where, phrase) for where, phrase in english_phrases if phrase not in CATALOGUE] == []


def test_the_chinese_catalogue_is_sorted_and_has_no_unused_phrase():
    assert sorted(CATALOGUE.keys() - {phrase for _, _, phrase in PHRASES}) == []
    assert list(CATALOGUE) == sorted(CATALOGUE)


def test_each_placeholder_of_a_phrase_has_a_value():
    # Where there is none, they come later, by `filled`.
    calls = [
        (where, {keyword.arg for keyword in call.keywords}, phrase) for where, call, phrase in PHRASES if call.keywords
    ]
    assert [(where, phrase) for where, names, phrase in calls if names != find_placeholders(phrase)] == []


def test_chinese_phrases_have_the_same_placeholders_and_no_plurals():
    assert [
        phrase for phrase, chinese in CATALOGUE.items() if find_placeholders(chinese) != find_placeholders(phrase)
    ] == []
    assert [chinese for chinese in CATALOGUE.values() if re.search(r"{\w+:[^}]*\||{\w+:(and|or)}", chinese)] == []


def test_a_text_in_english_does_not_read_the_chinese_catalogue(monkeypatch):
    text._load_chinese.cache_clear()
    reads = []
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: reads.append(1) or '{"yes": "是"}')
    assert t("yes").en == "yes"
    assert len(reads) == 0
    assert t("yes").zh == "是"
    assert t("yes").zh == "是"
    assert len(reads) == 1
    text._load_chinese.cache_clear()


@pytest.mark.cold_starts
def test_a_cold_start_of_forward_does_not_read_the_chinese_catalogue():
    opened = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == 'open' else None)\n"
        "import index; from oss_oms_sync.jobs import forward\n"
        "assert any('text.' in one for one in opened), opened\n"
        "print([one for one in opened if one.endswith('zh.json')])"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", opened], cwd=ROOT / "template" / "code", capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        (Text("No such phrase, {n}", {"n": 1}), "No such phrase, 1", "No such phrase, 1"),
        # A text that was read from an answer.
        (Text("{n} keys", {"n": 2}, "{n} 个对象"), "2 keys", "2 个对象"),
    ],
)
def test_a_text_without_a_known_phrase_is_printed_unchanged(text, english, chinese):
    assert text.of("en") == english
    assert text.of("zh") == chinese
