"""The destination in OBS: whether compare can look at it, and what its bucket is like.

Nothing else needs it, so what is wrong here is a warning, and says what is not looked at then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oss_oms_sync.clouds.clocks import date_at
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.clouds.obs_errors import ObsError
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level
from oss_oms_sync.jobs.doctor.network import connect_in_time, judge_skew

_NOT_COMPARED = "compare cannot look at OBS, and status tells only what OMS accepted"


def obs_connection(context: CheckContext) -> Finding:
    finding = connect_in_time(context, context.destination.url, "OBS_ENDPOINT")
    if finding.level is Level.FAULT:
        return Finding(Level.WARNING, f"{finding.seen}: {_NOT_COMPARED}", finding.fix)
    return finding


def obs_clock(context: CheckContext) -> Finding:
    clock = context.invocation.clock
    date = date_at(context.destination.url, clock, context.pool)
    if date is None:
        return Finding(Level.WARNING, "OBS did not tell its time", "See what the other checks of OBS say")
    return judge_skew({"OBS": abs(date - clock.now())})


def right_to_list(context: CheckContext) -> Finding:
    try:
        context.destination.list_page("", "")
    except ObsError as error:
        return Finding(Level.WARNING, f"{error}: {_NOT_COMPARED}", error.fix.en)
    return Finding(Level.OK, f"OBS lists {context.destination.name}")


def right_to_read_lists(context: CheckContext) -> Finding:
    found = context.oms_list
    if found is None:
        return Finding(Level.SKIPPED, "OMS has written no list of what it copied yet")
    if isinstance(found, ObsError):
        seen = f"{found}: what OMS failed to copy is not sent again by itself"
        return Finding(Level.WARNING, seen, found.fix.en)
    return Finding(Level.OK, "OMS's lists of what it copied and failed to copy can be read")


def kind(context: CheckContext) -> Finding:
    try:
        is_file_system = context.destination.is_file_system()
    except ObsError as error:
        return Finding(Level.WARNING, f"{error}: whether it is a parallel file system is not known", error.fix.en)
    if is_file_system:
        return Finding(
            Level.WARNING,
            "the destination is a parallel file system: it takes no key that ends in / or has // in it, and no two keys"
            " of which one is a folder of the other",
            "Use a bucket that is no parallel file system, if the source has such keys",
        )
    return Finding(Level.OK, "the destination is an ordinary bucket")


def encryption(found: ObjectHead) -> Finding:
    if found.encryption:
        return Finding(
            Level.WARNING,
            f"OBS encrypts what is written there ({found.encryption}), so its ETags may be no MD5s: that contents are"
            " equal is then not proven",
            "Nothing needs to be done; without encryption compare proves more",
        )
    return Finding(Level.OK, "OBS does not encrypt what is written there")


def versioning(found: ObjectHead) -> Finding:
    kept = "keeps older versions, which you pay for" if found.version else "keeps no older versions"
    return Finding(Level.OK, f"the destination {kept}")


def _of_oms_list(check: Callable[[ObjectHead], Finding]) -> Callable[[CheckContext], Finding]:
    """A check of an object that OMS wrote there."""

    def run(context: CheckContext) -> Finding:
        found = context.oms_list
        return check(found) if isinstance(found, ObjectHead) else Finding(Level.SKIPPED, "no object could be looked at")

    return run


_LISTING, _LISTS = ("right to list OBS",), ("right to read OMS's lists",)
CHECKS: Sequence[Check[CheckContext]] = (
    Check("OBS connection", ("task",), obs_connection),
    Check("OBS clock", ("OBS connection",), obs_clock),
    Check("right to list OBS", ("OBS clock",), right_to_list),
    Check("destination kind", ("OBS clock",), kind),
    Check("right to read OMS's lists", _LISTING, right_to_read_lists),
    Check("destination encryption", _LISTS, _of_oms_list(encryption)),
    Check("destination versioning", _LISTS, _of_oms_list(versioning)),
)
