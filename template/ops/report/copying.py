"""Blocks on OMS's work: its throughput, the time to drain the backlog, and its counts over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.clock import parse_timestamp
from ops.report import units
from ops.report.blocks import Block, Blocks, Chart, Column, FactList, Figure, Paragraph, Span, Table
from ops.report.existing_objects import report_migration
from ops.report.words import Translator
from oss_oms_sync.answers.status_answer import StatusAnswer
from oss_oms_sync.answers.task_group import QueryFailure, TaskSummary
from oss_oms_sync.answers.text import AtLeast, t

# Steps of OMS's statistics, by name: the seconds of a step, and the period over which the speed is averaged.
_STEP_SECONDS = {"FIVE_MINUTES": 300, "ONE_HOUR": 3600}
_SPEED_WINDOWS = {"FIVE_MINUTES": timedelta(hours=1), "ONE_HOUR": timedelta(hours=3)}
# OMS's counters, with their names among the month's counters, in the order of a copy.
_COUNTER_LABELS = {
    "REQUEST": ("requests", t("requested")),
    "SUCCESS": ("copied", t("copied")),
    "FAILURE": ("failed", t("failures")),
    "SKIP": ("skipped", t("skipped")),
}
_UNREAD_TEXT = t("{number:part|parts} of OMS's statistics could not be read, so the chart may be incomplete.")
# Maximum number of spans in a chart: more columns would be too narrow to see.
_MAX_SPANS = 100


def throughput(answer: StatusAnswer, translate: Translator) -> Figure:
    """Return the rate at which OMS has copied in the last hour, or in the last three if OMS counts by the hour."""
    statistics, end = answer.statistics, parse_timestamp(answer.at)
    window = _SPEED_WINDOWS.get(statistics.step) if statistics else None
    if statistics is None or window is None or end <= statistics.from_:
        return Figure(translate("Throughput"), translate("unknown"), translate("not reported by OMS"), "open")
    window = min(window, end - statistics.from_)
    since_millis, seconds = (end - window).timestamp() * 1000, window.total_seconds()
    objects, size = (
        sum(number for millis, number in statistics.series[name] if millis >= since_millis)
        for name in ("SUCCESS", "SIZE")
    )
    period_text = translate("copied by OMS in the last {duration:time}", duration=seconds)
    volume = translate("{size:size} per second", size=round(size / seconds))
    return Figure(
        translate("Throughput"),
        (units.rate(objects * 60 / seconds), " ", Span("small", translate("objects per minute"))),
        f"{period_text} · {volume}",
    )


def drain_estimate(answer: StatusAnswer, translate: Translator) -> Figure:
    """Return an estimate of the time to copy all waiting objects, at the highest rate in OMS's statistics.

    The present rate would mislead: it is low whenever few objects wait.
    """
    backlog, unfinished_objects, statistics = answer.backlog, answer.copying.unfinished, answer.statistics
    if statistics is None or unfinished_objects is None:
        return Figure(
            translate("Time to clear the backlog"), translate("unknown"), translate("not reported by OMS"), "open"
        )
    objects_left = backlog.waiting + unfinished_objects.objects
    if not objects_left and not backlog.more_may_wait:
        return Figure(translate("Time to clear the backlog"), translate("none"), translate("no backlog"))
    note = translate(
        "estimate for {objects:object|objects} waiting for replay or OMS, at the highest rate in this period",
        objects=AtLeast(objects_left) if backlog.more_may_wait else objects_left,
    )
    max_count = max((number for _, number in statistics.series["SUCCESS"]), default=0)
    if not max_count or not objects_left:
        return Figure(
            translate("Time to clear the backlog"), translate("unknown"), note if objects_left else None, "open"
        )
    drain_time = units.duration(objects_left * _STEP_SECONDS.get(statistics.step, 3600) / max_count, translate)
    return Figure(
        translate("Time to clear the backlog"),
        translate("at least {number}", number=drain_time) if backlog.more_may_wait else drain_time,
        note,
    )


def copying(answer: StatusAnswer, translate: Translator) -> Blocks:
    task = [_describe_task(answer.oms, translate)] if answer.oms else query_failure(answer.oms_failure, translate)
    return [
        *report_migration(answer, translate),
        *task,
        *_chart_counts(answer, translate),
        *_tabulate_counts(answer, translate),
    ]


def query_failure(failure: QueryFailure | None, translate: Translator) -> Blocks:
    if failure is None:
        return []
    return [
        Paragraph((translate("not reported by OMS"), translate(": "), Span("code", failure.problem)), "open"),
        Paragraph(translate(failure.fix)),
        FactList([(translate("OMS's message"), Span("outside", failure.message))]) if failure.message else None,
    ]


def _describe_task(task: TaskSummary, translate: Translator) -> Block:
    source, destination = (units.resource_name(name, translate) for name in (task.src_bucket, task.dst_bucket))
    mode = task.object_overwrite_mode
    return FactList(
        [
            (translate("source and destination"), (source, " → ", destination)),
            (translate("state"), Span("code", task.status) if task.status else translate("unknown")),
            (translate("overwrite mode"), Span("code", mode.value) if mode else None),
        ]
    )


def _chart_counts(answer: StatusAnswer, translate: Translator) -> Blocks:
    statistics, end = answer.statistics, parse_timestamp(answer.at)
    if statistics is None:
        # The report has this error already, for the task.
        return (
            []
            if answer.oms_failure == answer.statistics_failure
            else query_failure(answer.statistics_failure, translate)
        )
    timeline = Timeline(statistics.from_, end, _STEP_SECONDS.get(statistics.step, 3600))
    sums = {name: timeline.sums(statistics.series[name]) for name in _COUNTER_LABELS}
    peak = max(*sums["SUCCESS"], *sums["REQUEST"]) * 60 / timeline.span
    return [
        Chart(
            translate(
                "OMS's counts from {start} to {end}: requested {requested}, copied {copied}, failed {failed}, skipped"
                " {skipped}.",
                start=units.date_and_time(statistics.from_),
                end=units.date_and_time(end),
                requested=sum(sums["REQUEST"]),
                copied=sum(sums["SUCCESS"]),
                failed=sum(sums["FAILURE"]),
                skipped=sum(sums["SKIP"]),
            ),
            statistics.from_,
            end,
            sums["SUCCESS"],
            sums["REQUEST"],
            sums["FAILURE"],
            (
                translate("Copied objects per minute"),
                translate("Requested objects per minute"),
                translate("Failed objects (separate scale)"),
            ),
            (units.objects_a_minute(peak, translate), f"{max(sums['FAILURE']):,}"),
            Paragraph(translate(_UNREAD_TEXT, number=statistics.unread), "open") if statistics.unread else None,
        )
    ]


@dataclass(frozen=True)
class Timeline:
    """A division of the time from `start` to `end` into spans of equal length, for a chart.

    OMS counts in steps of `step` seconds, and a span is one or more steps. The last span is complete, because it shows
    the present state, so the first span may begin before `start`.
    """

    start: datetime
    end: datetime
    step: int

    @property
    def span(self) -> int:
        """The length of a span, in seconds."""
        return self.step * max(1, -(-self._steps // _MAX_SPANS))

    def sums(self, points: Iterable[tuple[float, int]]) -> list[int]:
        """Add up counts for each span. A point is a time in milliseconds since 1970, and a count."""
        sums = [0] * max(1, -(-self._steps * self.step // self.span))
        start_seconds = self._end - len(sums) * self.span
        for millis, number in points:
            index = int((millis / 1000 - start_seconds) // self.span)
            sums[min(max(index, 0), len(sums) - 1)] += number
        return sums

    @property
    def _end(self) -> int:
        """The end of the step that contains `end`, in seconds since 1970.

        A step begins at a multiple of its length.
        """
        return -(-int(self.end.timestamp()) // self.step) * self.step

    @property
    def _steps(self) -> int:
        return -(-(self._end - int(self.start.timestamp())) // self.step)


def _tabulate_counts(answer: StatusAnswer, translate: Translator) -> Blocks:
    series = answer.statistics.series if answer.statistics else {}
    sums = {name: sum(count for _, count in points) for name, points in series.items()}
    period = {name: sums.get(counter) for counter, (name, _) in _COUNTER_LABELS.items()} | {"bytes": sums.get("SIZE")}
    month = vars(answer.oms.month) if answer.oms else {}
    unfinished_objects = answer.copying.unfinished
    left_rows = [
        (
            translate("accepted, not processed yet"),
            units.count_cell(unfinished_objects.objects if unfinished_objects else None, translate, "way"),
        ),
        (
            translate("of these, accepted over 15 minutes ago"),
            units.count_cell(unfinished_objects.overdue if unfinished_objects else None, translate, "open"),
        ),
    ]
    return [
        counters({translate("in this period"): period, translate("this month"): month}, translate),
        Table([Column(translate("count")), Column(translate("objects"), "n")], left_rows),
    ]


def counters(
    windows: Mapping[str, Mapping[str, int | None]], translate: Translator, caption: str | None = None
) -> Table:
    rows = [
        (
            translate(title),
            *(
                units.count_cell(window.get(name), translate, "bad" if name == "failed" else "")
                for window in windows.values()
            ),
        )
        for name, title in _COUNTER_LABELS.values()
    ]
    return Table(
        [Column(translate("count")), *(Column(title, "n") for title in windows)],
        [
            *rows,
            (translate("volume"), *(units.size_cell(window.get("bytes"), translate) for window in windows.values())),
        ],
        caption=caption,
    )
