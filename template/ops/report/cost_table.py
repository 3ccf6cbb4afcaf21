"""The report on the costs of a migration, and on the length of its freeze."""

from __future__ import annotations

from collections.abc import Sequence

from ops.cost.estimate import Estimate, Expense, Workload, total_dollars
from ops.cost.nights import CopyEstimate, CopyWays
from ops.report.blocks import Blocks, Column, Paragraph, Phrase, Report, ReportHead, Table
from ops.report.words import STEP_LABELS, Translator
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

_ONCE_TITLE = t("Once: existing objects")
_EXPENSE_LABELS = {
    "egress": t("traffic out of OSS, read by OMS over the internet"),
    "oms": t("OMS fee"),
    "oms_requests": t("OMS's requests to both buckets"),
    "backfill": t("submission by this project (not needed if an OMS task group copies the objects)"),
    "events": t("an event, a function call and a record for each object"),
    "reconciles": t("daily reconcile"),
    "compares": t("weekly compare"),
    "timers": t("timers, even without writes"),
    "compare": t("comparing both buckets"),
    "standstill": t("standstill pass, which checks that both buckets are unchanged"),
    "sample": t("reading the sample on both sides"),
    "deep": t("optional: --deep, if it reads all source objects (maximum)"),
}
# An expense that the totals omit, because the option --deep is optional.
_OPTIONAL_EXPENSE = "deep"


def report(workload: Workload, estimate: Estimate, language: str) -> Report:
    translate = Translator(language)
    explanation = translate(
        "{objects:object|objects} with {size:size} in total, {a_day:new object|new objects} per day,"
        " {lanes:lane|lanes}; list prices in US dollars",
        objects=workload.objects,
        size=workload.size,
        a_day=workload.a_day,
        lanes=workload.lanes,
    )
    *steps, total = ((name, f"{minutes:,}") for name, minutes in estimate.freeze_minutes.items())
    blocks: Blocks = [
        _tabulate_expenses(_ONCE_TITLE, estimate.once, translate),
        Paragraph(
            translate(
                "At OMS's usual limits, copying takes at least {group:time} with a task group ({command}), or"
                " {sent:time} if this project submits the objects, ten keys per call.",
                command=Step("migrate"),
                group=estimate.old_seconds["group"],
                sent=estimate.old_seconds["sent"],
            )
        ),
        Paragraph(
            translate(
                "In addition to OMS's own requests, this project sends {group:request|requests} to the two clouds"
                " if a task group copies the objects, and {sent:request|requests} if this project submits the"
                " objects.",
                group=estimate.old_requests["group"],
                sent=estimate.old_requests["sent"],
            )
        ),
        *_compare_ways(estimate.ways, translate),
        _tabulate_expenses(t("Per month: daily writes"), estimate.month, translate),
        _tabulate_expenses(t("Cutover day"), estimate.cutover, translate),
        Table(
            [Column(translate("step")), Column(translate("minutes"), "n")],
            [(translate(STEP_LABELS[name]), minutes) for name, minutes in steps],
            [(translate("total"), total[1])],
            translate("Freeze"),
        ),
        Paragraph(
            translate("With --deep, the freeze takes up to {hours} hours longer.", hours=f"{estimate.deep_hours:,.1f}")
        ),
        Paragraph(
            translate(
                "If all headers differ, the command `headers` takes up to {stays:minute|minutes} before the"
                " freeze, and makes the freeze {recorded:minute|minutes} longer. If OBS changes LastModified"
                " ({command} measures this), headers are changed only during the freeze, which then takes up to"
                " {moves:minute|minutes} longer.",
                stays=estimate.headers_minutes["stays"],
                recorded=estimate.headers_minutes["recorded"],
                moves=estimate.headers_minutes["moves"],
                command=Step("canary"),
            )
        ),
        Paragraph(
            translate(
                "The standstill pass then checks headers as well, which takes {standstill:more minute|more minutes}"
                " and {requests:more request|more requests}.",
                standstill=estimate.headers_minutes["standstill"],
                requests=estimate.headers_requests,
            )
        ),
        Paragraph(
            translate(
                "This is an estimate, whose sources are in docs/costs.md. According to Huawei, OMS is"
                " currently free; if you pay for it, pass --oms-price. Not included: logs, storage in OBS,"
                " a NAT gateway. To measure the length of your freeze, rehearse the cutover: {command}",
                command=Step("cutover", {"rehearse": True}),
            )
        ),
    ]
    return Report(ReportHead("", "", explanation, None), language, blocks)


