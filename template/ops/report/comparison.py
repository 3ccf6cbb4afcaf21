"""Blocks on a comparison of both buckets: the classes of its objects, its folders, and the synchronization lag.

A class is the result of comparing an object, such as `missing`; its tone is the colour in which reports show it.
"""

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
    ShareBar,
    Span,
    Table,
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
    "good": t("proven equal"),
    "open": t("not proven"),
    "way": t("in progress"),
    "bad": t("different or missing"),
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
    """Return the counts of the classes that have objects, in the order in which reports list the classes.

    The dictionary is empty for an unfinished comparison.
    """
    class_counts = both_buckets.classes if isinstance(both_buckets, BothBuckets) else {}
    sorted_counts = {
        object_class: class_counts[object_class] for object_class in CLASSES if object_class in class_counts
    }
    return {
        name: counts for name, counts in sorted_counts.items() if counts.source.objects or counts.destination.objects
    }


def classes(
    both_buckets: BothBuckets, translate: Translator, acceptances: Mapping[str, str] = _NO_ACCEPTANCES
) -> Blocks:
    """Return a bar for each bucket, a table of the classes with objects, and a list of the objects by storage class.

    `acceptances` maps the title of an accepted class to the person who accepted it, and the reason.
    """
    class_counts = counted_classes(both_buckets)
    classes_by_side = {
        side: [
            object_class
            for object_class, counts in class_counts.items()
            if _count_of_side(counts, side).objects and object_class in IN_SCOPE
        ]
        for side in SIDE_LABELS
    }
    classes_in_scope = [
        object_class
        for object_class in class_counts
        if any(object_class in classes_by_side[side] for side in SIDE_LABELS)
    ]
    number_columns = (
        Column(title, "n") for side in SIDE_LABELS.values() for title in (translate(side), translate("volume"))
    )
    out_of_scope_rows = [
        (
            (class_name(object_class.title, translate), Span("note", translate("not in the total"))),
            *_count_cells(both_buckets, [object_class], translate),
        )
        for object_class in class_counts
        if object_class not in classes_in_scope
    ]
    return [
        *(_side_bar(both_buckets, classes_by_side[side], side, translate) for side in SIDE_LABELS),
        Table(
            [Column(translate("class")), *number_columns],
            [
                _class_row(both_buckets, object_class, acceptances.get(object_class.title), translate)
                for object_class in classes_in_scope
            ],
            [
                (translate("total in scope"), *_count_cells(both_buckets, classes_in_scope, translate)),
                *out_of_scope_rows,
            ],
        ),
        Heading(translate("Storage classes")),
        Items([translate(pair.text) for pair in sorted(both_buckets.storage, key=lambda pair: -pair.objects)]),
    ]


def sums(
    both_buckets: BothBuckets, object_classes: Collection[ObjectClass], translate: Translator, *, adds_up: bool = True
) -> Paragraph:
    """Return a sentence that says if the counts of `object_classes` add up to the objects in both listings.

    `adds_up` is False if the function itself has found that they do not.
    """
    for side, totals in (("source", both_buckets.source), ("destination", both_buckets.destination)):
        adds_up = adds_up and _sum_counts(both_buckets, object_classes, side) == ObjectCount(
            totals.objects, totals.bytes
        )
    if adds_up:
        return Paragraph(translate("The classes add up to the objects in both listings."), "note")
    return Paragraph(translate("The classes do not add up to the objects in both listings."), "bad")


def remedies(result: ComparisonResult, translate: Translator) -> Blocks:
    """Return a paragraph with the remedy for each class whose objects may need more than another submission."""
    return [
        Paragraph((Span("strong", class_name(object_class.title, translate)), translate(": "), translate(remedy)))
        for object_class, remedy in result.remedies.items()
    ]


def class_name(title: str, translate: Translator) -> Phrase:
    """Return the label of the class with this title, or the title itself if this project does not know it."""
    object_class = _CLASSES_BY_TITLE.get(title)
    return translate(object_class.label) if object_class else Span("outside", title)


def folders(both_buckets: BothBuckets, translate: Translator) -> Block:
    all_folders = {name: _Folder.from_classes(folder) for name, folder in both_buckets.folders.items()}
    counts = {name: folder for name, folder in all_folders.items() if any(folder.counts)}
    sorted_names = sorted(
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
    rows = [
        (_folder_name(name, counts[name], translate), *_folder_cells(counts[name], translate)) for name in sorted_names
    ]
    return Table(columns, rows, [(translate("total"), *_folder_cells(total, translate))])


def lag(lags: Lags, recheck_time: str | None, translate: Translator) -> Blocks:
    """Return blocks on the time from a write until OMS accepted the object, and until OBS had the object.

    `recheck_time` is the time of the comparison's last recheck, or None. A recheck does not change the lag.
    """
    late_tone = "open" if recheck_time else "bad"
    return [
        *_describe_lag(lags.accepted, translate("Time from write to acceptance by OMS"), late_tone, translate),
        *_describe_lag(lags.copied, translate("Time from write to arrival in OBS"), late_tone, translate),
        Paragraph(translate(_RESENT_TEXT, number=lags.again), "note") if lags.again else None,
        Paragraph(translate("These figures are as of the comparison, before the recheck."), "note")
        if recheck_time
        else None,
    ]


def lag_section(blocks: Blocks, translate: Translator) -> Section:
    note = translate("The figures cover current versions of objects written since the second-to-last comparison.")
    return Section("lag", translate("Synchronization lag"), note, blocks)


def folder_section(block: Block, translate: Translator) -> Section:
    return Section(
        "folders",
        translate("Folders"),
        translate("Top-level folders, those with differences first."),
        [Detail([block])],
    )


class _Folder(NamedTuple):
    """The counts of a folder.

    `counts` are the objects and bytes in the source, then in OBS. `tone_counts` are the objects by the tone of their
    class.
    """

    counts: Sequence[int]
    tone_counts: Counter[str]

    @classmethod
    def from_classes(cls, class_counts: Mapping[ObjectClass, Sequence[int]]) -> _Folder:
        counts_by_class, tone_counts = (
            {name: counts for name, counts in class_counts.items() if name in IN_SCOPE},
            Counter[str](),
        )
        for name, counts_of_class in counts_by_class.items():
            # An object is on one side or on both.
            tone_counts[name.tone] += max(counts_of_class[::2])
        return cls(_sum_columns(counts_by_class.values()), tone_counts)


def _sum_columns(rows: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)] or [0] * 4


