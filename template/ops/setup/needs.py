"""One thing that has to be there: how it stands, and what makes it so.

There is no file of what was done: each run looks at the clouds, and goes on from how they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ops.clouds.wire import RefusedError
from oss_oms_sync.answers.text import Text, t


class Standing(Enum):
    """How a thing stands, and who has to do something about it."""

    THERE = "there"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    # Somebody else's to do; the rest goes on.
    BY_HAND = "by hand"
    # A right is missing, so it was not seen.
    UNSEEN = "not seen"
    # Nothing is done until somebody has chosen otherwise.
    STOP = "stop"


# What setup itself does.
OURS = (Standing.CREATE, Standing.CHANGE, Standing.REMOVE)


class Line(NamedTuple):
    """A line of the plan. `seen`: what is there instead, or why; `facts`: names, and each right in full."""

    state: Standing
    what: Text
    seen: Text | None = None
    next: Text | None = None
    facts: Sequence[str] = ()


@dataclass(frozen=True)
class Need:
    """`rights`: what an administrator needs to look. `look` and `do` raise RefusedError and UnreachableError; `do` is
    only called where `look` has just said that it is setup's to do."""

    what: Text
    rights: tuple[str, ...]
    look: Callable[[], Line]
    do: Callable[[], None]

    def see(self) -> Line:
        """The same as `look`, where a missing right is a line as well."""
        try:
            return self.look()
        except RefusedError as error:
            if error.status not in (401, 403):
                raise
            return Line(
                Standing.UNSEEN,
                self.what,
                t("cannot be read: {happened}", happened=error.happened),
                t("Ask for the right {rights:or}", rights=self.rights),
            )


def not_ours(standing: Standing, what: Text, name: str, next_: Text, facts: Sequence[str] = ()) -> Line:
    """Something of that name was made by somebody else."""
    return Line(standing, what, t("{name} is there, and setup did not make it", name=name), next_, facts)


def as_it_lacks(what: Text, missing: Sequence[Text], facts: Sequence[str]) -> Line:
    """It is there, whole or with something `missing`."""
    return (
        Line(Standing.CHANGE, what, t("{missing}", missing=missing), None, facts)
        if missing
        else Line(Standing.THERE, what)
    )
