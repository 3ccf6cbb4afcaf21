"""The answers of reconcile and compare: what a pass found, or how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.report import comparison, units
from ops.report.blocks import Block, Facts, Hero, Paragraph, Phrase, Report, Span, keys
from ops.report.comparison import LACKING, NONE_APART, UNPROVEN, held
from ops.report.parts import Answer, fields
from ops.report.words import Words
from oss_oms_sync.answers.stop import Stop

_RECONCILED = ("scanned", "covered", "failed_before", "submitted", "pending", "orphans")


def exit_code(found: Mapping[str, Any]) -> int:
    """0 if a pass has ended and all is well, 3 if nothing lacks and not all is proven, else 1."""
    if not found["finished"] and found["stop"] != Stop.LIMIT.value:
        return 1
    if found.get("standstill"):
        return 0
    if "scanned" in found:
        return 1 if found["failed"] or found.get("missing") else 0
    names = held(found).keys() if found["finished"] else set()
    return 1 if names & {*LACKING} else 3 if names & {*UNPROVEN} else 0


def report(found: Mapping[str, Any], language: str) -> Report:
    """`found` is what either answers."""
    say = Words(language)
    lead, tone = _title(found)
    sent = {name: f"{found[name]:,}" for name in ("submitted", "accepted", "failed")}
    facts: list[tuple[str, Phrase]] = [
        *((say(name), units.count(found[name], say)) for name in _RECONCILED if "scanned" in found),
        (say("resent"), say("resent counts", **sent)),
        (say("pass"), units.ran(found, None, say) if found["pass"] else None),
        (say("judged again"), found.get("amended")),
        (say("stopped"), units.stopped(found, say)),
    ]
    below: list[Block] = [Paragraph(say("would send")), keys(found["missing"])] if found.get("missing") else []
    if found["finished"] and found.get("standstill"):
        facts += [(say("state digest"), found["state"]), (say("twin digest"), found["twin"])]
    elif found["finished"] and "scanned" not in found:
        below = _compared(found, say)
    return Report(Hero("", tone, say(lead), None), language, [Facts(facts), *below])


def _title(found: Mapping[str, Any]) -> tuple[str, str]:
    if found["pass"] is None and (found["finished"] or found["stopped"]):
        return "trial", "good" if found["finished"] else "open"
    if not found["finished"]:
        return "pass open" if found["pass"] else "no such scope", "open"
    if "scanned" in found:
        return "pass ended", "good"
    if found.get("standstill"):
        return "listed", "good"
    return {0: ("all equal", "good"), 1: ("lacks", "bad"), 3: ("not all proven", "open")}[exit_code(found)]


def _compared(found: Mapping[str, Any], say: Words) -> list[Block]:
    """What compare found, class by class, and what reading did not prove."""
    blocks = [*comparison.classes(found, NONE_APART, {}, say)]
    for name, one in held(found).items():
        if one["keys"] and name in (*LACKING, *UNPROVEN):
            blocks += [Paragraph(Span("code", name)), keys(one["keys"])]
    blocks += comparison.remedies(found, say)
    deep = found.get("deep") or {}
    for name, names in fields(deep, "keys").items():
        blocks += [Paragraph(say(f"unread {name}", number=f"{deep[name]:,}")), keys(names)]
    if found["watermark"]:
        unproven = sum(one["source"]["objects"] for name, one in held(found).items() if name in UNPROVEN)
        beside = Span("note", say("not proven too", number=f"{unproven:,}")) if unproven else None
        blocks.append(Facts([(say("watermark"), (found["watermark"], beside))]))
    return [*blocks, *comparison.lag(found, say)]


def how_far(found: Answer | None, language: str) -> str:
    """How far an open pass is, in one line; None: nobody has looked yet."""
    say = Words(language)
    if found is None or found["finished"] or found["pass"] is None:
        return say("begins")
    share, objects, left = (found.get(name) for name in ("share", "objects", "minutes_left"))
    known = (
        None if share is None else f"{share:.0%}",
        None if objects is None else say("of objects", number=f"{objects:,}"),
        say("a minute", number=f"{found['objects_per_minute'] or 0:,}"),
        None if left is None else say("time left", minutes=say("minutes", number=f"{left:,}")),
    )
    return say("pause").join(filter(None, known)).replace("\u00a0", " ")
