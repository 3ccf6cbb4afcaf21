"""Metrics of projects for Prometheus, in the text format that node_exporter's textfile collector reads.

The format follows https://prometheus.io/docs/instrumenting/exposition_formats/, and the names follow
https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ops.clock import parse_timestamp
from ops.fleet.overview import Member, StatusOverview
from ops.session import unwritable_error
from oss_oms_sync.answers.status_answer import VerdictState

_NAME_PREFIX = "oss_oms_sync_"
# Names and help texts of the metrics, in the order of the file.
_METRICS = {
    "verdict": "1 for the verdict of the project, 0 for the others.",
    "alarm": "1 if the verdict requires action now.",
    "backlog_objects": "Objects that wait to be resent; a minimum if the log bucket could not be read to its end.",
    "backlog_oldest_seconds": "Age of the oldest failure in the backlog.",
    "unfinished_objects": "Objects that OMS has accepted and not finished.",
    "overdue_objects": "Objects that OMS accepted over 15 minutes ago and has not finished.",
    "source_objects": "Objects in the source, according to the last comparison.",
    "lag_seconds": "Time from a write at the source until the object was in OBS, according to the last comparison.",
    "comparison_timestamp_seconds": "Start of the last comparison.",
    "certificate_timestamp_seconds": "Time of the GO in effect.",
    "last_success_timestamp_seconds": "Time of the last status that the project answered; 0 if there was none.",
}
_GO_PATTERN = re.compile(r"-(\d{8}T\d{6}Z)-go\.json")


def write(file: Path, members: Sequence[Member]) -> None:
    """Replace the file of metrics atomically, so that a reader never gets an incomplete file.

    A project without an answer keeps the time of its last success from the previous file. Raises UsageError if the file
    cannot be written.
    """
    try:
        previous_text = file.read_text(encoding="utf-8") if file.exists() else ""
        # node_exporter may run as another user.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.absolute().parent, prefix=f".{file.name}.", delete=False
        ) as temporary_file:
            temporary_file.write(format_metrics(members, previous_text))
        temporary_path = Path(temporary_file.name)
        temporary_path.chmod(0o644)
        temporary_path.replace(file)
    except OSError as error:
        raise unwritable_error(error) from None


def format_metrics(members: Sequence[Member], previous_text: str = "") -> str:
    samples = [
        (name, labels, value) for member in members for name, labels, value in _list_samples(member, previous_text)
    ]
    lines = []
    for metric, meaning in _METRICS.items():
        lines += [f"# HELP {_NAME_PREFIX}{metric} {meaning}", f"# TYPE {_NAME_PREFIX}{metric} gauge"]
        lines += [f"{_NAME_PREFIX}{name}{labels} {value:.15g}" for name, labels, value in samples if name == metric]
    return "\n".join(lines) + "\n"


def _list_samples(member: Member, previous_text: str) -> Iterator[tuple[str, str, float]]:
    """Yield the samples of a project, each with the metric's name without prefix, the labels and the value.

    Unknown values are left out.
    """
    for state in VerdictState:
        yield "verdict", _format_labels(member.name, state=state.value), member.verdict is state
    overview = member.overview
    success = parse_timestamp(overview.at).timestamp() if overview else _last_success(member.name, previous_text)
    yield "last_success_timestamp_seconds", _format_labels(member.name), success
    if overview is None:
        return
    yield "alarm", _format_labels(member.name), overview.verdict.alarm
    for name, value in _list_numbers(overview):
        if value is not None:
            yield name, _format_labels(member.name), value
    last_comparison = overview.compare.last
    for percentile in (50, 90, 99):
        seconds = getattr(last_comparison.lag.copied, f"p{percentile}") if last_comparison else None
        if seconds is not None:
            yield "lag_seconds", _format_labels(member.name, percentile=str(percentile)), seconds


def _list_numbers(overview: StatusOverview) -> Iterator[tuple[str, float | None]]:
    backlog, unfinished_objects, last_comparison = overview.backlog, overview.copying.unfinished, overview.compare.last
    yield "backlog_objects", backlog.objects
    age = parse_timestamp(overview.at) - parse_timestamp(backlog.oldest) if backlog.oldest else None
    yield "backlog_oldest_seconds", age.total_seconds() if age else 0
    yield "unfinished_objects", unfinished_objects.objects if unfinished_objects else None
    yield "overdue_objects", unfinished_objects.overdue if unfinished_objects else None
    yield "source_objects", last_comparison.source.objects if last_comparison else None
    yield (
        "comparison_timestamp_seconds",
        parse_timestamp(last_comparison.started).timestamp() if last_comparison else None,
    )
    go = _GO_PATTERN.search(overview.closed.go) if overview.closed else None
    yield "certificate_timestamp_seconds", datetime.strptime(go[1], "%Y%m%dT%H%M%S%z").timestamp() if go else None


def _format_labels(project: str, **labels: str) -> str:
    pairs = {"project": project, **labels}
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in pairs.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _last_success(project: str, previous_text: str) -> float:
    name = re.escape(f"{_NAME_PREFIX}last_success_timestamp_seconds{_format_labels(project)}")
    line = re.search(rf"^{name} ([\d.e+]+)$", previous_text, re.MULTILINE)
    return float(line[1]) if line else 0
