"""What a comparison found, in whichever answer it is: classes, folders, lag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

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
from ops.report.words import Words
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import BothBuckets, ClassFound, Compared, Counted, Lag, Lags

# In the order in which a bar shows classes.
_ORDER = ("good", "open", "way", "bad", "calm")
_BY_TITLE = {one.title: one for one in ObjectClass}
CLASSES = sorted(ObjectClass, key=lambda one: _ORDER.index(one.tone))
_SIDES = ("source", "destination")
_IN_FOLDER = {"source": 0, "destination": 2}

# Of these a key is not in OBS in its current version, or may not be; and those that are not known to be equal.
LACKING = frozenset(one for one in CLASSES if one.tone in ("bad", "way")) - {ObjectClass.ARRIVING}
UNPROVEN = frozenset(one for one in CLASSES if one.tone == "open")

# The classes that do not count on each side, because they are outside of what is compared.
Apart: TypeAlias = Mapping[str, Sequence[str]]
NONE_APART: Apart = {"source": (), "destination": ()}


def held(found: BothBuckets) -> dict[ObjectClass, ClassFound]:
    """The classes that have objects on a side, in their order."""
    every = {one: found.classes[one] for one in CLASSES if one in found.classes}
    return {name: one for name, one in every.items() if any(_side(one, side).objects for side in _SIDES)}


def classes(found: BothBuckets, apart: Apart, accepted: Mapping[str, str], say: Words) -> list[Block]:
    """The classes that have objects, as a bar for each side and as a table; `accepted`: by whom, by their names."""
    every = held(found)
    counted = {
        side: [name for name, one in every.items() if _side(one, side).objects and name.title not in apart[side]]
        for side in _SIDES
    }
    shown = [name for name in every if any(name in counted[side] for side in _SIDES)]
    columns = [Column(say("class"))]
    columns += (Column(say(title), "n") for side in _SIDES for title in (f"in {side}", "volume"))
    others = [
        ((class_name(name.title, say), Span("note", say("not counted"))), *_counts(found, [name], say, NONE_APART))
        for name in every
        if name not in shown
    ]
    total = (say("in scope"), *_counts(found, shown, say, apart))
    body = [_class_row(found, name, accepted.get(name.title), say) for name in shown]
    return [
        *(_side_bar(found, counted[side], side, say) for side in _SIDES),
        Table(columns, body, [total, *others]),
    ]


def sums(found: BothBuckets, apart: Apart, say: Words, *, adds_up: bool = True) -> Paragraph:
    """Whether the classes are what is said of both buckets; `adds_up`: whether the job says so itself."""
    for side, whole in (("source", found.source), ("destination", found.destination)):
        total = _added(found, [name for name in found.classes if name.title not in apart[side]], side)
        adds_up = adds_up and total == Counted(whole.objects, whole.bytes)
    return Paragraph(say("adds up"), "note") if adds_up else Paragraph(say("does not add up"), "bad")


def remedies(found: Compared, say: Words) -> list[Block]:
    """What to do about classes that sending again may not heal."""
    return [
        Paragraph((Span("strong", class_name(name.title, say)), say("colon"), Span("prose", one.of(say.language))))
        for name, one in found.remedies.items()
    ]


def class_name(title: str, say: Words) -> Phrase:
    """A class in words; its own name is what commands take."""
    known = _BY_TITLE.get(title)
    return known.said.of(say.language) if known else Span("outside", title)


def folders(found: BothBuckets, apart: Apart, say: Words) -> Block:
    """Each folder's objects on both sides, with a bar of its classes; those with differences first."""
    every = {name: _Folder.of(one, apart) for name, one in found.folders.items()}
    counts = {name: one for name, one in every.items() if any(one.counts)}
    order = sorted(counts, key=lambda name: (*(-counts[name].tones[tone] for tone in ("bad", "open", "way")), name))
    columns = [
        Column(say("folder")),
        *(Column(say(title), "n") for title in ("folder source", "folder destination")),
        *(Column(say(f"folder {tone}"), "n") for tone in ("bad", "way", "open")),
    ]
    total = _Folder(
        _columns(one.counts for one in counts.values()), sum((one.tones for one in counts.values()), Counter())
    )
    body = [(_folder_name(name, counts[name], say), *_folder_cells(counts[name], say)) for name in order]
    return Table(columns, body, [(say("total"), *_folder_cells(total, say))])


def lag(found: Lags, say: Words) -> list[Block]:
    """How long objects took until OMS accepted them, and until they were in OBS."""
    again = [Paragraph(say("sent again", number=found.again), "note")] if found.again else []
    return [
        *_one_lag(found.accepted, say("lag accepted"), say),
        *_one_lag(found.copied, say("lag copied"), say),
        *again,
    ]


