"""The command `ops.py deletions`: its files, its summary, and the printed steps; the command itself deletes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.ops import Console, FakeCaller, missing_parts

DELETED = {
    "size": 2_000_000,
    "etag": "AB" * 16,
    "modified": "2026-01-01T00:00:00Z",
    "absent_since": "2026-01-20T00:00:00Z",
}
FACTS = {
    "source_bucket": "photos",
    "task_source": "photos",
    "destination_bucket": "photos-obs",
    "comparison": "pass 1",
    "began": "2026-01-30T00:00:00Z",
    "source_objects": 100_000,
    "objects_before": 100_000,
    "back_to_source": 0,
    "go": "",
    "unread_run_files": 0,
    "missing_permissions": [],
    "unknown_objects": 7,
}


def make_page(*keys: str, after: str | None = None, unlisted: tuple[str, ...] = (), **left_out: int) -> dict[str, Any]:
    deletions = [{"key": key, **DELETED} for key in keys]
    return {"facts": FACTS, "deletions": deletions, "left_out": left_out, "unlisted": [*unlisted], "after": after}


def with_facts(answer: dict[str, Any], **facts: object) -> dict[str, Any]:
    return {**answer, "facts": {**FACTS, **facts}}


def test_the_command_deletions_writes_its_list_and_prints_the_next_steps(run, tmp_path):
    caller = FakeCaller(
        certify=[make_page("a/1", "海 b", after="海 b", young=3), make_page("z", young=2, back=1, unlisted=(" x",))]
    )
    code, output, messages = run(caller, "deletions", "--list", "gone")
    assert code == 0
    assert caller.payloads("certify") == [{"deletions_after": ""}, {"deletions_after": "海 b"}]
    # The keys, one a line, and the details of each.
    assert (tmp_path / "gone").read_bytes() == "a/1\n海 b\nz\n".encode()
    details = json.loads((tmp_path / "gone.json").read_text())
    assert details["objects"] == [{"key": key, **DELETED} for key in ("a/1", "海 b", "z")]
    assert (details["destination_bucket"], details["comparison"]) == ("photos-obs", "pass 1")
    assert (details["listed"], details["valid_until"]) == ("2026-01-31T09:00:00Z", "2026-01-31T10:00:00Z")
    assert not (tmp_path / "gone.part").exists()
    assert not missing_parts(
        output,
        "3 objects (6.00\u00a0MB) deleted at the source".replace("\u00a0", " "),
        "object absent from the source for less than a day when the last comparison began",
        "the source has the object again",
        "of unknown origin: no record that OMS accepted the key",
        "rclone delete obs:photos-obs --files-from-raw gone --dry-run",
        "rclone copy obs:photos-obs obs:photos-obs-deleted --files-from-raw gone",
        "Do not use the list after 2026-01-31T10:00:00Z",
        "ops.py compare",
        "Do not use obsutil",
    )
    assert "Written: gone\nWritten: gone.json\n" in messages


@pytest.mark.parametrize(
    ("answers", "code", "out", "message", "left"),
    [
        ([make_page(young=3)], 0, "OBS has no object to delete", "", []),
        (
            [make_page("a", after="a"), with_facts(make_page(), go="0001-go.json")],
            2,
            "",
            "No list of deleted objects was made\n-> A GO was given (0001-go.json)",
            [],
        ),
        # Over one percent of the objects.
        (
            [with_facts(make_page("a", "b"), source_objects=199, objects_before=199)],
            2,
            "",
            "the limit without --max is 1",
            ["gone.part"],
        ),
    ],
    ids=["an empty list", "a refusal", "over one percent"],
)
def test_the_command_deletions_leaves_no_file_without_a_list(run, tmp_path, answers, code, out, message, left):
    exit_code, output, messages = run(FakeCaller(certify=answers), "deletions", "--list", "gone")
    assert exit_code == code
    assert output[: len(out) or None] == out
    assert "rclone" not in output
    assert message in messages
    assert [path.name for path in tmp_path.iterdir()] == left


@pytest.mark.parametrize(("keys", "colour"), [([], "\x1b[32m"), (["a"], "\x1b[33m")], ids=["green", "yellow"])
def test_the_command_deletions_is_green_only_without_objects_to_delete(command, keys, colour):
    console = Console(FakeCaller(certify=make_page(*keys)), typed="")
    command(console, "deletions", "--list", "gone")
    assert console.out.getvalue().startswith(colour)


@pytest.mark.parametrize("name", ["gone", "gone.json"])
def test_the_command_deletions_never_replaces_an_existing_file(run, tmp_path, name):
    (tmp_path / name).write_text("old")
    caller = FakeCaller(certify=make_page("a"))
    code, _, messages = run(caller, "deletions", "--list", "gone")
    assert code == 2
    assert f"{name} exists" in messages
    assert not caller.asked
    assert (tmp_path / name).read_text() == "old"


def test_the_command_deletions_writes_a_long_list_only_if_confirmed(run, tmp_path):
    keys = [f"{number:04}" for number in range(1001)]
    caller = FakeCaller(certify=make_page(*keys))
    code, _, messages = run(caller, "deletions", "--list", "gone")
    assert code == 2
    assert "The list of deletions has 1,001 keys, but the limit without --max is 1,000" in messages
    assert "--list gone --max 1001" in messages
    assert not (tmp_path / "gone").exists()
    # WHEN the user gives a number below it, or the number itself
    assert run(caller, "deletions", "--list", "gone", "--max", "1000")[0] == 2
    assert run(caller, "deletions", "--list", "gone", "--max", "1001")[0] == 0
    assert (tmp_path / "gone").read_text().splitlines() == keys
    assert len(caller.asked) == 1


@pytest.mark.parametrize(
    ("stored", "after", "listed"), [("2026-01-31T09:00:00Z", "a", "a\nb\n"), ("2026-01-31T08:00:00Z", "", "b\n")]
)
def test_the_command_deletions_continues_a_list_that_is_under_an_hour_old(run, tmp_path, stored, after, listed):
    # GIVEN a command that is interrupted after a page, and while it writes the next
    answers, part = [make_page("a", after="a"), KeyboardInterrupt()], tmp_path / "gone.part"
    code, _, messages = run(FakeCaller(certify=answers), "deletions", "--list", "gone")
    assert code == 130
    assert "ops.py deletions --list gone" in messages
    part.write_text(part.read_text().replace("2026-01-31T09:00:00Z", stored) + '{"facts": ')
    # WHEN it runs again, THEN it asks for the page after the last
    caller = FakeCaller(certify=make_page("b"))
    assert run(caller, "deletions", "--list", "gone")[0] == 0
    assert caller.payloads("certify") == [{"deletions_after": after}]
    assert (tmp_path / "gone").read_text() == listed


def test_the_command_deletions_starts_over_after_a_newer_comparison(run, tmp_path):
    newer = [
        with_facts(make_page(*keys, after=after), comparison="pass 2")
        for keys, after in ((["x"], None), (["a"], "a"), (["b"], None))
    ]
    caller = FakeCaller(certify=[make_page("a", after="a"), *newer])
    code, _, messages = run(caller, "deletions", "--list", "gone")
    assert code == 0
    assert [payload["deletions_after"] for payload in caller.payloads("certify")] == ["", "a", "", "a"]
    assert "A newer comparison has finished" in messages
    assert (tmp_path / "gone").read_text() == "a\nb\n"


def test_the_json_output_of_deletions_has_the_summary(run):
    _, output, _ = run(FakeCaller(certify=make_page("a/1", young=2)), "deletions", "--list", "gone", "--json")
    assert json.loads(output) == {
        "comparison": "pass 1",
        "objects": 1,
        "bytes": 2_000_000,
        "folders": {"a/": 1},
        "oldest": DELETED["modified"],
        "newest": DELETED["modified"],
        "keys": ["a/1"],
        "left_out": {"young": 2},
        "unlisted": [],
        "unknown_objects": 7,
        "valid_until": "2026-01-31T10:00:00Z",
    }
