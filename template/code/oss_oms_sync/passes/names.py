"""How the objects of a pass are named in the log bucket.

oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/{number}    a piece of a range, written once
oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/end         the range is done
oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/wake-{hex}  somebody is to look at the range again
oms_source_record/passes/{project}-{job}/{task}/{pass}/total               the pass has ended
oms_source_record/working/{project}-{job}/{task}/{pass}/{range}/{number}   somebody works on that piece since then

An OSS trigger calls the job with each name under `passes/`. A pass is named after its scope and its beginning, so the
passes of a scope sort by time. A range is `r`, or the name of the range that split with `0` or `1` for its half.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.clock import timestamp
from oss_oms_sync.filters import RECORD_ROOT
from oss_oms_sync.passes.scope import Scope

ROOT_RANGE = "r"
# After every name of a pass: to pass over it in a listing.
AFTER_ALL = "~"

_NAME = re.compile(r"(?P<pass>[0-9a-f]{16}-\d{8}T\d{12}Z)/(?P<range>r[01]*)/((?P<number>\d{4,})|wake-[0-9a-f]+)")


class Wake(NamedTuple):
    """What an event of the log bucket asks for: the next piece of a range, after the piece `number` if it names one."""

    pass_name: str
    range_name: str
    number: int | None


def passes_prefix(project: str, job: str, task_id: str) -> str:
    """What the names of all passes of a project's job begin with."""
    return f"{RECORD_ROOT}passes/{project}-{job}/{task_id}/"


def working_prefix(project: str, job: str, task_id: str) -> str:
    """What the names begin with that say who works on what."""
    return f"{RECORD_ROOT}working/{project}-{job}/{task_id}/"


def pass_name(scope: Scope, began: datetime) -> str:
    """The name of the pass of `scope` that began at that moment, or whose slot began then."""
    return f"{scope_digest(scope)}-{began.strftime('%Y%m%dT%H%M%S%fZ')}"


def scope_digest(scope: Scope) -> str:
    """What the names of all passes of a scope begin with."""
    return hashlib.sha256(jsontext.dump(scope_json(scope))).hexdigest()[:16]


def scope_json(scope: Scope) -> dict[str, object]:
    """A scope as it is stored."""
    since = timestamp(scope.since) if scope.since else ""
    return {**asdict(scope.key_filter), "since": since, "all": scope.everything}


def piece_name(range_name: str, number: int) -> str:
    """The name of a piece within its pass."""
    return f"{range_name}/{number:04}"


def wakes(payload: bytes | str, prefix: str) -> Iterator[Wake]:
    """What an OSS trigger's payload asks for, by the objects under `prefix` that it names; others ask for nothing."""
    match jsontext.load(payload):
        case {"events": list(events)}:
            for event in events:
                match event:
                    case {"oss": {"object": {"key": str(key)}}} if key.startswith(prefix):
                        if found := _NAME.fullmatch(key.removeprefix(prefix)):
                            number = found["number"]
                            yield Wake(found["pass"], found["range"], int(number) if number else None)
