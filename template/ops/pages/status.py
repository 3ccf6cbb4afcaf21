"""The web page of the status."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial

from ops.figures import LAGS, SIDES, classes_of, figure, left_at_oms, progress, seconds, this_month
from ops.words import WORDS, Report, fix, sentence, word

# The colours of classes, as those of a pass; what is not here is drawn as what failed.
TONES = {
    "equal_contents": "covered",
    "equal_version": "covered",
    "equal_size": "covered",
    "missing": "submitted",
    "older": "submitted",
    "moving": "pending",
    "in_flight": "pending",
    "arriving": "pending",
    "oms_own": "pending",
    "deleted_at_source": "pending",
}
SERIES = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")
_STEPS = {"FIVE_MINUTES": 300_000, "ONE_HOUR": 3_600_000}
SERIES_WORDS = {"REQUEST": "requests", "SUCCESS": "copied", "FAILURE": "failed", "SKIP": "skipped"}
STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --dim: #5b6577; --paper: #ffffff; --card: #f4f6fa; --line: #d5dae3;
  --good: #1f8a4c; --behind: #b26a00; --bad: #c62f3b; --b: #2f6fdb; --c: #7a828f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf3; --dim: #9aa4b5; --paper: #12161f; --card: #1b212d;
  --line: #333c4d; --good: #4cc07e; --behind: #e5a13d; --bad: #ff7a80; --b: #78a9ff; --c: #8d97a8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.2rem; margin: 0; } h2 { font-size: 1rem; margin: 0 0 .5rem; }
section { background: var(--card); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.verdict { border-left: .4rem solid var(--c); font-size: 1.15rem; font-weight: 600; }
.in-step { border-color: var(--good); } .behind { border-color: var(--behind); } .broken { border-color: var(--bad); }
.closed { border-color: var(--b); }
.numbers { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0; padding: 0; list-style: none; }
.numbers b { display: block; font-size: 1.4rem; }
.dim { color: var(--dim); margin: .2rem 0; } .ends { display: flex; justify-content: space-between; gap: 1rem; }
svg { display: block; width: 100%; height: auto; } code { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid var(--line); padding: .3rem .5rem .3rem 0;
  vertical-align: top; }
.REQUEST { --tone: var(--c); } .SUCCESS, .covered { --tone: var(--good); } .FAILURE { --tone: var(--bad); }
.SKIP, .submitted { --tone: var(--b); } .failed_before { --tone: var(--bad); } .pending { --tone: var(--c); }
.key::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .3em; border-radius: 2px;
  background: var(--tone); }
#zh:checked ~ main [lang=en], #en:checked ~ main [lang=zh] { display: none; }
"""


