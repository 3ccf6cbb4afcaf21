"""The answers of reconcile and compare: what a pass found, or how far it is."""

from __future__ import annotations

from collections.abc import Iterator

from ops.commands import command
from ops.report import comparison, units
from ops.report.blocks import Block, Command, Facts, Hero, Paragraph, Phrase, Report, Span, keys
from ops.report.comparison import LACKING, NONE_APART, UNPROVEN, held
from ops.report.words import Words
from oss_oms_sync.answers.pass_answers import CompareAnswer, Compared, PassAnswer, ReconcileAnswer
from oss_oms_sync.answers.step import Stop

_RECONCILED = ("scanned", "covered", "failed_before", "submitted", "pending", "migrating", "unsent", "orphans")


def exit_code(found: ReconcileAnswer | CompareAnswer) -> int:
    """0 if a pass has ended and all is well, 3 if nothing lacks and not all is proven, else 1."""
    if not found.finished and found.stop is not Stop.LIMIT:
        return 1
    if isinstance(found, ReconcileAnswer):
        return 1 if found.failed or found.missing or found.unsent else 0
    classes = held(found).keys() if isinstance(found, Compared) else set()
    return 1 if classes & LACKING else 3 if classes & UNPROVEN else 0


def report(found: ReconcileAnswer | CompareAnswer, language: str) -> Report:
    """What either answers."""
    say = Words(language)
    lead, tone = _title(found)
    sent = {name: f"{getattr(found, name):,}" for name in ("submitted", "accepted", "failed")}
    rate = found.objects_per_minute
    ran: Phrase = units.ran(found.started, found.ended, None, say, rate) if found.pass_ else None
    stopped = (say("stopped"), units.stopped(found, say))
    resent = (say("resent"), say("resent counts", **sent))
    below: list[Block] = []
    facts: list[tuple[str, Phrase]]
    if isinstance(found, ReconcileAnswer):
        counts = [(say(name), f"{getattr(found, name):,}") for name in _RECONCILED]
        facts = [*counts, resent, (say("pass"), ran), stopped]
        below = [Paragraph(say("would send")), keys(found.missing)] if found.missing else []
    else:
        facts = [resent, (say("pass"), ran), (say("judged again"), found.amended), stopped]
        if found.finished and found.standstill:
            facts += [(say("state digest"), found.state), (say("twin digest"), found.twin)]
        if isinstance(found, Compared):
            below = _compared(found, say)
    return Report(Hero("", tone, say(lead), None), language, [Facts(facts), *_left(found, say), *below])


def _left(found: PassAnswer, say: Words) -> Iterator[Block]:
    """What was not sent, and how it gets to OBS."""
    if found.is_migration_unknown:
        yield Paragraph(say("migration unknown"), "open")
    if found.step and found.all_the_same:
        yield Paragraph(say("too many", unsent=found.unsent), "open")
        yield Command(command(found.step))
        yield Paragraph(say("all the same"))
        yield Command(command(found.all_the_same))


def _title(found: ReconcileAnswer | CompareAnswer) -> tuple[str, str]:
    if found.pass_ is None and (found.finished or found.stop):
        return "trial", "good" if found.finished else "open"
    if not found.finished:
        return "pass open" if found.pass_ else "no such scope", "open"
    if isinstance(found, ReconcileAnswer):
        return "pass ended", "open" if found.unsent else "good"
    if found.standstill:
        return "listed", "good"
    return {0: ("all equal", "good"), 1: ("lacks", "bad"), 3: ("not all proven", "open")}[exit_code(found)]


def _compared(found: Compared, say: Words) -> list[Block]:
    """What compare found, class by class, and what reading did not prove."""
    blocks = [
        *comparison.classes(found, NONE_APART, {}, say),
        comparison.sums(found, NONE_APART, say, adds_up=found.adds_up),
    ]
    for name, one in held(found).items():
        if one.keys and name in LACKING | UNPROVEN:
            blocks += [Paragraph(Span("code", name.title)), keys(one.keys)]
    blocks += comparison.remedies(found, say)
    for kind, names in found.deep.keys.items() if found.deep else ():
        blocks += [Paragraph(say(f"unread {kind}", number=getattr(found.deep, kind))), keys(names)]
    if found.watermark:
        unproven = sum(one.source.objects for name, one in held(found).items() if name in UNPROVEN)
        beside = Span("note", say("not proven too", number=unproven)) if unproven else None
        blocks.append(Facts([(say("watermark"), (found.watermark, beside))]))
    return [*blocks, *comparison.lag(found.lag, say)]


def how_far(found: PassAnswer | None, language: str) -> str:
    """How far an open pass is, in one line; None: nobody has looked yet."""
    say = Words(language)
    if found is None or found.finished or found.pass_ is None:
        return say("begins")
    known = (
        None if found.share is None else f"{found.share:.0%}",
        None if found.objects is None else say("of objects", number=found.objects),
        say("a minute", number=found.objects_per_minute or 0),
        None if found.minutes_left is None else say("time left", left=60 * found.minutes_left),
    )
    return say("pause").join(filter(None, known))
