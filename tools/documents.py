"""Keeps what the documents repeat in step with where it stands: `python -m tools.documents` writes it.

docs/settings.md (`settings_table`), docs/reasons.md (`errors`), the table of docs/unconfirmed.md and its twin
(`unconfirmed`), and the tables of sizes and of freezes in docs/costs.md and its twin (`ops.cost`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ops.cost.effort import MAX_LANES, freeze_minutes
from ops.cost.estimate import Workload, estimate
from ops.cost.prices import YUAN_PER_DOLLAR, Prices
from oss_oms_sync.answers.step import Step
from oss_oms_sync.copy_codes import COPY_CODES, OTHER_CODE
from oss_oms_sync.errors import Reason
from oss_oms_sync.settings_table import SETTINGS
from oss_oms_sync.unconfirmed import UNCONFIRMED

from .package import ROOT

COSTS, COSTS_TWIN = ROOT / "docs" / "costs.md", ROOT / "docs" / "costs.zh.md"
UNKNOWN, UNKNOWN_TWIN = ROOT / "docs" / "unconfirmed.md", ROOT / "docs" / "unconfirmed.zh.md"
_OBJECTS, _LANES = (10**6, 10**7, 10**8, 10**9), (1, 4, 16, MAX_LANES)
_TERABYTES, _OBJECTS_PER_TERABYTE, _SAMPLE = (1, 10, 50, 100, 200), 10**6, 0
_REQUIRED = ("required", "必填")
# Minutes below this are given in hours.
_DAYS_FROM = 5 * 24 * 60
_COMMAS = (", ", "、")
_YES_NO = ("no / 否", "yes / 是")


def settings() -> str:
    """Return docs/settings.md: the functions' environment, in both languages."""
    rows = []
    for name, setting in SETTINGS.items():
        default = (
            " / ".join(_REQUIRED) if setting.default is None else f"`{setting.default}`" if setting.default else ""
        )
        rows.append((f"`{name}`", _escaped(setting.meaning.en), _escaped(setting.meaning.zh), default))
    return (
        "# Settings\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/settings_table.py -->\n\n"
        "The functions' environment variables. `s.yaml` sets most of them from its `vars`; add others there, under\n"
        "`environmentVariables`.\n\n" + _table(("name", "meaning", "含义", "default"), rows)
    )


def _code(step: Step) -> str:
    return f"`{step}`"


def reasons() -> str:
    """docs/reasons.md: why a key failed, and what to do, in both languages."""
    rows = [(f"`{reason.name}`", *(reason.fix.of(language, _code) for language in ("en", "zh"))) for reason in Reason]
    codes = [(f"`{code}`", copy_code) for code, copy_code in COPY_CODES.items()]
    copies = [
        (name, _YES_NO[copy_code.passes], copy_code.fix.en, copy_code.fix.zh)
        for name, copy_code in [*codes, ("others / 其他", OTHER_CODE)]
    ]
    head = ("OMS's code", "passes by itself / 可自行恢复", "remedy", "处理方法")
    return (
        "# Reasons of failed object keys\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/errors.py -->\n\n"
        "The reason appears in the failed record, the log, and the output of `status` and `replay`. Every object with\n"
        "a failed record is resent automatically.\n\n" + _table(("reason", "remedy", "处理方法"), rows) + "\n"
        "## Objects that OMS failed to copy\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/copy_codes.py -->\n\n"
        "`COPY_FAILED` carries OMS's own code, from the lists that OMS keeps in the destination bucket.\n\n"
        + _table(head, copies)
    )


def unconfirmed(chinese: bool) -> str:
    """Return the table of unconfirmed facts, each with what depends on it."""
    language = "zh" if chinese else "en"
    rows = [
        (
            fact.question.of(language),
            fact.assumed.of(language),
            f"`{fact.setting}`" if fact.setting else "",
            fact.dependents.of(language),
            _COMMAS[chinese].join(f"`{field}`" for field in fact.fields),
        )
        for fact in UNCONFIRMED.values()
    ]
    english = (
        "unknown",
        "assumption",
        "setting that changes it",
        "consequence",
        "field of the report",
    )
    return _table(("未知", "假设", "可更改的设置", "影响", "报告字段") if chinese else english, rows)


