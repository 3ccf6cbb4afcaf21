"""What a comparison found, in whichever answer it is: classes, folders, lag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from ops.report import units
from ops.report.blocks import (
    Bar,
    Block,
    Cell,
    Column,
    Detail,
    Figure,
    Figures,
    Heading,
    Paragraph,
    Part,
    Phrase,
    Picture,
    Span,
    Table,
    Track,
)
from ops.report.parts import Answer, fields, part, seconds, text, whole
from ops.report.words import Words

# In the order in which a bar shows them. A class that is not here is not proven.
TONES = {
    "equal_contents": "good",
    "equal_version": "open",
    "equal_size": "open",
    "suspicious": "open",
    "impossible": "open",
    "unknown": "open",
    "failed_before": "way",
    "moving": "way",
    "in_flight": "way",
    "arriving": "way",
    "missing": "bad",
    "older": "bad",
    "overwritten": "bad",
    "deleted_at_source": "calm",
    "oms_own": "calm",
    "canary": "calm",
    "outside": "calm",
}
# Classes of which a key is not in OBS in its current version, or may not be; and those that are not known to be equal.
LACKING = tuple(name for name, tone in TONES.items() if tone in ("bad", "way") and name != "arriving")
UNPROVEN = tuple(name for name, tone in TONES.items() if tone == "open")
_SIDES = ("source", "destination")
_IN_FOLDER = {"source": 0, "destination": 2}
# The longest lags that are counted exactly, in seconds.
_WITHIN = ("60", "300", "900", "3600", "86400")


# The classes that do not count on each side, because they are outside of what is compared.
Apart: TypeAlias = Mapping[str, Sequence[str]]
NONE_APART: Apart = {"source": (), "destination": ()}


def held(found: Mapping[str, Any]) -> dict[str, Any]:
    """The classes that have objects on a side, by their names, of an answer that is whole."""
    return {name: one for name, one in found["classes"].items() if any(one[side]["objects"] for side in _SIDES)}


def classes(found: Answer, apart: Apart, accepted: Answer, say: Words) -> list[Block]:
    """The classes that have objects, as a bar for each side and as a table; `found` is an answer of compare, or a
    certificate."""
    named = fields(found, "classes")
    held_by = {side: [name for name in _ordered(named) if _objects(named, name, side) != 0] for side in _SIDES}
    in_scope = {name for side in _SIDES for name in held_by[side] if name not in apart[side]}
    names = [name for name in _ordered(named) if any(name in held_by[side] for side in _SIDES)]
    shown = [name for name in names if name in in_scope]
    columns = [Column(say("class"))]
    columns += (Column(say(title), "n") for side in _SIDES for title in (f"in {side}", "volume"))
    others = [
        ((class_name(name, say), Span("note", say("not counted"))), *_counts(named, [name], say, NONE_APART))
        for name in names
        if name not in in_scope
    ]
    total = (say("in scope"), *_counts(named, shown, say, apart))
    return [
        *(_side_bar(named, [name for name in shown if name not in apart[side]], side, say) for side in _SIDES),
        Table(columns, [_class_row(named, name, accepted, say) for name in shown], [total, *others]),
        _sum(found, shown, apart, say),
    ]


def remedies(found: Answer, say: Words) -> list[Block]:
    """What to do about classes that sending again may not heal; `found` is an answer of compare."""
    return [
        Paragraph(
            (
                Span("strong", class_name(name, say)),
                say("colon"),
                Span("prose", text(found, "remedies", name, say.language) or ""),
            )
        )
        for name in fields(found, "remedies")
    ]


def class_name(name: str, say: Words) -> Phrase:
    """A class in words; its own name is what commands take."""
    return say(f"class {name}") if say.knows(f"class {name}") else Span("outside", name)


def folders(found: Answer, apart: Apart, say: Words) -> Block:
    """Each folder's objects on both sides, with a bar of its classes; those with differences first."""
    named = fields(found, "folders")
    if not named:
        return Paragraph(say("folders not known"), "open")
    every = {name: _Folder.of(one, apart) for name, one in named.items()}
    counts = {name: one for name, one in every.items() if any(number != 0 for number in one.counts)}
    order = sorted(counts, key=lambda name: (*(-counts[name].tones[tone] for tone in ("bad", "open", "way")), name))
    columns = [
        Column(say("folder")),
        *(Column(say(title), "n") for title in ("folder source", "folder destination")),
        *(Column(say(f"folder {tone}"), "n") for tone in ("bad", "way", "open")),
    ]
    sums = [units.added(one.counts[place] for one in counts.values()) for place in range(4)]
    total = _Folder(sums, sum((one.tones for one in counts.values()), Counter()))
    body = [(_folder_name(name, counts[name], say), *_folder_cells(counts[name], say)) for name in order]
    return Table(columns, body, [(say("total"), *_folder_cells(total, say))])


def lag(found: Answer, say: Words) -> list[Block]:
    """How long objects took until OMS accepted them, and until they were in OBS."""
    again = whole(found, "lag", "again")
    return [
        *_one_lag(fields(found, "lag", "accepted"), say("lag accepted"), say),
        *_one_lag(fields(found, "lag", "copied"), say("lag copied"), say),
        *([Paragraph(say("sent again", number=f"{again:,}"), "note")] if again else ()),
    ]


