"""What a comparison found, as both pages show it: classes, folders, lag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ops.pages import figures, html, units
from ops.pages.answers import Answer, fields, part, seconds, text, whole
from ops.pages.figures import Part
from ops.pages.html import Markup, element, join
from ops.pages.layout import Cell, Column, Figure, key_figures, number, swatch, table, volume
from ops.pages.words import Words

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
    "outside": "calm",
}
_SIDES = ("source", "destination")
_IN_FOLDER = {"source": 0, "destination": 2}
# The longest lags that are counted exactly, in seconds.
_WITHIN = ("60", "300", "900", "3600", "86400")


class Sides(NamedTuple):
    """The classes that do not count on each side, because they are outside of what is compared."""

    source: Sequence[str] = ()
    destination: Sequence[str] = ()

    def counted(self, name: str, side: str) -> bool:
        """Whether a class counts on a side."""
        return name not in (self.source if side == "source" else self.destination)


def classes(found: Answer, not_counted: Sides, accepted: Answer, say: Words) -> Markup:
    """The classes that have objects, as a bar for each side and as a table; `found` is an answer of compare, or a
    certificate."""
    named = fields(found, "classes")
    names = [name for name in _ordered(named) if any(_objects(named, name, side) != 0 for side in _SIDES)]
    in_scope = [
        name
        for name in names
        if any(not_counted.counted(name, side) and _objects(named, name, side) != 0 for side in _SIDES)
    ]
    bars = [_side_bar(named, [n for n in in_scope if not_counted.counted(n, side)], side, say) for side in _SIDES]
    columns = [
        Column(say("class")),
        *(Column(say(title), "n") for side in _SIDES for title in (f"in {side}", "volume")),
    ]
    body = [_class_row(named, name, accepted, say) for name in in_scope]
    apart = [
        (
            join((class_name(name, say), element("span", say("not counted"), class_="note"))),
            *_counts(named, [name], say, Sides()),
        )
        for name in names
        if name not in in_scope
    ]
    total = (say("in scope"), *_counts(named, in_scope, say, not_counted))
    return join((*bars, table(columns, body, [total, *apart]), _sum(found, in_scope, not_counted, say)))


def remedies(found: Answer, say: Words) -> list[Markup]:
    """What to do about classes that sending again may not heal; `found` is an answer of compare."""
    return [
        element(
            "p",
            element("b", class_name(name, say)),
            say("colon"),
            html.prose(text(found, "remedies", name, say.language) or ""),
        )
        for name in fields(found, "remedies")
    ]


def class_name(name: str, say: Words) -> Markup:
    """A class in words; its own name is what commands take."""
    return html.outside(name) if not say.knows(f"class {name}") else element("span", say(f"class {name}"))


def folders(found: Answer, not_counted: Sides, say: Words) -> Markup:
    """Each folder's objects on both sides, with a bar of its classes; those with differences first."""
    named = fields(found, "folders")
    if not named:
        return element("p", say("folders not known"), class_="open")
    counts = {name: _Folder.of(one, not_counted) for name, one in named.items()}
    counts = {name: one for name, one in counts.items() if any(number != 0 for number in one.counts)}
    order = sorted(counts, key=lambda name: (*(-counts[name].tones.get(t, 0) for t in ("bad", "open", "way")), name))
    columns = [
        Column(say("folder")),
        *(Column(say(title), "n") for title in ("folder source", "folder destination")),
        *(Column(say(f"folder {tone}"), "n") for tone in ("bad", "way", "open")),
    ]
    total = _Folder.sum(counts.values())
    body = [(_folder_name(name, counts[name], say), *_folder_cells(counts[name], say)) for name in order]
    return table(columns, body, [(say("total"), *_folder_cells(total, say))])


def lag(found: Answer, say: Words) -> Markup:
    """How long objects took until OMS accepted them, and until they were in OBS."""
    parts = [_one_lag(fields(found, "lag", name), say(f"lag {name}"), say) for name in ("accepted", "copied")]
    again = whole(found, "lag", "again")
    note = element("p", say("sent again", number=f"{again:,}"), class_="note") if again else None
    return join((*parts, note))


class _Folder(NamedTuple):
    """A folder's objects and bytes on both sides, and its objects by tone; None is not known."""

    counts: Sequence[int | None]
    tones: Mapping[str, int]

    @classmethod
    def of(cls, given: object, not_counted: Sides) -> _Folder:
        classes = fields(given)
        quads = {name: list(one) if isinstance(one, list) else [] for name, one in classes.items()}
        for name, quad in quads.items():
            for side, place in _IN_FOLDER.items():
                if not not_counted.counted(name, side):
                    quad[place : place + 2] = [0, 0]
        sums = [_added(quad[place : place + 1] or [None] for quad in quads.values()) for place in range(4)]
        tones: dict[str, int] = {}
        for name, quad in quads.items():
            tone = TONES.get(name, "open")
            # An object is on one side or on both.
            tones[tone] = tones.get(tone, 0) + max((one for one in quad[::2] if type(one) is int), default=0)
        return cls(sums, tones)

    @classmethod
    def sum(cls, folders: Iterable[_Folder]) -> _Folder:
        every = list(folders)
        tones: dict[str, int] = {}
        for one in every:
            for tone, objects in one.tones.items():
                tones[tone] = tones.get(tone, 0) + objects
        return cls([_added([one.counts[place]] for one in every) for place in range(4)], tones)


