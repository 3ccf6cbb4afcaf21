"""What became of the objects that OMS failed to copy, so that all of its failures are accounted for.

OMS counts its failures, and names each in a list, which replay reads. Whatever was in a list and waits no more was
dealt with: it is gone at the source, or was sent again, which OMS counts anew. That says nothing of what is in OBS.
What no list told of is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.ledger.list_positions import Listed
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.reasons import Reason

# A key that OMS has failed to copy so often is taken for one that it never will copy as things are. By then it has been
# tried for over an hour.
_STUCK_ATTEMPTS = 5


@dataclass(frozen=True)
class CopyFailures:
    """Failures by what became of their objects; together they are `counted`, OMS's own number, unless that is behind.

    `done`: gone at the source, or sent again since. `waiting`: replay sends them again. `stuck`:
    it does, but that does not help until somebody removes the cause. `outside`: of another project. `unknown`: nothing
    is known of them, because no list told of them that was read. By OMS's codes: `codes` of those waiting and stuck,
    `stuck_codes` of the latter.
    """

    counted: int
    done: int
    waiting: int
    stuck: int
    outside: int
    unknown: int
    codes: Mapping[str, int]
    stuck_codes: Mapping[str, int]

    @classmethod
    def of(cls, counted: int, listed: Listed, waiting: Sequence[FailedKey], unread: float) -> CopyFailures:
        """What is known of the failures that OMS `counted`. Lists told of some; of these, the keys `waiting` still have
        failed records, and of `unread` records it is not known whether they are of such keys."""
        codes = Counter(_code(key) for key in waiting)
        stuck_codes = Counter(_code(key) for key in waiting if _is_stuck(key))
        stuck = stuck_codes.total()
        told = min(counted, listed.lines)
        outside = min(told, listed.outside)
        # The rest of what was told of is done, except what may be in a record that was not read.
        rest = max(0, told - outside - len(waiting))
        done = rest - int(min(unread, rest))
        unknown = max(0, counted - outside - len(waiting) - done)
        by_number = (dict(one.most_common()) for one in (codes, stuck_codes))
        return cls(counted, done, len(waiting) - stuck, stuck, outside, unknown, *by_number)

    @property
    def open(self) -> int:
        """How many are not known to be dealt with."""
        return self.waiting + self.stuck + self.unknown

    @property
    def parts(self) -> list[int]:
        """What adds up."""
        return [self.done, self.waiting, self.stuck, self.outside, self.unknown]

    def to_json(self) -> dict[str, object]:
        """As the report shows it."""
        codes = {
            code: {"objects": number, "passes": copy_code(code).passes, "fix": copy_code(code).fix._asdict()}
            for code, number in self.codes.items()
        }
        names = ("done", "waiting", "stuck", "outside", "unknown")
        return {"counted": self.counted, **dict(zip(names, self.parts, strict=True)), "codes": codes}


def _is_stuck(key: FailedKey) -> bool:
    return key.copy_attempts >= _STUCK_ATTEMPTS or not copy_code(_code(key)).passes


def _code(key: FailedKey) -> str:
    """Why OMS failed to copy it; empty if it was sent again since, and that failed."""
    return key.error_code if key.reason == Reason.COPY_FAILED.name else ""
