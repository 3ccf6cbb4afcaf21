"""The certificate as a document, and what it says in a sentence. Times are as records have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from oss_oms_sync.answers.causes import causes
from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.job_answers import Mark, Migrated
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import BothBuckets, ClassFound, Lags, LastWritten, ListedSource, ListingTotals
from oss_oms_sync.answers.step import Finding, Result
from oss_oms_sync.answers.task_group import Silence, TaskShown
from oss_oms_sync.answers.text import Text, same, sentences, t


class CutoverVerdict(Enum):
    """What a certificate says, by its name in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"

    @classmethod
    def of(cls, checks: Sequence[Finding]) -> CutoverVerdict:
        """What follows from checks: one that failed is a no; short of that, only what all passed is a go."""
        results = {check.result for check in checks if check.gates}
        if Result.FAILED in results:
            return cls.NO_GO
        return cls.GO if results == {Result.PASSED} else cls.NOT_PROVEN


@dataclass(frozen=True)
class MadeBy:
    """Which code made it."""

    version: str
    code_sha256: str


@dataclass(frozen=True)
class CertifiedScope:
    """What the project covers."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class ClosedMark(Mark):
    """The mark of the closed project, when it was `opened` before that, and `written` by OSS's clock."""

    opened: str
    written: str


@dataclass(frozen=True)
class OmsLeft:
    """`left`: how many objects OMS has accepted and not finished; None if it does not tell, or only by the hour. It may
    still finish them, as far as one can know, if it `may_finish`. It was `busy` until then: when it last accepted or
    finished anything, by its counts or our records; None if it never was. It counted so many `accepted` in the hour
    before the mark and since, and our records so many `recorded`; None while they are being counted. `largest` is the
    size of the largest object."""

    left: int | None
    may_finish: bool
    busy: datetime | None
    accepted: int
    recorded: int | None
    largest: int


@dataclass(frozen=True)
class CertifiedPass:
    """A pass at its end, with the digests of both buckets."""

    pass_: str
    started: str
    ended: str
    objects_per_minute: int
    state: Digest
    twin: Digest


@dataclass(frozen=True)
class CertifiedComparison(CertifiedPass):
    """The comparison that answers, and when its keys were last judged again."""

    amended: str | None


@dataclass(frozen=True)
class CertifiedStandstill(CertifiedPass):
    """The standstill pass after it, and when it began by OSS's clock."""

    began: str


@dataclass(frozen=True)
class CertifiedPasses:
    """Both; None where there is none."""

    compare: CertifiedComparison | None
    standstill: CertifiedStandstill | None


