"""The certificate as a document, and its summary in a sentence. Times are in the form of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from oss_oms_sync.answers.causes import causes
from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.job_answers import Mark, Migrated
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import BothBuckets, ClassCounts, Lags, LastWritten, ListedSource, ListingTotals
from oss_oms_sync.answers.task_group import Silence, TaskShown
from oss_oms_sync.answers.text import Text, same, sentences, t


class CutoverVerdict(Enum):
    """Verdict of a certificate, by its name in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"

    @classmethod
    def of(cls, checks: Sequence[Finding]) -> CutoverVerdict:
        """Return the verdict of `checks`: NO-GO if a check failed, GO if all passed, else NOT PROVEN."""
        results = {check.result for check in checks if check.gates}
        if Result.FAILED in results:
            return cls.NO_GO
        return cls.GO if results == {Result.PASSED} else cls.NOT_PROVEN


@dataclass(frozen=True)
class MadeBy:
    """Version and hash of the code that made the certificate."""

    version: str
    code_sha256: str


@dataclass(frozen=True)
class CertifiedScope:
    """Scope of the project: prefix and suffix of its keys."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class ClosedMark(Mark):
    """The mark of the closed project, with the time at which the project was last opened before.

    `written` is the time of the mark by OSS's clock.
    """

    opened: str
    written: str


@dataclass(frozen=True)
class OmsLeft:
    """Work that OMS has left at the time of the certificate.

    `left`: objects that OMS accepted and has not finished; None if OMS does not report them, or only by the hour.
    `may_finish`: OMS may still finish them. `busy`: the last time at which OMS accepted or finished an object, by its
    counts or our records; None if there is none. `accepted`: objects that OMS counted from an hour before the mark on.
    `recorded`: the number of our records of the same time; None while they are being counted. `largest`: size of the
    largest object in bytes.
    """

    left: int | None
    may_finish: bool
    busy: datetime | None
    accepted: int
    recorded: int | None
    largest: int


@dataclass(frozen=True)
class CertifiedPass:
    """A finished pass, with the digests of both buckets."""

    pass_: str
    started: str
    ended: str
    objects_per_minute: int
    state: Digest
    twin: Digest


@dataclass(frozen=True)
class CertifiedComparison(CertifiedPass):
    """The comparison that answers, and the time at which its keys were last rechecked."""

    amended: str | None


@dataclass(frozen=True)
class CertifiedStandstill(CertifiedPass):
    """The standstill pass after the comparison, and its begin by OSS's clock."""

    began: str


@dataclass(frozen=True)
class CertifiedPasses:
    """The comparison and the standstill pass; None where there is none."""

    compare: CertifiedComparison | None
    standstill: CertifiedStandstill | None


@dataclass(frozen=True)
class Sampled:
    """Result of reading a sample of the objects that count as equal.

    `keys` were drawn; `read` is the number without the `unread` keys, and includes those that differ.
    """

    asked: int
    population: int
    drawn: int
    read: int
    bytes: int
    seed: str
    keys: Sequence[str]
    largest: int
    differing: Sequence[str]
    unread: Sequence[str]
    unreadable: Sequence[str]

    @property
    def bound(self) -> Text | None:
        """Statement about all objects if none differs; None if nothing was read, or an object differs.

        With n objects read and none differing, a share of 3/n or more of the readable objects would have shown with a
        probability of 95 %.
        """
        if not self.read or self.differing:
            return None
        if self.read == self.population:
            return t(
                "All objects that count as equal were read ({population:object|objects} of up to 1 GiB): no"
                " contents differ",
                population=self.population,
            )
        bound = t(
            "With 95 % confidence, fewer than {percent} of {drawn_from} differ",
            percent=bound_of(self.read),
            drawn_from=self.drawn_from,
        )
        return sentences(bound, self.passed_over) if self.unreadable else bound

    @property
    def passed_over(self) -> Text:
        """Note that some of the drawn objects could not be read."""
        return t("{n:sampled object|sampled objects} could not be read, or changed meanwhile", n=len(self.unreadable))

    @property
    def drawn_from(self) -> Text:
        """Name of the objects for which the bound holds."""
        all_equal = t("the {population:object|objects} of up to 1 GiB that count as equal", population=self.population)
        return t("the readable part of {all_equal}", all_equal=all_equal) if self.unreadable else all_equal


