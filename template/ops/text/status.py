"""The status."""

from __future__ import annotations

from collections.abc import Iterator

from ops.figures import LAGS, classes_of, figure, left_at_oms, progress, seconds, this_month
from ops.terminal import Line, Marked
from ops.words import Report, fix, sentence, word

# What became of what OMS failed to copy, each with its word.
_FAILURES = {"done": "done", "waiting": "waiting", "stuck": "stuck", "outside": "others", "unknown": "not known"}


def lines(report: Report, lang: str) -> Iterator[Line]:
    """The page of text."""

    def say(name: str) -> str:
        return word(name, lang)

    yield Marked("", sentence(report["verdict"], lang), report["verdict"]["state"])
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
    yield f"{say('failures')}:"
    yield from _failures(report["copying"], lang)
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
    yield from _compared(report["compare"], lang)
    yield from _unread_lists(report["oms_lists"], lang)
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


def _failures(copying: Report, lang: str) -> Iterator[Line]:
    """What became of what OMS failed to copy: parts that add up, and OMS's codes."""
    if copying["acknowledged"]:
        yield f"  {word('acknowledged', lang)} {copying['acknowledged']}"
    failures = copying["failures"]
    if failures is None:
        yield f"  {word('not told', lang)}"
        return
    parts = " + ".join(f"{word(said, lang)} {failures[name]:,}" for name, said in _FAILURES.items())
    yield f"  {word('counted', lang)} {failures['counted']:,} = {parts}"
    for code, one in sorted(failures["codes"].items(), key=lambda item: -item[1]["objects"]):
        state = "" if one["passes"] else "fault"
        said = f": {one['fix'][lang]}" if code else word("resent", lang)
        yield Marked(f"  {one['objects']:6,} ", code, state, said)


def _compared(report: Report, lang: str) -> Iterator[Line]:
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


def _unread_lists(lists: Report, lang: str) -> Iterator[Line]:
    """What replay could not read of OMS's lists of failures."""
    if lists["problem"]:
        yield f"  {word('lists', lang)}: {lists['problem']}"
    if lists["unread"]:
        yield f"  {word('unread', lang)} {lists['unread']:,}: {lists['example']!r}"
