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
import html
import json
import locale
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

Report = Mapping[str, Any]
SIDES = ("source", "destination")
LAGS = ("p50", "p90", "p99", "max")
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

WORDS = {
    "title": ("OSS to OBS: status", "OSS 到 OBS:同步状态"),
    "source": ("source bucket", "源存储桶"),
    "destination": ("destination bucket", "目的桶"),
    "task": ("sync task", "同步任务"),
    "at": ("as of", "统计时间"),
    "month": ("OMS this month", "OMS 本月"),
    "requests": ("requested objects", "接收请求对象数"),
    "copied": ("copied", "已复制"),
    "failed": ("failed", "失败"),
    "skipped": ("skipped", "跳过"),
    "bytes": ("bytes", "字节"),
    "unfinished": ("accepted, not worked on yet", "已接收，尚未处理"),
    "overdue": ("of these for over 15 minutes", "其中超过 15 分钟"),
    "not acknowledged": ("failed, not acknowledged", "复制失败，尚未确认"),
    "over time": ("Over time", "随时间变化"),
    "highest": ("highest", "最高"),
    "backlog": ("Waiting to be sent again", "等待重发"),
    "records": ("failed records", "失败记录"),
    "at least": ("at least", "至少"),
    "in run files": ("in run files", "重发文件中"),
    "outside": ("outside prefix and suffix, sent by nobody here", "不在前缀和后缀范围内,本项目不发送"),
    "oldest": ("oldest", "最早"),
    "by reason": ("By reason", "按原因"),
    "of the first": ("of the first {} records", "前 {} 条记录"),
    "first keys": ("First keys", "最前面的对象"),
    "nothing": ("nothing", "无"),
    "coverage": ("Last reconcile pass", "最近一次对账"),
    "open": ("under way since", "正在进行，开始于"),
    "a minute": ("{:,} a minute", "每分钟 {:,} 个"),
    "left": ("{:.0%}, {:,} minutes left", "{:.0%}，预计还需 {:,} 分钟"),
    "comparison": ("What is in OBS", "OBS 中的情况"),
    "lists": ("What OMS failed to copy is not read", "未读取 OMS 复制失败的清单"),
    "unread": ("Lines of OMS's lists of failures that could not be read:", "OMS 失败清单中无法读取的行："),
    "never compared": ("nothing was compared with OBS yet", "尚未与 OBS 比对"),
    "watermark": ("in OBS is all that was written before", "已在 OBS 中的写入截止时间"),
    "lag accepted": ("Written until accepted", "从写入到接受"),
    "lag copied": ("Written until in OBS", "从写入到进入 OBS"),
    "not yet": ("not yet", "尚未"),
    "class": ("class", "类别"),
    "p50": ("half", "一半"),
    "p90": ("90 %", "90 %"),
    "p99": ("99 %", "99 %"),
    "max": ("longest", "最长"),
    "never": ("no pass has ended yet", "尚无完成的对账"),
    "scanned": ("scanned", "检查"),
    "covered": ("covered", "OMS 已接受"),
    "failed_before": ("failed before", "此前失败"),
    "submitted": ("submitted", "补发"),
    "pending": ("too young", "太新"),
    "orphans": ("deleted at the source", "源端已删除"),
    "last replay": ("Last replay", "最近一次重发"),
    "taken": ("taken", "取出"),
    "accepted": ("accepted", "已接受"),
    "sums": ("Do the numbers add up?", "数字是否吻合?"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "no word": ("OMS does not say", "OMS 未告知"),
    "ok": ("ok", "正常"),
    "fault": ("fault", "故障"),
    "unknown": ("unknown", "未知"),
    "warning": ("warning", "警告"),
    "depends": ("unknown until then", "在此之前未知"),
    "written": ("Written: ", "已写入："),
    "no answer": (
        "The input contains no answer of status or doctor. Usage: s status invoke | python status.py, or"
        " s doctor invoke | python status.py",
        "输入中没有 status 或 doctor 的返回结果。用法：s status invoke | python status.py，或"
        " s doctor invoke | python status.py",
    ),
}
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
SERIES = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")
_STEPS = {"FIVE_MINUTES": 300_000, "ONE_HOUR": 3_600_000}
# In the order in which they come about: Function Compute sorts the names in an answer.
MONTH = ("requests", "copied", "failed", "skipped", "bytes")
SERIES_WORDS = {"REQUEST": "requests", "SUCCESS": "copied", "FAILURE": "failed", "SKIP": "skipped"}


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


def word(name: str, lang: str) -> str:
    return WORDS[name][lang == "zh"] if name in WORDS else name


def figure(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def painted(shown: str, state: str, colour: bool) -> str:
    return f"\x1b[{COLOURS[state]}m{shown}\x1b[0m" if colour else shown


def sentence(said: Report, lang: str) -> str:
    return str(said["text_zh" if lang == "zh" else "text"])


def fix(report: Report, reason: str, lang: str) -> str:
    return str(report["fixes"].get(reason, {}).get(lang, ""))


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


def classes_of(last: Report) -> list[tuple[str, Report]]:
    """The classes that have objects on a side."""
    return [(name, one) for name, one in last["classes"].items() if any(one[side]["objects"] for side in SIDES)]


def seconds(lag: float | None) -> str:
    """A lag, as long as a person would say it."""
    if lag is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if lag >= 2 * size:
            return f"{lag / size:.0f} {unit}"
    return f"{lag:.0f} s"


def this_month(report: Report) -> list[tuple[str, int | None]]:
    """OMS's counters of the month."""
    return [(name, report["oms"]["month"][name]) for name in MONTH]


def left_at_oms(report: Report) -> list[tuple[str, int | None]]:
    """What OMS has still to copy, and what it could not; None where it does not say."""
    copying = report["copying"]
    unfinished = copying["unfinished"] or {"objects": None, "overdue": None}
    names = {"unfinished": unfinished["objects"], "overdue": unfinished["overdue"]}
    return [*names.items(), ("not acknowledged", copying["failed"])]


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


def progress(one: Mapping[str, Any], lang: str) -> str:
    """How fast an open pass is, and how long the rest takes, where that is known."""
    known = ", " + word("a minute", lang).format(one["objects_per_minute"])
    if one["share"] is not None:
        known += ", " + word("left", lang).format(one["share"], one["minutes_left"])
    return known


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


if __name__ == "__main__":
    sys.exit(main())