def bound_of(number: int) -> str:
    """Return the share of all objects that can differ if `number` were drawn and none differs, with 95 % confidence.

    The share is in thousandths, rounded up, because a certificate has no floats.
    """
    share = min(1000, -(-3000 // number))
    return f"{share // 10}.{share % 10} %"


@dataclass(frozen=True)
class HeaderLost:
    """Number of objects with a header that OBS lacks or has differently, and the first of their keys."""

    objects: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Headers:
    """Result of comparing headers.

    `migrated`: the sync task migrates metadata; None if OMS does not report it. `drawn` objects of the sample were
    compared, and the objects `more`, one from each folder without an object in the sample. Nothing was compared if
    there is a `problem`, or no sample that was read completely. `gone`: objects that are on one side only by now.
    `documented` and `unexpected`: losses by header: headers that OMS does not copy by its documents, and all others.
    """

    migrated: bool | None
    drawn: int = 0
    more: Sequence[str] = ()
    gone: Sequence[str] = ()
    documented: Mapping[str, HeaderLost] = field(default_factory=dict)
    unexpected: Mapping[str, HeaderLost] = field(default_factory=dict)
    problem: str = ""

    @property
    def compared(self) -> int:
        """Number of objects whose headers were compared."""
        return self.drawn + len(self.more)

    @property
    def summary(self) -> Text:
        """Summary of the headers for a GO."""
        if not self.compared:
            return t("Headers were not compared.")
        what = t("all are equal in OBS")
        if self.documented or self.unexpected:
            what = t("not all are equal in OBS (accepted by name)")
        return t("The headers of {n:object|objects} were compared: {what}.", n=self.compared, what=what)


@dataclass(frozen=True)
class Rehearsal:
    """Forecast of a rehearsal.

    `minutes`: duration of each step, and of all; None where unknown. `failing`: checks that would not pass.
    """

    would_be: CutoverVerdict
    minutes: Mapping[str, int | None]
    failing: Sequence[str]


@dataclass(frozen=True)
class EventsLost:
    """Number of `new` objects in the last reconcile pass, and of those without an event."""

    new: int
    missing: int


@dataclass(frozen=True)
class NotJudged:
    """Facts that are not part of the verdict.

    `migrations` are the finished migrations of the old objects. If OMS did not answer, a Silence stands beside None.
    """

    task: TaskShown | None
    silence: Silence | None
    trigger: EventsLost | None
    migrations: Sequence[Migrated]
    lag: Lags | None


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The document without its hash.

    `text`: verdict and summary, for readers of the JSON. `as_of`: time at which the comparison was last judged. `run`:
    the run of a cutover that asked for it. `frozen_since`: None in a rehearsal. `migration`: begin of an unfinished
    migration of the old objects, empty if unknown, or None. Counts of a comparison are None if there is none.
    """

    schema: int
    kind: str
    verdict: CutoverVerdict
    text: Text
    as_of: str | None
    made: str
    made_by: MadeBy
    task: str
    project: str
    source_bucket: str
    destination_bucket: str | None
    log_bucket: str
    scope: CertifiedScope
    frozen_since: str | None
    checks: Sequence[Finding]
    run: str
    closed: ClosedMark | None
    migration: str | None
    open_projects: Sequence[str]
    oms: OmsLeft
    passes: CertifiedPasses
    source: ListedSource | None
    destination: ListingTotals | None
    last_written: Sequence[LastWritten] | None
    classes: Mapping[ObjectClass, ClassCounts] | None
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]] | None
    sample: Sampled | None
    headers: Headers
    accepted: Mapping[str, str]
    rehearsal: Rehearsal | None
    shown: NotJudged
    document: str

    @property
    def counted(self) -> BothBuckets | None:
        """Counts of the comparison in both buckets."""
        if self.source is None or self.destination is None or self.classes is None or self.folders is None:
            return None
        return BothBuckets(classes=self.classes, folders=self.folders, source=self.source, destination=self.destination)

    @property
    def judged(self) -> tuple[int, int]:
        """Number of source objects that could be judged, and of all."""
        return self.counted.judged if self.counted else (0, 0)

    @property
    def summary(self) -> Text:
        """Summary below the verdict, by the document's numbers: a forgery has to change all of them."""
        if self.rehearsal:
            return sentences(_rehearsed(self.rehearsal, self.checks, self.judged), *_not_sampled(self.checks))
        left = [check.id for check in causes(self.checks)]
        if self.verdict is CutoverVerdict.NO_GO:
            failed = [check.id for check in self.checks if check.gates and check.result is Result.FAILED]
            return t("Failed checks: {failed}.", failed=failed)
        compared, still = self.passes.compare, self.passes.standstill
        if self.verdict is not CutoverVerdict.GO or not (compared and still and self.closed and self.source):
            return t("No check failed, but {left} did not pass.", left=left)
        looked = t("between {began} and {ended}", began=compared.started, ended=self.as_of)
        accepted = (counts for name, counts in (self.classes or {}).items() if name.title in self.accepted)
        if any(counts.source.objects or counts.destination.objects for counts in accepted):
            looked = t("{when}, except objects accepted by name", when=looked)
        oms = t("and OMS had finished")
        if self.oms.left != 0:
            number = t("{n:object|objects}", n=self.oms.left)
            if self.oms.left is None:
                number = t("an unknown number of objects")
            oms = t("but OMS may still write: it has not finished {left} (accepted by name)", left=number)
        # Later changes of OBS are unknown.
        return t(
            "Each source object ({n:object|objects}, {bytes:byte|bytes}) was in OBS with equal contents when"
            " checked, {when}. Both buckets were unchanged at {stood}; nothing has been submitted since two"
            " minutes after {closed}, {oms}. {headers}",
            headers=self.headers.summary,
            n=self.source.objects,
            bytes=self.source.bytes,
            when=looked,
            stood=still.began,
            closed=self.closed.written,
            oms=oms,
        )


def _not_sampled(checks: Sequence[Finding]) -> Iterator[Text]:
    """Yield, for a rehearsal without a sample, the reason and the next step."""
    for check in checks:
        if check.id == "SAMPLE" and not check.gates and check.next.en:
            yield from (check.seen, check.next)


def _rehearsed(rehearsal: Rehearsal, checks: Sequence[Finding], judged: tuple[int, int]) -> Text:
    total, would = rehearsal.minutes.get("total"), same(rehearsal.would_be.value)
    lasts = t("The length of the freeze is unknown")
    if total is not None:
        lasts = t("The freeze would last about {n:minute|minutes}", n=total)
    if rehearsal.failing:
        failing = [check.id for check in causes([check for check in checks if check.id in rehearsal.failing])]
        would = t("{verdict}, because of {failing}", verdict=would, failing=failing)
    if 0 < judged[0] < judged[1]:
        return t(
            "{lasts}, and the verdict would be {would}. {judged} of {total:object|objects} could be judged.",
            lasts=lasts,
            would=would,
            judged=judged[0],
            total=judged[1],
        )
    return t("{lasts}, and the verdict would be {would}.", lasts=lasts, would=would)
