"""The answers of doctor and replay, and what status says of one key and certify of the mark: some lines each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ops.report import units
from ops.report.blocks import (
    Blocks,
    Column,
    FactList,
    FindingBlock,
    Hero,
    Paragraph,
    Phrase,
    Report,
    Span,
    StepBlock,
    Table,
)
from ops.report.words import Words
from ops.shell import Typed, command
from oss_oms_sync.answers.job_answers import (
    UNREADABLE,
    DoctorAnswer,
    DoctorCheck,
    MarkAnswer,
    ObjectSeen,
    ReplayAnswer,
    StoryAnswer,
)
from oss_oms_sync.answers.text import Text, sentences, t

# What has to be done comes first.
_STATES = {
    "fault": (t("fault"), "bad"),
    "unknown": (t("unknown"), "bad"),
    "warning": (t("warning"), "open"),
    "not confirmed": (t("not confirmed"), "calm"),
    "skipped": (t("skipped"), "calm"),
    "ok": (t("ok"), "good"),
}

# By whether a run was asked for all that waits.
_WELL = {
    True: t("Nothing is left to send again."),
    False: t("Of what was asked for, nothing is left to send again."),
}
_READ_AGAIN = t("The mark was read again two minutes after it was set.")
_RECORDED = t("What is still written to the source is recorded as failed (CLOSED): {command}", command=Typed("status"))


def doctor(found: DoctorAnswer, language: str) -> Report:
    """What is wrong first, and below it what to do; what is well is only counted, and what is assumed a line each."""
    say, order = Words(language), [*_STATES]
    checks = sorted(found.checks, key=lambda one: order.index(one.state))
    count = Counter(one.state for one in checks)
    told = say(", ").join(f"{say(_STATES[state][0])} {count[state]}" for state in reversed(order) if count[state])
    # Those that depend on others have nothing to be done about them.
    depending = [one for one in checks if one.state == "unknown" and not one.fix.en]
    assumed = [one for one in checks if one.state == "not confirmed"]
    names = say(", ").join(say(one.name) for one in depending)
    blocks = [
        *(_finding(one, say) for one in checks if one.state not in ("ok", "not confirmed") and one not in depending),
        # A line each, below what shows it.
        *(
            _assumed([one for one in assumed if one.fix.en == fix], say)
            for fix in dict.fromkeys(one.fix.en for one in assumed)
        ),
        Paragraph((say("unknown until then"), say(": "), names)) if depending else None,
    ]
    return Report(Hero("", "", f"{say(found.text)}{say(': ')}{told}", None), language, blocks)


def _mark(state: str, say: Words) -> Span:
    word, tone = _STATES[state]
    return Span("mark", say(word), tone)


def _finding(one: DoctorCheck, say: Words) -> FindingBlock:
    return FindingBlock((say(one.name), say(": "), say(one.seen)), _mark(one.state, say), StepBlock(say(one.fix)))


def _assumed(some: Sequence[DoctorCheck], say: Words) -> FindingBlock:
    title = say("what this project assumes of the clouds")
    rows = [(say(one.name), say(one.seen)) for one in some]
    return FindingBlock(title, _mark("not confirmed", say), StepBlock(say(some[0].fix)), rows)


def replayed(found: ReplayAnswer) -> Text:
    """What a run of replay did, in one line."""
    told = t("taken {taken}, accepted {accepted}, failed again {failed}, needless by now {resolved}, left {left}")
    return t("counted, and nothing sent: {n}", n=found.taken) if found.dry_run else told.filled(**vars(found))


def replay(found: ReplayAnswer, language: str) -> Report:
    """What a run of replay did, and what is left."""
    say = Words(language)
    tone, lead = ("good", _WELL[found.whole]) if found.is_well else ("open", t("Some keys still wait to be sent."))
    unreadable = UNREADABLE.filled(names=found.unreadable)
    ordered = sorted(found.by_reason.items(), key=lambda one: -one[1])
    reasons = [(Span("code", name), f"{number:,}") for name, number in ordered]
    blocks: Blocks = [
        Paragraph(say(replayed(found))),
        Paragraph(say(unreadable), "open") if found.unreadable else None,
        FactList([(say("oldest failure"), found.oldest_failure), (say("stopped"), units.stopped(found, say))]),
        Table([Column(say("reason")), Column(say("objects"), "n")], reasons) if reasons else None,
    ]
    return Report(Hero("", tone, say(lead), None), language, blocks)


def story(found: StoryAnswer, language: str) -> Report:
    """What became of a key, and what comes next."""
    say, late = Words(language), found.seconds
    lead = f"{found.key!r}{say(': ')}{say(found.story)}"
    sent = _after(found.success.modified, late.accepted, say) if found.success else None
    if sent and found.success and found.object and not found.accepted:
        is_named = found.success.etag != "-"
        sent = say("another version, {time}", time=sent) if is_named else say("version unknown, {time}", time=sent)
    facts: list[tuple[str, Phrase]] = [
        (say("source bucket"), _seen(found.object, say)),
        (say("accepted by OMS"), sent),
        (say("destination bucket"), found.in_obs_unknown or _seen(found.in_obs, say)),
        (
            say("Written until in OBS"),
            units.duration(found.seconds.copied, say) if found.seconds.copied is not None else None,
        ),
    ]
    return Report(Hero("", "", lead, StepBlock(say(found.next), command(found.step))), language, [FactList(facts)])


def _seen(one: ObjectSeen | None, say: Words) -> str | None:
    return say(", ").join([units.exact(one.size, say), say("written {time}", time=one.modified)]) if one else None


def _after(time: str, seconds: int | None, say: Words) -> str:
    """When something was done, and how long after the object was written that was."""
    return time if seconds is None else f"{time} ({say('{duration:time} later', duration=seconds)})"


def mark(found: MarkAnswer, language: str) -> Report:
    """What certify says of the mark of a closed project."""
    say, tone = Words(language), "way" if found.closed else "good"
    # After a GO there is no trigger that would record anything.
    recorded = None if found.closed and found.closed.go else _RECORDED
    read_again = Paragraph(say(sentences(_READ_AGAIN, recorded))) if found.closed else None
    return Report(Hero("", tone, say(found.next), None), language, [read_again])
