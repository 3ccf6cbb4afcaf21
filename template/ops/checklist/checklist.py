"""The command `ops.py checklist`, which compares the settings of both buckets, and prints those to move by hand.

The command changes no setting. It records OBS's back-to-source rules in the log bucket, because the functions have no
permission to read them:

oms_source_record/{task}/state/back_to_source.json
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from ops import project
from ops.checklist.bucket_settings import SETTINGS, UNCHECKED_SETTINGS, BucketSetting, SettingQuery
from ops.checklist.dialects import SettingShape
from ops.clock import timestamp
from ops.clouds.bucket_client import BucketClient
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES, read_administrator_keys
from ops.clouds.wire import RefusedError, Response, UnreadableResponseError
from ops.errors import OpsError
from ops.exit_codes import ExitCode
from ops.report.blocks import (
    Block,
    Column,
    Document,
    FactList,
    Items,
    Paragraph,
    Phrase,
    Report,
    ReportHead,
    Section,
    Span,
    Table,
)
from ops.session import Session
from oss_oms_sync.answers import codec
from oss_oms_sync.answers.job_answers import BackToSource
from oss_oms_sync.answers.layout import back_to_source_name, parse_task_id
from oss_oms_sync.answers.text import Text, t

_NEEDED_VARIABLES = ("region", "sourceBucket", "logBucket", "destinationRegion", "destinationBucket")


class State(Enum):
    """The result of comparing a setting in both buckets."""

    EQUAL = "equal"
    NONE = "none"
    DIFFERS = "differs"
    # The setting is set on both sides, but a program cannot compare the meanings.
    COMPARE_BY_HAND = "compare by hand"
    ONLY_SOURCE = "only at the source"
    ONLY_DESTINATION = "only at the destination"
    UNREAD = "cannot be read"


_STATE_LABELS = {
    State.EQUAL: (t("equal"), "good"),
    State.NONE: (t("set on neither side"), "good"),
    State.DIFFERS: (t("differs"), "open"),
    State.COMPARE_BY_HAND: (t("compare by hand"), "open"),
    State.ONLY_SOURCE: (t("set only at the source"), "open"),
    State.ONLY_DESTINATION: (t("set only at the destination"), "open"),
    State.UNREAD: (t("cannot be read"), "bad"),
}
_DONE_STATES = (State.EQUAL, State.NONE)


class SideReading(NamedTuple):
    """A setting in one bucket: the cloud's answer or refusal, and the parsed setting.

    - `shape` is the parsed setting, or None if the setting is not set.
    - `unread_reason` is the reason why the setting is unknown, or None.
    """

    shape: SettingShape | None = None
    unread_reason: Text | None = None
    answer: Response | None = None
    refusal: RefusedError | None = None


class Row(NamedTuple):
    """A setting in both buckets, as a row of the printed table.

    `document` is the text with which a user sets it in OBS. The text is empty if there is nothing to set.
    """

    setting: BucketSetting
    source: SideReading
    destination: SideReading
    document: str

    @property
    def state(self) -> State:
        """The result of the comparison; an unknown setting never counts as equal or absent."""
        if self.source.unread_reason or self.destination.unread_reason:
            return State.UNREAD
        source_shape, destination_shape = self.source.shape, self.destination.shape
        if source_shape is None:
            return State.NONE if destination_shape is None else State.ONLY_DESTINATION
        if destination_shape is None:
            return State.ONLY_SOURCE
        if list(source_shape.common_parts) != list(destination_shape.common_parts):
            return State.DIFFERS
        return State.COMPARE_BY_HAND if source_shape.other_parts or destination_shape.other_parts else State.EQUAL

    @property
    def omitted_parts(self) -> Sequence[Text]:
        """The parts of the source's setting that OBS cannot express."""
        return self.source.shape.other_parts if self.setting.document and self.source.shape else ()


