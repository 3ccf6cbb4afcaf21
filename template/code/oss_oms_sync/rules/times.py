"""Time limits of the rules."""

from __future__ import annotations

from datetime import timedelta

# Maximum difference between the clouds' clocks: a listing may lack objects written later than this before it.
MAX_CLOCK_SKEW = timedelta(minutes=1)
# Maximum age of a comparison for a cutover: the buckets may have changed since then.
MAX_PASS_AGE = timedelta(hours=24)
# Time after which a closed project submits nothing.
CLOSE_DELAY = timedelta(minutes=2)
# Time after OMS's last counted activity for which it may still be active, or have uncounted activity.
OMS_QUIET_TIME = timedelta(minutes=10)
# Minimum age of judged objects on cutover day: their events have arrived, and a higher limit only saves
# duplicate submissions.
SETTLED = timedelta(minutes=5)
# Time without a finished object, plus the time for the largest object, after which OMS has lost its unfinished
# objects.
OMS_PATIENCE = timedelta(hours=1)
# Bytes of an object for which OMS may need a minute without finishing another.
BYTES_PER_MINUTE = 10**9
