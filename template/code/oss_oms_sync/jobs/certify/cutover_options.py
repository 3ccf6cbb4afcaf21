"""The options in the payload of a call of certify."""

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
    """The options in the payload of a call.

    A call requests a certificate unless it has the option `close`, `open`, `look` or `deletions_after`.

    - `frozen_since`: the time of the freeze, when applications stopped writing to the source, or None for a rehearsal.
    - `sample`: the number of objects to read completely in both buckets.
    - `accept`: the person and the reason of each acceptance, by the name of the failing check.
    - `run`: the name of the cutover's run, or empty for a call by hand.
    - `close`, `open`, `look`: close or open the project, or report its state. After a GO, `open` needs `after_go`.
    - `deletions_after`: list the keys after this key whose objects were deleted at the source and still exist in OBS.
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
        """Return the options in the payload `event` of a call at the time `now`. Raises PayloadError."""
        payload = options.parse(event, cls)
        frozen_since, freeze_time = payload.frozen_since, payload.freeze_time
        conditions = (
            (
                sum((payload.close, payload.open, payload.look, bool(payload.sample))) > 1
                or bool(payload.accept and (payload.close or payload.open)),
                "The payload asks to close or open the project, or for its state, and for something else: ask for one"
                " at a time",
            ),
            (
                payload.sample > MAX_SAMPLE_OBJECTS,
                f"The payload's sample is {payload.sample!r}. Give at most {MAX_SAMPLE_OBJECTS}",
            ),
            (
                frozen_since is not None and freeze_time is None,
                f"The payload's frozen_since is {frozen_since!r}. Give a time in UTC such as 2026-01-31T08:00:00Z",
            ),
            (
                # The time is by the caller's clock.
                freeze_time is not None and freeze_time > now + MAX_CLOCK_SKEW,
                f"The payload's frozen_since is {frozen_since!r}, which is in the future. Times are in UTC",
            ),
            *(problem for acceptance in payload.accept.items() for problem in _check_acceptance(*acceptance)),
        )
        for is_wrong, problem in conditions:
            if is_wrong:
                raise PayloadError(problem)
        return payload

    @property
    def freeze_time(self) -> datetime | None:
        return parse_time(self.frozen_since or "")


def _check_acceptance(name: str, reason: object) -> Sequence[tuple[bool, str]]:
    """Return pairs of a condition that makes an acceptance invalid, and the error message for this condition.

    `name` is the name of the accepted check, and `reason` the text of the person who accepts it.
    """
    return (
        (
            name not in ACCEPTABLE_NAMES,
            f"The payload accepts {name!r}. Names that can be accepted: {', '.join(ACCEPTABLE_NAMES)}",
        ),
        (
            not (isinstance(reason, str) and has_name_and_reason(reason)),
            f"The payload accepts {name!r} without saying who accepts it, and why. Give"
            f' {{"accept": {{"{name}": "who, why"}}}}',
        ),
    )
