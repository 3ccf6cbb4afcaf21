"""What became of the objects that OMS failed to copy: parts that add up to the number that OMS counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ops.report import units
from ops.report.blocks import Bar, Block, Column, Facts, Paragraph, Part, Picture, Span, Table, Track
from ops.report.words import Words
from oss_oms_sync.answers.status_answer import CopyingShown, FailedForCode

# In the order in which a bar shows them.
_PARTS = {"done": "good", "waiting": "way", "stuck": "bad", "unknown": "open", "outside": "calm"}


# Groups of causes: what lasts apart from what passes by itself; with their tones.
_GROUPS = {"lasting": "bad", "passing": "way", "unknown": "open"}


class Cause(NamedTuple):
    """A cause by its name, of how many objects it is, and what to do about it; `group` is "lasting", "passing" or
    "unknown"."""

    name: str
    objects: int
    fix: str | None
    group: str


def tables(title: str, causes: Iterable[Cause], say: Words) -> list[Block]:
    """A table for each group that has causes, whose first column has this title; the most frequent first."""
    ordered = sorted(causes, key=lambda one: (-one.objects, one.name))
    grouped = {group: [one for one in ordered if one.group == group] for group in _GROUPS}
    return [_table(title, group, members, say) for group, members in grouped.items() if members]


def _table(title: str, group: str, causes: list[Cause], say: Words) -> Block:
    # Each group has a scale of its own: a few that last are not to vanish beside many that pass.
    most, tone = causes[0].objects, _GROUPS[group]
    columns = [Column(title), Column(say("what to do"), "wide"), Column(say("objects"), "n")]
    body = [
        (
            (Span("code", one.name), Track(one.objects, most, tone)),
            Span("prose", one.fix) if one.fix else say("not known"),
            units.count(one.objects, say),
        )
        for one in causes
    ]
    total = (say("total"), "", units.count(sum(one.objects for one in causes), say))
    return Table(columns, body, [total], Span("mark", say(f"group {group}"), tone))


def failures(copying: CopyingShown, now: datetime, say: Words) -> list[Block]:
    """The section's contents."""
    found, acknowledged = copying.failures, copying.acknowledged
    since: list[Block] = [Facts([(say("counted since"), units.time(acknowledged, now, say))])] if acknowledged else []
    if found is None:
        return [*since, Paragraph(say("not known"), "open")]
    parts = {name: int(getattr(found, name)) for name in _PARTS}
    if not found.counted and not any(parts.values()):
        return [*since, Paragraph(say("nothing failed"))]
    return [*since, *_parts(found.counted, parts, say), *_codes(found.codes, say)]


def _parts(counted: int, parts: dict[str, int], say: Words) -> list[Block]:
    """A bar of the parts, and a table that says what they are."""
    total = units.count(counted, say)
    said = say("comma").join(
        say("bar part", name=say(f"failure {name}"), number=units.count(objects, say))
        for name, objects in parts.items()
        if objects
    )
    label = say("bar", side=say("counted by OMS"), total=total, parts=said)
    body = [
        (
            (
                Span("swatch", tone=_PARTS[name]),
                say(f"failure {name}"),
                Span("aside", say(f"means {name} failure")),
            ),
            units.number(objects, say, _PARTS[name] if name in ("stuck", "unknown") else ""),
        )
        for name, objects in parts.items()
    ]
    columns = [Column(say("what became of them")), Column(say("objects"), "n")]
    return [
        Picture(say("counted by OMS"), total, Bar([Part(parts[name], tone) for name, tone in _PARTS.items()], label)),
        Table(columns, body, [(say("counted by OMS"), total)]),
        *([Paragraph(say("failures do not add up"), "open")] if sum(parts.values()) != counted else ()),
    ]


def _codes(codes: Mapping[str, FailedForCode], say: Words) -> list[Block]:
    """What OMS says of those that are still to be copied, by its codes."""
    causes = []
    for code, one in codes.items():
        fix = one.fix.of(say.language) if code else say("no code")
        causes.append(Cause(code or "–", one.objects, fix, "passing" if one.passes else "lasting"))
    return [Paragraph(say("by code"), "note"), *tables(say("code"), causes, say)] if causes else []
