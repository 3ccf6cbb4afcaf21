"""What a payload asks certify for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from oss_oms_sync import options
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.passes.digests import MAX_DRAWN

# In the place of who accepts something, and why, until somebody says it.
WHO_WHY = "<who, why>"
_MARKS = ("close", "open", "look")
OPTIONS: dict[str, type] = {
    "frozen_since": str,
    "sample": int,
    "accept": dict,
    "run": str,
    **dict.fromkeys(_MARKS, bool),
}

# What may be accepted by name although nobody has proven it: classes of a comparison, and what OMS has not finished.
ACCEPTABLE = ("suspicious", "equal_version", "equal_size", "impossible", "unknown", "oms_unfinished")


@dataclass(frozen=True)
class Options:
    """What a payload asks for. `frozen_since` is None for a rehearsal; `accept` has who accepts what, and why; `run`
    is the run of a cutover that asks; `mark` is "close", "open" or "look", or empty for a certificate."""

    frozen_since: datetime | None
    sample: int
    accept: Mapping[str, str]
    run: str
    mark: str

    @classmethod
    def parse(cls, event: bytes | str, now: datetime) -> Options:
        """Read a manual payload.

        Raises PayloadError.
        """
        asked = options.parse(event, OPTIONS)
        marks = [name for name in _MARKS if asked.get(name) is True]
        if marks and len(asked.keys() - {"run", "frozen_since"}) > 1:
            raise PayloadError(
                "The payload asks to close or open the project, or whether it is closed, and for something else: do one"
                " at a time"
            )
        sample = asked.get("sample", 0)
        if not isinstance(sample, int) or sample > MAX_DRAWN:
            raise PayloadError(f"The payload's sample is {sample!r}. Give at most {MAX_DRAWN}")
        run, mark = str(asked.get("run", "")), "".join(marks)
        return cls(_frozen(asked.get("frozen_since"), now), sample, _accepted(asked.get("accept", {})), run, mark)


def _frozen(text: object, now: datetime) -> datetime | None:
    if text is None:
        return None
    time = parse_time(str(text))
    if time is None:
        raise PayloadError(f"The payload's frozen_since is {text!r}. Give a time in UTC such as 2026-01-31T08:00:00Z")
    if time > now:
        raise PayloadError(f"The payload's frozen_since is {text!r}, which is yet to come. It is in UTC")
    return time


def _accepted(given: object) -> dict[str, str]:
    accepted = given.items() if isinstance(given, dict) else ()
    for name, why in accepted:
        if name not in ACCEPTABLE:
            raise PayloadError(f"The payload accepts {name!r}. What can be accepted: {', '.join(ACCEPTABLE)}")
        if not isinstance(why, str) or why.strip() in ("", WHO_WHY):
            raise PayloadError(
                f'The payload accepts {name!r} without saying who does, and why. Give {{"accept": {{"{name}": "who,'
                ' why"}}'
            )
    return {str(name): str(why) for name, why in accepted}
