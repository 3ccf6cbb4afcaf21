"""The answer of certify as a page: the certificate of a cutover, or a rehearsal of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ops import certificates
from ops.certificates import CHECKS, NOT_COUNTED, bound, gates, said, sha256, side_of
from ops.check import doubts
from ops.pages import comparison, html, layout, units
from ops.pages.answers import Answer, fields, in_language, moment, part, rows, text, whole
from ops.pages.comparison import Sides
from ops.pages.figures import Part, bar
from ops.pages.html import Markup, element, join
from ops.pages.layout import (
    Cell,
    Column,
    Figure,
    Step,
    command,
    facts,
    hero,
    key_figures,
    keys,
    mark,
    number,
    section,
    swatch,
    table,
    time,
    volume,
)
from ops.pages.words import Words

VERDICTS = {"GO": "good", "NO-GO": "bad", "NOT PROVEN": "open", "REHEARSAL": "way"}
# Results, the worst first: their words and tones.
_RESULTS = {
    "failed": ("result failed", "bad"),
    "not proven": ("not proven", "open"),
    "not run": ("not run", "calm"),
    "passed": ("passed", "good"),
}
_NOT_COUNTED = Sides(**NOT_COUNTED)
_STEPS = ("replay", "settle", "compare", "again", "close", "oms", "standstill", "sample")
_CUTOVER = "python ops.py cutover"


def page(document: Answer, language: str) -> str:
    """`document` is what certify answers; `language` is "en" or "zh". A document that was changed, or whose verdict
    does not rest on its checks, is not valid."""
    say, made = Words(language), moment(part(document, "made"))
    about = element("span", say("utc", time=layout.clock(made))) if made else Markup()
    return layout.page(
        say("certificate"),
        say,
        about,
        _hero(document, say),
        key_figures(_figures(document, say)),
        _rehearsal(document, say),
        section("looked-at", say("looked at"), None, _looked_at(document, made, say)),
        section("checks", say("checks"), say("checks note"), _checks(document, say)),
        section("waivers", say("waivers"), say("waivers note"), _waivers(document, say)),
        section("classes", say("classes"), say("classes note"), _classes(document, say)),
        section("digests", say("digests"), say("digests note"), _digests(document, say)),
        section("sample", say("sample"), say("sample note"), _sample(document, say)),
        section("folders", say("folders"), say("folders note"), comparison.folders(document, _NOT_COUNTED, say)),
        section("lag", say("lag"), say("lag note"), comparison.lag(fields(document, "shown"), say)),
        section("shown", say("shown"), say("shown note"), _shown(document, say)),
        section("document", say("the document"), say("the document note"), _document(document, say)),
    )


def _hero(document: Answer, say: Words) -> Markup:
    verdict = text(document, "verdict") or ""
    if not document:
        return hero(say("verdict not known"), "calm", say("classes not known"), None, say)
    if found := doubts(document):
        claim = say(f"verdict {verdict}") if verdict in VERDICTS else verdict or say("not known")
        listed = element("ul", *(element("li", one.claim.of(say.language), _what(one.seen)) for one in found))
        step = Step(say("advise new"), _CUTOVER)
        return hero(say("verdict not valid"), "bad", say("not valid", verdict=claim), step, say, listed)
    return hero(
        say(f"verdict {verdict}"), VERDICTS[verdict], said(document).of(say.language), _next(document, say), say
    )


def _what(seen: str) -> Markup | None:
    """What does not hold."""
    return element("span", html.outside(seen), class_="note") if seen else None


def _next(document: Answer, say: Words) -> Step | None:
    if text(document, "verdict") == "GO":
        return Step(say("advise closed"))
    # What failed comes before what was not looked at.
    for one in _by_result(document):
        following = in_language(one, "next", say.language)
        if part(one, "result") != "passed" and gates(one) and following:
            return Step(following, _line(one))
    return Step(say("advise cutover"), _CUTOVER)


def _line(check: Answer) -> str:
    """The command of a check's next step; empty if there is none."""
    step = part(check, "step")
    return certificates.line(step) if isinstance(step, dict) else ""


