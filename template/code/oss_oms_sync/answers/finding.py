"""Results of the checks of doctor and of certificates, and the reasons why a call stopped early.

The values of the enumerations are for programs; the text beside a Stop is for people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text

# The placeholder, in a command to copy, for the person and the reason of an acceptance.
ACCEPTANCE_FORM = "<who, why>"


def has_name_and_reason(text: str) -> bool:
    """Return True if `text`, a user's acceptance, has a name and a reason, separated by a comma or a colon."""
    person, *reasons = re.split(r"[,:，：]", text, maxsplit=1)
    return text.strip() != ACCEPTANCE_FORM and all(part.strip() for part in (person, *(reasons or [""])))


class Stop(Enum):
    """Reasons why a call stopped early; the values are the reasons' names in answers."""

    # The normal reasons: another call continues the work.
    TIME = "time"
    SUPERSEDED = "superseded"
    LIMIT = "limit"
    # The call must not submit keys: the project is closed, or its mark cannot be read.
    CLOSED = "closed"
    MARK_UNREAD = "mark_unread"
    # OMS refuses every key, or accepted none.
    REFUSED = "refused"
    NOTHING_TAKEN = "nothing_taken"
    # A bucket cannot be listed, read or written.
    STORAGE = "storage"
    # A range made no progress.
    NO_PROGRESS = "no_progress"
    # The bucket has more objects than a pass can handle.
    TOO_LARGE = "too_large"
    # Too many objects are missing to submit them: a migration copies them sooner.
    TOO_MANY = "too_many"
    # The timer begins no pass, and no manual call has begun a pass.
    PERIOD_OFF = "period_off"
    # The headers of objects in OBS must not be changed now, or not at all because the effect is unknown.
    HEADERS = "headers"
    # Another run is in progress.
    BUSY = "busy"


class Stopped(NamedTuple):
    """The reason why a call stopped early, as a Stop and as a sentence for people."""

    stop: Stop
    why: str


TIME_IS_UP = Stopped(Stop.TIME, "the time is up")
LIMIT_REACHED = Stopped(Stop.LIMIT, "the limit is reached")


def make_stop_fields(stopped: Stopped | None) -> dict[str, object]:
    """Return the fields `stop` and `stopped` of an answer, which are None if the call did not stop early."""
    return {"stop": stopped and stopped.stop.value, "stopped": stopped and stopped.why}


class Result(Enum):
    """Results of a check; the values are the words of certificates."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    # The check could not be made, or was not requested.
    NOT_RUN = "not run"
    # No difference is known, but equality is not proven.
    NOT_PROVEN = "not proven"
    # There is nothing to check yet, or the settings exclude the check.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    - `wanted`, `actual`: the required and the actual state.
    - `keys`: the first affected keys.
    - `next`, `step`: the remedy, and its command.
    - `gates`: True if the verdict depends on the check.
    - `waits`: True if the check may pass later without any action.
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
