"""The answers of doctor and replay, and what status says of one key and certify of the mark: some lines each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ops.report import units
from ops.report.blocks import Block, Column, Facts, Finding, Hero, Paragraph, Report, Span, Step, Table, keys
from ops.report.parts import in_language
from ops.report.words import Words

# What has to be done comes first.
_STATES = {
    "fault": "bad",
    "unknown": "bad",
    "warning": "open",
    "not confirmed": "calm",
    "skipped": "calm",
    "ok": "good",
}


def doctor(found: Mapping[str, Any], language: str) -> Report:
    """What is wrong first, and below it what to do; what is well is only counted, and what is assumed a line each."""
    say, order = Words(language), [*_STATES]
    checks = sorted(found["checks"], key=lambda one: order.index(one["state"]))
    count = Counter(one["state"] for one in checks)
    told = say("pause").join(f"{say(f'is {state}')} {count[state]}" for state in reversed(order) if count[state])
    # Those that depend on others have nothing to be done about them.
    depending = [in_language(one, "name", language) for one in checks if one["state"] == "unknown" and not one["fix"]]
    assumed = [one for one in checks if one["state"] == "not confirmed"]
    blocks: list[Block] = [
        _finding(one, say)
        for one in checks
        if one["state"] not in ("ok", "not confirmed") and in_language(one, "name", language) not in depending
    ]
    if assumed:
        blocks.append(_assumed(assumed, say))
    if depending:
        blocks.append(Paragraph((say("depends"), say("colon"), say("pause").join(map(str, depending)))))
    lead = f"{in_language(found, 'text', language)}{say('colon')}{told}"
    return Report(Hero("", "", lead, None), language, blocks)


def _finding(one: Mapping[str, Any], say: Words) -> Finding:
    name, seen, fix = (in_language(one, part, say.language) or "" for part in ("name", "seen", "fix"))
    mark = Span("mark", say(f"is {one['state']}"), _STATES[one["state"]])
    return Finding((name, say("colon"), seen), mark, [], "", keys([]), Step(fix))


def _assumed(some: Sequence[Mapping[str, Any]], say: Words) -> Finding:
    mark = Span("mark", say("is not confirmed"), _STATES["not confirmed"])
    rows = [(in_language(one, "name", say.language) or "", in_language(one, "seen", say.language)) for one in some]
    return Finding(say("assumed"), mark, rows, "", keys([]), Step("", "python ops.py canary"))


def is_well(found: Mapping[str, Any]) -> bool:
    """Whether nothing waits any more after a run of replay."""
    return bool(found["finished"]) and not found["left"] and not found["failed"]


def replayed(found: Mapping[str, Any], language: str) -> str:
    """What a run of replay did, in one line."""
    counts = {name: f"{found.get(name, 0):,}" for name in ("taken", "accepted", "failed", "resolved", "left")}
    return Words(language)("replayed", **counts)


def replay(found: Mapping[str, Any], language: str) -> Report:
    """What a run of replay did, and what is left."""
    say = Words(language)
    hero = Hero("", "good", say("nothing left"), None) if is_well(found) else Hero("", "open", say("some left"), None)
    oldest = found["oldest_failure"]
    reasons = [
        (Span("code", name), f"{number:,}")
        for name, number in sorted(found["by_reason"].items(), key=lambda one: -one[1])
    ]
    columns = [Column(say("reason")), Column(say("objects"), "n")]
    blocks: list[Block] = [
        Paragraph(replayed(found, language)),
        Facts([(say("oldest failure"), oldest or None), (say("stopped"), units.stopped(found, say))]),
        *([Table(columns, reasons)] if reasons else ()),
    ]
    return Report(hero, language, blocks)


def story(found: Mapping[str, Any], language: str) -> Report:
    """What became of a key, and what comes next."""
    lead = f"{found['key']!r}{Words(language)('colon')}{in_language(found, 'story', language)}"
    return Report(Hero("", "", lead, Step(in_language(found, "next", language) or "")), language, [])


def mark(found: Mapping[str, Any], language: str) -> Report:
    """What certify says of the mark of a closed project."""
    lead = in_language(found, "next", language) or ""
    read_again: list[Block] = [Paragraph(Words(language)("read again"))] if found["closed"] else []
    return Report(Hero("", "way" if found["closed"] else "good", lead, None), language, read_again)