def _added(values: Iterable[Sequence[object]]) -> int | None:
    """The sum; None if one of them is not a count."""
    total = 0
    for (value,) in values:
        if type(value) is not int:
            return None
        total += value
    return total


def _folder_name(name: str, folder: _Folder, say: Words) -> Markup:
    shown = {"": element("span", say("no folder")), "*": element("span", say("other folders"))}.get(
        name, html.key(name)
    )
    parts = [Part(folder.tones[tone], tone) for tone in dict.fromkeys(TONES.values()) if folder.tones.get(tone)]
    said = say("comma").join(say("bar part", name=say(f"tone {one.tone}"), number=f"{one.number:,}") for one in parts)
    return join((shown, figures.bar(parts, said, thin=True)))


def _folder_cells(folder: _Folder, say: Words) -> list[str | Cell]:
    sides = [
        join(
            (
                units.count(folder.counts[at], say),
                element("span", units.size(folder.counts[at + 1], say), class_="note"),
            )
        )
        for at in _IN_FOLDER.values()
    ]
    return [*sides, *(number(folder.tones.get(tone, 0), say, tone) for tone in ("bad", "way", "open"))]


def _ordered(named: Answer) -> list[str]:
    return [*(name for name in TONES if name in named), *(name for name in named if name not in TONES)]


def _objects(named: Answer, name: str, side: str) -> int | None:
    return whole(named, name, side, "objects")


def _side_bar(named: Answer, names: Sequence[str], side: str, say: Words) -> Markup:
    known = {name: _objects(named, name, side) or 0 for name in names}
    total = units.count(_added([_objects(named, name, side)] for name in names), say)
    parts = [Part(objects, TONES.get(name, "open")) for name, objects in known.items()]
    said = say("comma").join(
        say("bar part", name=say(f"class {name}") if say.knows(f"class {name}") else name, number=f"{objects:,}")
        for name, objects in known.items()
        if objects
    )
    caption = element("figcaption", element("span", say(f"in {side}")), element("span", total))
    label = say("bar", side=say(f"in {side}"), total=total, parts=said or say("none"))
    return element("figure", caption, figures.bar(parts, label))


def _class_row(named: Answer, name: str, accepted: Answer, say: Words) -> list[str | Cell]:
    tone = TONES.get(name, "open")
    who = text(accepted, name)
    waived = element("span", say("accepted by", who=who), class_="note") if who else None
    means = element("span", say(f"means {name}"), class_="note") if say.knows(f"means {name}") else None
    title = join((swatch(tone), class_name(name, say), " ", html.code(name), means, waived))
    return [title, *_counts(named, [name], say, Sides())]


def _counts(named: Answer, names: Sequence[str], say: Words, not_counted: Sides) -> list[str | Cell]:
    cells: list[str | Cell] = []
    for side in _SIDES:
        counted = [name for name in names if not_counted.counted(name, side)]
        objects, size = (_added([whole(named, name, side, what)] for name in counted) for what in ("objects", "bytes"))
        cells.append(number(objects, say))
        cells.append(volume(size, say))
    return cells


def _sum(found: Answer, names: Sequence[str], not_counted: Sides, say: Words) -> Markup:
    """Whether the classes are what the answer says of both buckets."""
    named, holds = fields(found, "classes"), part(found, "adds_up")
    for side in _SIDES:
        for what in ("objects", "bytes"):
            counted = [name for name in names if not_counted.counted(name, side)]
            total = _added([whole(named, name, side, what)] for name in counted)
            if total is None or whole(found, side, what) is None:
                return element("p", say("sum not known"), class_="open")
            if total != whole(found, side, what):
                holds = False
    if holds is False:
        return element("p", say("does not add up"), class_="bad")
    return element("p", say("adds up"), class_="note")


def _one_lag(one: Answer, title: str, say: Words) -> Markup:
    arrived, not_yet = whole(one, "objects"), whole(one, "not_yet")
    within = [whole(one, "within", limit) for limit in _WITHIN]
    if arrived is None or not_yet is None or None in within:
        return join((element("h3", title), element("p", say("not known"), class_="open")))
    if not arrived + not_yet:
        return join((element("h3", title), element("p", say("no lag"), class_="note")))
    known = [limit or 0 for limit in within]
    steps = [now - before for before, now in zip([0, *known], known, strict=False)]
    counts = {f"within {limit}": step for limit, step in zip(_WITHIN, steps, strict=True)}
    counts |= {"later": arrived - known[-1], "not yet": not_yet}
    tones = {"later": "open", "not yet": "bad"}
    whole_lag = arrived + not_yet
    body = [
        (
            say(name),
            _share(count, whole_lag, tones.get(name, "way")),
            number(count, say, tones.get(name, "")),
        )
        for name, count in counts.items()
    ]
    columns = [Column(say("time taken")), Column(say("part"), "wide"), Column(say("objects"), "n")]
    late = [Figure(say(name), units.duration(seconds(one, name), say)) for name in ("p50", "p90", "p99", "max")]
    foot = [(say("total"), "", units.count(whole_lag, say))]
    return join((element("h3", title), key_figures(late, within=True), table(columns, body, foot)))


def _share(count: int, whole_lag: int, tone: str) -> Markup:
    percent = element("span", units.share(count, whole_lag), class_="n" if count else "n nil")
    return element("span", figures.track(count, whole_lag, tone), percent, class_="share")
