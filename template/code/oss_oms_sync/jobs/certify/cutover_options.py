"""The options in the payload of certify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from oss_oms_sync import options
from oss_oms_sync.answers.finding import has_name_and_reason
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.passes.digests import MAX_SAMPLE_OBJECTS
from oss_oms_sync.rules.next_steps import ACCEPTABLE_NAMES
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW


@dataclass(frozen=True)
class CutoverOptions:
    """The options in a payload. The call is for a certificate unless another option selects other work.

    - `frozen_since`: the time of the freeze; None for a rehearsal.
    - `sample`: the number of objects to read completely.
    - `accept`: for each accepted check, the person and the reason.
    - `run`: the run of a cutover.
    - `close`, `open`, `look`: close or open the project, or report its state. After a GO, `open` needs `after_go`.
    - `deletions_after`: list the deletions after this key.
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
        """Parse the payload of a manual call.

        Raises PayloadError.
        """
        payload = options.parse(event, cls)
        since, frozen = payload.frozen_since, payload.frozen
        conditions = (
            (
                sum((payload.close, payload.open, payload.look, bool(payload.sample))) > 1
                or bool(payload.accept and (payload.close or payload.open)),
                "The payload asks to close or open the project, or whether it is closed, and for something else: do one"
                " at a time",
            ),
            (
                payload.sample > MAX_SAMPLE_OBJECTS,
                f"The payload's sample is {payload.sample!r}. Give at most {MAX_SAMPLE_OBJECTS}",
            ),
            (
                since is not None and frozen is None,
                f"The payload's frozen_since is {since!r}. Give a time in UTC such as 2026-01-31T08:00:00Z",
            ),
            (
                # The time is by the caller's clock.
                frozen is not None and frozen > now + MAX_CLOCK_SKEW,
                f"The payload's frozen_since is {since!r}, which is yet to come. It is in UTC",
            ),
            *(problem for accepted in payload.accept.items() for problem in _conditions_of_acceptance(*accepted)),
        )
        for is_wrong, problem in conditions:
            if is_wrong:
                raise PayloadError(problem)
        return payload

    @property
    def frozen(self) -> datetime | None:
        """The time of the freeze, or None for a rehearsal."""
        return parse_time(self.frozen_since or "")


def _conditions_of_acceptance(name: str, reason: object) -> Sequence[tuple[bool, str]]:
    """Return the conditions that make an acceptance invalid, each with the problem to report."""
    return (
        (
            name not in ACCEPTABLE_NAMES,
            f"The payload accepts {name!r}. What can be accepted: {', '.join(ACCEPTABLE_NAMES)}",
        ),
        (
            not (isinstance(reason, str) and has_name_and_reason(reason)),
            f"The payload accepts {name!r} without saying who does, and why. Give"
            f' {{"accept": {{"{name}": "who, why"}}}}',
        ),
    )
