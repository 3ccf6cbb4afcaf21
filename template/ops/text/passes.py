"""Passes: what reconcile and compare found, or how far they are."""

from __future__ import annotations

from collections.abc import Iterator

from ops.figures import LAGS, classes_of, figure, seconds
from ops.terminal import Line, Marked
from ops.words import Report, Text, word

# Classes of which a key is not in OBS in its current version, or may not be; and those that are not known to be equal.
LACKING = ("missing", "older", "overwritten", "moving", "in_flight", "failed_before")
UNPROVEN = ("suspicious", "equal_version", "equal_size", "impossible", "unknown")
_RECONCILED = ("scanned", "covered", "failed_before", "submitted", "pending", "orphans")
_SHOWN_KEYS = 3

_ENDED = Text("The pass has ended.", "本轮已结束。")
_OPEN = Text("The pass has not ended.", "本轮尚未结束。")
_NONE = Text("No pass of this scope has begun.", "该范围内尚未开始过。")
_TRIAL = Text("One call without a pass, which is not continued.", "单次调用，不属于任何一轮，不会继续。")
_EQUAL = Text("All is in OBS, with equal contents.", "全部在 OBS 中，且内容相同。")
_LACKS = Text("Not all is in OBS.", "并非全部都在 OBS 中。")
_NOT_PROVEN = Text("Nothing is known to lack, but not all is proven to be equal.", "未发现缺失，但并非全部已证明相同。")
_STOPPED = Text("stopped: {}", "提前停止：{}")
_SENT = Text(
    "sent again {submitted:,}: accepted {accepted:,}, failed {failed:,}",
    "补发 {submitted:,}：已接受 {accepted:,}，失败 {failed:,}",
)
_TIMES = Text("{} - {}, {} objects a minute", "{} - {}，每分钟 {} 个对象")
_AMENDED = Text("judged again {}", "重新判定于 {}")
_HEAD = Text("class: objects, bytes in the source / in OBS", "类别：源端 / OBS 中的对象数、字节数")
_WOULD_SEND = Text("It would send, first:", "将发送（最前面的）：")
_PACE = Text("{:,} objects a minute", "每分钟 {:,} 个对象")
_LEFT = Text("{:,} min left", "剩余 {:,} 分钟")
_SEEN = Text("{:,} objects", "{:,} 个对象")
_LISTED = Text("Both buckets were listed, and nothing was judged.", "已列举两侧的桶，未作任何判定。")
_DIGESTS = {
    "state": Text("state digest of the source: {}", "源端的状态摘要：{}"),
    "twin": Text("twin digest of OBS: {}", "OBS 的对应摘要：{}"),
}
_NOT_SURE = Text(" ({:,} objects are not proven to be equal)", "（另有 {:,} 个对象未证明相同）")
# Why reading proved nothing.
_UNREAD = {
    "unreadable": Text(
        "{:,} could not be read: archived, or encrypted with a key that the function's role may not use, or that role"
        " may not read at all (python policies/show.py --deep)",
        "{:,} 个无法读取：已归档，或所用密钥未授权给函数的角色，或该角色没有读取权限（python policies/show.py --deep）",
    ),
    "too_big": Text("{:,} are too large for the time of a piece", "{:,} 个过大，在一段时间内读不完"),
    "encrypted": Text("{:,} are encrypted in OBS, or may be", "{:,} 个在 OBS 中已加密或可能已加密"),
    "unknown_parts": Text("{:,} came into OBS in parts that are not OMS's", "{:,} 个写入 OBS 时的分段大小与 OMS 不同"),
}
_BEGINNING = Text("begins", "正在开始")


def exit_code(report: Report) -> int:
    """0 if a pass has ended and all is well, 3 if nothing lacks and not all is proven, else 1."""
    if not report["finished"] and report["stop"] != "limit":
        return 1
    if report.get("standstill"):
        return 0
    if "scanned" in report:
        return 1 if report["failed"] or report.get("missing") else 0
    if _any(report, LACKING):
        return 1
    return 3 if _any(report, UNPROVEN) else 0


def reconcile(report: Report, lang: str) -> Iterator[Line]:
    """What reconcile found."""
    yield _title(report, lang)
    yield "  " + ", ".join(f"{word(name, lang)} {report[name]:,}" for name in _RECONCILED)
    yield from _sent_and_when(report, lang)
    if report.get("missing"):
        yield f"  {_WOULD_SEND.of(lang)}"
        yield from (f"    {key!r}" for key in report["missing"])


