"""Bandwidth limits of a migration by time of day (windows), read from the command's options."""

from __future__ import annotations

from argparse import Namespace
from itertools import pairwise

from ops.errors import UsageError
from oss_oms_sync.answers.bandwidth import MAX_WINDOWS, NIGHT_WINDOWS, Window
from oss_oms_sync.answers.text import t


def read_windows(options: Namespace) -> list[Window] | None:
    """Return the bandwidth limits in the options, or None if the options do not mention limits.

    An empty list means that the user wants no limits. Raises UsageError if there are too many windows, or if windows
    overlap.
    """
    if options.nights:
        return [*NIGHT_WINDOWS]
    if options.day_and_night:
        return []
    if not options.bandwidth:
        return None
    windows = sorted(options.bandwidth)
    if len(windows) > MAX_WINDOWS:
        raise UsageError(
            t("--bandwidth: OMS accepts at most {n} time windows", n=MAX_WINDOWS),
            t("Combine some of the time windows, then run the command again"),
        )
    for window, next_window in pairwise(windows):
        if window.end > next_window.start:
            raise UsageError(
                t(
                    "--bandwidth: the time windows {first} and {second} overlap",
                    first=f"{window.start}-{window.end}",
                    second=f"{next_window.start}-{next_window.end}",
                ),
                t("Make each time window end before the next time window starts"),
            )
    return windows
