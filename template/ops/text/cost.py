"""What a migration costs, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from ops.cost import Estimate, Item, Plan, known
from ops.quantities import in_bytes
from ops.terminal import Line, width
from ops.words import Text

_NAMES = {
    "egress": Text("traffic out of OSS, which OMS reads over the internet", "OSS 外网流出流量（OMS 经公网读取）"),
    "oms": Text("OMS itself", "OMS 服务费"),
    "oms_requests": Text("OMS's requests to both buckets", "OMS 对两个桶的请求"),
    "backfill": Text(
        "sending them by this project (not if an OMS migration task copies them)",
        "由本项目补发（若用 OMS 迁移任务则无）",
    ),
    "events": Text("an event, a call and a record for each object", "每个对象一次事件、一次调用、一条记录"),
    "reconciles": Text("reconcile every day", "每天一次对账"),
    "compares": Text("compare every week", "每周一次比对"),
    "timers": Text("timers, if nothing happens", "定时器（无事发生时）"),
    "compare": Text("comparing both buckets", "比对两个桶"),
    "standstill": Text("a standstill pass, which shows that both buckets stand still", "静止检查，确认两个桶未再变化"),
    "sample": Text("a sample read on both sides", "两端各读取一份抽样"),
    "deep": Text(
        "if asked for: --deep, at most (all objects read at the source)", "可选：--deep，至多（读取源端全部对象）"
    ),
}
_SECTIONS = {
    "once": Text("Once: what is in the bucket already", "一次性：桶中已有的对象"),
    "month": Text("A month: what is written every day", "每月：每天写入的对象"),
    "cutover": Text("Cutover day", "割接当天"),
}
_STEPS = {
    "replay": Text("send again what failed", "重发失败的对象"),
    "settle": Text("let the last writes settle", "等待最后的写入稳定"),
    "compare": Text("compare", "比对"),
    "again": Text("judge late keys again", "再次判定迟到的对象"),
    "close": Text("close the project", "关闭项目"),
    "oms": Text("wait until OMS has finished", "等待 OMS 完成"),
    "standstill": Text("standstill pass", "静止检查"),
    "sample": Text("read the sample", "读取抽样"),
    "total": Text("total", "合计"),
}
_TITLE = Text(
    "{objects:,} objects of {size}, {a_day:,} new ones a day, {lanes} lanes; list prices in US dollars",
    "{objects:,} 个对象，共 {size}，每天新增 {a_day:,} 个，{lanes} 条通道；按目录价，单位美元",
)
_OBJECTS = Text("{:,.0f} objects", "{:,.0f} 个对象")
_TOTAL = Text("total of what is known, without --deep", "已知部分合计，不含 --deep")
_UNKNOWN = Text("unknown", "未知")
_FREEZE = Text("The freeze, in minutes", "停写时长（分钟）")
_DEEP = Text("With --deep up to {:,.1f} hours more.", "使用 --deep 最多再加 {:,.1f} 小时。")
_NOTE = Text(
    "An estimate; docs/costs.md says what it rests on. OMS is free at present, says Huawei; give --oms-price if"
    " it is not. Logs, storage in OBS and a NAT gateway are not in it. A rehearsal measures how long your"
    " freeze will be: python ops.py cutover --rehearse",
    "仅为估算，依据见 docs/costs.md。华为云称 OMS 目前免费；若收费请用 --oms-price 给出单价。"
    "不含日志、OBS 存储和 NAT 网关。实际停写时长请演练测得：python ops.py cutover --rehearse",
)
# Only if it is asked for.
_OPTIONAL = "deep"


def lines(plan: Plan, found: Estimate, lang: str) -> Iterator[Line]:
    """The costs section by section, and the freeze."""
    sizes = {"objects": plan.objects, "size": in_bytes(plan.size), "a_day": plan.a_day, "lanes": plan.lanes}
    yield _TITLE.of(lang).format_map(sizes)
    sections = {"once": found.once, "month": found.month, "cutover": found.cutover}
    rows = {name: [*_rows(items, lang)] for name, items in sections.items()}
    columns = [max(width(row[at]) for part in rows.values() for row in part) for at in range(3)]
    for name, part in rows.items():
        yield ""
        yield _SECTIONS[name].of(lang)
        yield from (_line(row, columns) for row in part)
    yield ""
    yield _FREEZE.of(lang)
    steps = [(text.of(lang), f"{found.freeze_minutes[step]:,}") for step, text in _STEPS.items()]
    first = max(width(name) for name, _ in steps)
    yield from (_line(step, [first, 5]) for step in steps)
    yield f"  {_DEEP.of(lang).format(found.deep_hours)}"
    yield ""
    yield _NOTE.of(lang)


def _rows(items: list[Item], lang: str) -> Iterator[tuple[str, str, str]]:
    for item in items:
        objects = _OBJECTS.of(lang).format(item.objects) if item.objects else ""
        amount = ", ".join(part for part in (objects, in_bytes(item.size) if item.size else "") if part)
        dollars = _UNKNOWN.of(lang) if item.dollars is None else f"{item.dollars:,.2f}"
        yield _NAMES[item.name].of(lang), amount, dollars
    yield _TOTAL.of(lang), "", f"{known([item for item in items if item.name != _OPTIONAL]):,.2f}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """The cells under each other: texts from the left, the last one from the right."""
    *texts, last = cells
    padded = [text + " " * (wide - width(text)) for text, wide in zip(texts, widths, strict=False)]
    return "  " + "  ".join([*padded, " " * (widths[-1] - width(last)) + last])