def copying(expenses: list[Expense], ways: CopyWays, explanation: str, language: str) -> Report:
    translate = Translator(language)
    return Report(
        ReportHead("", "", explanation, None),
        language,
        [_tabulate_expenses(_ONCE_TITLE, expenses, translate), *_compare_ways(ways, translate)],
    )


def _compare_ways(ways: CopyWays, translate: Translator) -> Blocks:
    """Return durations and prices of copying day and night, or only by night.

    Return no blocks if traffic costs the same all day.
    """
    if not ways.nights:
        return []
    night_rows = [
        (translate("at night: {command}", command=Step("migrate", {"nights": True})), ways.nights),
        (translate("at night, if OMS reads the hours as UTC"), ways.in_utc),
    ]
    (usual_copy,) = ways.day_and_night
    return [
        Table(
            [
                Column(translate("existing objects")),
                Column(translate("duration"), "n"),
                Column(translate("traffic, dollars"), "n"),
            ],
            [
                (
                    translate("day and night"),
                    translate("at least {time:time}", time=usual_copy.seconds),
                    _price_range(ways.day_and_night, translate),
                ),
                *(
                    (title, _time_range(copies, translate), _price_range(copies, translate))
                    for title, copies in night_rows
                ),
            ],
            caption=translate("Copying day and night, or only at night"),
        ),
        Paragraph(
            translate(
                "Traffic out of OSS costs half the price from 00:00 to 08:00 China Standard Time. OMS"
                " documents neither the time zone of bandwidth limits nor whether a limit applies to each"
                " task of a large group separately. {command} measures the time zone within a day. The sync"
                " task has no bandwidth limit.",
                command=Step("migrate", {"look": True}),
            )
        ),
    ]


def _time_range(copies: Sequence[CopyEstimate], translate: Translator) -> str:
    """Return the duration of a copy at night, which follows from the average speed of a day.

    A short copy takes less or more time, depending on the hour of its start.
    """
    min_seconds, max_seconds = min(copy.seconds for copy in copies), max(copy.seconds for copy in copies)
    if len(copies) == 1:
        return translate("about {duration:time}", duration=max_seconds)
    return translate("about {least:time} to {most:time}", least=min_seconds, most=max_seconds)


def _price_range(copies: Sequence[CopyEstimate], translate: Translator) -> str:
    min_price, max_price = (f"{choose(copy.dollars for copy in copies):,.2f}" for choose in (min, max))
    return max_price if len(copies) == 1 else translate("{least} to {most}", least=min_price, most=max_price)


def _tabulate_expenses(title: Text, expenses: list[Expense], translate: Translator) -> Table:
    columns = [Column(translate("item")), Column(translate("amount")), Column(translate("dollars"), "n")]
    total = f"{total_dollars([expense for expense in expenses if expense.name != _OPTIONAL_EXPENSE]):,.2f}"
    return Table(
        columns,
        [_expense_row(expense, translate) for expense in expenses],
        [(translate("total of the known items, without --deep"), "", total)],
        translate(title),
    )


def _expense_row(expense: Expense, translate: Translator) -> tuple[Phrase, ...]:
    objects = translate("{number:object|objects}", number=round(expense.objects)) if expense.objects else None
    amount = translate(", ").join(
        filter(None, (objects, translate("{n:size}", n=round(expense.size)) if expense.size else None))
    )
    return (
        translate(_EXPENSE_LABELS[expense.name]),
        amount,
        translate("unknown") if expense.dollars is None else f"{expense.dollars:,.2f}",
    )
