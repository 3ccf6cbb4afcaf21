"""Time limits in the rules of a cutover."""

from __future__ import annotations

from datetime import timedelta

# Maximum difference between the clouds' clocks: a listing may lack an object that was written within this time before.
MAX_CLOCK_SKEW = timedelta(minutes=1)
# Maximum age of a comparison for a cutover: the buckets may have changed since then.
MAX_PASS_AGE = timedelta(hours=24)
# Time after the close from which a project certainly submits nothing.
CLOSE_DELAY = timedelta(minutes=2)
# Time for which OMS may still be active after the last activity in its counts, which are delayed.
OMS_QUIET_TIME = timedelta(minutes=10)
# Minimum age of objects that a cutover judges: their events have arrived, and a higher limit would only avoid
# duplicate submissions.
MIN_OBJECT_AGE = timedelta(minutes=5)
# Time without a finished object, in addition to the time for the largest object, after which OMS counts as having lost
# its unfinished objects.
OMS_STALL_TIME = timedelta(hours=1)
# Number of bytes that OMS copies in a minute at least; it may finish no other object meanwhile.
BYTES_PER_MINUTE = 10**9