def freezes(chinese: bool) -> str:
    """Return the table of freeze durations by the number of objects and of lanes."""
    rows = [
        (f"{objects:,}", *(_minutes(freeze_minutes(objects, lanes)["total"], chinese) for lanes in _LANES))
        for objects in _OBJECTS
    ]
    if chinese:
        return _table(("对象数", *(f"并行数 {lanes}" for lanes in _LANES)), rows)
    return _table(("objects", *(f"{lanes} lane{'s' if lanes > 1 else ''}" for lanes in _LANES)), rows)


def sizes(chinese: bool, rate: float) -> str:
    """Return the table of durations and prices by size; a dollar costs `rate`."""
    separator = " 至 " if chinese else " to "
    rows = []
    for terabytes in _TERABYTES:
        objects = terabytes * _OBJECTS_PER_TERABYTE
        costs = estimate(Workload(objects, terabytes * 10**12, 0, MAX_LANES, _SAMPLE, Prices()))
        (usual,) = costs.ways.day_and_night
        # OMS splits a large group into tasks: an object in it costs more if each task has the limit for itself.
        nights = dict.fromkeys(_price(copy.dollars * rate) for copy in costs.ways.nights)
        rows.append(
            (
                f"{terabytes} TB",
                _minutes(usual.seconds / 60, chinese),
                _price(usual.dollars * rate),
                separator.join(nights),
                _minutes(costs.freeze_minutes["total"], chinese),
            )
        )
    if chinese:
        return _table(("存量对象", "复制至少需要", "流量费", "流量费，仅夜间", "停写"), rows)
    return _table(("existing objects", "copy at least", "traffic", "traffic by night", "freeze"), rows)


def _price(price: float) -> str:
    """Return a price, from 1,000 on in hundreds."""
    return f"{round(price, -2 if price >= 1000 else 0):,.0f}"


def _minutes(number: float, chinese: bool) -> str:
    minutes, hours, days = ("分钟", "小时", "天") if chinese else ("min", "h", "days")
    if number < 120:
        return f"{number:.0f} {minutes}"
    return f"{number / 60:.1f} {hours}" if number < _DAYS_FROM else f"{number / 60 / 24:.0f} {days}"


def _with_parts(document: Path, *parts: tuple[str, str]) -> str:
    """Return the text of a document with new contents in the named parts.

    Raises ValueError if the document has no place for a part.
    """
    text = document.read_text(encoding="utf-8")
    for name, part in parts:
        begin, end = f"<!-- {name}: made by `make docs` -->\n", f"<!-- end of {name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{document.name} does not hold these lines once: {begin}{end}")
        before, _, behind = text.partition(begin)
        text = f"{before}{begin}{part}{end}{behind.partition(end)[2]}"
    return text


def made() -> dict[Path, str]:
    """Every document that is made, in whole or in part, and what it should say."""
    return {
        COSTS: _with_parts(COSTS, ("sizes", sizes(chinese=False, rate=1)), ("freeze", freezes(chinese=False))),
        COSTS_TWIN: _with_parts(
            COSTS_TWIN, ("sizes", sizes(chinese=True, rate=YUAN_PER_DOLLAR)), ("freeze", freezes(chinese=True))
        ),
        UNKNOWN: _with_parts(UNKNOWN, ("unconfirmed", unconfirmed(chinese=False))),
        UNKNOWN_TWIN: _with_parts(UNKNOWN_TWIN, ("unconfirmed", unconfirmed(chinese=True))),
        ROOT / "docs" / "settings.md": settings(),
        ROOT / "docs" / "reasons.md": reasons(),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def _escaped(text: str) -> str:
    """For a table's cell; what stands in backticks is taken as it is anyway."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