def _by_result(document: Answer) -> list[Answer]:
    """The checks, the worst first, and otherwise in their order; one with a result that is not known here is bad."""
    order = list(_RESULTS)
    return sorted(
        (fields({"it": one}, "it") for one in rows(document, "checks")),
        key=lambda one: order.index(one["result"]) if part(one, "result") in order else 0,
    )


def _figures(document: Answer, say: Words) -> list[Figure]:
    sides = [
        Figure(
            say(title),
            units.count(whole(document, side, "objects"), say),
            units.size(whole(document, side, "bytes"), say),
            None if whole(document, side, "objects") is not None else "open",
        )
        for title, side in (("source holds", "source"), ("destination holds", "destination"))
    ]
    checks = [one for one in rows(document, "checks") if gates(one)]
    passed = sum(part(one, "result") == "passed" for one in checks)
    of_all = say("of", number=passed, total=max(len(checks), len(CHECKS) - 1))
    return [*sides, Figure(say("checks passed"), of_all), _freeze(document, say), _as_of(document, say)]


def _freeze(document: Answer, say: Words) -> Figure:
    """Since when writes are stopped, or how long they will be."""
    minutes, frozen = whole(document, "rehearsal", "minutes", "total"), moment(part(document, "frozen_since"))
    if minutes is not None:
        long = units.duration(60 * minutes, say)
        return Figure(say("freeze"), say("freeze about", duration=long), say("rehearsal note"))
    if frozen is None:
        return Figure(say("frozen"), say("none"), say("not frozen"))
    return Figure(say("frozen"), f"{frozen:%H:%M}", f"{frozen:%Y-%m-%d} UTC")


def _as_of(document: Answer, say: Words) -> Figure:
    """As of when the document says what it says."""
    as_of, frozen = moment(part(document, "as_of")), moment(part(document, "frozen_since"))
    if as_of is None:
        return Figure(say("as of"), say("not known"), None, "open")
    note = f"{as_of:%Y-%m-%d} UTC"
    if frozen:
        note += " · " + say("frozen after", duration=units.duration((as_of - frozen).total_seconds(), say))
    return Figure(say("as of"), f"{as_of:%H:%M}", note)


def _rehearsal(document: Answer, say: Words) -> Markup | None:
    """How long the freeze will last, step by step, and what would not pass."""
    given = fields(document, "rehearsal")
    if not given:
        return None
    minutes = {name: whole(given, "minutes", name) for name in _STEPS}
    total = whole(given, "minutes", "total")
    long = {name: units.duration(None if one is None else 60 * one, say) for name, one in minutes.items()}
    whole_freeze = units.duration(None if total is None else 60 * total, say)
    parts = say("comma").join(say("bar part", name=say(f"step {name}"), number=long[name]) for name in _STEPS)
    # Two in turn, so that the parts can be told apart.
    tones = ("way", "calm")
    body = [
        (join((swatch(tones[place % 2]), say(f"step {name}"))), Cell(long[name], "" if minutes[name] else "nil"))
        for place, name in enumerate(_STEPS)
    ]
    verdict = text(given, "would_be")
    known = verdict in VERDICTS
    would = say("would be", verdict=say(f"verdict {verdict}") if known else verdict or say("not known"))
    names = [str(one) for one in rows(given, "failing")]
    failing = [element("li", _check_name(name, say), " ", html.code(name)) for name in names]
    adds_up = total == sum(one or 0 for one in minutes.values())
    picture = bar(
        [Part(minutes[name] or 0, tones[place % 2]) for place, name in enumerate(_STEPS)],
        say("freeze bar", total=whole_freeze, parts=parts),
    )
    caption = element("figcaption", element("span", say("freeze")), element("span", whole_freeze))
    return section(
        "rehearsal",
        say("rehearsal"),
        say("rehearsal note"),
        element("figure", caption, picture),
        table([Column(say("step")), Column(say("time taken"), "n")], body, [(say("total"), whole_freeze)]),
        None if adds_up else element("p", say("steps do not add up"), class_="bad"),
        element("h3", mark(VERDICTS.get(verdict or "", "calm"), would)),
        element("p", say("would fail" if names else "would fail none"), say("colon") if names else None),
        element("ul", *failing) if names else None,
    )


