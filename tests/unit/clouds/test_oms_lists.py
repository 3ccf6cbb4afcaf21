"""OMS's lists of copy failures, in each form that Huawei's documents allow."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.oms_lists import MAX_LINE_BYTES, CopyFailure, Lines, lists_folder, read_lines
from sandbox.oms.lists import ResultLists
from support.law import HOSTILE, object_keys

CODE, TIME = "UPLOAD_DST_OBJ_FAILURE", "2026-01-02 08:00:05"
AT = datetime(2026, 1, 2, 0, 0, 5, tzinfo=timezone.utc)
SEPARATORS = [",", "\t", ";", "|"]
MANY = 10**6


def line(key: str, separator: str = ",", message: str = "timed out", encode=lambda key: quote(key, safe="")) -> str:
    return separator.join((CODE, TIME, encode(key), key, message))


def read(text: str | bytes) -> Lines:
    return read_lines(text.encode() if isinstance(text, str) else text, 0, begins=True, ends=True, most=MANY)


def keys(lines: Lines) -> list[str]:
    return [failure.key for failure in lines.failures]


def test_a_line_has_key_code_message_and_time_in_china():
    lines = read(line("a/b c.jpg", message="The specified key, they say, does not exist.") + "\n")
    copy_failures = [CopyFailure("a/b c.jpg", CODE, "The specified key, they say, does not exist.", AT)]
    assert lines.failures == copy_failures
    assert lines.unread == 0
    assert lines.open_line is False


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_any_separator_and_line_end_is_read(separator, end):
    lines = read("".join(line(f"key {number}", separator) + end for number in range(3)))
    assert [(failure.key, failure.message) for failure in lines.failures] == [
        (f"key {number}", "timed out") for number in range(3)
    ]
    assert lines.unread == 0


@pytest.mark.parametrize("separator", SEPARATORS)
def test_keys_with_any_characters_are_read(separator):
    odd = [*HOSTILE, "a,a", ",", "x\tx", "q\ta\ta\tq", "a,a,a", '"', '"a"', "+", "%", "a\nb", "\n"]
    names = [key for odd_key in odd for key in ("before", odd_key, "after")]
    lines = read("".join(f"{line(key, separator)}\n" for key in names))
    assert keys(lines) == names
    assert lines.unread == 0


@pytest.mark.parametrize("encode", [quote, quote_plus, lambda key: quote(key, safe="/~")])
def test_any_url_encoding_is_read(encode):
    odd = ["a b/c+d%20e", "山 海+", "~a b"]
    assert keys(read("\n".join(line(key, encode=encode) for key in odd))) == odd


def test_columns_in_quotation_marks_are_read():
    text = f'"{CODE}","{TIME}","a%2C%22b%22","a,""b""","no, never"\n{CODE},{TIME},c%2Cd,"c,d",no\n'
    assert read(text).failures == [CopyFailure('a,"b"', CODE, "no, never", AT), CopyFailure("c,d", CODE, "no", AT)]


@pytest.mark.parametrize("title", ["reason,time,encoded key,key,message", "\ufeff错误码,时间,编码,对象,信息"])
def test_titles_and_empty_lines_are_no_unread_lines(title):
    lines = read(f"{title}\n\n{line('a')}\n\n")
    assert keys(lines) == ["a"]
    assert lines.unread == 0


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
    ids=["nonsense", "two keys", "no text", "a column less", "json", "utf-16", "a byte"],
)
def test_a_line_in_another_form_is_counted_and_its_neighbours_are_read(broken):
    lines = read(b"\n".join((line("before").encode(), broken, line("after").encode(), b"")))
    assert keys(lines) == ["before", "after"]
    assert lines.unread >= 1
    assert lines.example


def test_a_line_without_code_and_time_still_names_its_key():
    assert read("a%20b,a b\n").failures == [CopyFailure("a b", "", "", None)]
    assert read("then,a,a,\n").failures == [CopyFailure("a", "", "", None)]


def test_a_last_line_without_a_newline_is_read_once():
    whole = f"{line('a')}\n{line('b', message='')}"
    lines = read(whole)
    assert keys(lines) == ["a", "b"]
    assert lines.open_line is False
    assert lines.end == len(whole)
    grown = f"{whole}timed out\n{line('c')}\n".encode()
    lines = read_lines(grown, lines.end, begins=True, ends=True, most=MANY)
    assert keys(lines) == ["c"]
    assert lines.unread == 0
    assert lines.end == len(grown)


def test_an_incomplete_last_line_is_read_later():
    whole = f"{line('a')}\n"
    lines = read(f"{whole}{CODE},{TIME},b%20")
    assert keys(lines) == ["a"]
    assert lines.open_line is True
    assert lines.end == len(whole)


def test_lines_are_read_in_groups():
    body = "".join(f"{line(str(number))}\n" for number in range(5)).encode()
    start, groups = 0, []
    while start < len(body):
        lines = read_lines(body, start, begins=True, ends=True, most=2)
        groups.append(keys(lines))
        start = lines.end
    assert groups == [["0", "1"], ["2", "3"], ["4"]]


@settings(max_examples=150)
@given(object_keys, st.sampled_from(SEPARATORS), st.integers(1, 400), st.sampled_from([3, MANY]), st.data())
def test_no_line_is_lost_wherever_a_part_ends(names, separator, size, most, data):
    """A list is read in parts, which may end within a line or a character."""
    message = data.draw(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20))
    # Long enough for several parts.
    names = [*HOSTILE, *names] * 8
    body = "".join(f"{line(key, separator, message)}\n" for key in names).encode()
    read, offset = [], 0
    while offset < len(body):
        part = body[offset : offset + MAX_LINE_BYTES + size]
        ends = offset + len(part) == len(body)
        lines = read_lines(part, 0, begins=offset == 0, ends=ends, most=most)
        assert lines.end > 0
        read += keys(lines)
        offset += lines.end
    assert read == names


@settings(max_examples=300)
@given(st.binary(max_size=300), st.booleans())
def test_no_contents_of_a_list_stop_its_reading(body, ends):
    lines = read_lines(body, 0, begins=True, ends=ends, most=MANY)
    assert lines.end == len(body) or lines.open_line or not ends


@pytest.mark.parametrize("separator", [",", "\t"])
def test_the_sandboxs_lists_are_read_and_found_in_their_folder(separator):
    written = {}
    lists = ResultLists("oms/sync_task/task", lambda key, data, now: written.update({key: data}))
    lists.separator = separator
    lists.add_failed("山 a", CODE, "no", 1_767_312_005)
    lists.write(1_767_312_005)
    ((name, body),) = written.items()
    assert name.startswith(lists_folder("task"))
    assert read(body).failures == [CopyFailure("山 a", CODE, "no", datetime.fromtimestamp(1_767_312_005, timezone.utc))]