@dataclass(frozen=True)
class Sampled:
    """What reading showed: `keys` were drawn, and `read` without those that are `unread`, with all that differed."""

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
        """What it shows if nothing differs; None if nothing was read, or something differs. With n objects read and
        none differing, a share of 3/n or more would have shown with a probability of 95 %: of those that can be."""
        if not self.read or self.differing:
            return None
        if self.read == self.population:
            return t(
                "All that count as equal were read ({population:object|objects} of up to 1 GiB): none differs",
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
        """Why more were drawn than it could take."""
        return t("{n:drawn object|drawn objects} could not be read, or changed meanwhile", n=len(self.unreadable))

    @property
    def drawn_from(self) -> Text:
        """What a bound holds for."""
        all_equal = t("the {population:object|objects} of up to 1 GiB that count as equal", population=self.population)
        return t("those that can be read of {all_equal}", all_equal=all_equal) if self.unreadable else all_equal


def bound_of(number: int) -> str:
    """Fewer than this share of all are so with a confidence of 95 %, if none of so many that were drawn is. In
    thousandths, rounded up: no float stands in a certificate."""
    share = min(1000, -(-3000 // number))
    return f"{share // 10}.{share % 10} %"


@dataclass(frozen=True)
class HeaderLost:
    """How many objects have a header that is not in OBS as it is in the source, and the first of them."""

    objects: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Headers:
    """`migrated`: whether the sync task migrates metadata; None if OMS does not tell. So many of the sample's objects
    (`drawn`), and the objects `more`, one of each folder that has none in the sample, were compared; nothing was if
    there is a `problem`, or no sample that was read wholly. `gone` are on one side only by now.

    By the names of headers: what OMS's documents say that it does not copy, and all else that differs.
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
        """Of how many objects."""
        return self.drawn + len(self.more)

    @property
    def said(self) -> Text:
        """What a GO says of them."""
        if not self.compared:
            return t("Headers were not compared.")
        what = t("all are the same in OBS")
        if self.documented or self.unexpected:
            what = t("not all are in OBS (accepted by name)")
        return t("The headers of {n:object|objects} were compared: {what}.", n=self.compared, what=what)


@dataclass(frozen=True)
class Rehearsal:
    """`minutes` has each step's, and the total; None where nothing tells. `failing` are the checks that would not
    pass."""

    would_be: CutoverVerdict
    minutes: Mapping[str, int | None]
    failing: Sequence[str]


@dataclass(frozen=True)
class EventsLost:
    """How many `new` objects the last reconcile pass has seen, and how many of them no event told of."""

    new: int
    missing: int


@dataclass(frozen=True)
class NotJudged:
    """What decides nothing. `migrations` are those of the old objects that are over. What OMS does not say is a Silence
    beside None."""

    task: TaskShown | None
    silence: Silence | None
    trigger: EventsLost | None
    migrations: Sequence[Migrated]
    lag: Lags | None


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The document without its hash. `text` is for who reads the JSON: it says the verdict, and what `said` says.
    `as_of` is when the comparison was last judged; `run` the run of a cutover that asked; `frozen_since` is None in a
    rehearsal. `migration`: when one of the old objects began that is not over (empty if that is not known), or None.
    What a comparison counts is None if there is none."""

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
    classes: Mapping[ObjectClass, ClassFound] | None
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]] | None
    sample: Sampled | None
    headers: Headers
    accepted: Mapping[str, str]
    rehearsal: Rehearsal | None
    shown: NotJudged
    document: str

    @property
    def counted(self) -> BothBuckets | None:
        """What the comparison found in both buckets."""
        if self.source is None or self.destination is None or self.classes is None or self.folders is None:
            return None
        return BothBuckets(classes=self.classes, folders=self.folders, source=self.source, destination=self.destination)

    @property
    def judged(self) -> tuple[int, int]:
        """How many objects of the source could be judged, and of how many."""
        return self.counted.judged if self.counted else (0, 0)

    @property
    def said(self) -> Text:
        """What it says under its verdict, by its numbers: whoever forges those has to forge all of them."""
        if self.rehearsal:
            return sentences(_rehearsed(self.rehearsal, self.checks, self.judged), *_not_sampled(self.checks))
        left = [check.id for check in causes(self.checks)]
        if self.verdict is CutoverVerdict.NO_GO:
            failed = [check.id for check in self.checks if check.gates and check.result is Result.FAILED]
            return t("These checks failed: {failed}.", failed=failed)
        compared, still = self.passes.compare, self.passes.standstill
        if self.verdict is not CutoverVerdict.GO or not (compared and still and self.closed and self.source):
            return t("Nothing is known to be wrong, but {left} did not pass.", left=left)
        looked = t("between {began} and {ended}", began=compared.started, ended=self.as_of)
        accepted = (object_class for one, object_class in (self.classes or {}).items() if one.title in self.accepted)
        if any(class_found.source.objects or class_found.destination.objects for class_found in accepted):
            looked = t("{when}, but for what was accepted by name", when=looked)
        oms = t("and OMS had finished")
        if self.oms.left != 0:
            number = t("{n:object|objects}", n=self.oms.left)
            if self.oms.left is None:
                number = t("an unknown number of objects")
            oms = t("but OMS may still write: it has not finished {left} (accepted by name)", left=number)
        # Later changes of OBS are unknown.
        return t(
            "Each object of the source ({n:object|objects}, {bytes:byte|bytes}) was in OBS with equal contents when it"
            " was checked, {when}. Both buckets were unchanged at {stood}; nothing has been submitted since two minutes"
            " after {closed}, {oms}. {headers}",
            headers=self.headers.said,
            n=self.source.objects,
            bytes=self.source.bytes,
            when=looked,
            stood=still.began,
            closed=self.closed.written,
            oms=oms,
        )


def _not_sampled(checks: Sequence[Finding]) -> Iterator[Text]:
    """Yield what a rehearsal without a sample says of one: that it could not be read, and what to do."""
    for check in checks:
        if check.id == "SAMPLE" and not check.gates and check.next.en:
            yield from (check.seen, check.next)


def _rehearsed(rehearsal: Rehearsal, checks: Sequence[Finding], judged: tuple[int, int]) -> Text:
    total, would = rehearsal.minutes.get("total"), same(rehearsal.would_be.value)
    lasts = t("How long the freeze would last is not known")
    if total is not None:
        lasts = t("The freeze would last about {n:minute|minutes}", n=total)
    if rehearsal.failing:
        failing = [check.id for check in causes([check for check in checks if check.id in rehearsal.failing])]
        would = t("{verdict}, because of {failing}", verdict=would, failing=failing)
    if 0 < judged[0] < judged[1]:
        return t(
            "{lasts}, and the verdict would be {would}, as far as {judged} of {total:object|objects} could be judged.",
            lasts=lasts,
            would=would,
            judged=judged[0],
            total=judged[1],
        )
    return t("{lasts}, and the verdict would be {would}.", lasts=lasts, would=would)
