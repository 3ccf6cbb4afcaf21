"""What somebody who looked has found (a rule of doctor, or a check of a certificate), why a call ended before all was
done, and the next step, a command of ops.py: that is what programs go by. The sentence beside a Stop is for people
only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from oss_oms_sync.answers.text import NOTHING, Text

# In the place of who accepts something, and why, until somebody says it.
WHO_WHY = "<who, why>"


def names_who_and_why(text: str) -> bool:
    """Return True if an acceptance has a name and a reason, with a comma or colon between them."""
    who, *why = re.split(r"[,:，：]", text, maxsplit=1)
    return text.strip() != WHO_WHY and all(part.strip() for part in (who, *(why or [""])))


class Stop(Enum):
    """By its name in answers."""

    # Nothing is wrong: the same call again goes on.
    TIME = "time"
    SUPERSEDED = "superseded"
    LIMIT = "limit"
    # Nothing may be sent: the project is closed, or that is not known.
    CLOSED = "closed"
    MARK_UNREAD = "mark_unread"
    # OMS refuses every key, or took nothing.
    REFUSED = "refused"
    NOTHING_TAKEN = "nothing_taken"
    # A bucket cannot be listed, read or written.
    STORAGE = "storage"
    # A range came nowhere.
    NO_PROGRESS = "no_progress"
    # There is more than one pass can do.
    TOO_LARGE = "too_large"
    # More is missing than should be sent: a migration copies it sooner.
    TOO_MANY = "too_many"
    # No pass is begun by itself, and none was by hand.
    PERIOD_OFF = "period_off"
    # Another run is at it.
    BUSY = "busy"


class Stopped(NamedTuple):
    """What ended a call early, and the same as a sentence."""

    stop: Stop
    why: str


TIME_IS_UP = Stopped(Stop.TIME, "the time is up")
LIMIT_REACHED = Stopped(Stop.LIMIT, "the limit is reached")


def stop_json(stopped: Stopped | None) -> dict[str, object]:
    """As answers show it."""
    return {"stop": stopped and stopped.stop.value, "stopped": stopped and stopped.why}


@dataclass(frozen=True)
class Step:
    """A command, such as `compare`, and its options by their names in payloads; `deploy` is the tool's own."""

    job: str
    options: Mapping[str, object] = field(default_factory=dict)


class Result(Enum):
    """How a look ended; certificates have these words."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    # Nobody has looked, or could.
    NOT_RUN = "not run"
    # Nobody knows of a difference, and nobody has shown that there is none.
    NOT_PROVEN = "not proven"
    # There is nothing to look at: not yet, or because of the settings.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What was `seen` where something is `wanted`, the first `keys` concerned, and what to do `next`, as a `step`. One
    that does not gate is shown, and decides nothing; one that `waits` needs nothing but time."""

    id: str
    wanted: Text
    result: Result
    seen: Text
    next: Text = NOTHING
    step: Step | None = None
    keys: Sequence[str] = ()
    gates: bool = True
    waits: bool = False
