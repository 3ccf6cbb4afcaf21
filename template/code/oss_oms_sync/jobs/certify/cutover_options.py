"""Options of certify's payload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from oss_oms_sync import options
from oss_oms_sync.answers.finding import has_name_and_reason
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.passes.digests import MAX_DRAWN
from oss_oms_sync.rules.next_steps import ACCEPTABLE_NAMES
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW


@dataclass(frozen=True)
class CutoverOptions:
    """Options of a payload, for a certificate unless `close`, `open`, `look` or `deletions_after` selects another.

    `open` needs `after_go` after a GO; `look` reports the state of the project. `frozen_since` is None for a rehearsal;
    `accept` has the person and the reason of each acceptance; `run` is the run of a cutover. `deletions_after`: the key
    after which a page of deletions begins.
    """

    frozen_since: str | None = None
    sample: int = 0
    accept: dict[str, str] = field(default_factory=dict)
    run: str = ""
    close: bool = False
    open: bool = False
    after_go: bool = False
    look: bool = False
    deletions_after: str | None = None

    @classmethod
    def parse(cls, event: bytes | str, now: datetime) -> CutoverOptions:
        """Read a manual payload.

        Raises PayloadError.
        """
        asked = options.parse(event, cls)
        since, frozen = asked.frozen_since, asked.frozen
        wrong = (
            (
                sum((asked.close, asked.open, asked.look, bool(asked.sample))) > 1
                or bool(asked.accept and (asked.close or asked.open)),
                "The payload asks to close or open the project, or whether it is closed, and for something else: do one"
                " at a time",
            ),
            (
                asked.sample > MAX_DRAWN,
                f"The payload's sample is {asked.sample!r}. Give at most {MAX_DRAWN}",
            ),
            (
                since is not None and frozen is None,
                f"The payload's frozen_since is {since!r}. Give a time in UTC such as 2026-01-31T08:00:00Z",
            ),
            (
                # By the clock of the caller.
                frozen is not None and frozen > now + MAX_CLOCK_SKEW,
                f"The payload's frozen_since is {since!r}, which is yet to come. It is in UTC",
            ),
            *(problem for accepted in asked.accept.items() for problem in _wrong_to_accept(*accepted)),
        )
        for is_so, problem in wrong:
            if is_so:
                raise PayloadError(problem)
        return asked

    @property
    def frozen(self) -> datetime | None:
        """The time of the freeze; None for a rehearsal."""
        return parse_time(self.frozen_since or "")


def _wrong_to_accept(name: str, why: object) -> Sequence[tuple[bool, str]]:
    """Return the conditions of an invalid acceptance, each with its problem."""
    return (
        (
            name not in ACCEPTABLE_NAMES,
            f"The payload accepts {name!r}. What can be accepted: {', '.join(ACCEPTABLE_NAMES)}",
        ),
        (
            not (isinstance(why, str) and has_name_and_reason(why)),
            f"The payload accepts {name!r} without saying who does, and why. Give"
            f' {{"accept": {{"{name}": "who, why"}}}}',
        ),
    )