def checklist(session: Session, options: Namespace, folder: Path) -> int:
    """Compare the settings of both buckets and print the result; return the exit code.

    Raises OpsError for wrong keys or buckets.
    """
    variables = project.read(options.template or folder / "s.yaml", _NEEDED_VARIABLES)
    source, destination, log = _open_buckets(session, variables)
    rows = []
    for setting in SETTINGS:
        session.progress(t("Checking {what}", what=setting.title))
        rows.append(read_setting(setting, source, destination))
    _check_sides(rows)
    session.screen.begin()
    if task := parse_task_id(variables.get("SYNC_URL", "")):
        _store_rule_count(session, log, back_to_source_name(task), destination.name, rows)
    session.show(options, report(rows, source.name, destination.name, session.lang), to_json(rows))
    return exit_code(rows)


def exit_code(rows: Sequence[Row]) -> ExitCode:
    """Return 0 if nothing is left to do, 1 if a setting differs, 3 if a setting could not be read."""
    states = [row.state for row in rows]
    if State.UNREAD in states:
        return ExitCode.NOT_PROVEN
    return ExitCode.OK if all(state in _DONE_STATES for state in states) else ExitCode.FAILED


def report(rows: Sequence[Row], source: str, destination: str, language: str) -> Report:
    open_rows = [row for row in rows if row.state not in _DONE_STATES]
    unread_count = sum(row.state is State.UNREAD for row in rows)
    word, tone = (
        _STATE_LABELS[State.UNREAD]
        if unread_count
        else (t("to do"), "open")
        if open_rows
        else (t("nothing left"), "good")
    )
    explanation = (
        t("{n:setting|settings} could not be read, so the settings to move by hand are unknown", n=unread_count)
        if unread_count
        else t("{n:setting|settings} to move by hand; this command changes nothing", n=len(open_rows))
        if open_rows
        else t(
            "The {n} compared settings are equal on both sides: nothing is left to move by hand",
            n=len(rows),
        )
    )
    titles = (t("Setting"), t("source {name}", name=source), t("destination {name}", name=destination), t("Result"))
    table = Table(
        [Column(title.of(language)) for title in titles],
        [
            (
                row.setting.title.of(language),
                _side_phrase(row.source, language),
                _side_phrase(row.destination, language),
                _state_mark(row, language),
            )
            for row in rows
        ],
    )
    sections = [
        Section(row.setting.name, row.setting.title.of(language), None, [*_describe_setting(row, language)])
        for row in open_rows
    ]
    head = ReportHead(word.of(language), tone, explanation.of(language), None)
    unchecked_note = Paragraph(UNCHECKED_SETTINGS.of(language), "note")
    return Report(head, language, [table, unchecked_note], sections, title=t("Settings to move by hand").of(language))


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "exit_code": exit_code(rows),
        "settings": [
            {
                "name": row.setting.name,
                "state": row.state.value,
                "source": _side_json(row.setting.source, row.source),
                "destination": _side_json(row.setting.destination, row.destination),
                "document": row.document,
                "left_out": [codec.to_json(text) for text in row.omitted_parts],
            }
            for row in rows
        ],
    }


def _store_rule_count(session: Session, log: OssBucketClient, name: str, bucket: str, rows: Sequence[Row]) -> None:
    """Store for doctor the number of back-to-source rules in OBS; the number is None if they could not be read.

    Such a rule fetches a missing object from another address.
    """
    rules = next(row.destination for row in rows if row.setting.name == "back-to-source")
    number = None if rules.unread_reason else len(rules.answer.json()["rules"]) if rules.answer else 0
    back_to_source = BackToSource(bucket, timestamp(session.clock.now()), number)
    try:
        log.put(name, json.dumps(codec.to_json(back_to_source)).encode(), {"Content-Type": "application/json"})
    except OpsError as error:
        session.print_text(
            t(
                "The number of back-to-source rules in OBS could not be stored for doctor: {happened}",
                happened=error.problem,
            ),
            "open",
        )


