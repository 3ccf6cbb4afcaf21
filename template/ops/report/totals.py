"""Totals of a certificate: classes, accepted objects, digests, the sample, and facts outside the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from ops.clock import moment
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
from ops.report.words import LOST_EVENTS_TEXT, SIDE_LABELS, Words
from oss_oms_sync.answers.certificate import Certificate, ClosedMark, ExtraFacts, OmsQueryFailure
from oss_oms_sync.answers.object_class import IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import BothBuckets, ClassCounts, ListingTotals, ObjectCount
from oss_oms_sync.answers.sampled import SampleResult
from oss_oms_sync.answers.task_group import TaskSummary
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.next_steps import METADATA, OMS_UNFINISHED
from oss_oms_sync.rules.sample_checks import confidence_bound

# Names, other than classes, that can be accepted.
_OTHER_NAMES = {OMS_UNFINISHED: t("unfinished at OMS"), METADATA: t("headers that are not in OBS")}
_MIGRATION_TEXT = t(
    "a migration from {begun} to {ended}, of {total}: {copied} copied, {skipped} skipped, {failed} failed"
)


def of_class(certificate: Certificate, title: str) -> ObjectCount | None:
    """Return a class's objects on the side where they count; None if they are unknown."""
    for object_class, counted in (certificate.classes or {}).items():
        if object_class.title == title:
            return counted.destination if object_class.is_only_there else counted.source
    return None


def objects_and_bytes(sides: Sequence[ObjectCount | None], say: Words) -> str:
    """Return the sum of the counts; "unknown" for a missing count."""
    object_counts = [side for side in sides if side]
    if len(object_counts) < len(sides):
        return say("unknown")
    objects, size = (
        sum(object_count.objects for object_count in object_counts),
        sum(object_count.bytes for object_count in object_counts),
    )
    return say(", ").join((say("{number:object|objects}", number=objects), units.exact(size, say)))


def accepted_classes(certificate: Certificate, say: Words) -> Blocks:
    """Return the accepted classes with the persons."""
    if not certificate.accepted:
        return [Paragraph(say("Nothing was accepted by name."))]
    body = []
    for name, who in certificate.accepted.items():
        label = say(_OTHER_NAMES[name]) if name in _OTHER_NAMES else comparison.class_name(name, say)
        body.append(((label, " ", Span("code", name)), Span("outside", who), *_accepted(certificate, name, say)))
    columns = [
        Column(say("class")),
        Column(say("accepted by, reason")),
        Column(say("objects"), "n"),
        Column(say("volume"), "n"),
    ]
    return [Table(columns, body)]


def _accepted(certificate: Certificate, name: str, say: Words) -> list[Phrase | Cell]:
    """Return objects and bytes; a dash for uncounted names."""
    if name in _OTHER_NAMES:
        return [units.number(certificate.oms.left, say) if name == OMS_UNFINISHED else "–", "–"]
    counted = of_class(certificate, name)
    return [
        units.number(counted.objects if counted else None, say),
        units.volume(counted.bytes if counted else None, say),
    ]


def classes(certificate: Certificate, both: BothBuckets | None, say: Words) -> Blocks:
    """Return each class with objects, and the comparison of the sums."""
    if both is None:
        return [Paragraph(say("The result of the comparison is unknown."), "open")]
    counted = [object_class for object_class in both.classes if object_class in IN_SCOPE]
    return [*comparison.classes(both, say, certificate.accepted), comparison.sums(both, counted, say)]


def digests(certificate: Certificate, say: Words) -> Blocks:
    """Return the digests that a third party can recompute, with their exact numbers."""
    if certificate.source is None or certificate.destination is None:
        return [Paragraph(say("Digests are unknown."), "open")]
    sides: list[tuple[str, ListingTotals]] = [("source", certificate.source), ("destination", certificate.destination)]
    bucket_digests: list[tuple[str, Phrase]] = [
        (
            say(SIDE_LABELS[name]),
            (_digest(listing_totals.digest), Span("below", objects_and_bytes([listing_totals], say))),
        )
        for name, listing_totals in sides
    ]
    return [
        FactList([*bucket_digests, (say("source, with times and ETags"), _digest(certificate.source.state_digest))]),
        Detail(
            [
                *(
                    block
                    for name, object_class in (certificate.classes or {}).items()
                    for block in _class_digests(name, object_class, say)
                )
            ]
        ),
    ]