def _looked_at(document: Answer, made: datetime | None, say: Words) -> Markup:
    source, destination = (text(document, f"{side}_bucket") for side in ("source", "destination"))
    way = join((_name(source, say), " → ", _name(destination, say)))
    frozen = part(document, "frozen_since")
    return facts(
        [
            (say("buckets"), way),
            (say("scope"), _scope(fields(document, "scope"), say)),
            (say("task"), _name(text(document, "task"), say)),
            (say("log bucket"), _name(text(document, "log_bucket"), say)),
            (say("frozen since"), time(frozen, made, say) if frozen else element("span", say("not frozen"))),
            (say("compared"), _pass(fields(document, "passes", "compare"), say)),
            (say("stood still"), _pass(fields(document, "passes", "standstill"), say)),
            (say("written last"), _written_last(document, made, say)),
            (say("made"), time(part(document, "made"), None, say)),
            (say("made by"), _maker(document, say)),
        ]
    )


def _written_last(document: Answer, made: datetime | None, say: Words) -> Markup:
    """When the source was last written to, and which object."""
    last = next(iter(rows(document, "last_written")), None)
    if not (key := text(last, "key")):
        return element("span", say("not known"), class_="open")
    return join((time(part(last, "at"), made, say), element("div", html.key(key), class_="note")))


def _name(name: str | None, say: Words) -> Markup:
    return html.code(name) if name else element("span", say("not known"), class_="open")


def _scope(scope: Answer, say: Words) -> Markup:
    if not scope:
        return element("span", say("not known"), class_="open")
    named = [(name, text(scope, name)) for name in ("prefix", "suffix")]
    # The key is put in afterwards, because it is quoted.
    parts = [join((say(name, **{name: ""}), html.key(value))) for name, value in named if value]
    if not parts:
        return element("span", say("everything"))
    return join(one for place, part_ in enumerate(parts) for one in ((say("comma"), part_) if place else (part_,)))


def _pass(given: Answer, say: Words) -> Markup:
    """When a pass took place, and how fast it was."""
    if not given:
        return element("span", say("no such pass"), class_="open")
    started, ended = (moment(part(given, name)) for name in ("started", "ended"))
    took = say("took", duration=units.duration((ended - started).total_seconds(), say)) if started and ended else None
    rate = units.a_minute(whole(given, "objects_per_minute"), say)
    amended = moment(part(given, "amended"))
    return join(
        (
            time(part(given, "started"), None, say),
            " – ",
            time(part(given, "ended"), None, say),
            element("div", say("pause").join(filter(None, (took, rate))), class_="note"),
            element("div", say("amended", time=layout.clock(amended)), class_="note") if amended else None,
        )
    )


def _maker(document: Answer, say: Words) -> Markup:
    version, code = (text(document, "made_by", name) for name in ("version", "code_sha256"))
    return join(
        (
            html.code(text(document, "project") or "oss-oms-sync"),
            " ",
            say("version", version=version or say("not known")),
            element("div", say("code hash"), class_="note"),
            _digest(code, say),
        )
    )


def _digest(digest: str | None, say: Words) -> Markup:
    if not digest:
        return element("span", say("not known"), class_="open")
    return element("code", digest, class_="digest", dir="ltr", translate="no")


def _check_name(name: str, say: Words) -> str:
    return say(f"check {name}") if name in CHECKS else say("check not known")


def _checks(document: Answer, say: Words) -> Markup:
    """Those that have not passed at length, and the others as a table."""
    checks = _by_result(document)
    if not checks:
        return element("p", say("no checks"), class_="bad")
    wrong = [one for one in checks if part(one, "result") != "passed" and gates(one)]
    body = [
        (
            join((_check_name(name, say), " ", html.code(name), _without_gate(one, say))),
            _result(one, say),
            in_language(one, "seen", say.language) or say("not known"),
        )
        for one in checks
        if one not in wrong
        for name in [text(one, "id") or ""]
    ]
    columns = [Column(say("check")), Column(say("result")), Column(say("seen"), "half")]
    return join((*(_trouble(document, one, say) for one in wrong), table(columns, body) if body else None))


