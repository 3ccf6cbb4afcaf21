#!/usr/bin/env python3
"""Shows what `s status invoke` or `s doctor invoke` answers as a page of text; the status as a web page, too.

    s status invoke | python status.py
    s status invoke | python status.py --html status.html
    s doctor invoke | python status.py

Needs Python 3.10 and nothing else. Exit code 0: in step, or set up right; 1: any other answer; 2: there is no such
answer in the input.
"""

from __future__ import annotations

import argparse
import json
import locale
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ops.figures import LAGS, classes_of, figure, left_at_oms, progress, seconds, this_month
from ops.pages.status import page
from ops.words import Report, fix, sentence, word

_TAIL = 15
# What has to be done comes first.
STATES = ("fault", "unknown", "warning", "skipped", "ok")
COLOURS = {
    "in step": 32,
    "behind": 33,
    "broken": 31,
    "closed": 34,
    "ok": 32,
    "warning": 33,
    "fault": 31,
    "unknown": 31,
    "skipped": 2,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Shows what `s status invoke` or `s doctor invoke` answers, given on standard input."
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a web page instead, in one file")
    parser.add_argument("--lang", choices=["en", "zh"], default=usual_language(), help="default: your locale's")
    options = parser.parse_args(arguments)
    given = sys.stdin.buffer.read().decode("utf-8", "replace")
    report = find(given)
    if report is None:
        # What the tool or the function said instead.
        print("\n".join([*given.splitlines()[-_TAIL:], word("no answer", options.lang)]), file=sys.stderr)
        return 2
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if options.html and "verdict" not in report:
        parser.error("only the status makes a web page: leave --html out")
    if "checks" in report:
        print("\n".join(checks(report, options.lang, colour=sys.stdout.isatty())))
        return 0 if report["ok"] else 1
    if "story" in report:
        print(f"{report['key']!r}: {report['story']}\n{report['next']}")
        return 0 if report.get("accepted") else 1
    if options.html:
        options.html.write_text(page(report, options.lang), encoding="utf-8")
        print(f"{word('written', options.lang)}{options.html}")
    else:
        print("\n".join(lines(report, options.lang, colour=sys.stdout.isatty())))
    return 0 if report["verdict"]["state"] == "in step" else 1


def usual_language() -> str:
    return "zh" if (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def find(text: str) -> Report | None:
    """The status, one key's story or doctor's checks: what the tool prints behind its last line "Invoke Result:", or
    the text itself.

    No key can pass for it: in logs and answers keys stand in JSON strings, which have no line of their own.
    """
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r\n", "\n")
    answer = f"\n{plain}".rpartition("\nInvoke Result:\n")[2]
    try:
        value, _ = json.JSONDecoder().raw_decode(answer.lstrip())
    except (ValueError, RecursionError):
        return None
    kinds = ({"verdict", "backlog"}, {"key", "story", "next"}, {"ok", "checks"})
    return value if isinstance(value, dict) and any(kind <= value.keys() for kind in kinds) else None


def painted(shown: str, state: str, colour: bool) -> str:
    return f"\x1b[{COLOURS[state]}m{shown}\x1b[0m" if colour else shown


def checks(report: Report, lang: str, colour: bool) -> Iterator[str]:
    """What doctor found: what is wrong first, and below it what to do; what is well is only counted."""
    found = sorted(report["checks"], key=lambda one: STATES.index(one["state"]))
    count = Counter(one["state"] for one in found)
    colon, comma = ("：", "，") if lang == "zh" else (": ", ", ")
    told = comma.join(f"{word(state, lang)} {count[state]}" for state in reversed(STATES) if count[state])
    yield f"{sentence(report, lang)}{colon}{told}"
    # Those that depend on others have nothing to be done about them.
    depending = [one["name"] for one in found if one["state"] == "unknown" and not one["fix"]]
    for one in found:
        if one["state"] != "ok" and one["name"] not in depending:
            yield f"  {painted(word(one['state'], lang), one['state'], colour)}: {one['name']}: {one['seen']}"
            if one["fix"]:
                yield f"      -> {one['fix']}"
    if depending:
        yield f"  {word('depends', lang)}{colon}{', '.join(depending)}"


def lines(report: Report, lang: str, colour: bool) -> Iterator[str]:
    """The page of text."""

    def say(name: str) -> str:
        return word(name, lang)

    yield painted(sentence(report["verdict"], lang), report["verdict"]["state"], colour)
    yield f"{say('at')} {report['at']}"
    yield ""
    oms, backlog, last = report["oms"], report["backlog"], report["reconcile"]["last"]
    yield f"{say('month')}:"
    if "problem" in oms:
        yield f"  {say('no word')}: {oms['problem']}. {oms['fix'][lang]}"
    else:
        yield f"  {say('source')} {oms['src_bucket']} -> {say('destination')} {oms['dst_bucket']} ({oms['status']})"
        yield "  " + ", ".join(f"{say(name)} {figure(number)}" for name, number in this_month(report))
        yield "  " + ", ".join(f"{say(name)} {figure(number)}" for name, number in left_at_oms(report))
    yield f"{say('backlog')}:"
    at_least = f"{say('at least')} " if backlog["at_least"] else ""
    yield f"  {say('records')} {at_least}{backlog['failed']:,}, {say('in run files')} {backlog['in_run_files']:,}"
    if outside := backlog.get("outside"):
        yield f"  {say('outside')} {outside:,}"
    if backlog["oldest"]:
        yield f"  {say('oldest')} {backlog['oldest']}"
    for reason, number in sorted(backlog["by_reason"].items(), key=lambda item: -item[1]):
        yield f"  {number:6,} {reason}: {fix(report, reason, lang)}"
    for one in backlog["keys"]:
        yield f"    {one['key']!r} ({one['reason']})"
    yield f"{say('coverage')}:"
    names = ("scanned", "covered", "failed_before", "submitted", "pending", "orphans")
    if last:
        yield f"  {last['started']} - {last['ended']}: " + ", ".join(f"{say(n)} {last.get(n, 0):,}" for n in names)
    else:
        yield f"  {say('never')}"
    for one in report["reconcile"]["open"]:
        yield f"  {say('open')} {one['started']}: {say('scanned')} {one.get('scanned', 0):,}{progress(one, lang)}"
    yield f"{say('comparison')}:"
    yield from compared(report["compare"], lang)
    yield from unread_lists(report["oms_lists"], lang)
    if report["replay"]:
        result = report["replay"]["result"]
        yield f"{say('last replay')}:"
        done = ", ".join(f"{say(name)} {result[name]:,}" for name in ("taken", "accepted", "failed"))
        yield f"  {report['replay']['at']}: {done}"
    yield f"{say('sums')}"
    for one in report["sums"]:
        right = " + ".join(f"{number:,}" for number in one["right"])
        yield f"  {say('yes') if one['holds'] else say('no')}: {one['claim']}: {one['left']:,} / {right}"
        if not one["holds"]:
            yield f"    {one['meaning']}"


def compared(report: Report, lang: str) -> Iterator[str]:
    """What the last comparison found, how late objects were, and what is under way."""
    if last := report["last"]:
        found = (
            f"{name} {sides['source']['objects']:,} / {sides['destination']['objects']:,}"
            for name, sides in classes_of(last)
        )
        yield f"  {last['started']} - {last['ended']}: {', '.join(found)}"
        yield f"  {word('watermark', lang)} {last['watermark']}"
        for name in ("accepted", "copied"):
            lag = last["lag"][name]
            late = [f"{word(part, lang)} {seconds(lag[part])}" for part in LAGS]
            yield f"  {word(f'lag {name}', lang)}: {', '.join(late)}, {word('not yet', lang)} {lag['not_yet']:,}"
    else:
        yield f"  {word('never compared', lang)}"
    for one in report["open"]:
        yield f"  {word('open', lang)} {one['started']}{progress(one, lang)}"


def unread_lists(lists: Report, lang: str) -> Iterator[str]:
    """What replay could not read of OMS's lists of failures."""
    if lists["problem"]:
        yield f"  {word('lists', lang)}: {lists['problem']}"
    if lists["unread"]:
        yield f"  {word('unread', lang)} {lists['unread']:,}: {lists['example']!r}"


if __name__ == "__main__":
    sys.exit(main())
