"""The answer of status as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from ops.pages import comparison, html, layout, units
from ops.pages.advice import next_step
from ops.pages.answers import Answer, fields, in_language, moment, part, rows, seconds, text, whole
from ops.pages.causes import Cause, tables
from ops.pages.comparison import Sides
from ops.pages.copying import copying, speed_figures
from ops.pages.failures import failures
from ops.pages.figures import Part, bar
from ops.pages.html import Markup, element, join
from ops.pages.layout import Cell, Column, Figure, facts, hero, key_figures, mark, number, section, swatch, table, time
from ops.pages.words import Words

# The reasons that concern every key, and do not pass by themselves: PERMANENT of the function's code.
LASTING = ("CREDENTIALS", "CLOCK", "FORBIDDEN", "ACCOUNT", "NO_TASK")
_TONES = {"in step": "good", "behind": "open", "broken": "bad", "not known": "calm", "closed": "way"}
_PASS_PARTS = {"covered": "good", "submitted": "way", "failed_before": "open", "pending": "calm"}


def page(answer: Answer, language: str) -> str:
    """`answer` is that of status (oss_oms_sync.jobs.status); `language` is "en" or "zh". What the answer lacks
    is shown as not known."""
    say, now = Words(language), moment(part(answer, "at"))
    task = text(answer, "task", "id")
    about = (
        say("utc", time=layout.clock(now)) if now else None,
        " " if now and task else None,
        join((say("task"), " ", html.code(task))) if task else None,
    )
    return layout.page(
        say("status"),
        say,
        join(about),
        _hero(answer, say),
        key_figures(_figures(answer, now, say)),
        section("waiting", say("waiting"), say("waiting note"), _backlog(answer, now, say)),
        section("oms", say("oms"), say("oms note"), copying(answer, say)),
        section("failures", say("failures"), say("failures note"), failures(answer, now, say)),
        section("in-obs", say("in obs"), say("in obs note"), _compared(answer, now, say)),
        *_found(answer, say),
        section("passes", say("passes"), say("passes note"), _passes(answer, now, say)),
        section("sums", say("sums"), say("sums note"), _sums(answer, say)),
    )


def _hero(answer: Answer, say: Words) -> Markup:
    state = text(answer, "verdict", "state") or ""
    lead = in_language(fields(answer, "verdict"), "text", say.language) or say("no verdict")
    lacking = _lacking(answer) if state == "in step" else []
    if state not in _TONES:
        return hero(say("state not known"), "calm", say("no verdict"), next_step(answer, say), say)
    if lacking:
        parts = say("comma").join(say(f"doubt {name}") for name in lacking)
        doubt = say("verdict in doubt", parts=parts)
        return hero(say("state not known"), "calm", doubt, next_step({"verdict": {}}, say), say)
    word = say(f"state {state}")
    # The sentence may begin with the word that stands above it.
    lead = lead.removeprefix(f"{word}{say('colon')}")
    tone = "bad" if part(answer, "verdict", "alarm") is True else _TONES[state]
    return hero(word, tone, f"{lead[:1].upper()}{lead[1:]}", next_step(answer, say), say)


def _lacking(answer: Answer) -> list[str]:
    """What has to be known before anything is called in step, and is not."""
    needed = {
        "oms": whole(answer, "oms", "month", "failed"),
        "copying": whole(answer, "copying", "unfinished", "objects"),
        "failures": whole(answer, "copying", "failures", "unknown"),
        "backlog": whole(answer, "backlog", "failed"),
        "reconcile": whole(answer, "reconcile", "last", "scanned"),
    }
    return [name for name, known in needed.items() if known is None]


def _figures(answer: Answer, now: datetime | None, say: Words) -> list[Figure]:
    backlog, last = fields(answer, "backlog"), fields(answer, "compare", "last")
    here = [whole(backlog, name) for name in ("failed", "in_run_files")]
    known = [one for one in here if one is not None]
    oldest = units.age(moment(part(backlog, "oldest")), now, say)
    more = part(backlog, "at_least") is True
    if len(known) < len(here):
        waits = Figure(say("waiting"), say("not known"), None, "open")
    else:
        shown = say("at least", number=f"{sum(known):,}") if more else f"{sum(known):,}"
        note = say("oldest", age=oldest) if oldest else None
        waits = Figure(say("waiting"), shown, note, "open" if sum(known) or more else None)
    mark = moment(part(last, "watermark"))
    classes = fields(last, "classes")
    counts = {name: whole(classes, name, "source", "objects") or 0 for name in classes if name != "outside"}
    total, proven = sum(counts.values()), counts.get("equal_contents", 0)
    watermark = Figure(
        say("watermark"),
        units.age(mark, now, say) or say("not known"),
        say("watermark note", total=f"{total:,}", rest=f"{total - proven:,}") if mark else say("never compared"),
        None if mark else "open",
    )
    late = fields(last, "lag", "copied")
    longest = units.duration(seconds(late, "max"), say)
    note = say("lag key note", longest=longest) if seconds(late, "p99") is not None else None
    lag = Figure(say("lag key figure"), units.duration(seconds(late, "p99"), say), note, None if note else "open")
    return [waits, *speed_figures(answer, say), watermark, lag]


def _backlog(answer: Answer, now: datetime | None, say: Words) -> Markup:
    backlog = fields(answer, "backlog")
    if not backlog:
        return element("p", say("not known"), class_="open")
    counts = [(name, whole(backlog, field)) for name, field in (("records", "failed"), ("in replay", "in_run_files"))]
    counts += [
        (name, whole(backlog, field))
        for name, field in (("outside", "outside"), ("unreadable", "unreadable_run_files"))
        if whole(backlog, field) != 0
    ]
    if left := rows(backlog, "left_behind"):
        counts.append(("left behind", sum(whole(one, "run_files") or 0 for one in left)))
    is_empty = all(number == 0 for _, number in counts) and not part(backlog, "at_least")
    return join(
        (
            element("p", say("nothing waits"))
            if is_empty
            else key_figures((Figure(say(name), units.count(number, say)) for name, number in counts), within=True),
            *_reasons(answer, say),
            _first_keys(rows(backlog, "keys"), now, say),
            _replay(answer, now, say),
            _lists(answer, say),
        )
    )


def _reasons(answer: Answer, say: Words) -> list[Markup]:
    """Reasons in three groups: those that last, those that pass, those that are not known here."""
    by_reason = fields(answer, "backlog", "by_reason")
    if not by_reason:
        return []
    read = units.count(whole(answer, "backlog", "read"), say)
    causes = [
        Cause(
            html.code(name),
            whole(by_reason, name) or 0,
            text(answer, "fixes", name, say.language),
            _group(answer, name),
        )
        for name in by_reason
    ]
    return [element("p", say("by reason", number=read), class_="note"), *tables(say("reason"), causes, say)]


def _group(answer: Answer, reason: str) -> str:
    if part(answer, "fixes", reason) is None:
        return "unknown"
    return "lasting" if reason in LASTING else "passing"


def _first_keys(keys: Sequence[object], now: datetime | None, say: Words) -> Markup | None:
    body = [
        (html.key(str(part(one, "key"))), html.code(str(part(one, "reason"))), time(part(one, "since"), now, say))
        for one in keys
    ]
    columns = [Column(say("key")), Column(say("reason")), Column(say("since"))]
    return table(columns, body, caption=say("first keys", number=len(body))) if body else None


def _replay(answer: Answer, now: datetime | None, say: Words) -> Markup | None:
    last = fields(answer, "replay")
    result = fields(last, "result")
    if not last:
        return None
    numbers = {name: units.count(whole(result, name), say) for name in ("taken", "accepted", "failed")}
    age = units.age(moment(part(last, "at")), now, say) or say("not known")
    return element("p", say("last replay", age=age, **numbers), class_="note")


def _lists(answer: Answer, say: Words) -> Markup:
    lists = fields(answer, "oms_lists")
    problem, unread, example = text(lists, "problem"), whole(lists, "unread"), text(lists, "example")
    return join(
        (
            element("p", say("lists problem"), say("colon"), html.outside(problem), class_="open") if problem else None,
            element(
                "p",
                say("lists unread"),
                say("colon"),
                units.count(unread, say),
                " ",
                html.key(example or ""),
                class_="open",
            )
            if unread
            else None,
        )
    )


def _compared(answer: Answer, now: datetime | None, say: Words) -> Markup:
    last = fields(answer, "compare", "last")
    under_way = [_under_way(one, "comparison under way since", now, say) for one in rows(answer, "compare", "open")]
    if not last:
        return join((element("p", say("never compared"), class_="open"), *under_way))
    amended = part(last, "amended")
    about = facts(
        [
            (say("ended"), time(part(last, "ended"), now, say)),
            (say("judged again"), time(amended, now, say) if amended else None),
            (say("watermark"), time(part(last, "watermark"), now, say)),
        ]
    )
    return join((about, comparison.classes(last, Sides(), {}, say), *comparison.remedies(last, say), *under_way))


def _found(answer: Answer, say: Words) -> list[Markup]:
    """What the last comparison has on lag and folders, if there was one."""
    last = fields(answer, "compare", "last")
    if not last:
        return []
    return [
        section("lag", say("lag"), say("lag note"), comparison.lag(last, say)),
        section("folders", say("folders"), say("folders note"), comparison.folders(last, Sides(), say)),
    ]


def _passes(answer: Answer, now: datetime | None, say: Words) -> Markup:
    last = fields(answer, "reconcile", "last")
    under_way = [_under_way(one, "under way since", now, say) for one in rows(answer, "reconcile", "open")]
    if not last:
        return join((element("p", say("no pass"), class_="open"), *under_way))
    counts = {name: whole(last, name) for name in _PASS_PARTS}
    started, ended = moment(part(last, "started")), moment(part(last, "ended"))
    took = say("took", duration=units.duration((ended - started).total_seconds(), say)) if started and ended else None
    scanned = units.count(whole(last, "scanned"), say)
    said = say("comma").join(
        say("bar part", name=say(name), number=units.count(one, say)) for name, one in counts.items()
    )
    picture = element(
        "figure",
        element("figcaption", element("span", say("scanned")), element("span", scanned)),
        bar([Part(one or 0, _PASS_PARTS[name]) for name, one in counts.items()],
            say("bar", side=say("last pass"), total=scanned, parts=said)),
    )  # fmt: skip
    body = [(join((swatch(_PASS_PARTS[name]), say(name))), number(one, say)) for name, one in counts.items()]
    foot: list[Sequence[str | Cell]] = [
        (say("scanned"), scanned),
        (say("orphans"), number(whole(last, "orphans"), say)),
    ]
    about = [(say("last pass"), join((time(part(last, "ended"), now, say), element("span", took, class_="note"))))]
    new, missing = whole(last, "new"), whole(last, "new_missing")
    lost = say("lost events", new=units.count(new, say), missing=units.count(missing, say)) if missing else None
    columns = [Column(say("count")), Column(say("objects"), "n")]
    return join(
        (
            facts(about),
            picture,
            table(columns, body, foot),
            element("p", lost, class_="open") if lost else None,
            *under_way,
        )
    )


def _under_way(one: object, name: str, now: datetime | None, say: Words) -> Markup:
    """A pass that is not at its end: how much of it is done, how fast it is, how long the rest takes."""
    age = units.age(moment(part(one, "started")), now, say) or say("not known")
    rate = units.a_minute(whole(one, "objects_per_minute"), say)
    share, left, scanned = seconds(one, "share"), whole(one, "minutes_left"), whole(one, "scanned")
    if share is None or left is None:
        unknown = (
            partial(say, "rate alone") if scanned is None else partial(say, "progress unknown", scanned=f"{scanned:,}")
        )
        return element("p", mark("way", say(name, age=age)), say("colon"), unknown(rate=rate))
    percent = units.share(round(share * 1000), 1000)
    said = say("progress", share=percent, rate=rate, minutes=units.duration(60 * left, say))
    done = round(share * 1000)
    caption = element("figcaption", mark("way", say(name, age=age)), element("span", said))
    return element("figure", caption, bar([Part(done, "way"), Part(1000 - done, "rest")], said))


def _sums(answer: Answer, say: Words) -> Markup:
    sums = rows(answer, "sums")
    if not sums:
        return element("p", say("no sums"), class_="open")
    body = [
        (
            join((_spoken(text(one, "claim"), say), None if holds else _spoken(text(one, "meaning"), say, "note"))),
            _numbers(one, say),
            mark("good", say("holds")) if holds else mark("open", say("does not hold")),
        )
        for one in sums
        for holds in [part(one, "holds") is True]
    ]
    return table([Column(say("claim")), Column(say("numbers"), "n"), Column(say("result"))], body)


def _spoken(given: str | None, say: Words, kind: str | None = None) -> Markup:
    """What the function says in English only: in the page's language where it is known."""
    if given is None:
        return element("span", say("not known"), class_="open")
    known = say.knows(f"said {given}")
    return element("span", say(f"said {given}") if known else given, class_=kind, lang=None if known else "en")


def _numbers(one: object, say: Words) -> str:
    right = [each if type(each) is int else None for each in rows(one, "right")]
    added = " + ".join(units.count(each, say) for each in right) or say("not known")
    sign = "≤" if "<=" in (text(one, "claim") or "") else "="
    return f"{units.count(whole(one, 'left'), say)} {sign} {added}"
