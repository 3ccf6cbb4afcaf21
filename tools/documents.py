"""A program that writes the documents made from the code: `python -m tools.documents`.

- docs/settings.md, from `settings_table`
- docs/reasons.md, from `errors` and `copy_codes`
- the table in docs/unconfirmed.md, from `unconfirmed`
- the tables of sizes and of freezes in docs/costs.md, from `ops.cost`
- the conclusions of stored certificates, from `certificates`

The tables of unconfirmed.md and costs.md are also written in Chinese.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ops.cost.effort import MAX_LANES, freeze_minutes
from ops.cost.estimate import Workload, estimate
from ops.cost.prices import YUAN_PER_DOLLAR, Prices
from oss_oms_sync.answers.step import Step
from oss_oms_sync.copy_codes import COPY_CODES, OTHER_CODE
from oss_oms_sync.errors import UNKNOWN_REASON, UNKNOWN_REASON_FIX, Reason
from oss_oms_sync.settings_table import SETTINGS
from oss_oms_sync.unconfirmed import UNCONFIRMED

from .certificates import make_certificates
from .package import ROOT

COSTS, CHINESE_COSTS = ROOT / "docs" / "costs.md", ROOT / "docs" / "costs.zh.md"
UNKNOWN, CHINESE_UNKNOWN = ROOT / "docs" / "unconfirmed.md", ROOT / "docs" / "unconfirmed.zh.md"
_OBJECTS, _LANES = (10**6, 10**7, 10**8, 10**9), (1, 4, 16, MAX_LANES)
_TERABYTES, _OBJECTS_PER_TERABYTE, _SAMPLE = (1, 10, 50, 100, 200), 10**6, 0
_REQUIRED = ("required", "必填")
# Minutes below this are given in hours.
_DAYS_FROM = 4 * 24 * 60
_COMMAS = (", ", "、")
_YES_NO = (
    "no: resending fails until you act; replay nevertheless keeps trying"
    " / 否：处理之前，重发都会失败；replay 仍会继续重试",
    "yes / 是",
)


def settings() -> str:
    rows = []
    for name, setting in SETTINGS.items():
        default = (
            " / ".join(_REQUIRED) if setting.default is None else f"`{setting.default}`" if setting.default else ""
        )
        rows.append((f"`{name}`", _escape_cell(setting.meaning.en), _escape_cell(setting.meaning.zh), default))
    return (
        "# Settings\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/settings_table.py -->\n"
        + _format_table(
            ("English", "中文"),
            [
                (
                    "The functions read these environment variables. To change a variable, search `s.yaml` for its"
                    " name. A line such as `STATUS_PERIOD: ${vars.statusPeriod}` takes the value from `vars`: change"
                    " `statusPeriod` there. Add a variable that `s.yaml` lacks under the first `environmentVariables`,"
                    ' which all functions share. Write numbers in quotes (`OMS_RATE: "100"`), because an environment'
                    " variable takes only text. Changes take effect after `s deploy -y`.",
                    "函数读取下列环境变量。要更改某个变量，请在 `s.yaml` 中搜索其名称。形如"
                    " `STATUS_PERIOD: ${vars.statusPeriod}` 的一行表示取值来自 `vars`：请更改其中的 `statusPeriod`。"
                    "`s.yaml` 中没有的变量，请写入第一处 `environmentVariables`，由所有函数共用。"
                    '数字请加引号（`OMS_RATE: "100"`），因为环境变量只接受文本。更改在执行 `s deploy -y` 之后生效。',
                ),
                (
                    "Never write secrets (`HW_AK`, `HW_SK`, `HW_SECURITY_TOKEN`, `ALERT_WEBHOOK`) in `s.yaml`: write"
                    " references, such as `HW_AK: ${secret('<functionName>_HW_AK')}`, and [store the"
                    " secrets](lifecycle.md#access-keys) with `python3 ops.py secrets`.",
                    "切勿在 `s.yaml` 中写入机密（`HW_AK`、`HW_SK`、`HW_SECURITY_TOKEN`、`ALERT_WEBHOOK`）："
                    "只写引用，例如 `HW_AK: ${secret('<functionName>_HW_AK')}`，并用 `python3 ops.py secrets`"
                    " [存储机密](lifecycle.zh.md#访问密钥)。",
                ),
            ],
        )
        + "\n"
        + _format_table(("name", "meaning", "含义", "default / 默认值"), rows)
    )


def _format_step(step: Step) -> str:
    return f"`{step}`"


def reasons() -> str:
    rows = [
        (f"`{name}`", *(fix.of(language, _format_step) for language in ("en", "zh")))
        for name, fix in (*((reason.name, reason.fix) for reason in Reason), (UNKNOWN_REASON, UNKNOWN_REASON_FIX))
    ]
    codes = [(f"`{code}`", copy_code) for code, copy_code in COPY_CODES.items()]
    copies = [
        (name, _YES_NO[copy_code.is_transient], copy_code.fix.en, copy_code.fix.zh)
        for name, copy_code in [*codes, ("others / 其他", OTHER_CODE)]
    ]
    head = ("OMS's code", "can resolve by itself / 可自行恢复", "remedy", "处理方法")
    return (
        "# Failure reasons and remedies\n\n"
        "<!-- made by `make docs` from errors.py and copy_codes.py in template/code/oss_oms_sync -->\n"
        + _format_table(
            ("English", "中文"),
            [
                (
                    "The failed record, the log, and the output of `status` and `replay` name the reason. The record"
                    " and the log of `forward` also contain the service's error code and message, if there are any:"
                    " `python3 ops.py story KEY` prints the message (with `--json`, also the code).",
                    "失败记录、日志以及 `status` 和 `replay` 的输出中有失败原因。失败记录和 `forward` 的日志中"
                    "还有云服务返回的错误码和错误信息（如有）：`python3 ops.py story KEY`"
                    " 会打印错误信息（加 `--json` 时还有错误码）。",
                ),
                (
                    "Replay resends all recorded keys automatically; if a fault must be repaired, after the repair."
                    " A change of `s.yaml` or of a secret (`python3 ops.py secrets`) takes effect after `s deploy -y`."
                    " Replay does not resend keys while the project is closed, nor keys of records that belong to"
                    " another sync task, prefix or suffix. If you have changed the task in SYNC_URL, run"
                    " `python3 ops.py compare --since 1970-01-01` after the deployment: it submits all objects that are"
                    " missing or older in OBS.",
                    "replay 会自动重发所有已记录的对象；须先修复故障的，修复后重发。更改 `s.yaml` 或机密"
                    "（`python3 ops.py secrets`）之后，须执行 `s deploy -y` 才会生效。以下情况不会重发：项目已关闭；"
                    "记录属于其他同步任务、前缀或后缀。如果更改了 SYNC_URL 中的任务，"
                    "请在部署之后执行 `python3 ops.py compare --since 1970-01-01`：补交 OBS 中缺失或较旧的全部对象。",
                ),
            ],
        )
        + "\n"
        + _format_table(("reason", "remedy", "处理方法"), rows)
        + "\n"
        "## Objects that OMS failed to copy\n\n"
        "The error code of a `COPY_FAILED` key is from the lists of failed objects that OMS writes to the destination"
        " bucket.\n\n"
        "`COPY_FAILED` 对象的错误码取自 OMS 写入目的端桶的失败对象列表。\n\n" + _format_table(head, copies)
    )


def unconfirmed(chinese: bool) -> str:
    language = "zh" if chinese else "en"
    rows = [
        (
            fact.question.of(language),
            fact.assumed_answer.of(language),
            f"`{fact.setting}`" if fact.setting else "",
            fact.dependents.of(language),
            _COMMAS[chinese].join(f"`{field}`" for field in fact.fields),
        )
        for fact in UNCONFIRMED.values()
    ]
    english = ("question", "assumption", "setting to change", "consequence", "field of the report")
    return _format_table(("问题", "假设", "可更改的设置", "影响", "报告字段") if chinese else english, rows)


def freezes(chinese: bool) -> str:
    rows = [
        (f"{objects:,}", *(_format_minutes(freeze_minutes(objects, lanes)["total"], chinese) for lanes in _LANES))
        for objects in _OBJECTS
    ]
    if chinese:
        return _format_table(("对象数", *(f"并行数 {lanes}" for lanes in _LANES)), rows)
    return _format_table(("objects", *(f"{lanes} lane{'s' if lanes > 1 else ''}" for lanes in _LANES)), rows)


def sizes(chinese: bool, rate: float) -> str:
    """Return the table of durations and prices by size; `rate` is the price of a dollar in the table's currency."""
    separator = " 至 " if chinese else " to "
    rows = []
    for terabytes in _TERABYTES:
        objects = terabytes * _OBJECTS_PER_TERABYTE
        costs = estimate(Workload(objects, terabytes * 10**12, 0, MAX_LANES, _SAMPLE, Prices()))
        expenses = {expense.name: expense.dollars or 0 for expense in (*costs.once, *costs.cutover)}
        # In any way of copying, OMS makes the same requests, and the cutover makes two passes.
        other_dollars = sum(expenses[name] for name in ("oms_requests", "compare", "standstill"))
        (usual,) = costs.ways.day_and_night
        # OMS splits a large group into tasks: an object in it costs more if each task has the limit for itself.
        nights = costs.ways.nights
        rows.append(
            (
                f"{terabytes} TB",
                _format_minutes(usual.seconds / 60, chinese),
                _format_price((usual.dollars + other_dollars) * rate),
                _format_durations([copy.seconds / 60 for copy in reversed(nights)], separator, chinese),
                separator.join(dict.fromkeys(_format_price((copy.dollars + other_dollars) * rate) for copy in nights)),
                _format_minutes(costs.freeze_minutes["total"], chinese),
            )
        )
    if chinese:
        return _format_table(
            ("存量对象", "昼夜复制至少需要", "合计（元）", "仅夜间复制约需", "合计（元）", "停写"), rows
        )
    return _format_table(
        (
            "existing objects",
            "day and night: at least",
            "dollars in total",
            "at night: about",
            "dollars in total",
            "freeze",
        ),
        rows,
    )


