"""The conversion of values to JSON and back: each type hint has one JSON form, and other forms are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import NamedTuple

import pytest

from oss_oms_sync.answers.codec import Digest, UnreadableError, from_json, to_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clouds.task import TaskInfo


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Pair(NamedTuple):
    key: str
    digest: Digest = 0


@dataclass(frozen=True)
class Inner:
    at: datetime
    share: float | None


@dataclass(frozen=True)
class Everything:
    text: str
    number: int
    truth: bool
    colour: Colour | None
    pairs: Sequence[Pair]
    ranked: list[tuple[Digest, str]]
    by_number: Mapping[int, int]
    by_colour: Mapping[Colour, Sequence[str]]
    inner: Inner
    whatever: object = None
    folders: Mapping[str, Mapping[str, Pair]] = field(default_factory=dict)


VALUE = Everything(
    text="对象",
    number=-1,
    truth=False,
    colour=Colour.BLUE,
    pairs=(Pair("a", 255), Pair("b")),
    ranked=[(2**256 - 1, "z")],
    by_number={0: 1, 12: 3},
    by_colour={Colour.RED: ("x",)},
    inner=Inner(datetime(2026, 1, 31, 8, tzinfo=timezone.utc), 0.5),
    whatever={"of": [1, None]},
    folders={"a/": {"equal": Pair("k", 1)}},
)
FORM = {
    "text": "对象",
    "number": -1,
    "truth": False,
    "colour": "blue",
    "pairs": [["a", f"{255:064x}"], ["b", "0" * 64]],
    "ranked": [["f" * 64, "z"]],
    "by_number": {"0": 1, "12": 3},
    "by_colour": {"red": ["x"]},
    "inner": {"at": "2026-01-31T08:00:00Z", "share": 0.5},
    "whatever": {"of": [1, None]},
    "folders": {"a/": {"equal": ["k", f"{1:064x}"]}},
}


def test_from_json_returns_an_equal_value_for_each_type_hint() -> None:
    assert to_json(VALUE) == FORM
    assert from_json(Everything, json.loads(json.dumps(FORM))) == VALUE
    # Unknown fields are ignored.
    assert from_json(Everything, {**FORM, "later": 1}) == VALUE


@pytest.mark.parametrize(
    "value",
    [
        *(
            {**FORM, name: part}
            for name, part in (
                ("text", None),
                ("text", 1),
                ("number", True),
                ("number", 1.0),
                ("number", "1"),
                ("truth", 1),
                ("colour", "green"),
                ("colour", []),
                ("pairs", [["a"]]),
                ("pairs", [["a", "0" * 64, 1]]),
                ("pairs", {"a": 1}),
                ("pairs", "ab"),
                ("ranked", [["-1", "z"]]),
                ("ranked", [[1, "z"]]),
                ("ranked", None),
                ("by_number", {"x": 1}),
                ("by_number", [[0, 1]]),
                ("by_colour", {"green": []}),
                ("inner", None),
                ("inner", {"at": "2026-01-31", "share": None}),
                ("inner", {"at": "2026-01-31T08:00:00Z"}),
                ("inner", {"at": "2026-01-31T08:00:00Z", "share": True}),
            )
        ),
        *({other: value for other, value in FORM.items() if other != name} for name in FORM),
        *(None, [], "x", 3),
    ],
)
def test_from_json_refuses_another_type_and_incomplete_json(value: object) -> None:
    with pytest.raises(UnreadableError):
        from_json(Everything, value)


def test_to_json_writes_times_in_utc() -> None:
    there = datetime.fromisoformat("2026-01-31T16:00:00+08:00")
    assert to_json(Inner(there, None)) == {"at": "2026-01-31T08:00:00Z", "share": None}


@dataclass(frozen=True)
class Advice:
    text: Text


DEEP, KEY = Step("compare", {"deep": True}), Step("replay", {"key": "{0} it's"})


def test_from_json_reads_a_text_with_or_without_its_steps():
    advice = Advice(t("{a}, {b}, {c}, {odd}", a=Step("compare"), b=DEEP, c=KEY, odd="{0} {"))
    written = json.loads(json.dumps(to_json(advice)))
    commands = ["compare", "compare --deep", """replay --key '{0} it'"'"'s'"""]
    typed = ", ".join(f"python3 ops.py {command}" for command in commands)
    assert written["text"] == written["text_zh"] == f"{typed}, {{0}} {{"
    assert [step["job"] for step in written["text_steps"]] == ["compare", "compare", "replay"]
    text = from_json(Advice, written).text
    assert text.steps == [Step("compare"), DEEP, KEY]
    assert text.of("zh", lambda step: f"<{step.job}>") == "<compare>, <compare>, <replay>, {0} {"
    assert to_json(Advice(text)) == written


def test_to_json_writes_no_field_for_steps_of_a_text_without_steps():
    assert to_json(t("{a}", a=1)) == {"en": "1", "zh": "1"}
    assert from_json(Text, {"en": "{a}", "zh": "{b}"}).zh == "{b}"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(
            (Text, {"en": "a", "zh": "b", "steps": steps})
            for steps in (None, "x", [{"job": "compare"}], [{"job": 1, "options": {}}])
        ),
        *((OverwriteMode, mode) for mode in (1, True, ["FULL_OVERWRITE"])),
    ],
)
def test_from_json_refuses_steps_and_overwrite_modes_of_another_form(kind, value):
    with pytest.raises(UnreadableError):
        from_json(kind, value)


@pytest.mark.parametrize("name", [*(mode.value for mode in OverwriteMode), "A_LATER_MODE_OF_OMS", None])
def test_an_answer_keeps_the_overwrite_mode_as_oms_names_it(name):
    task = TaskInfo.parse({"object_overwrite_mode": name})
    assert to_json(task)["object_overwrite_mode"] == name
    assert from_json(TaskInfo, to_json(task)) == task


def test_an_unknown_overwrite_mode_is_not_a_member_of_the_enumeration():
    later = OverwriteMode("A_LATER_MODE_OF_OMS")
    assert later not in [*OverwriteMode]
    assert later is OverwriteMode("A_LATER_MODE_OF_OMS")
    assert "A_LATER_MODE_OF_OMS" not in {mode.value for mode in OverwriteMode}