def page(report: Report, lang: str) -> str:
    """The web page: no script, and nothing that is fetched from anywhere."""
    checked = {one: " checked" if one == lang else "" for one in ("en", "zh")}
    sections = [
        f'<section class="verdict {text(report["verdict"]["state"].replace(" ", "-"))}">'
        f"{both(lambda one: sentence(report['verdict'], one))}</section>",
        section("month", month(report)),
        section("over time", over_time(report)),
        section("backlog", backlog(report)),
        section("coverage", coverage(report)),
        section("comparison", comparison(report)),
        section("sums", sums(report)),
    ]
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(WORDS["title"][lang == "zh"])}</title><link rel="icon" href="data:,"><style>{STYLE}</style></head><body>
<input type="radio" name="language" id="en"{checked["en"]}><label for="en">English</label>
<input type="radio" name="language" id="zh"{checked["zh"]}><label for="zh">中文</label>
<main><h1>{words("title")}</h1>
<p class="dim">{words("at")} {text(report["at"])} · {words("task")} <code>{text(report["task"]["id"])}</code></p>
{"".join(sections)}</main></body></html>
"""


def text(value: object) -> str:
    return html.escape(str(value))


def both(of: Callable[[str], str], tag: str = "span", attributes: str = "") -> str:
    """The same in both languages, of which the page shows one."""
    return "".join(f'<{tag} lang="{lang}"{attributes}>{text(of(lang))}</{tag}>' for lang in ("en", "zh"))


def words(name: str) -> str:
    return both(lambda lang: word(name, lang))


def section(name: str, inner: str) -> str:
    return f"<section><h2>{words(name)}</h2>{inner}</section>"


def numbers(items: Sequence[tuple[str, object, str]]) -> str:
    """Figures side by side: name, number, and the class of its colour."""
    cells = [f'<li><b>{text(number)}</b><span class="{kind}">{words(name)}</span></li>' for name, number, kind in items]
    return f'<ul class="numbers">{"".join(cells)}</ul>'


def month(report: Report) -> str:
    oms = report["oms"]
    if "problem" in oms:
        return f"<p>{words('no word')}: <b>{text(oms['problem'])}</b> {both(lambda lang: oms['fix'][lang])}</p>"
    way = f"{text(oms['src_bucket'])} → {text(oms['dst_bucket'])} ({text(oms['status'])})"
    counts = [*this_month(report), *left_at_oms(report)]
    return f"<p>{way}</p>" + numbers([(name, figure(number), "dim") for name, number in counts])


def over_time(report: Report) -> str:
    """What OMS counted, in equal parts of the window, as a line for each count."""
    statistics = report["statistics"]
    if "problem" in statistics:
        return f"<p>{words('no word')}: <b>{text(statistics['problem'])}</b></p>"
    start, end = (milliseconds(time) for time in (statistics["from"], report["at"]))
    # No part is shorter than OMS's own step, or lines would jump where nothing did.
    step = _STEPS.get(statistics["step"], 3_600_000)
    bins = max(2, min(48, (end - start) // step))
    counted = {name: [0] * bins for name in SERIES}
    for name in SERIES:
        for time, number in statistics["series"][name]:
            at = int((time - start) * bins / max(1, end - start))
            counted[name][min(max(at, 0), bins - 1)] += number
    highest = max(1, *(max(counts) for counts in counted.values()))
    drawn = []
    for name in SERIES:
        heights = enumerate(136 - 130 * count / highest for count in counted[name])
        points = " ".join(f"{640 * number / (bins - 1):.1f},{height:.1f}" for number, height in heights)
        drawn.append(f'<polyline class="{name}" points="{points}" fill="none" stroke="var(--tone)" stroke-width="2"/>')
    legend = numbers([(SERIES_WORDS[name], f"{sum(counted[name]):,}", f"key {name}") for name in SERIES])
    return (
        f'<p class="dim">{words("highest")} {highest:,}</p><svg viewBox="0 0 640 140" role="img">'
        f'<line x1="0" y1="136" x2="640" y2="136" stroke="var(--line)"/>{"".join(drawn)}</svg>'
        f'<p class="dim ends"><span>{text(statistics["from"])}</span><span>{text(report["at"])}</span></p>{legend}'
    )


def milliseconds(time: str) -> int:
    moment = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000)


def backlog(report: Report) -> str:
    waiting = report["backlog"]
    total = f"{'≥ ' if waiting['at_least'] else ''}{waiting['failed']:,}"
    figures = numbers(
        [
            ("records", total, "dim"),
            ("in run files", f"{waiting['in_run_files']:,}", "dim"),
            ("oldest", waiting["oldest"] or "–", "dim"),
        ]
        + ([("outside", f"{waiting['outside']:,}", "dim")] if waiting.get("outside") else [])
    )
    if not waiting["by_reason"]:
        return figures
    most = max(waiting["by_reason"].values())
    rows = [
        f"<tr><td><b>{text(reason)} · {number:,}</b>"
        f'<svg viewBox="0 0 640 12" role="img"><rect width="{640 * number / most:.0f}" height="12" rx="3"'
        f' fill="var(--bad)"/></svg>{remedy(report, reason)}</td></tr>'
        for reason, number in sorted(waiting["by_reason"].items(), key=lambda item: -item[1])
    ]
    some = both(lambda lang: word("of the first", lang).format(f"{waiting['read']:,}"))
    keys = "".join(
        f"<tr><td><code>{text(one['key'])}</code></td><td>{text(one['reason'])}</td></tr>" for one in waiting["keys"]
    )
    return (
        f'{figures}<p class="dim">{words("by reason")}, {some}</p><table>{"".join(rows)}</table>'
        f'<p class="dim">{words("first keys")}</p><table>{keys}</table>'
    )


def remedy(report: Report, reason: str) -> str:
    return both(lambda lang: fix(report, reason, lang))


def coverage(report: Report) -> str:
    last = report["reconcile"]["last"]
    under_way = "".join(
        f'<p class="dim">{words("open")} {text(one["started"])}: {words("scanned")} {one.get("scanned", 0):,}'
        f"{both(partial(progress, one))}</p>"
        for one in report["reconcile"]["open"]
    )
    if not last:
        return f"<p>{words('never')}</p>{under_way}"
    parts = ("covered", "submitted", "failed_before", "pending")
    scanned, at, bars = max(1, last.get("scanned", 0)), 0.0, []
    for name in parts:
        width = 640 * last.get(name, 0) / scanned
        bars.append(f'<rect class="{name}" x="{at:.1f}" width="{width:.1f}" height="24" fill="var(--tone)"/>')
        at += width
    when = f'<p class="dim">{text(last["started"])} – {text(last["ended"])}</p>'
    figures = [("scanned", f"{last.get('scanned', 0):,}", "dim")]
    figures += [(name, f"{last.get(name, 0):,}", f"key {name}") for name in parts]
    figures.append(("orphans", f"{last.get('orphans', 0):,}", "dim"))
    return f'{when}<svg viewBox="0 0 640 24" role="img">{"".join(bars)}</svg>{numbers(figures)}{under_way}'


def comparison(report: Report) -> str:
    """The classes as one bar per side, whose parts add up to the bucket, and the lags."""
    last = report["compare"]["last"]
    under_way = "".join(
        f'<p class="dim">{words("open")} {text(one["started"])}{both(partial(progress, one))}</p>'
        for one in report["compare"]["open"]
    )
    if not last:
        return f"<p>{words('never compared')}</p>{under_way}"
    found = classes_of(last)
    bars = []
    for place, side in enumerate(SIDES):
        whole, at = max(1, sum(one[side]["objects"] for _, one in found)), 0.0
        for name, one in found:
            width = 640 * one[side]["objects"] / whole
            bars.append(
                f'<rect class="{TONES.get(name, "failed_before")}" x="{at:.1f}" y="{28 * place}" width="{width:.1f}"'
                f' height="24" fill="var(--tone)"><title>{text(name)}</title></rect>'
            )
            at += width
    rows = "".join(
        f"<tr><td><code>{text(name)}</code></td>"
        + "".join(f"<td>{one[side]['objects']:,}</td><td>{one[side]['bytes']:,}</td>" for side in SIDES)
        + "</tr>"
        for name, one in found
    )
    head = "".join(f"<th>{words(name)}</th>" for name in ("class", "source", "bytes", "destination", "bytes"))
    lags = "".join(lag(last, name) for name in ("accepted", "copied"))
    when = f"{text(last['started'])} – {text(last['ended'])} · {words('watermark')} {text(last['watermark'])}"
    return (
        f'<p class="dim">{when}</p>'
        f'<svg viewBox="0 0 640 52" role="img">{"".join(bars)}</svg>'
        f"<table><tr>{head}</tr>{rows}</table>{lags}{under_way}"
    )


def lag(last: Report, name: str) -> str:
    """How many objects were there within a minute, five, fifteen, an hour, a day."""
    one = last["lag"][name]
    whole = one["objects"] + one["not_yet"]
    if not whole:
        return ""
    bars = "".join(
        f'<text x="0" y="{20 * place + 14}">{seconds(int(limit))}</text>'
        f'<rect class="covered" x="60" y="{20 * place}" width="{580 * number / whole:.1f}" height="16"'
        ' fill="var(--tone)"/>'
        for place, (limit, number) in enumerate(one["within"].items())
    )
    figures = [(part, seconds(one[part]), "dim") for part in LAGS]
    return (
        f"<p>{words(f'lag {name}')}</p>{numbers([*figures, ('not yet', one['not_yet'], 'dim')])}"
        f'<svg viewBox="0 0 640 100" role="img">{bars}</svg>'
    )


def sums(report: Report) -> str:
    rows = []
    for one in report["sums"]:
        right = " + ".join(f"{number:,}" for number in one["right"])
        meaning = "" if one["holds"] else f"<br>{text(one['meaning'])}"
        rows.append(
            f"<tr><td>{words('yes' if one['holds'] else 'no')}</td><td>{text(one['claim'])}{meaning}</td>"
            f"<td>{one['left']:,} / {right}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>" if rows else f"<p>{words('nothing')}</p>"