def _open_buckets(
    session: Session, variables: Mapping[str, str]
) -> tuple[OssBucketClient, ObsBucketClient, OssBucketClient]:
    alibaba, huawei = (
        read_administrator_keys(session, ALIBABA_VARIABLES),
        read_administrator_keys(session, HUAWEI_VARIABLES),
    )
    clock, endpoints = session.clock, session.caller.endpoints()
    return (
        OssBucketClient.open(endpoints, variables["region"], variables["sourceBucket"], alibaba, clock),
        ObsBucketClient.open(endpoints, variables["destinationRegion"], variables["destinationBucket"], huawei, clock),
        OssBucketClient.open(endpoints, variables["region"], variables["logBucket"], alibaba, clock),
    )


def read_setting(setting: BucketSetting, source: BucketClient, destination: BucketClient) -> Row:
    """Read a setting in both buckets.

    If the destination lacks parts of the source's setting, the row has the text with which a user sets them.
    """
    source_reading, destination_reading = (
        _read_side(source, setting.source),
        _read_side(destination, setting.destination),
    )
    row = Row(setting, source_reading, destination_reading, "")
    # If the destination has all parts of the document, the document could only remove further parts.
    needs_document = row.state in (State.ONLY_SOURCE, State.DIFFERS)
    if not (needs_document and setting.document and source_reading.shape and source_reading.shape.common_parts):
        return row
    return row._replace(
        document=setting.document(source_reading.shape.common_parts, destination.name, destination_reading.answer)
    )


def _check_sides(rows: Sequence[Row]) -> None:
    """Raise RefusedError if a cloud refused all requests, except for missing permissions.

    The cause is then a wrong key, bucket or region, which a table of settings would not show.
    """
    for side in ([row.source for row in rows], [row.destination for row in rows]):
        refusals = [reading.refusal for reading in side if reading.refusal]
        if refusals and len(refusals) == len(side):
            raise refusals[0]


def _read_side(bucket: BucketClient, side: SettingQuery) -> SideReading:
    try:
        answer = bucket.read_document(side.query)
        return SideReading(side.parse(answer), None, answer) if answer else SideReading()
    except RefusedError as error:
        if error.is_denied:
            return SideReading(
                unread_reason=t("cannot be read: the permission {right} is missing", right=side.permission)
            )
        return SideReading(unread_reason=t("cannot be read: {happened}", happened=error.problem), refusal=error)
    except UnreadableResponseError as error:
        return SideReading(unread_reason=t("cannot be read: {happened}", happened=error.problem))


def _side_phrase(reading: SideReading, language: str) -> Phrase:
    if reading.unread_reason:
        return reading.unread_reason.of(language)
    return Span("outside", reading.shape.summary.of(language)) if reading.shape else "-"


def _state_mark(row: Row, language: str) -> Span:
    word, tone = _STATE_LABELS[row.state]
    return Span("mark", word.of(language), tone)


def _describe_setting(row: Row, language: str) -> Iterator[Block]:
    sides = ((t("source"), row.setting.source), (t("destination"), row.setting.destination))
    pages = [(name.of(language), Span("code", side.page.of(language))) for name, side in sides]
    yield Paragraph(_state_mark(row, language))
    yield FactList(pages)
    if row.state is State.UNREAD:
        yield Items([side.unread_reason.of(language) for side in (row.source, row.destination) if side.unread_reason])
        return
    if row.setting.note:
        yield Paragraph(row.setting.note.of(language))
    if row.document:
        yield Paragraph(t("Apply this document to the destination bucket by hand:").of(language))
        yield Document(row.document)
    if row.omitted_parts:
        yield Paragraph(
            t("These settings of the source have no equivalent in OBS, so the document does not contain them:").of(
                language
            )
        )
        yield Items([text.of(language) for text in row.omitted_parts])


def _side_json(side: SettingQuery, reading: SideReading) -> dict[str, Any]:
    return {
        "summary": codec.to_json(reading.shape.summary) if reading.shape else None,
        "unread": codec.to_json(reading.unread_reason) if reading.unread_reason else None,
        "right": side.permission,
        "page": codec.to_json(side.page),
    }
