"""Short answers: doctor, replay, the story of a key in status, the mark of a closed project in certify."""

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
from ops.report.words import Translator
from ops.shell import command
from oss_oms_sync.answers.job_answers import (
    UNREADABLE,
    DoctorAnswer,
    DoctorCheck,
    MarkAnswer,
    ObjectInfo,
    ReplayAnswer,
    StoryAnswer,
)
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t

# States that need action come first.
_STATE_LABELS = {
    "fault": (t("fault"), "bad"),
    "unknown": (t("unknown"), "bad"),
    "warning": (t("warning"), "open"),
    "not confirmed": (t("not confirmed"), "calm"),
    "skipped": (t("skipped"), "calm"),
    "ok": (t("ok"), "good"),
}

# Leads of a successful run, by `ReplayAnswer.whole`.
_SUCCESS_TEXTS = {
    True: t("Nothing is left to resend."),
    False: t("Nothing of the requested objects is left to resend."),
}
_READ_BACK_TEXT = t("The mark was read back two minutes after it was written.")
_RECORDED_TEXT = t("Later writes to the source are recorded as failed (CLOSED): {command}", command=Step("status"))


def doctor(answer: DoctorAnswer, language: str) -> Report:
    """Return faults first with their remedies, then assumptions, a line each; sound checks are only counted."""
    translate, order = Translator(language), [*_STATE_LABELS]
    checks = sorted(answer.checks, key=lambda check: order.index(check.state))
    count = Counter(check.state for check in checks)
    counts = translate(", ").join(
        f"{translate(_STATE_LABELS[state][0])} {count[state]}" for state in reversed(order) if count[state]
    )
    # Checks that depend on others have no own remedy.
    depending = [check for check in checks if check.state == "unknown" and not check.fix.en]
    assumed = [check for check in checks if check.state == "not confirmed"]
    names = translate(", ").join(translate(doctor_check.name) for doctor_check in depending)
    blocks = [
        *(
            _finding(check, translate)
            for check in checks
            if check.state not in ("ok", "not confirmed") and check not in depending
        ),
        # A line for each assumption, below its confirming step.
        *(
            _assumed([doctor_check for doctor_check in assumed if doctor_check.fix.en == fix], translate)
            for fix in dict.fromkeys(doctor_check.fix.en for doctor_check in assumed)
        ),
        Paragraph((translate("unknown until resolved"), translate(": "), names)) if depending else None,
    ]
    return Report(Hero("", "", f"{translate(answer.text)}{translate(': ')}{counts}", None), language, blocks)


def _mark(state: str, translate: Translator) -> Span:
    word, tone = _STATE_LABELS[state]
    return Span("mark", translate(word), tone)


def _finding(doctor_check: DoctorCheck, translate: Translator) -> FindingBlock:
    return FindingBlock(
        (translate(doctor_check.name), translate(": "), translate(doctor_check.actual)),
        _mark(doctor_check.state, translate),
        StepBlock(translate(doctor_check.fix)),
    )


def _assumed(checks: Sequence[DoctorCheck], translate: Translator) -> FindingBlock:
    title = translate("assumptions about the clouds")
    rows = [(translate(check.name), translate(check.actual)) for check in checks]
    return FindingBlock(title, _mark("not confirmed", translate), StepBlock(translate(checks[0].fix)), facts=rows)


def replay_text(answer: ReplayAnswer) -> Text:
    """Return the result of a run of replay in one line."""
    text = t("taken {taken}, accepted {accepted}, failed again {failed}, no longer needed {resolved}, left {left}")
    return t("counted, nothing submitted: {n}", n=answer.taken) if answer.dry_run else text.filled(**vars(answer))


def replay(answer: ReplayAnswer, language: str) -> Report:
    """Report a run of replay, and the keys left."""
    translate = Translator(language)
    tone, lead = (
        ("good", _SUCCESS_TEXTS[answer.whole])
        if answer.is_well
        else ("open", t("Some keys are still waiting to be resent."))
    )
    unreadable = UNREADABLE.filled(names=answer.unreadable)
    ordered = sorted(answer.by_reason.items(), key=lambda entry: -entry[1])
    reasons = [(Span("code", name), f"{number:,}") for name, number in ordered]
    blocks: Blocks = [
        Paragraph(translate(replay_text(answer))),
        Paragraph(translate(unreadable), "open") if answer.unreadable else None,
        FactList(
            [
                (translate("oldest failure"), answer.oldest_failure),
                (translate("stopped"), units.stopped(answer, translate)),
            ]
        ),
        Table([Column(translate("reason")), Column(translate("objects"), "n")], reasons) if reasons else None,
    ]
    return Report(Hero("", tone, translate(lead), None), language, blocks)


def story(answer: StoryAnswer, language: str) -> Report:
    """Report the state of a key, and the next step."""
    translate, late = Translator(language), answer.seconds
    lead = f"{answer.key!r}{translate(': ')}{translate(answer.story)}"
    sent = _after(answer.success.modified, late.accepted, translate) if answer.success else None
    if sent and answer.success and answer.object and not answer.accepted:
        is_named = answer.success.etag != "-"
        sent = (
            translate("another version, {time}", time=sent)
            if is_named
            else translate("version unknown, {time}", time=sent)
        )
    facts: list[tuple[str, Phrase]] = [
        (translate("source bucket"), _object_state(answer.object, translate)),
        (translate("accepted by OMS"), sent),
        (translate("destination bucket"), answer.in_obs_unknown or _object_state(answer.in_obs, translate)),
        (
            translate("Written until in OBS"),
            units.duration(answer.seconds.copied, translate) if answer.seconds.copied is not None else None,
        ),
    ]
    return Report(
        Hero("", "", lead, StepBlock(translate(answer.next), command(answer.step))), language, [FactList(facts)]
    )


def _object_state(state: ObjectInfo | None, translate: Translator) -> str | None:
    return (
        translate(", ").join([units.exact(state.size, translate), translate("written {time}", time=state.modified)])
        if state
        else None
    )


def _after(time: str, seconds: int | None, translate: Translator) -> str:
    """Return a time, and its distance from the object's write."""
    return (
        time
        if seconds is None
        else time + translate(" ({note})", note=translate("{duration:time} later", duration=seconds))
    )


def mark(answer: MarkAnswer, language: str) -> Report:
    """Report the mark of a closed project."""
    translate, tone = Translator(language), "way" if answer.closed else "good"
    # After a GO no trigger records changes.
    recorded = None if answer.closed and answer.closed.go else _RECORDED_TEXT
    read_again = Paragraph(translate(sentences(_READ_BACK_TEXT, recorded))) if answer.closed else None
    return Report(Hero("", tone, translate(answer.next), None), language, [read_again])