class _Folder(NamedTuple):
    """A folder's objects and bytes on both sides, and its objects by tone."""

    counts: Sequence[int]
    tones: Counter[str]

    @classmethod
    def of(cls, given: Mapping[ObjectClass, Sequence[int]], apart: Apart) -> _Folder:
        quads, tones = {name: list(one) for name, one in given.items()}, Counter[str]()
        for name, quad in quads.items():
            for side, place in _IN_FOLDER.items():
                if name.title in apart[side]:
                    quad[place : place + 2] = [0, 0]
            # An object is on one side or on both.
            tones[name.tone] += max(quad[::2])
        return cls(_columns(quads.values()), tones)


def _columns(quads: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*quads, strict=True)] or [0] * 4


def _folder_name(name: str, folder: _Folder, say: Words) -> Phrase:
    special = {"": "no folder", "*": "other folders"}.get(name)
    parts = [Part(folder.tones[tone], tone) for tone in _ORDER if folder.tones[tone]]
    said = say("comma").join(say("bar part", name=say(f"tone {one.tone}"), number=one.number) for one in parts)
    return say(special) if special else Span("key", name), Bar(parts, said, thin=True)


def _folder_cells(folder: _Folder, say: Words) -> list[Phrase | Cell]:
    sides = [
        (f"{folder.counts[at]:,}", Span("note", units.size(folder.counts[at + 1], say))) for at in _IN_FOLDER.values()
    ]
    return [*sides, *(units.number(folder.tones[tone], say, tone) for tone in ("bad", "way", "open"))]


def _side(one: ClassFound, side: str) -> Counted:
    return one.source if side == "source" else one.destination


def _added(found: BothBuckets, names: Iterable[ObjectClass], side: str) -> Counted:
    counts = [_side(found.classes[name], side) for name in names]
    return Counted(sum(one.objects for one in counts), sum(one.bytes for one in counts))


def _side_bar(found: BothBuckets, names: Sequence[ObjectClass], side: str, say: Words) -> Picture:
    known = {name: _side(found.classes[name], side).objects for name in names}
    total = f"{sum(known.values()):,}"
    said = say("comma").join(
        say("bar part", name=name.said.of(say.language), number=objects) for name, objects in known.items()
    )
    label = say("bar", side=say(f"in {side}"), total=total, parts=said or say("none"))
    parts = [Part(objects, name.tone) for name, objects in known.items()]
    return Picture(say(f"in {side}"), total, Bar(parts, label))


def _class_row(found: BothBuckets, name: ObjectClass, who: str | None, say: Words) -> list[Phrase | Cell]:
    title = (
        Span("swatch", tone=name.tone),
        class_name(name.title, say),
        " ",
        Span("code", name.title),
        Span("aside", name.means.of(say.language)),
        Span("note", say("accepted by", who=who)) if who else None,
    )
    return [title, *_counts(found, [name], say, NONE_APART)]


def _counts(found: BothBuckets, names: Sequence[ObjectClass], say: Words, apart: Apart) -> list[Phrase | Cell]:
    cells: list[Phrase | Cell] = []
    for side in _SIDES:
        total = _added(found, (name for name in names if name.title not in apart[side]), side)
        cells += [units.number(total.objects, say), units.volume(total.bytes, say)]
    return cells


def _one_lag(one: Lag, title: str, say: Words) -> list[Block]:
    every = one.objects + one.not_yet
    if not every:
        return [Heading(title), Paragraph(say("no lag"), "note")]
    counts, before = {}, 0
    for limit, number in sorted(one.within.items()):
        counts[f"within {limit}"], before = number - before, number
    counts |= {"later": one.objects - before, "not yet": one.not_yet}
    tones = {"later": "open", "not yet": "bad"}
    body = [
        (
            say(name),
            Track(count, every, tones.get(name, "way"), units.share(count, every)),
            units.number(count, say, tones.get(name, "")),
        )
        for name, count in counts.items()
    ]
    columns = [Column(say("time taken")), Column(say("part"), "wide"), Column(say("objects"), "n")]
    longest = {"p50": one.p50, "p90": one.p90, "p99": one.p99, "max": one.max}
    late = [Figure(say(name), units.duration(seconds, say)) for name, seconds in longest.items()]
    late.append(Figure(say("not yet"), f"{one.not_yet:,}", None, "bad" if one.not_yet else None))
    return [
        Heading(title),
        Figures(late, within=True),
        Detail([Table(columns, body, [(say("total"), "", f"{every:,}")])]),
    ]