def _class_digests(name: ObjectClass, class_counts: ClassCounts, say: Words) -> Blocks:
    sides = (
        ("source", class_counts.source, class_counts.digests.source),
        ("destination", class_counts.destination, class_counts.digests.destination),
    )
    side_digests = {side: digest for side, counted, digest in sides if counted.objects}
    if not side_digests:
        return []
    pairs = [(say(SIDE_LABELS[side]), _digest(digest)) for side, digest in side_digests.items()]
    if len(pairs) == 2 and class_counts.digests.source == class_counts.digests.destination:
        pairs = [(say("the same on both sides"), _digest(class_counts.digests.source))]
    return [Heading((comparison.class_name(name.title, say), " ", Span("code", name.title))), FactList(pairs)]


def _digest(digest: int) -> Span:
    return Span("digest", f"{digest:064x}")


def sample(sample: SampleResult | None, say: Words) -> Blocks:
    """Return the sampled objects, and the result of the sample."""
    if sample is None:
        return [Paragraph(say("Nothing was sampled."))]
    trouble, bounded = {say("differing"): sample.differing, say("not read"): sample.unread}, confidence_bound(sample)
    drawn = say(
        "{drawn} drawn, of {population} up to {largest} each",
        drawn=units.count(sample.drawn, say),
        population=units.count(sample.population, say),
        largest=units.limit(sample.largest, say),
    )
    figures = [
        Figure(say("read and compared"), units.count(sample.read, say), drawn),
        Figure(say("read"), units.size(sample.bytes, say)),
        *(Figure(name, f"{len(names):,}", None, "bad" if names else None) for name, names in trouble.items()),
    ]
    return [
        Figures(figures, within=True),
        Paragraph(say(bounded)) if bounded else None,
        *(block for name, names in trouble.items() if names for block in (Heading(name), keys(names))),
        FactList([(say("seed"), Span("digest", sample.seed) if sample.seed else units.unknown(say))]),
    ]


def not_judged(certificate: Certificate, shown: ExtraFacts, say: Words) -> Blocks:
    """Return facts outside the verdict."""
    gone, lost = of_class(certificate, ObjectClass.DELETED_AT_SOURCE.title), shown.trigger
    volume = [say("{number:object|objects}", number=gone.objects), units.size(gone.bytes, say)] if gone else []
    events = say(LOST_EVENTS_TEXT, new=lost.new, missing=lost.missing) if lost else say("unknown")
    task, failure = certificate.sync_task, certificate.oms_failure
    mode = task.object_overwrite_mode if task else None
    return [
        FactList(
            [
                (say("state"), units.name(task.status if task else None, say)),
                (say("overwrite mode"), units.name(mode.value if mode else None, say)),
                (say("events"), events),
                (say(ObjectClass.DELETED_AT_SOURCE.label), say(", ").join(volume) or say("unknown")),
                *((say("existing objects"), say(_MIGRATION_TEXT, **vars(migration))) for migration in shown.migrations),
                (say("project"), _closed(certificate.closed, say)),
            ]
        ),
        *_this_month(task, failure, say),
    ]


def _this_month(task: TaskSummary | None, failure: OmsQueryFailure | None, say: Words) -> Blocks:
    """Return OMS's counters of this month, or the reason why they are missing."""
    if task:
        return [counters({say("this month"): vars(task.month)}, say, say("Copying by OMS"))]
    if failure:
        return [Paragraph((say("not reported by OMS"), say(": "), Span("code", failure.reason)), "open")]
    return []


def _closed(closed: ClosedMark | None, say: Words) -> Phrase:
    if closed is None:
        return say("open")
    since = say("closed since {time}", time=units.clock(moment(closed.since)))
    return since, Span("note", Span("outside", closed.by)) if closed.by else None