def _format_price(price: float) -> str:
    """Format a price as a whole number; prices from 1,000 on are rounded to hundreds."""
    return f"{round(price, -2 if price >= 1000 else 0):,.0f}"


def _format_durations(numbers: Sequence[float], separator: str, chinese: bool) -> str:
    """Format one or two durations; if both have the same unit, name the unit once."""
    durations = list(dict.fromkeys(_format_minutes(number, chinese) for number in numbers))
    if len(durations) > 1 and len({duration.partition(" ")[2] for duration in durations}) == 1:
        durations[0] = durations[0].partition(" ")[0]
    return separator.join(durations)


def _format_minutes(number: float, chinese: bool) -> str:
    minutes, hours, days = ("分钟", "小时", "天") if chinese else ("min", "h", "days")
    if number < 120:
        return f"{number:.0f} {minutes}"
    return f"{number / 60:.1f} {hours}" if number < _DAYS_FROM else f"{number / 60 / 24:.0f} {days}"


def _replace_parts(document: Path, *parts: tuple[str, str]) -> str:
    """Return the text of a document with some parts replaced; each of `parts` is a name and the new contents.

    Raises ValueError if the document does not contain the two comments that enclose a part.
    """
    text = document.read_text(encoding="utf-8")
    for name, part in parts:
        begin, end = f"<!-- {name}: made by `make docs` -->\n", f"<!-- end of {name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{document.name} does not hold these lines once: {begin}{end}")
        before, _, after = text.partition(begin)
        text = f"{before}{begin}{part}{end}{after.partition(end)[2]}"
    return text


def make_documents() -> dict[Path, str]:
    return {
        COSTS: _replace_parts(COSTS, ("sizes", sizes(chinese=False, rate=1)), ("freeze", freezes(chinese=False))),
        CHINESE_COSTS: _replace_parts(
            CHINESE_COSTS, ("sizes", sizes(chinese=True, rate=YUAN_PER_DOLLAR)), ("freeze", freezes(chinese=True))
        ),
        UNKNOWN: _replace_parts(UNKNOWN, ("unconfirmed", unconfirmed(chinese=False))),
        CHINESE_UNKNOWN: _replace_parts(CHINESE_UNKNOWN, ("unconfirmed", unconfirmed(chinese=True))),
        ROOT / "docs" / "settings.md": settings(),
        ROOT / "docs" / "reasons.md": reasons(),
        **make_certificates(),
    }


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def _escape_cell(text: str) -> str:
    """Escape `|` in a text for a cell of a Markdown table, and `<` outside of backticks."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


if __name__ == "__main__":
    for path, text in make_documents().items():
        path.write_text(text, encoding="utf-8")
