"""The result of a comparison in reports: its classes, its folders, and the synchronization lag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ops.report import units
from ops.report.blocks import (
    Bar,
    Block,
    Blocks,
    Cell,
    Column,
    Detail,
    Figure,
    Figures,
    Heading,
    Items,
    Paragraph,
    Part,
    Phrase,
    Picture,
    Section,
    Span,
    Table,
    Track,
)
from ops.report.words import SIDE_LABELS, Translator
from oss_oms_sync.answers.object_class import IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import (
    BothBuckets,
    ClassCounts,
    ComparisonResult,
    Lag,
    Lags,
    ObjectCount,
    PassAnswer,
)
from oss_oms_sync.answers.text import t

# Tones of classes and their labels, in the order of the parts of a bar.
_TONE_LABELS = {
    "good": t("equal, proven"),
    "open": t("not proven"),
    "way": t("in progress"),
    "bad": t("differs or missing"),
    "calm": t("not compared"),
}
_TONE_ORDER = [*_TONE_LABELS]
_RESENT_TEXT = t("{number:object that was resent is|objects that were resent are} not in these figures.")
# Ranges of an object's lag, by their upper limit in seconds.
_LAG_RANGES = {
    60: t("up to 1 min"),
    300: t("1 to 5 min"),
    900: t("5 to 15 min"),
    3600: t("15 min to 1 h"),
    86400: t("1 h to 1 day"),
}
_CLASSES_BY_TITLE = {object_class.title: object_class for object_class in ObjectClass}
CLASSES = sorted(ObjectClass, key=lambda object_class: _TONE_ORDER.index(object_class.tone))
_FOLDER_INDEXES = {"source": 0, "destination": 2}

_NO_ACCEPTANCES: Mapping[str, str] = {}


def counted_classes(both_buckets: BothBuckets | PassAnswer) -> dict[ObjectClass, ClassCounts]:
    """Return the classes with objects on either side, in report order; empty if the comparison is unfinished."""
    class_counts = both_buckets.classes if isinstance(both_buckets, BothBuckets) else {}
    ordered = {object_class: class_counts[object_class] for object_class in CLASSES if object_class in class_counts}
    return {name: counts for name, counts in ordered.items() if counts.source.objects or counts.destination.objects}


def classes(both_buckets: BothBuckets, translate: Translator, accepted: Mapping[str, str] = _NO_ACCEPTANCES) -> Blocks:
    """Return a bar for each side, a table of the classes with objects, and the objects by storage class.

    `accepted` maps the title of a class that somebody accepted to the person and the reason.
    """
    listed = counted_classes(both_buckets)
    counted = {
        side: [name for name, counts in listed.items() if _count_of_side(counts, side).objects and name in IN_SCOPE]
        for side in SIDE_LABELS
    }
    in_scope = [name for name in listed if any(name in counted[side] for side in SIDE_LABELS)]
    numbers = (Column(title, "n") for side in SIDE_LABELS.values() for title in (translate(side), translate("volume")))
    others = [
        (
            (class_name(name.title, translate), Span("note", translate("not counted"))),
            *_count_cells(both_buckets, [name], translate),
        )
        for name in listed
        if name not in in_scope
    ]
    return [
        *(_side_bar(both_buckets, counted[side], side, translate) for side in SIDE_LABELS),
        Table(
            [Column(translate("class")), *numbers],
            [_class_row(both_buckets, name, accepted.get(name.title), translate) for name in in_scope],
            [(translate("in scope"), *_count_cells(both_buckets, in_scope, translate)), *others],
        ),
        Heading(translate("Storage classes")),
        Items([translate(pair.text) for pair in sorted(both_buckets.storage, key=lambda pair: -pair.objects)]),
    ]


def sums(
    both_buckets: BothBuckets, names: Collection[ObjectClass], translate: Translator, *, adds_up: bool = True
) -> Paragraph:
    """Report if the objects in `names` add up to the objects listed in both buckets.

    `adds_up` is False if the function's own check has failed already.
    """
    for side, whole in (("source", both_buckets.source), ("destination", both_buckets.destination)):
        adds_up = adds_up and _sum_counts(both_buckets, names, side) == ObjectCount(whole.objects, whole.bytes)
    if adds_up:
        return Paragraph(translate("The classes add up to the objects in both listings."), "note")
    return Paragraph(translate("The classes do not add up to the objects in both listings."), "bad")


def remedies(compared: ComparisonResult, translate: Translator) -> Blocks:
    """Return the remedies for classes that a further submission may not repair."""
    return [
        Paragraph((Span("strong", class_name(name.title, translate)), translate(": "), translate(remedy)))
        for name, remedy in compared.remedies.items()
    ]


def class_name(title: str, translate: Translator) -> Phrase:
    """Return the label of the class with this title; a title from outside the project is returned unchanged."""
    object_class = _CLASSES_BY_TITLE.get(title)
    return translate(object_class.label) if object_class else Span("outside", title)


def folders(both_buckets: BothBuckets, translate: Translator) -> Block:
    """Return a table of the folders with their objects on both sides, folders with differences first."""
    all_folders = {name: _Folder.of(folder) for name, folder in both_buckets.folders.items()}
    counts = {name: folder for name, folder in all_folders.items() if any(folder.counts)}
    order = sorted(
        counts, key=lambda name: (*(-counts[name].tone_counts[tone] for tone in ("bad", "open", "way")), name)
    )
    columns = [
        Column(translate("folder")),
        *(Column(title, "n") for title in (translate("source"), translate("OBS"))),
        *(Column(title, "n") for title in (translate("differ"), translate("in progress"), translate("not proven"))),
    ]
    total = _Folder(
        _sum_columns(count.counts for count in counts.values()),
        sum((count.tone_counts for count in counts.values()), Counter()),
    )
    body = [(_folder_name(name, counts[name], translate), *_folder_cells(counts[name], translate)) for name in order]
    return Table(columns, body, [(translate("total"), *_folder_cells(total, translate))])


def lag(lags: Lags, amended: str | None, translate: Translator) -> Blocks:
    """Return the time from a write until OMS accepted the object, and until the object was in OBS.

    `amended` is the time of the last recheck, if any; a recheck does not change these figures.
    """
    late = "open" if amended else "bad"
    return [
        *_describe_lag(lags.accepted, translate("Time from write to acceptance by OMS"), late, translate),
        *_describe_lag(lags.copied, translate("Time from write to OBS"), late, translate),
        Paragraph(translate(_RESENT_TEXT, number=lags.again), "note") if lags.again else None,
        Paragraph(translate("As of the comparison, before the recheck."), "note") if amended else None,
    ]


def lag_section(blocks: Blocks, translate: Translator) -> Section:
    """Return the section on lag, around the blocks that `lag` made."""
    about = translate("Current versions written since the pass before the last.")
    return Section("lag", translate("Synchronization lag"), about, blocks)


def folder_section(block: Block, translate: Translator) -> Section:
    """Return the section on folders, which a terminal omits."""
    return Section(
        "folders",
        translate("Folders"),
        translate("First-level folders; those with differences first."),
        [Detail([block])],
    )


class _Folder(NamedTuple):
    """The objects and bytes of a folder, and its objects by tone.

    `counts`: objects and bytes in the source, then in OBS.
    """

    counts: Sequence[int]
    tone_counts: Counter[str]

    @classmethod
    def of(cls, class_counts: Mapping[ObjectClass, Sequence[int]]) -> _Folder:
        quads, tone_counts = {name: counts for name, counts in class_counts.items() if name in IN_SCOPE}, Counter[str]()
        for name, quad in quads.items():
            # An object is on one side or on both.
            tone_counts[name.tone] += max(quad[::2])
        return cls(_sum_columns(quads.values()), tone_counts)


def _sum_columns(quads: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*quads, strict=True)] or [0] * 4


def _folder_name(name: str, folder: _Folder, translate: Translator) -> Phrase:
    special = {"": translate("(in no folder)"), "*": translate("(all other folders)")}.get(name)
    parts = [Part(folder.tone_counts[tone], tone) for tone in _TONE_ORDER if folder.tone_counts[tone]]
    label = translate(", ").join(
        translate("{name} {number}", name=translate(_TONE_LABELS[part.tone]), number=part.number) for part in parts
    )
    return special or Span("key", name), Bar(parts, label, thin=True)


def _folder_cells(folder: _Folder, translate: Translator) -> list[Phrase | Cell]:
    sides = [
        (f"{folder.counts[at]:,}", Span("note", units.size(folder.counts[at + 1], translate)))
        for at in _FOLDER_INDEXES.values()
    ]
    return [*sides, *(units.number(folder.tone_counts[tone], translate, tone) for tone in ("bad", "way", "open"))]


def _count_of_side(counts: ClassCounts, side: str) -> ObjectCount:
    return counts.source if side == "source" else counts.destination


def _sum_counts(both_buckets: BothBuckets, names: Iterable[ObjectClass], side: str) -> ObjectCount:
    counts = [_count_of_side(both_buckets.classes[name], side) for name in names]
    return ObjectCount(sum(count.objects for count in counts), sum(count.bytes for count in counts))


def _side_bar(both_buckets: BothBuckets, names: Sequence[ObjectClass], side: str, translate: Translator) -> Picture:
    parts = [
        (translate(name.label), _count_of_side(both_buckets.classes[name], side).objects, name.tone) for name in names
    ]
    title = translate(SIDE_LABELS[side])
    return units.picture(title, title, f"{sum(number for _, number, _ in parts):,}", parts, translate)


def _class_row(
    both_buckets: BothBuckets, name: ObjectClass, who: str | None, translate: Translator
) -> list[Phrase | Cell]:
    return [
        (
            Span("swatch", tone=name.tone),
            class_name(name.title, translate),
            " ",
            Span("code", name.title),
            Span("aside", translate(name.meaning)),
            Span("note", translate("accepted by {who}", who=who)) if who else None,
        ),
        *_count_cells(both_buckets, [name], translate),
    ]


def _count_cells(both_buckets: BothBuckets, names: Sequence[ObjectClass], translate: Translator) -> list[Phrase | Cell]:
    cells: list[Phrase | Cell] = []
    for side in SIDE_LABELS:
        total = _sum_counts(both_buckets, names, side)
        cells += [units.number(total.objects, translate), units.volume(total.bytes, translate)]
    return cells


def _describe_lag(step_lag: Lag, title: str, late_tone: str, translate: Translator) -> Blocks:
    total = step_lag.objects + step_lag.not_yet
    if not total:
        return [Heading(title), Paragraph(translate("No objects were written in this period."), "note")]
    rows, before = [], 0
    for limit, number in sorted(step_lag.within.items()):
        rows.append((_LAG_RANGES[limit], number - before, ""))
        before = number
    rows += [(t("over a day"), step_lag.objects - before, "open"), (t("not yet"), step_lag.not_yet, late_tone)]
    body = [
        (
            translate(name),
            Track(count, total, tone or "way", units.share(count, total, translate)),
            units.number(count, translate, tone),
        )
        for name, count, tone in rows
    ]
    columns = [Column(translate("time")), Column(translate("share"), "wide"), Column(translate("objects"), "n")]
    shares = (
        (translate("median"), step_lag.p50),
        (translate("90th percentile"), step_lag.p90),
        (translate("99th percentile"), step_lag.p99),
    )
    figures = [
        Figure(name, units.duration(seconds, translate))
        for name, seconds in (*shares, (translate("longest"), step_lag.max))
    ]
    figures.append(Figure(translate("not yet"), f"{step_lag.not_yet:,}", None, late_tone if step_lag.not_yet else None))
    return [
        Heading(title),
        Figures(figures, within=True),
        Detail([Table(columns, body, [(translate("total"), "", f"{total:,}")])]),
    ]
