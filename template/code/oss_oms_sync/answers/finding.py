"""Results of checks (of doctor, of certificates), and reasons for which a call stopped early.

The values are for programs; the text beside a Stop is for people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text

# Placeholder for the name and the reason of an acceptance.
ACCEPTANCE_FORM = "<who, why>"


def has_name_and_reason(text: str) -> bool:
    """Return True if an acceptance has a name and a reason, separated by a comma or colon."""
    who, *why = re.split(r"[,:，：]", text, maxsplit=1)
    return text.strip() != ACCEPTANCE_FORM and all(part.strip() for part in (who, *(why or [""])))


class Stop(Enum):
    """Reasons for which a call stopped early; the values are their names in answers."""

    # Normal: repeating the call continues the work.
    TIME = "time"
    SUPERSEDED = "superseded"
    LIMIT = "limit"
    # Nothing may be sent: the project is closed, or its mark cannot be read.
    CLOSED = "closed"
    MARK_UNREAD = "mark_unread"
    # OMS refuses every key, or accepted none.
    REFUSED = "refused"
    NOTHING_TAKEN = "nothing_taken"
    # A bucket cannot be listed, read or written.
    STORAGE = "storage"
    # No progress in a range.
    NO_PROGRESS = "no_progress"
    # There are more objects than a pass can handle.
    TOO_LARGE = "too_large"
    # More objects are missing than should be sent: a migration copies them sooner.
    TOO_MANY = "too_many"
    # The timer begins no pass, and no manual call has begun a pass.
    PERIOD_OFF = "period_off"
    # Headers of objects in OBS may not be changed: at this time, or because the effect is unknown.
    HEADERS = "headers"
    # Another run is in progress.
    BUSY = "busy"


class Stopped(NamedTuple):
    """Reason for the early end of a call, with a sentence."""

    stop: Stop
    why: str


TIME_IS_UP = Stopped(Stop.TIME, "the time is up")
LIMIT_REACHED = Stopped(Stop.LIMIT, "the limit is reached")


def stop_json(stopped: Stopped | None) -> dict[str, object]:
    """Return the fields of an answer for `stopped`."""
    return {"stop": stopped and stopped.stop.value, "stopped": stopped and stopped.why}


class Result(Enum):
    """Result of a check, in the words of certificates."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    # The check was not made, or was impossible.
    NOT_RUN = "not run"
    # No difference is known, but equality is not proven.
    NOT_PROVEN = "not proven"
    # There is nothing to check: not yet, or because of the settings.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """Result of a check: `wanted` and `actual` are the required and the actual state, `keys` the first keys concerned.

    `next` is the remedy, `step` its command. `gates`: the check is part of the verdict. `waits`: the check may pass
    later without action.
    """

    id: str
    wanted: Text
    result: Result
    actual: Text
    next: Text = NOTHING
    step: Step | None = None
    keys: Sequence[str] = ()
    gates: bool = True
    waits: bool = False
