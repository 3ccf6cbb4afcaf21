"""Time limits of the rules."""

from __future__ import annotations

from datetime import timedelta

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