def _without_gate(check: Answer, say: Words) -> Markup | None:
    return None if gates(check) else element("span", say("does not gate"), class_="note")


def _result(check: Answer, say: Words) -> Markup:
    known = _RESULTS.get(str(part(check, "result")))
    return mark(known[1], say(known[0])) if known else mark("bad", say("not known"))


def _trouble(document: Answer, check: Answer, say: Words) -> Markup:
    name, names = text(check, "id") or "", rows(check, "keys")
    following, line = in_language(check, "next", say.language), _line(check)
    return element(
        "div",
        element("h3", element("span", _check_name(name, say), " ", html.code(name)), _result(check, say)),
        facts(
            [
                *([(say("counted"), _counted(document, name, say))] if _classes_of(name) else ()),
                *(
                    (say(what), in_language(check, what, say.language) or say("not known"))
                    for what in ("seen", "wanted")
                ),
                (
                    say("first keys", number=len(names)) if len(names) > 1 else say("key"),
                    keys(names) if names else None,
                ),
            ]
        ),
        element("p", element("b", say("next")), say("colon"), say.before(following, line)) if following else None,
        command(line) if line else None,
        class_="trouble",
    )


def _classes_of(name: str) -> Sequence[str]:
    return CHECKS[name].classes if name in CHECKS else ()


def _counted(document: Answer, name: str, say: Words) -> str:
    """What a check of classes is about, as the document counts it."""
    counts = [whole(document, "classes", title, side_of(title), "objects") for title in _classes_of(name)]
    known = [number for number in counts if number is not None]
    return say("of objects", number=units.count(sum(known) if len(known) == len(counts) else None, say))


def _waivers(document: Answer, say: Words) -> Markup:
    accepted = fields(document, "accepted")
    if not accepted:
        return element("p", say("no waivers"))
    body = [
        (
            join((comparison.class_name(name, say), " ", html.code(name))),
            html.outside(text(accepted, name) or say("not known")),
            number(whole(document, "classes", name, side_of(name), "objects"), say),
            volume(whole(document, "classes", name, side_of(name), "bytes"), say),
        )
        for name in accepted
    ]
    columns = [Column(say("class")), Column(say("who")), Column(say("objects"), "n"), Column(say("volume"), "n")]
    return table(columns, body)


def _classes(document: Answer, say: Words) -> Markup:
    if not fields(document, "classes"):
        return element("p", say("classes not known"), class_="open")
    return comparison.classes(document, _NOT_COUNTED, fields(document, "accepted"), say)


def _digests(document: Answer, say: Words) -> Markup:
    """The digests that a stranger recomputes, with the exact numbers that belong to them."""
    totals = [
        (say(f"in {name}"), fields(document, name), text(document, name, "digest"))
        for name in ("source", "destination")
    ]
    if not any(digest for _, _, digest in totals):
        return element("p", say("digests not known"), class_="open")
    given = [
        (
            title,
            join(
                (
                    _digest(digest, say),
                    element(
                        "div",
                        say("of objects", number=units.count(whole(one, "objects"), say)),
                        say("pause"),
                        say("of bytes", number=units.count(whole(one, "bytes"), say)),
                        class_="note",
                    ),
                )
            ),
        )
        for title, one, digest in totals
    ]
    state = text(document, "source", "state_digest")
    rows_ = [_class_digests(document, name, say) for name in fields(document, "classes")]
    return join((facts([*given, (say("state digest"), _digest(state, say))]), *rows_))


def _class_digests(document: Answer, name: str, say: Words) -> Markup | None:
    one = fields(document, "classes", name)
    held = [each for each in ("source", "destination") if whole(one, each, "objects")]
    if not held:
        return None
    digests = [text(one, "digests", each) for each in held]
    if len(held) == 2 and digests[0] == digests[1]:
        pairs = [(say("same"), _digest(digests[0], say))]
    else:
        pairs = [(say(f"in {each}"), _digest(digest, say)) for each, digest in zip(held, digests, strict=True)]
    return join((element("h3", comparison.class_name(name, say), " ", html.code(name)), facts(pairs)))


