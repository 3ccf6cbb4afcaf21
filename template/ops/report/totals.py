"""Sections of a certificate's report: classes, accepted objects, digests, the sample, and facts outside the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from ops.clock import parse_timestamp
from ops.report import comparison, units
from ops.report.blocks import (
    Blocks,
    Cell,
    Column,
    Detail,
    FactList,
    Figure,
    Figures,
    Heading,
    Paragraph,
    Phrase,
    Span,
    Table,
    keys,
)
from ops.report.copying import counters
from ops.report.words import LOST_EVENTS_TEXT, SIDE_LABELS, Translator
from oss_oms_sync.answers.certificate import Certificate, ClosedMark, ExtraFacts, OmsQueryFailure
from oss_oms_sync.answers.object_class import IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import BothBuckets, ClassCounts, ListingTotals, ObjectCount
from oss_oms_sync.answers.sampled import SampleResult
from oss_oms_sync.answers.task_group import TaskSummary
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.next_steps import METADATA, OMS_UNFINISHED
from oss_oms_sync.rules.sample_checks import describe_confidence

# Names, other than classes, that can be accepted.
_OTHER_NAMES = {
    OMS_UNFINISHED: t("objects that OMS has not finished"),
    METADATA: t("headers that differ or are missing in OBS"),
}
_MIGRATION_TEXT = t(
    "migration from {begun} to {ended} with {total:object|objects}: {copied} copied, {skipped} skipped, {failed} failed"
)


def count_class(certificate: Certificate, title: str) -> ObjectCount | None:
    """Return the number of objects in the class with this title: in the source, or in OBS if they are only there.

    Return None if the number is unknown.
    """
    for object_class, counts in (certificate.classes or {}).items():
        if object_class.title == title:
            return counts.destination if object_class.is_only_in_obs else counts.source
    return None


def objects_and_bytes(counts: Sequence[ObjectCount | None], translate: Translator) -> str:
    """Return the sum of `counts` as text, such as "3 objects, 12 bytes", or "unknown" if a count is None."""
    present_counts = [side for side in counts if side]
    if len(present_counts) < len(counts):
        return translate("unknown")
    objects, size = (
        sum(count.objects for count in present_counts),
        sum(count.bytes for count in present_counts),
    )
    return translate(", ").join(
        (translate("{number:object|objects}", number=objects), units.exact_size(size, translate))
    )


def accepted_classes(certificate: Certificate, translate: Translator) -> Blocks:
    if not certificate.accepted:
        return [Paragraph(translate("No class was accepted by name (--accept)."))]
    rows = []
    for name, person in certificate.accepted.items():
        label = translate(_OTHER_NAMES[name]) if name in _OTHER_NAMES else comparison.class_name(name, translate)
        rows.append(
            ((label, " ", Span("code", name)), Span("outside", person), *_accepted_cells(certificate, name, translate))
        )
    columns = [
        Column(translate("class")),
        Column(translate("person who accepted, and reason")),
        Column(translate("objects"), "n"),
        Column(translate("volume"), "n"),
    ]
    return [Table(columns, rows)]


def _accepted_cells(certificate: Certificate, name: str, translate: Translator) -> list[Phrase | Cell]:
    if name in _OTHER_NAMES:
        return [units.count_cell(certificate.oms.left, translate) if name == OMS_UNFINISHED else "–", "–"]
    counts = count_class(certificate, name)
    return [
        units.count_cell(counts.objects if counts else None, translate),
        units.size_cell(counts.bytes if counts else None, translate),
    ]


def classes(certificate: Certificate, both_buckets: BothBuckets | None, translate: Translator) -> Blocks:
    if both_buckets is None:
        return [Paragraph(translate("The result of the comparison is unknown."), "open")]
    classes_in_scope = [object_class for object_class in both_buckets.classes if object_class in IN_SCOPE]
    return [
        *comparison.classes(both_buckets, translate, certificate.accepted),
        comparison.sums(both_buckets, classes_in_scope, translate),
    ]


def digests(certificate: Certificate, translate: Translator) -> Blocks:
    """Return the full digests of keys and sizes, so that a third party can compute and compare them."""
    if certificate.source is None or certificate.destination is None:
        return [Paragraph(translate("Digests are unknown."), "open")]
    sides: list[tuple[str, ListingTotals]] = [("source", certificate.source), ("destination", certificate.destination)]
    bucket_digests: list[tuple[str, Phrase]] = [
        (
            translate(SIDE_LABELS[name]),
            (_digest_span(listing_totals.digest), Span("below", objects_and_bytes([listing_totals], translate))),
        )
        for name, listing_totals in sides
    ]
    return [
        FactList(
            [
                *bucket_digests,
                (
                    translate("digest of the source, with times and ETags"),
                    _digest_span(certificate.source.state_digest),
                ),
            ]
        ),
        Detail(
            [
                *(
                    block
                    for name, object_class in (certificate.classes or {}).items()
                    for block in _list_class_digests(name, object_class, translate)
                )
            ]
        ),
    ]


def _list_class_digests(name: ObjectClass, class_counts: ClassCounts, translate: Translator) -> Blocks:
    sides = (
        ("source", class_counts.source, class_counts.digests.source),
        ("destination", class_counts.destination, class_counts.digests.destination),
    )
    side_digests = {side: digest for side, counts, digest in sides if counts.objects}
    if not side_digests:
        return []
    pairs = [(translate(SIDE_LABELS[side]), _digest_span(digest)) for side, digest in side_digests.items()]
    if len(pairs) == 2 and class_counts.digests.source == class_counts.digests.destination:
        pairs = [(translate("the same on both sides"), _digest_span(class_counts.digests.source))]
    return [Heading((comparison.class_name(name.title, translate), " ", Span("code", name.title))), FactList(pairs)]


def _digest_span(digest: int) -> Span:
    return Span("digest", f"{digest:064x}")


def sample(sample: SampleResult | None, translate: Translator) -> Blocks:
    if sample is None:
        return [Paragraph(translate("No objects were sampled."))]
    problems, bound = (
        {translate("differing"): sample.differing, translate("not read"): sample.unread},
        describe_confidence(sample),
    )
    drawn_text = translate(
        "{drawn} drawn from {population:object|objects} of up to {largest} each",
        drawn=units.count(sample.drawn, translate),
        population=sample.population,
        largest=units.limit(sample.largest, translate),
    )
    figures = [
        Figure(translate("read and compared"), units.count(sample.read, translate), drawn_text),
        Figure(translate("volume read"), units.size(sample.bytes, translate)),
        *(Figure(name, f"{len(names):,}", None, "bad" if names else None) for name, names in problems.items()),
    ]
    return [
        Figures(figures, is_in_section=True),
        Paragraph(translate(bound)) if bound else None,
        *(block for name, names in problems.items() if names for block in (Heading(name), keys(names))),
        FactList(
            [(translate("random seed"), Span("digest", sample.seed) if sample.seed else units.unknown_span(translate))]
        ),
    ]


def extra_facts(certificate: Certificate, facts: ExtraFacts, translate: Translator) -> Blocks:
    deleted_count, trigger = count_class(certificate, ObjectClass.DELETED_AT_SOURCE.title), facts.trigger
    volume = (
        [translate("{number:object|objects}", number=deleted_count.objects), units.size(deleted_count.bytes, translate)]
        if deleted_count
        else []
    )
    events = translate(LOST_EVENTS_TEXT, new=trigger.new, missing=trigger.missing) if trigger else translate("unknown")
    task, failure = certificate.sync_task, certificate.oms_failure
    mode = task.object_overwrite_mode if task else None
    return [
        FactList(
            [
                (translate("state"), units.resource_name(task.status if task else None, translate)),
                (translate("overwrite mode"), units.resource_name(mode.value if mode else None, translate)),
                (translate("events"), events),
                (translate(ObjectClass.DELETED_AT_SOURCE.label), translate(", ").join(volume) or translate("unknown")),
                *(
                    (translate("existing objects"), translate(_MIGRATION_TEXT, **vars(migration)))
                    for migration in facts.migrations
                ),
                (translate("project"), _describe_closing(certificate.closed, translate)),
            ]
        ),
        *_count_month(task, failure, translate),
    ]


def _count_month(task: TaskSummary | None, failure: OmsQueryFailure | None, translate: Translator) -> Blocks:
    if task:
        return [counters({translate("this month"): vars(task.month)}, translate, translate("Copying by OMS"))]
    if failure:
        return [Paragraph((translate("not reported by OMS"), translate(": "), Span("code", failure.reason)), "open")]
    return []


def _describe_closing(mark: ClosedMark | None, translate: Translator) -> Phrase:
    if mark is None:
        return translate("open")
    since_text = translate("closed since {time}", time=units.date_and_time(parse_timestamp(mark.since)))
    return since_text, Span("note", Span("outside", mark.by)) if mark.by else None