def _folder_name(name: str, folder: _Folder, translate: Translator) -> Phrase:
    special_name = {"": translate("(in no folder)"), "*": translate("(all other folders)")}.get(name)
    parts = [Part(folder.tone_counts[tone], tone) for tone in _TONE_ORDER if folder.tone_counts[tone]]
    label = translate(", ").join(
        translate("{name} {number}", name=translate(_TONE_LABELS[part.tone]), number=part.number) for part in parts
    )
    return special_name or Span("key", name), Bar(parts, label, is_thin=True)


def _folder_cells(folder: _Folder, translate: Translator) -> list[Phrase | Cell]:
    sides = [
        (f"{folder.counts[index]:,}", Span("note", units.size(folder.counts[index + 1], translate)))
        for index in _FOLDER_INDEXES.values()
    ]
    return [*sides, *(units.count_cell(folder.tone_counts[tone], translate, tone) for tone in ("bad", "way", "open"))]


def _count_of_side(counts: ClassCounts, side: str) -> ObjectCount:
    return counts.source if side == "source" else counts.destination


def _sum_counts(both_buckets: BothBuckets, object_classes: Iterable[ObjectClass], side: str) -> ObjectCount:
    counts = [_count_of_side(both_buckets.classes[object_class], side) for object_class in object_classes]
    return ObjectCount(sum(count.objects for count in counts), sum(count.bytes for count in counts))


def _side_bar(
    both_buckets: BothBuckets, object_classes: Sequence[ObjectClass], side: str, translate: Translator
) -> Picture:
    parts = [
        (
            translate(object_class.label),
            _count_of_side(both_buckets.classes[object_class], side).objects,
            object_class.tone,
        )
        for object_class in object_classes
    ]
    title = translate(SIDE_LABELS[side])
    return units.picture(title, title, sum(number for _, number, _ in parts), parts, translate)


def _class_row(
    both_buckets: BothBuckets, object_class: ObjectClass, person: str | None, translate: Translator
) -> list[Phrase | Cell]:
    return [
        (
            Span("swatch", tone=object_class.tone),
            class_name(object_class.title, translate),
            " ",
            Span("code", object_class.title),
            Span("aside", translate(object_class.meaning)),
            Span("note", translate("accepted by {who}", who=person)) if person else None,
        ),
        *_count_cells(both_buckets, [object_class], translate),
    ]


def _count_cells(
    both_buckets: BothBuckets, object_classes: Sequence[ObjectClass], translate: Translator
) -> list[Phrase | Cell]:
    cells: list[Phrase | Cell] = []
    for side in SIDE_LABELS:
        total = _sum_counts(both_buckets, object_classes, side)
        cells += [units.count_cell(total.objects, translate), units.size_cell(total.bytes, translate)]
    return cells


def _describe_lag(step_lag: Lag, title: str, late_tone: str, translate: Translator) -> Blocks:
    total = step_lag.objects + step_lag.not_yet
    if not total:
        return [Heading(title), Paragraph(translate("No objects were written in this period."), "note")]
    rows, previous_number = [], 0
    for limit, number in sorted(step_lag.within.items()):
        rows.append((_LAG_RANGES[limit], number - previous_number, ""))
        previous_number = number
    rows += [
        (t("over a day"), step_lag.objects - previous_number, "open"),
        (t("not finished yet"), step_lag.not_yet, late_tone),
    ]
    table_rows = [
        (
            translate(name),
            ShareBar(count, total, tone or "way", units.share(count, total, translate)),
            units.count_cell(count, translate, tone),
        )
        for name, count, tone in rows
    ]
    columns = [Column(translate("time")), Column(translate("share"), "wide"), Column(translate("objects"), "n")]
    quantiles = (
        (translate("median"), step_lag.p50),
        (translate("90th percentile"), step_lag.p90),
        (translate("99th percentile"), step_lag.p99),
    )
    figures = [
        Figure(name, units.duration(seconds, translate))
        for name, seconds in (*quantiles, (translate("longest"), step_lag.max))
    ]
    figures.append(
        Figure(translate("not finished yet"), f"{step_lag.not_yet:,}", None, late_tone if step_lag.not_yet else None)
    )
    return [
        Heading(title),
        Figures(figures, is_in_section=True),
        Detail([Table(columns, table_rows, [(translate("total"), "", f"{total:,}")])]),
    ]
