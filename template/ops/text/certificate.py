"""A certificate: the verdict, and what did not pass, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator

from ops.certificates import CHECKS, bound, gates, line, said, side_of
from ops.check import doubts
from ops.figures import figure
from ops.terminal import Line, Marked
from ops.words import Report, Text, colon

_SHOWN_KEYS = 5
_RESULTS = {
    "passed": Text("passed", "通过"),
    "failed": Text("failed", "未通过"),
    "not run": Text("not run", "未执行"),
    "not proven": Text("not proven", "未证明"),
}
_PASSED = Text("{} of {} checks passed", "{} / {} 项检查通过")
# What the function said in words, for which nothing here vouches.
_SEEN = Text("certify saw: {}", "certify 所见：{}")
_WANTED = Text("certify wants: {}", "certify 要求：{}")
_COUNTED = Text(" (objects: {}, bytes: {})", "（{} 个对象，{} 字节）")
_AS_OF = Text("as of {}, the source frozen since {}", "截至 {}，源端自 {} 起停写")
_AS_OF_OPEN = Text("as of {}, while the source is written to", "截至 {}，源端仍在写入")
_SIDE = {"source": Text("source", "源端"), "destination": Text("destination", "目的端")}
_SIDES = Text("{} {}: {} objects, {} bytes", "{} {}：{} 个对象，{} 字节")
_MINUTES = Text("The freeze would last about {} minutes: {}", "停写约需 {} 分钟：{}")
_STEPS = {
    "replay": Text("replay", "重发"),
    "settle": Text("settling", "等待最后的写入稳定"),
    "compare": Text("compare", "比对"),
    "again": Text("judging again", "重新判定"),
    "close": Text("closing", "关闭"),
    "oms": Text("waiting for OMS", "等待 OMS"),
    "standstill": Text("standstill", "静止检查"),
    "sample": Text("sampling", "抽样"),
}
_ACCEPTED = Text("accepted by name: {}: {}", "已具名接受：{}：{}")
_STORED = Text("In the log bucket: {}", "存放于记录 Bucket：{}")

_NOT_VALID = Text("NOT VALID", "证书无效")
_BUT = Text("It says {}, but this does not hold:", "文件中的结论为 {}，但以下各项不成立：")

CODES = {"GO": 0, "NO-GO": 1, "NOT PROVEN": 3}


def exit_code(document: Report) -> int:
    """0 for GO, 1 for NO-GO and for what is not sound, 3 for NOT PROVEN; of a rehearsal what it would be."""
    if doubts(document):
        return 1
    verdict = document["verdict"]
    if verdict == "REHEARSAL":
        verdict = (document["rehearsal"] or {}).get("would_be")
    return CODES.get(verdict, 3)


def lines(document: Report, lang: str) -> Iterator[Line]:
    """The document as text, in words of its own; what it quotes it says to be certify's."""
    if found := doubts(document):
        yield Marked("", _NOT_VALID.of(lang), "fault")
        yield f"  {_BUT.of(lang).format(document['verdict'])}"
        yield from (f"      {one.claim.of(lang)}{f' ({one.seen})' if one.seen else ''}" for one in found)
    else:
        yield Marked("", document["verdict"], document["verdict"])
        yield f"  {said(document).of(lang)}"
    as_of = _AS_OF if document["frozen_since"] else _AS_OF_OPEN
    yield f"  {as_of.of(lang).format(document['as_of'] or '–', document['frozen_since'])}"
    for side, bucket in (("source", "source_bucket"), ("destination", "destination_bucket")):
        if count := document[side]:
            figures = figure(count["objects"]), figure(count["bytes"])
            yield f"  {_SIDES.of(lang).format(_SIDE[side].of(lang), document[bucket], *figures)}"
    yield from _checks(document, lang)
    for name, why in document["accepted"].items():
        yield f"  {_ACCEPTED.of(lang).format(name, why)}"
    if (sample := document["sample"]) and sample["read"] and not sample["differing"]:
        yield f"  {bound(sample['read'], sample['population']).of(lang)}"
    if rehearsal := document["rehearsal"]:
        yield from _rehearsal(rehearsal, lang)
    yield f"  {_STORED.of(lang).format(document['document'])}"


def _checks(document: Report, lang: str) -> Iterator[Line]:
    """Those that did not pass, of a rehearsal those that would not; the others are only counted."""
    checks, rehearsal = document["checks"], document["rehearsal"]
    passed = [one for one in checks if one["result"] == "passed"]
    yield f"  {_PASSED.of(lang).format(len(passed), len(checks))}"
    suffix = "_zh" if lang == "zh" else ""
    for one in checks:
        is_open = one["result"] != "passed" and gates(one)
        if not is_open or (rehearsal and one["id"] not in rehearsal["failing"]):
            continue
        counted = _counted(document, one["id"], lang)
        yield Marked("  ", _RESULTS[one["result"]].of(lang), one["result"], f"{colon(lang)}{one['id']}{counted}")
        yield f"      {_SEEN.of(lang).format(one[f'seen{suffix}'])}"
        yield f"      {_WANTED.of(lang).format(one[f'wanted{suffix}'])}"
        yield from (f"      {key!r}" for key in one["keys"][:_SHOWN_KEYS])
        if one[f"next{suffix}"]:
            yield f"      -> {one[f'next{suffix}']}"
        if one["step"]:
            yield f"      -> {line(one['step'])}"


def _counted(document: Report, name: str, lang: str) -> str:
    """What a check of classes is about, as the document counts it."""
    titles = CHECKS[name].classes if name in CHECKS and document["classes"] else ()
    if not titles:
        return ""
    sides = [document["classes"][title][side_of(title)] for title in titles]
    objects, size = (sum(side[unit] for side in sides) for unit in ("objects", "bytes"))
    return _COUNTED.of(lang).format(figure(objects), figure(size))


def _rehearsal(rehearsal: Report, lang: str) -> Iterator[Line]:
    minutes = rehearsal["minutes"]
    # Function Compute sorts the names in an answer.
    parts = ("，" if lang == "zh" else ", ").join(
        f"{text.of(lang)} {figure(minutes[name])}" for name, text in _STEPS.items() if name in minutes
    )
    yield f"  {_MINUTES.of(lang).format(figure(minutes['total']), parts)}"
