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
    ObjectInfo,
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


def doctor(answer: DoctorAnswer, language: str) -> Report:
    """What is wrong first, and below it what to do; what is well is only counted, and what is assumed a line each."""
    say, order = Words(language), [*_STATES]
    checks = sorted(answer.checks, key=lambda check: order.index(check.state))
    count = Counter(check.state for check in checks)
    told = say(", ").join(f"{say(_STATES[state][0])} {count[state]}" for state in reversed(order) if count[state])
    # Those that depend on others have nothing to be done about them.
    depending = [check for check in checks if check.state == "unknown" and not check.fix.en]
    assumed = [check for check in checks if check.state == "not confirmed"]
    names = say(", ").join(say(doctor_check.name) for doctor_check in depending)
    blocks = [
        *(
            _finding(check, say)
            for check in checks
            if check.state not in ("ok", "not confirmed") and check not in depending
        ),
        # A line each, below what shows it.
        *(
            _assumed([doctor_check for doctor_check in assumed if doctor_check.fix.en == fix], say)
            for fix in dict.fromkeys(doctor_check.fix.en for doctor_check in assumed)
        ),
        Paragraph((say("unknown until then"), say(": "), names)) if depending else None,
    ]
    return Report(Hero("", "", f"{say(answer.text)}{say(': ')}{told}", None), language, blocks)


def _mark(state: str, say: Words) -> Span:
    word, tone = _STATES[state]
    return Span("mark", say(word), tone)


def _finding(doctor_check: DoctorCheck, say: Words) -> FindingBlock:
    return FindingBlock(
        (say(doctor_check.name), say(": "), say(doctor_check.seen)),
        _mark(doctor_check.state, say),
        StepBlock(say(doctor_check.fix)),
    )


def _assumed(some: Sequence[DoctorCheck], say: Words) -> FindingBlock:
    title = say("what this project assumes of the clouds")
    rows = [(say(doctor_check.name), say(doctor_check.seen)) for doctor_check in some]
    return FindingBlock(title, _mark("not confirmed", say), StepBlock(say(some[0].fix)), rows)


def replayed(answer: ReplayAnswer) -> Text:
    """What a run of replay did, in one line."""
    text = t("taken {taken}, accepted {accepted}, failed again {failed}, needless by now {resolved}, left {left}")
    return t("counted, and nothing sent: {n}", n=answer.taken) if answer.dry_run else text.filled(**vars(answer))


def replay(answer: ReplayAnswer, language: str) -> Report:
    """What a run of replay did, and what is left."""
    say = Words(language)
    tone, lead = ("good", _WELL[answer.whole]) if answer.is_well else ("open", t("Some keys still wait to be sent."))
    unreadable = UNREADABLE.filled(names=answer.unreadable)
    ordered = sorted(answer.by_reason.items(), key=lambda one: -one[1])
    reasons = [(Span("code", name), f"{number:,}") for name, number in ordered]
    blocks: Blocks = [
        Paragraph(say(replayed(answer))),
        Paragraph(say(unreadable), "open") if answer.unreadable else None,
        FactList([(say("oldest failure"), answer.oldest_failure), (say("stopped"), units.stopped(answer, say))]),
        Table([Column(say("reason")), Column(say("objects"), "n")], reasons) if reasons else None,
    ]
    return Report(Hero("", tone, say(lead), None), language, blocks)


def story(answer: StoryAnswer, language: str) -> Report:
    """What became of a key, and what comes next."""
    say, late = Words(language), answer.seconds
    lead = f"{answer.key!r}{say(': ')}{say(answer.story)}"
    sent = _after(answer.success.modified, late.accepted, say) if answer.success else None
    if sent and answer.success and answer.object and not answer.accepted:
        is_named = answer.success.etag != "-"
        sent = say("another version, {time}", time=sent) if is_named else say("version unknown, {time}", time=sent)
    facts: list[tuple[str, Phrase]] = [
        (say("source bucket"), _seen(answer.object, say)),
        (say("accepted by OMS"), sent),
        (say("destination bucket"), answer.in_obs_unknown or _seen(answer.in_obs, say)),
        (
            say("Written until in OBS"),
            units.duration(answer.seconds.copied, say) if answer.seconds.copied is not None else None,
        ),
    ]
    return Report(Hero("", "", lead, StepBlock(say(answer.next), command(answer.step))), language, [FactList(facts)])


def _seen(object_seen: ObjectInfo | None, say: Words) -> str | None:
    return (
        say(", ").join([units.exact(object_seen.size, say), say("written {time}", time=object_seen.modified)])
        if object_seen
        else None
    )


def _after(time: str, seconds: int | None, say: Words) -> str:
    """When something was done, and how long after the object was written that was."""
    return time if seconds is None else f"{time} ({say('{duration:time} later', duration=seconds)})"


def mark(answer: MarkAnswer, language: str) -> Report:
    """What certify says of the mark of a closed project."""
    say, tone = Words(language), "way" if answer.closed else "good"
    # After a GO there is no trigger that would record anything.
    recorded = None if answer.closed and answer.closed.go else _RECORDED
    read_again = Paragraph(say(sentences(_READ_AGAIN, recorded))) if answer.closed else None
    return Report(Hero("", tone, say(answer.next), None), language, [read_again])
