"""The answers of doctor and replay, and what status says of one key and certify of the mark: some lines each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ops.commands import command
from ops.report import units
from ops.report.blocks import Block, Column, Facts, Finding, Hero, Paragraph, Phrase, Report, Span, Step, Table, keys
from ops.report.words import Words
from oss_oms_sync.answers import step as answered
from oss_oms_sync.answers.job_answers import (
    DoctorAnswer,
    DoctorCheck,
    MarkAnswer,
    ObjectSeen,
    ReplayAnswer,
    StoryAnswer,
)

# What has to be done comes first.
_STATES = {
    "fault": "bad",
    "unknown": "bad",
    "warning": "open",
    "not confirmed": "calm",
    "skipped": "calm",
    "ok": "good",
}


def doctor(found: DoctorAnswer, language: str) -> Report:
    """What is wrong first, and below it what to do; what is well is only counted, and what is assumed a line each."""
    say, order = Words(language), [*_STATES]
    checks = sorted(found.checks, key=lambda one: order.index(one.state))
    count = Counter(one.state for one in checks)
    told = say("pause").join(f"{say(f'is {state}')} {count[state]}" for state in reversed(order) if count[state])
    # Those that depend on others have nothing to be done about them.
    depending = [one for one in checks if one.state == "unknown" and not one.fix.en]
    assumed = [one for one in checks if one.state == "not confirmed"]
    blocks: list[Block] = [
        _finding(one, say) for one in checks if one.state not in ("ok", "not confirmed") and one not in depending
    ]
    if assumed:
        blocks.append(_assumed(assumed, say))
    if depending:
        names = say("pause").join(one.name.of(language) for one in depending)
        blocks.append(Paragraph((say("depends"), say("colon"), names)))
    return Report(Hero("", "", f"{found.text.of(language)}{say('colon')}{told}", None), language, blocks)


def _finding(one: DoctorCheck, say: Words) -> Finding:
    title = (one.name.of(say.language), say("colon"), one.seen.of(say.language))
    mark = Span("mark", say(f"is {one.state}"), _STATES[one.state])
    return Finding(title, mark, [], "", keys([]), Step(one.fix.of(say.language)))


def _assumed(some: Sequence[DoctorCheck], say: Words) -> Finding:
    mark = Span("mark", say("is not confirmed"), _STATES["not confirmed"])
    rows = [(one.name.of(say.language), one.seen.of(say.language)) for one in some]
    return Finding(say("assumed"), mark, rows, "", keys([]), Step("", command(answered.Step("canary"))))


def replayed(found: ReplayAnswer, language: str) -> str:
    """What a run of replay did, in one line."""
    names = ("taken", "accepted", "failed", "resolved", "left")
    return Words(language)("replayed", **{name: f"{getattr(found, name):,}" for name in names})


def replay(found: ReplayAnswer, language: str) -> Report:
    """What a run of replay did, and what is left."""
    say = Words(language)
    hero = Hero("", "good", say("nothing left"), None) if found.is_well else Hero("", "open", say("some left"), None)
    ordered = sorted(found.by_reason.items(), key=lambda one: -one[1])
    reasons = [(Span("code", name), f"{number:,}") for name, number in ordered]
    columns = [Column(say("reason")), Column(say("objects"), "n")]
    blocks: list[Block] = [
        Paragraph(replayed(found, language)),
        Facts([(say("oldest failure"), found.oldest_failure), (say("stopped"), units.stopped(found, say))]),
        *([Table(columns, reasons)] if reasons else ()),
    ]
    return Report(hero, language, blocks)


def story(found: StoryAnswer, language: str) -> Report:
    """What became of a key, and what comes next."""
    say, late = Words(language), found.seconds
    lead = f"{found.key!r}{say('colon')}{found.story.of(language)}"
    facts: list[tuple[str, Phrase]] = [
        (say("source"), _seen(found.object, say)),
        (say("when accepted"), _after(found.success.modified, late.accepted, say) if found.success else None),
        (say("destination"), found.in_obs_unknown or _seen(found.in_obs, say)),
        (
            say("lag key figure"),
            units.duration(found.seconds.copied, say) if found.seconds.copied is not None else None,
        ),
    ]
    step = Step(found.next.of(language), command(found.step))
    return Report(Hero("", "", lead, step), language, [Facts(facts)])


def _seen(one: ObjectSeen | None, say: Words) -> str | None:
    return say("pause").join([units.exact(one.size, say), say("written at", time=one.modified)]) if one else None


def _after(time: str, seconds: int | None, say: Words) -> str:
    """When something was done, and how long after the object was written that was."""
    return time if seconds is None else f"{time} ({say('later by', duration=seconds)})"


def mark(found: MarkAnswer, language: str) -> Report:
    """What certify says of the mark of a closed project."""
    read_again: list[Block] = [Paragraph(Words(language)("read again"))] if found.closed else []
    return Report(Hero("", "way" if found.closed else "good", found.next.of(language), None), language, read_again)
