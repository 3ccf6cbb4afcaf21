"""OMS's lists of copy failures, in each form that Huawei's documents allow."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.oms_lists import MAX_LINE_BYTES, CopyFailure, Lines, read_lines
from support.law import HOSTILE, object_keys, schedules

CODE, TIME = "UPLOAD_DST_OBJ_FAILURE", "2026-01-02 08:00:05"
AT = datetime(2026, 1, 2, 0, 0, 5, tzinfo=timezone.utc)
SEPARATORS = [",", "\t", ";", "|"]
NO_LIMIT = 10**6
# Keys that contain separators of columns and of lines.
ODD_KEYS = ["a,a", ",", "x\tx", "q\ta\ta\tq", "a,a,a", '"', '"a"', "+", "%", "a\nb", "\n"]


def line(key: str, separator: str = ",", message: str = "timed out", encode=lambda key: quote(key, safe="")) -> str:
    return separator.join((CODE, TIME, encode(key), key, message))


def read(text: str | bytes) -> Lines:
    return read_lines(
        text.encode() if isinstance(text, str) else text,
        0,
        has_list_start=True,
        has_list_end=True,
        max_failures=NO_LIMIT,
    )


def keys(lines: Lines) -> list[str]:
    return [failure.key for failure in lines.failures]


def test_a_line_of_an_oms_list_has_key_code_message_and_chinese_time():
    lines = read(line("a/b c.jpg", message="The specified key, they say, does not exist.") + "\n")
    copy_failures = [CopyFailure("a/b c.jpg", CODE, "The specified key, they say, does not exist.", AT)]
    assert lines.failures == copy_failures
    assert lines.unread_count == 0
    assert lines.has_open_line is False


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_an_oms_list_can_have_any_separator_and_line_end(separator, end):
    lines = read("".join(line(f"key {number}", separator) + end for number in range(3)))
    assert [(failure.key, failure.message) for failure in lines.failures] == [
        (f"key {number}", "timed out") for number in range(3)
    ]
    assert lines.unread_count == 0


@pytest.mark.parametrize("encode", [quote, quote_plus, lambda key: quote(key, safe="/~")])
def test_an_oms_list_can_contain_keys_in_any_url_encoding(encode):
    odd_keys = ["a b/c+d%20e", "山 海+", "~a b"]
    assert keys(read("\n".join(line(key, encode=encode) for key in odd_keys))) == odd_keys


def test_an_oms_list_can_have_columns_in_quotation_marks():
    text = f'"{CODE}","{TIME}","a%2C%22b%22","a,""b""","no, never"\n{CODE},{TIME},c%2Cd,"c,d",no\n'
    assert read(text).failures == [CopyFailure('a,"b"', CODE, "no, never", AT), CopyFailure("c,d", CODE, "no", AT)]


@pytest.mark.parametrize("title", ["reason,time,encoded key,key,message", "\ufeff错误码,时间,编码,对象,信息"])
def test_titles_and_empty_lines_of_an_oms_list_are_not_unreadable(title):
    lines = read(f"{title}\n\n{line('a')}\n\n")
    assert keys(lines) == ["a"]
    assert lines.unread_count == 0


@pytest.mark.parametrize(
    "broken",
    [
        b"\xff\xfe 1 cut off in the midd",
        line("a").replace(",a,a,", ",a,b,").encode(),
        f"{CODE},{TIME},%FF,".encode() + b"\xff,no",
        f"{CODE},{TIME},only once".encode(),
        b'{"key": "a", "at": 1}',
        line("a").encode("utf-16"),
        b"\xff",
    ],
    ids=["nonsense", "two keys", "no text", "a column less", "json", "utf-16", "an invalid byte"],
)
def test_the_lines_around_an_unreadable_line_of_an_oms_list_are_read(broken):
    lines = read(b"\n".join((line("before").encode(), broken, line("after").encode(), b"")))
    assert keys(lines) == ["before", "after"]
    assert lines.unread_count >= 1
    assert lines.example


def test_a_line_of_an_oms_list_without_code_and_time_names_its_key():
    assert read("a%20b,a b\n").failures == [CopyFailure("a b", "", "", None)]
    assert read("then,a,a,\n").failures == [CopyFailure("a", "", "", None)]


def test_the_last_line_of_an_oms_list_without_a_newline_is_read_once():
    whole_list = f"{line('a')}\n{line('b', message='')}"
    lines = read(whole_list)
    assert keys(lines) == ["a", "b"]
    assert lines.has_open_line is False
    assert lines.end == len(whole_list)
    grown_list = f"{whole_list}timed out\n{line('c')}\n".encode()
    lines = read_lines(grown_list, lines.end, has_list_start=True, has_list_end=True, max_failures=NO_LIMIT)
    assert keys(lines) == ["c"]
    assert lines.unread_count == 0
    assert lines.end == len(grown_list)


def test_an_incomplete_last_line_of_an_oms_list_is_read_later():
    whole_list = f"{line('a')}\n"
    lines = read(f"{whole_list}{CODE},{TIME},b%20")
    assert keys(lines) == ["a"]
    assert lines.has_open_line is True
    assert lines.end == len(whole_list)


@pytest.mark.part
@settings(max_examples=schedules(4))
@given(object_keys, st.sampled_from(SEPARATORS), st.integers(1, 400), st.sampled_from([3, NO_LIMIT]), st.data())
def test_read_lines_loses_no_line_wherever_a_part_of_a_list_ends(names, separator, size, max_failures, data):
    message = data.draw(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20))
    # The list is long enough for several parts.
    names = [*HOSTILE, *ODD_KEYS, *names] * 8
    body = "".join(f"{line(key, separator, message)}\n" for key in names).encode()
    read_keys, offset = [], 0
    while offset < len(body):
        part = body[offset : offset + MAX_LINE_BYTES + size]
        has_list_end = offset + len(part) == len(body)
        lines = read_lines(part, 0, has_list_start=offset == 0, has_list_end=has_list_end, max_failures=max_failures)
        assert lines.end > 0
        assert len(lines.failures) <= max_failures
        assert lines.unread_count == 0
        read_keys += keys(lines)
        offset += lines.end
    assert read_keys == names


@settings(max_examples=300)
@given(st.binary(max_size=300), st.booleans())
def test_read_lines_reads_a_list_with_any_contents_to_its_end(body, has_list_end):
    lines = read_lines(body, 0, has_list_start=True, has_list_end=has_list_end, max_failures=NO_LIMIT)
    assert lines.end == len(body) or lines.has_open_line or not has_list_end
