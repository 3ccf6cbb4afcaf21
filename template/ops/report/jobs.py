"""Reports on short answers: of doctor, of replay, of status about a key, and of certify about a closed project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ops.report import units
from ops.report.blocks import (
    Blocks,
    Column,
    FactList,
    FindingBlock,
    Paragraph,
    Phrase,
    Report,
    ReportHead,
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

# Explanations of a successful run: of all waiting keys (True), or of the requested keys only.
_SUCCESS_TEXTS = {
    True: t("No object has to be resent."),
    False: t("None of the requested objects still has to be resent."),
}
_READ_BACK_TEXT = t("The mark that closes the project was still present two minutes after it was written.")
_RECORDED_TEXT = t(
    "Writes to the source after the close are recorded as failed (reason CLOSED). To check for such writes: {command}",
    command=Step("status"),
)


def doctor(answer: DoctorAnswer, language: str) -> Report:
    translate, states = Translator(language), [*_STATE_LABELS]
    checks = sorted(answer.checks, key=lambda check: states.index(check.state))
    state_counts = Counter(check.state for check in checks)
    counts_text = translate(", ").join(
        f"{translate(_STATE_LABELS[state][0])} {state_counts[state]}"
        for state in reversed(states)
        if state_counts[state]
    )
    # A check that depends on another has no remedy of its own.
    dependent_checks = [check for check in checks if check.state == "unknown" and not check.fix.en]
    assumptions = [check for check in checks if check.state == "not confirmed"]
    dependent_names = translate(", ").join(translate(doctor_check.name) for doctor_check in dependent_checks)
    blocks = [
        *(
            _finding_block(check, translate)
            for check in checks
            if check.state not in ("ok", "not confirmed") and check not in dependent_checks
        ),
        # A line for each assumption, below the step that confirms it.
        *(
            _assumption_block([doctor_check for doctor_check in assumptions if doctor_check.fix.en == fix], translate)
            for fix in dict.fromkeys(doctor_check.fix.en for doctor_check in assumptions)
        ),
        Paragraph(
            (translate("checks with unknown results until the faults are resolved"), translate(": "), dependent_names)
        )
        if dependent_checks
        else None,
    ]
    return Report(ReportHead("", "", f"{translate(answer.text)}{translate(': ')}{counts_text}", None), language, blocks)


def _state_mark(state: str, translate: Translator) -> Span:
    word, tone = _STATE_LABELS[state]
    return Span("mark", translate(word), tone)


def _finding_block(doctor_check: DoctorCheck, translate: Translator) -> FindingBlock:
    return FindingBlock(
        (translate(doctor_check.name), translate(": "), translate(doctor_check.actual)),
        _state_mark(doctor_check.state, translate),
        StepBlock(translate(doctor_check.fix)),
    )


def _assumption_block(checks: Sequence[DoctorCheck], translate: Translator) -> FindingBlock:
    title = translate("assumptions about the clouds")
    facts = [(translate(check.name), translate(check.actual)) for check in checks]
    return FindingBlock(
        title, _state_mark("not confirmed", translate), StepBlock(translate(checks[0].fix)), facts=facts
    )


def replay_text(answer: ReplayAnswer) -> Text:
    text = t(
        "objects handled: {taken}; accepted: {accepted}; failed again: {failed}; no longer to be resent:"
        " {resolved}; left: {left}"
    )
    return (
        t("{n:object|objects} counted, none submitted", n=answer.taken)
        if answer.dry_run
        else text.filled(**vars(answer))
    )


def replay(answer: ReplayAnswer, language: str) -> Report:
    translate = Translator(language)
    tone, explanation = (
        ("good", _SUCCESS_TEXTS[answer.whole])
        if answer.is_successful
        else ("open", t("Some objects are still waiting to be resent."))
    )
    unreadable_text = UNREADABLE.filled(names=answer.unreadable)
    counts = sorted(answer.by_reason.items(), key=lambda entry: -entry[1])
    reason_rows = [(Span("code", name), f"{number:,}") for name, number in counts]
    blocks: Blocks = [
        Paragraph(translate(replay_text(answer))),
        Paragraph(translate(unreadable_text), "open") if answer.unreadable else None,
        FactList(
            [
                (translate("oldest failure"), answer.oldest_failure),
                (translate("stopped"), units.stop_reason(answer, translate)),
            ]
        ),
        Table([Column(translate("reason")), Column(translate("objects"), "n")], reason_rows) if reason_rows else None,
    ]
    return Report(ReportHead("", tone, translate(explanation), None), language, blocks)


def story(answer: StoryAnswer, language: str) -> Report:
    """Return the report on a single object key: its state in both buckets and at OMS, and the next step."""
    translate, delays = Translator(language), answer.seconds
    explanation = f"{answer.key!r}{translate(': ')}{translate(answer.story)}"
    accepted_text = _add_delay(answer.success.modified, delays.accepted, translate) if answer.success else None
    if accepted_text and answer.success and answer.object and not answer.accepted:
        has_version = answer.success.etag != "-"
        accepted_text = (
            translate("{time}, for a different version", time=accepted_text)
            if has_version
            else translate("{time}, for an unknown version", time=accepted_text)
        )
    facts: list[tuple[str, Phrase]] = [
        (translate("source bucket"), _describe_object(answer.object, translate)),
        (translate("accepted by OMS"), accepted_text),
        (translate("destination bucket"), answer.in_obs_unknown or _describe_object(answer.in_obs, translate)),
        (
            translate("Time from write to arrival in OBS"),
            units.duration(answer.seconds.copied, translate) if answer.seconds.copied is not None else None,
        ),
    ]
    return Report(
        ReportHead("", "", explanation, StepBlock(translate(answer.next), command(answer.step))),
        language,
        [FactList(facts)],
    )


def _describe_object(state: ObjectInfo | None, translate: Translator) -> str | None:
    return (
        translate(", ").join(
            [units.exact_size(state.size, translate), translate("written {time}", time=state.modified)]
        )
        if state
        else None
    )


def _add_delay(time: str, seconds: int | None, translate: Translator) -> str:
    return (
        time
        if seconds is None
        else time + translate(" ({note})", note=translate("{duration:time} later", duration=seconds))
    )


def mark(answer: MarkAnswer, language: str) -> Report:
    """Return the report on the mark, the object that closes a project, after a command wrote or removed it."""
    translate, tone = Translator(language), "way" if answer.closed else "good"
    # After a GO no trigger records changes.
    recorded_text = None if answer.closed and answer.closed.go else _RECORDED_TEXT
    confirmation = Paragraph(translate(sentences(_READ_BACK_TEXT, recorded_text))) if answer.closed else None
    return Report(ReportHead("", tone, translate(answer.next), None), language, [confirmation])