def compare(report: Report, lang: str) -> Iterator[Line]:
    """What compare found, class by class."""
    yield _title(report, lang)
    yield from _sent_and_when(report, lang)
    if not report["finished"]:
        return
    if report.get("standstill"):
        yield from (f"  {text.of(lang).format(report[name])}" for name, text in _DIGESTS.items())
        return
    if report.get("amended"):
        yield f"  {_AMENDED.of(lang).format(report['amended'])}"
    yield f"  {_HEAD.of(lang)}"
    for name, one in classes_of(report):
        sides = " / ".join(f"{one[side]['objects']:,}, {one[side]['bytes']:,}" for side in ("source", "destination"))
        yield Marked("  ", name, _state_of(name), f": {sides}")
        if name in LACKING or name in UNPROVEN:
            yield from (f"      {key!r}" for key in one["keys"][:_SHOWN_KEYS])
        if remedy := report["remedies"].get(name):
            yield f"      -> {remedy[lang]}"
    yield from _unread(report.get("deep"), lang)
    if report["watermark"]:
        unproven = sum(one["source"]["objects"] for name, one in report["classes"].items() if name in UNPROVEN)
        beside = _NOT_SURE.of(lang).format(unproven) if unproven else ""
        yield f"  {word('watermark', lang)} {report['watermark']}{beside}"
    for name in ("accepted", "copied"):
        lag = report["lag"][name]
        late = [f"{word(part, lang)} {seconds(lag[part])}" for part in LAGS]
        yield f"  {word(f'lag {name}', lang)}: {', '.join(late)}, {word('not yet', lang)} {lag['not_yet']:,}"


def _unread(deep: Report | None, lang: str) -> Iterator[Line]:
    """What reading did not prove, and the first keys of each kind."""
    for name, keys in (deep or {}).get("keys", {}).items():
        yield f"  {_UNREAD[name].of(lang).format(deep[name] if deep else 0)}"
        yield from (f"      {key!r}" for key in keys[:_SHOWN_KEYS])


def how_far(report: Report | None, lang: str) -> str:
    """How far an open pass is, in one line; None: nobody has looked yet."""
    if report is None or report["finished"] or report["pass"] is None:
        return _BEGINNING.of(lang)
    known = []
    if report.get("share") is not None:
        known.append(f"{report['share']:.0%}")
    if report.get("objects") is not None:
        known.append(_SEEN.of(lang).format(report["objects"]))
    known.append(_PACE.of(lang).format(report["objects_per_minute"] or 0))
    if report.get("minutes_left") is not None:
        known.append(_LEFT.of(lang).format(report["minutes_left"]))
    return ("，" if lang == "zh" else ", ").join(known)


def _title(report: Report, lang: str) -> Line:
    if report["pass"] is None and (report["finished"] or report["stopped"]):
        return Marked("", _TRIAL.of(lang), "ok" if report["finished"] else "warning")
    if not report["finished"]:
        return Marked("", (_OPEN if report["pass"] else _NONE).of(lang), "warning")
    if "scanned" in report:
        return Marked("", _ENDED.of(lang), "ok")
    if report.get("standstill"):
        return Marked("", _LISTED.of(lang), "ok")
    text, state = {0: (_EQUAL, "ok"), 1: (_LACKS, "fault"), 3: (_NOT_PROVEN, "warning")}[exit_code(report)]
    return Marked("", text.of(lang), state)


def _sent_and_when(report: Report, lang: str) -> Iterator[Line]:
    yield f"  {_SENT.of(lang).format_map(report)}"
    if report["pass"]:
        ended = report.get("ended") or "…"
        yield f"  {_TIMES.of(lang).format(report['started'], ended, figure(report['objects_per_minute']))}"
    if report["stopped"]:
        yield f"  {_STOPPED.of(lang).format(report['stopped'])}"


def _any(report: Report, classes: tuple[str, ...]) -> bool:
    found = dict(classes_of(report)) if report["finished"] else {}
    return any(name in found for name in classes)


def _state_of(name: str) -> str:
    return "fault" if name in LACKING else "warning" if name in UNPROVEN else "ok"
