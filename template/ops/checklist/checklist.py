"""`ops.py checklist`: reads the settings of both buckets, and says of each whether somebody has to see to it. It
changes none of them. It notes in the log bucket whether OBS has back-to-source rules, which the functions may not read:

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
from ops.checklist.bucket_settings import NOT_COMPARED, SETTINGS, BucketSetting, SettingQuery
from ops.checklist.dialects import Shape
from ops.clock import timestamp
from ops.clouds.buckets import BucketClient, ObsBucketClient, OssBucketClient
from ops.clouds.keys import ALIBABA, HUAWEI, administrators
from ops.clouds.wire import RefusedError, Response, UnreadableResponseError
from ops.errors import OpsError
from ops.intention import state_folder
from ops.report.blocks import (
    Block,
    Column,
    Document,
    FactList,
    Hero,
    Items,
    Paragraph,
    Phrase,
    Report,
    Section,
    Span,
    Table,
)
from ops.session import Session
from oss_oms_sync.answers.codec import to_json as as_json
from oss_oms_sync.answers.job_answers import BackToSource
from oss_oms_sync.answers.text import Text, t

_NEEDED = ("region", "sourceBucket", "logBucket", "destinationRegion", "destinationBucket")


class State(Enum):
    """How a setting stands on both sides."""

    EQUAL = "equal"
    NONE = "none"
    DIFFERS = "differs"
    # Both are set, and no program can say whether they mean the same.
    BY_EYE = "compare by eye"
    ONLY_SOURCE = "only at the source"
    ONLY_DESTINATION = "only at the destination"
    UNREAD = "cannot be read"


_WORDS = {
    State.EQUAL: (t("equal"), "good"),
    State.NONE: (t("none on both sides"), "good"),
    State.DIFFERS: (t("differs"), "open"),
    State.BY_EYE: (t("compare by eye"), "open"),
    State.ONLY_SOURCE: (t("only at the source"), "open"),
    State.ONLY_DESTINATION: (t("only at the destination"), "open"),
    State.UNREAD: (t("cannot be read"), "bad"),
}
_DONE = (State.EQUAL, State.NONE)


class Seen(NamedTuple):
    """One side: what is set there, or why nobody knows (`unread`), with what the cloud answered, or its refusal."""

    shape: Shape | None = None
    unread: Text | None = None
    answer: Response | None = None
    refusal: RefusedError | None = None


class Row(NamedTuple):
    """A setting on both sides. `document`: the destination's, to be put there by hand; empty where there is none to
    write."""

    setting: BucketSetting
    source: Seen
    destination: Seen
    document: str

    @property
    def state(self) -> State:
        """What is not known is never equal, or absent."""
        if self.source.unread or self.destination.unread:
            return State.UNREAD
        here, there = self.source.shape, self.destination.shape
        if here is None:
            return State.NONE if there is None else State.ONLY_DESTINATION
        if there is None:
            return State.ONLY_SOURCE
        if list(here.common) != list(there.common):
            return State.DIFFERS
        return State.BY_EYE if here.own or there.own else State.EQUAL

    @property
    def left_out(self) -> Sequence[Text]:
        """What no document says, because OBS has no word for it."""
        return self.source.shape.own if self.setting.document and self.source.shape else ()


def checklist(session: Session, options: Namespace, folder: Path) -> int:
    """Show it. Raises OpsError where the keys or the buckets are not what they should be."""
    given = project.read(options.template or folder / "s.yaml", _NEEDED)
    source, destination, log = _buckets(session, given)
    rows = []
    for setting in SETTINGS:
        session.progress(t("Looking at {what}", what=setting.called))
        rows.append(compared(setting, source, destination))
    _check_sides(rows)
    session.screen.begin()
    if state := state_folder(given.get("SYNC_URL", "")):
        _note_rules(session, log, f"{state}back_to_source.json", destination.name, rows)
    session.show(options, report(rows, source.name, destination.name, session.lang), to_json(rows))
    return exit_code(rows)


def exit_code(rows: Sequence[Row]) -> int:
    """0: nothing is left to do; 1: something is; 3: something could not be read."""
    states = [row.state for row in rows]
    return 3 if State.UNREAD in states else 0 if all(state in _DONE for state in states) else 1


def report(rows: Sequence[Row], source: str, destination: str, language: str) -> Report:
    """For people."""
    left = [row for row in rows if row.state not in _DONE]
    unread = sum(row.state is State.UNREAD for row in rows)
    word, tone = _WORDS[State.UNREAD] if unread else (t("to do"), "open") if left else (t("nothing left"), "good")
    lead = (
        t("{n:setting|settings} could not be read, so that nobody knows what has to be moved by hand", n=unread)
        if unread
        else t("{n:setting|settings} to be seen to by hand; this command changes nothing", n=len(left))
        if left
        else t(
            "The {n} settings that are compared here are alike on both sides: none of them is left to be moved by hand",
            n=len(rows),
        )
    )
    titles = (t("Setting"), t("source {name}", name=source), t("destination {name}", name=destination), t("Result"))
    table = Table(
        [Column(title.of(language)) for title in titles],
        [
            (
                row.setting.called.of(language),
                _told(row.source, language),
                _told(row.destination, language),
                _mark(row, language),
            )
            for row in rows
        ],
    )
    sections = [
        Section(row.setting.name, row.setting.called.of(language), None, [*_blocks(row, language)]) for row in left
    ]
    hero = Hero(word.of(language), tone, lead.of(language), None)
    elsewhere = Paragraph(NOT_COMPARED.of(language), "note")
    return Report(hero, language, [table, elsewhere], sections, title=t("What has to be moved by hand").of(language))


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "exit_code": exit_code(rows),
        "settings": [
            {
                "name": row.setting.name,
                "state": row.state.value,
                "source": _side_json(row.setting.source, row.source),
                "destination": _side_json(row.setting.destination, row.destination),
                "document": row.document,
                "left_out": [text.to_json() for text in row.left_out],
            }
            for row in rows
        ],
    }


def _note_rules(session: Session, log: OssBucketClient, name: str, bucket: str, rows: Sequence[Row]) -> None:
    """Write down how many back-to-source rules OBS has, or that they could not be read."""
    rules = next(row.destination for row in rows if row.setting.name == "back-to-source")
    number = None if rules.unread else len(rules.answer.json()["rules"]) if rules.answer else 0
    back_to_source = BackToSource(bucket, timestamp(session.clock.now()), number)
    try:
        log.put(name, json.dumps(as_json(back_to_source)).encode(), {"Content-Type": "application/json"})
    except OpsError as error:
        session.say(
            t("Doctor does not know of back-to-source rules in OBS: {happened}", happened=error.happened), "open"
        )


def _buckets(session: Session, given: Mapping[str, str]) -> tuple[OssBucketClient, ObsBucketClient, OssBucketClient]:
    alibaba, huawei = administrators(session, ALIBABA), administrators(session, HUAWEI)
    clock, here = session.clock, session.caller.endpoints()
    return (
        OssBucketClient.at(here, given["region"], given["sourceBucket"], alibaba, clock),
        ObsBucketClient.at(here, given["destinationRegion"], given["destinationBucket"], huawei, clock),
        OssBucketClient.at(here, given["region"], given["logBucket"], alibaba, clock),
    )


def compared(setting: BucketSetting, source: BucketClient, destination: BucketClient) -> Row:
    """Read a setting on both sides."""
    here, there = _look(source, setting.source), _look(destination, setting.destination)
    row = Row(setting, here, there, "")
    # Where all that a document can say is there, putting it there could only take away what is beside it.
    is_to_write = row.state in (State.ONLY_SOURCE, State.DIFFERS)
    if not (is_to_write and setting.document and here.shape and here.shape.common):
        return row
    return row._replace(document=setting.document(here.shape.common, destination.name, there.answer))


def _check_sides(rows: Sequence[Row]) -> None:
    """Raise the RefusedError of a side that refuses each setting, but for no missing permission: of its keys, its
    bucket or its region a table would say nothing."""
    for side in ([row.source for row in rows], [row.destination for row in rows]):
        refusals = [state.refusal for state in side if state.refusal]
        if refusals and len(refusals) == len(side):
            raise refusals[0]


def _look(bucket: BucketClient, side: SettingQuery) -> Seen:
    try:
        answer = bucket.document(side.query)
        return Seen(side.read(answer), None, answer) if answer else Seen()
    except RefusedError as error:
        if error.is_denied:
            return Seen(unread=t("cannot be read: right {right}", right=side.right))
        return Seen(unread=t("cannot be read: {happened}", happened=error.happened), refusal=error)
    except UnreadableResponseError as error:
        return Seen(unread=t("cannot be read: {happened}", happened=error.happened))


def _told(seen: Seen, language: str) -> Phrase:
    if seen.unread:
        return seen.unread.of(language)
    return Span("outside", seen.shape.told.of(language)) if seen.shape else "-"


def _mark(row: Row, language: str) -> Span:
    word, tone = _WORDS[row.state]
    return Span("mark", word.of(language), tone)


def _blocks(row: Row, language: str) -> Iterator[Block]:
    sides = ((t("source"), row.setting.source), (t("destination"), row.setting.destination))
    pages = [(name.of(language), Span("code", side.page.of(language))) for name, side in sides]
    yield Paragraph(_mark(row, language))
    yield FactList(pages)
    if row.state is State.UNREAD:
        yield Items([one.unread.of(language) for one in (row.source, row.destination) if one.unread])
        return
    if row.setting.note:
        yield Paragraph(row.setting.note.of(language))
    if row.document:
        yield Paragraph(t("For the destination, to be put there by hand:").of(language))
        yield Document(row.document)
    if row.left_out:
        yield Paragraph(t("OBS has no like of these, which are in no document here:").of(language))
        yield Items([text.of(language) for text in row.left_out])


def _side_json(side: SettingQuery, seen: Seen) -> dict[str, Any]:
    return {
        "told": seen.shape.told.to_json() if seen.shape else None,
        "unread": seen.unread.to_json() if seen.unread else None,
        "right": side.right,
        "page": side.page.to_json(),
    }
