"""Time limits of the rules, and the format of times in facts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# Maximum difference between the clouds' clocks: a listing may lack objects written later than this before it.
CLOCKS = timedelta(minutes=1)
# A comparison that ended earlier does not decide about a cutover: the buckets may have changed since.
MAX_PASS_AGE = timedelta(hours=24)
# After this time nothing is submitted in a closed project.
CLOSED_AFTER = timedelta(minutes=2)
# Time after OMS's last counted activity for which OMS may still be active, or have uncounted activity.
QUIET = timedelta(minutes=10)
# Age from which an object is judged on cutover day: each event has arrived by then, and a higher limit only saves
# duplicate submissions.
SETTLED = timedelta(minutes=5)
# OMS has lost its unfinished objects if it finishes none for this time, plus the time for the largest object.
OMS_PATIENCE = timedelta(hours=1)
# OMS may take a minute for an object of this size, and finish no other object meanwhile.
BYTES_PER_MINUTE = 10**9
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def moment(text: str) -> datetime:
    """Parse a UTC timestamp such as 2026-01-31T08:00:00Z.

    Raises ValueError.
    """
    return datetime.strptime(text, _FORM).replace(tzinfo=timezone.utc)


def timestamp(at: datetime) -> str:
    """Format a time as in facts."""
    return at.astimezone(timezone.utc).strftime(_FORM)