def _sample(document: Answer, say: Words) -> Markup:
    sample = fields(document, "sample")
    if not sample:
        return element("p", say("no sample"))
    differing, unread = rows(sample, "differing"), rows(sample, "unread")
    read, population, seed = whole(sample, "read"), whole(sample, "population"), text(sample, "seed")
    shows = bound(read, population).of(say.language) if read and population and not differing else None
    drawn = say(
        "sample drawn",
        drawn=units.count(whole(sample, "drawn"), say),
        population=units.count(population, say),
        largest=units.limit(whole(sample, "largest"), say),
    )
    return join(
        (
            key_figures(
                [
                    Figure(say("sample read"), units.count(read, say), drawn),
                    Figure(say("sample bytes"), units.size(whole(sample, "bytes"), say)),
                    _bad_if_any(say("sample differing"), differing),
                    _bad_if_any(say("sample unread"), unread),
                ],
                within=True,
            ),
            element("p", shows) if shows else None,
            *(
                join((element("h3", say(name)), keys(names)))
                for name, names in (("sample differing", differing), ("sample unread", unread))
                if names
            ),
            facts([(say("seed"), _digest(seed, say))]),
        )
    )


def _bad_if_any(title: str, names: Sequence[object]) -> Figure:
    return Figure(title, f"{len(names):,}", None, "bad" if names else None)


def _shown(document: Answer, say: Words) -> Markup:
    """What is known besides, and was not judged."""
    shown = fields(document, "shown")
    if not shown:
        return element("p", say("not known"), class_="open")
    oms, gone, closed = (
        fields(shown, "oms"),
        fields(document, "classes", "deleted_at_source", "destination"),
        part(document, "closed"),
    )
    counted = [
        (say(title), number(whole(oms, name), say, "bad" if name == "failed" else ""))
        for name, title in (
            ("requests", "requested"),
            ("copied", "copied"),
            ("failed", "failed"),
            ("skipped", "skipped"),
        )
    ]
    counts: str | None = table(
        [Column(say("count")), Column(say("this month"), "n")],
        [*counted, (say("volume"), volume(whole(oms, "bytes"), say))],
        caption=say("oms"),
    )
    if problem := text(oms, "problem"):
        counts = element("p", say("oms silent"), say("colon"), html.code(problem), class_="open")
    status, mode = (text(shown, "task", name) for name in ("status", "object_overwrite_mode"))
    new, missing = (whole(shown, "trigger", name) for name in ("new", "missing"))
    lost = say("lost events", new=units.count(new, say), missing=units.count(missing, say))
    since = say("closed since", time=layout.clock(at)) if (at := moment(part(closed, "since"))) else say("not known")
    by = text(closed, "by")
    return join(
        (
            facts(
                [
                    (say("task status"), _name(status, say)),
                    (say("overwrite mode"), _name(mode, say)),
                    (say("events"), lost if fields(shown, "trigger") else say("not known")),
                    (
                        say("class deleted_at_source"),
                        say("pause").join(
                            (
                                say("of objects", number=units.count(whole(gone, "objects"), say)),
                                units.size(whole(gone, "bytes"), say),
                            )
                        ),
                    ),
                    (
                        say("project"),
                        say("open")
                        if closed is None
                        else join((since, element("span", html.outside(by), class_="note") if by else None)),
                    ),
                ]
            ),
            counts,
        )
    )


def _document(document: Answer, say: Words) -> Markup:
    agrees = text(document, "sha256") == sha256(document)
    name = text(document, "document")
    file = (name or "").rpartition("/")[2] or "certificate.json"
    return join(
        (
            facts(
                [
                    (say("stored as"), html.key(name) if name else say("not known")),
                    (
                        say("sha256"),
                        join(
                            (
                                _digest(text(document, "sha256"), say),
                                mark("good", say("hash agrees")) if agrees else mark("bad", say("hash differs")),
                            )
                        ),
                    ),
                ]
            ),
            element("p", say("to check")),
            command(f"python ops.py check {file}"),
            element("p", say("to check by hand"), class_="note"),
        )
    )