class _Folder(NamedTuple):
    """A folder's objects and bytes on both sides, and its objects by tone; None is not known."""

    counts: Sequence[int | None]
    tones: Counter[str]

    @classmethod
    def of(cls, given: object, apart: Apart) -> _Folder:
        quads = {name: list(one) if isinstance(one, list) else [] for name, one in fields(given).items()}
        tones: Counter[str] = Counter()
        for name, quad in quads.items():
            for side, place in _IN_FOLDER.items():
                if name in apart[side]:
                    quad[place : place + 2] = [0, 0]
            # An object is on one side or on both.
            tones[TONES.get(name, "open")] += max((one for one in quad[::2] if type(one) is int), default=0)
        columns = zip(*(quad[:4] + [None] * (4 - len(quad)) for quad in quads.values()), strict=True)
        return cls([units.added(column) for column in columns] or [0] * 4, tones)


def _folder_name(name: str, folder: _Folder, say: Words) -> Phrase:
    special = {"": "no folder", "*": "other folders"}.get(name)
    parts = [Part(folder.tones[tone], tone) for tone in dict.fromkeys(TONES.values()) if folder.tones[tone]]
    said = say("comma").join(say("bar part", name=say(f"tone {one.tone}"), number=f"{one.number:,}") for one in parts)
    return say(special) if special else Span("key", name), Bar(parts, said, thin=True)


def _folder_cells(folder: _Folder, say: Words) -> list[Phrase | Cell]:
    sides = [
        (units.count(folder.counts[at], say), Span("note", units.size(folder.counts[at + 1], say)))
        for at in _IN_FOLDER.values()
    ]
    return [*sides, *(units.number(folder.tones[tone], say, tone) for tone in ("bad", "way", "open"))]


def _ordered(named: Answer) -> list[str]:
    return [*(name for name in TONES if name in named), *(name for name in named if name not in TONES)]


def _objects(named: Answer, name: str, side: str) -> int | None:
    return whole(named, name, side, "objects")


def _side_bar(named: Answer, names: Sequence[str], side: str, say: Words) -> Picture:
    known = {name: _objects(named, name, side) or 0 for name in names}
    total = units.count(units.added(_objects(named, name, side) for name in names), say)
    said = say("comma").join(
        say("bar part", name=say(f"class {name}") if say.knows(f"class {name}") else name, number=f"{objects:,}")
        for name, objects in known.items()
        if objects
    )
    label = say("bar", side=say(f"in {side}"), total=total, parts=said or say("none"))
    parts = [Part(objects, TONES.get(name, "open")) for name, objects in known.items()]
    return Picture(say(f"in {side}"), total, Bar(parts, label))


def _class_row(named: Answer, name: str, accepted: Answer, say: Words) -> list[Phrase | Cell]:
    who = text(accepted, name)
    title = (
        Span("swatch", tone=TONES.get(name, "open")),
        class_name(name, say),
        " ",
        Span("code", name),
        Span("aside", say(f"means {name}")) if say.knows(f"means {name}") else None,
        Span("note", say("accepted by", who=who)) if who else None,
    )
    return [title, *_counts(named, [name], say, NONE_APART)]


def _counts(named: Answer, names: Sequence[str], say: Words, apart: Apart) -> list[Phrase | Cell]:
    cells: list[Phrase | Cell] = []
    for side in _SIDES:
        counted = [name for name in names if name not in apart[side]]
        objects, size = (
            units.added(whole(named, name, side, what) for name in counted) for what in ("objects", "bytes")
        )
        cells += [units.number(objects, say), units.volume(size, say)]
    return cells


def _sum(found: Answer, names: Sequence[str], apart: Apart, say: Words) -> Paragraph:
    """Whether the classes are what the answer says of both buckets."""
    named, holds = fields(found, "classes"), part(found, "adds_up") is not False
    for side in _SIDES:
        for what in ("objects", "bytes"):
            counted = [name for name in names if name not in apart[side]]
            total = units.added(whole(named, name, side, what) for name in counted)
            if total is None or whole(found, side, what) is None:
                return Paragraph(say("sum not known"), "open")
            holds = holds and total == whole(found, side, what)
    return Paragraph(say("adds up"), "note") if holds else Paragraph(say("does not add up"), "bad")


def _one_lag(one: Answer, title: str, say: Words) -> list[Block]:
    arrived, not_yet = whole(one, "objects"), whole(one, "not_yet")
    within = [whole(one, "within", limit) for limit in _WITHIN]
    if arrived is None or not_yet is None or None in within:
        return [Heading(title), Paragraph(say("not known"), "open")]
    if not arrived + not_yet:
        return [Heading(title), Paragraph(say("no lag"), "note")]
    known = [limit or 0 for limit in within]
    steps = [now - before for before, now in zip([0, *known], known, strict=False)]
    counts = {f"within {limit}": step for limit, step in zip(_WITHIN, steps, strict=True)}
    counts |= {"later": arrived - known[-1], "not yet": not_yet}
    tones, every = {"later": "open", "not yet": "bad"}, arrived + not_yet
    body = [
        (
            say(name),
            Track(count, every, tones.get(name, "way"), units.share(count, every)),
            units.number(count, say, tones.get(name, "")),
        )
        for name, count in counts.items()
    ]
    columns = [Column(say("time taken")), Column(say("part"), "wide"), Column(say("objects"), "n")]
    late = [Figure(say(name), units.duration(seconds(one, name), say)) for name in ("p50", "p90", "p99", "max")]
    late.append(Figure(say("not yet"), f"{not_yet:,}", None, "bad" if not_yet else None))
    return [
        Heading(title),
        Figures(late, within=True),
        Detail([Table(columns, body, [(say("total"), "", units.count(every, say))])]),
    ]
