"""What each job takes: calls and seconds of its function, and requests to both clouds.

The benchmarks count and simulate the same things; a test compares both, so that neither goes its own way. Nothing here
was measured in the clouds: a rehearsal of the cutover measures yours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ops.cost.prices import DOLLARS_A_REQUEST, GIGABYTE, Prices, dollars_for_function
from oss_oms_sync.answers.task_group import LISTED_A_SECOND

DAYS_A_MONTH = 30
_PAGE = 1000
_KEYS_A_CALL = 10
# The settings' defaults, and how many lanes a pass has at most that sends everything (passes.work).
LANES, _OMS_RATE = 32, 20
_SENDING_LANES = 4
# The functions' sizes in s.yaml, as vCPU and MB; compare's and replay's are whole.
_SMALL, _LARGE, _WHOLE = (0.1, 256), (0.5, 512), (1.0, 1024)
# A round trip to OMS and one to OSS, and computing at a tenth of a core.
_EVENT_SECONDS = 0.05
# A lane's seconds for an object: as fast as OSS answers with one page after the other, 600,000 a minute. Of compare
# 500,000, because OBS's listings come over the internet.
RECONCILE_SECONDS, COMPARE_SECONDS = 60 / 600_000, 60 / 500_000
# What compare reads of an object in OBS's listings.
_LISTED_BYTES = 300
# `deep` reads over TLS and digests so many bytes a second in a lane: half of what a core was measured to
# (benchmarks.comparing). An account may read 20 Gbit/s or more in most regions of mainland China, if nobody else does
# (OSS, "Limits and performance": https://help.aliyun.com/document_detail/283216.htm).
_DEEP_BYTES_A_SECOND, _OSS_BYTES_A_SECOND = 140_000_000, 2_500_000_000
# A sample reads so many from both sides.
_SAMPLE_BYTES_A_SECOND = 30_000_000
# Larger objects are in no sample.
SAMPLED_BYTES = 2**30
# Beside a sample the headers of one object of each first-level folder are compared, of at most so many.
_SAMPLED_FOLDERS = 200
# OMS reads and writes parts of so many bytes.
_OMS_PART_BYTES = 50_000_000
# 500 Mbit/s.
_OMS_BYTES_A_SECOND = 62_500_000
# What `ops.py migrate` asks of both clouds once, and how often it then looks.
_GROUP_REQUESTS, _GROUP_LOOK_SECONDS = 74, 10
_PIECE_SECONDS = 120
_IDLE_SECONDS = 0.3
# Steps of a freeze that do not depend on the number of objects: what waits is sent again; what is younger may still be
# on its way; late keys are judged again; what was begun before the closing ends; OMS has to do nothing for a while.
_REPLAY_MINUTES, _SETTLE_MINUTES, _AGAIN_MINUTES, _CLOSE_MINUTES, _OMS_MINUTES = 1, 5, 5, 2, 10
# Beginning to spread, and coming to an end.
_SPREADING_SECONDS = 10


class Timer(NamedTuple):
    """Its minutes, its requests to OSS when there is nothing to do, and the size of its function."""

    minutes: int
    oss: int
    size: tuple[float, int]


TIMERS = {
    "replay": Timer(1, 11, _WHOLE),
    "reconcile": Timer(10, 6, _LARGE),
    "compare": Timer(10, 6, _WHOLE),
    "status": Timer(15, 20, _SMALL),
}


class Effort(NamedTuple):
    """`calls` of a function and `seconds` of it at a `size` (vCPU, MB); requests to OSS and OBS; bytes out of OBS."""

    calls: float = 0
    seconds: float = 0
    size: tuple[float, int] = _LARGE
    oss: float = 0
    obs: float = 0
    obs_bytes: float = 0

    def dollars(self, prices: Prices) -> float:
        """What it costs."""
        requests = (self.oss + self.obs) * DOLLARS_A_REQUEST
        traffic = self.obs_bytes / GIGABYTE * prices.obs_egress
        return dollars_for_function(self.calls, self.seconds, *self.size) + requests + traffic

    def times(self, number: float) -> Effort:
        """The same, so many times."""
        more = (number * one for one in (self.oss, self.obs, self.obs_bytes))
        return Effort(number * self.calls, number * self.seconds, self.size, *more)


def event() -> Effort:
    """One object written: a call of `forward`, and a record."""
    return Effort(1, _EVENT_SECONDS, _SMALL, oss=1)


def idle_month() -> list[Effort]:
    """The timers of a month in which nothing happens, one by one."""
    minutes = DAYS_A_MONTH * 24 * 60
    return [
        Effort(1, _IDLE_SECONDS, timer.size, oss=timer.oss).times(minutes / timer.minutes) for timer in TIMERS.values()
    ]


def reconcile_pass(objects: int) -> Effort:
    """The source and the records listed."""
    return _pass(objects, RECONCILE_SECONDS)


def compare_pass(objects: int) -> Effort:
    """The same, the kept proofs listed too, and OBS."""
    return _beside_obs(objects)._replace(oss=3 * objects / _PAGE)


def standstill_pass(objects: int) -> Effort:
    """Both buckets listed, and nothing else."""
    return _beside_obs(objects)._replace(oss=objects / _PAGE)


def _beside_obs(objects: int) -> Effort:
    return _pass(objects, COMPARE_SECONDS)._replace(size=_WHOLE, obs=objects / _PAGE, obs_bytes=objects * _LISTED_BYTES)


def _pass(objects: int, seconds_an_object: float) -> Effort:
    seconds = objects * seconds_an_object
    return Effort(seconds / _PIECE_SECONDS, seconds, oss=2 * objects / _PAGE)


def backfill(objects: int, lanes: int) -> Effort:
    """All objects sent by a pass of reconcile: its lanes share the rate of calls, and each waits for its turn."""
    seconds = backfill_seconds(objects) * min(lanes, _SENDING_LANES)
    return Effort(seconds / _PIECE_SECONDS, seconds, oss=2 * objects / _PAGE + objects)


def backfill_seconds(objects: int) -> float:
    """How long that takes."""
    return objects / (_OMS_RATE * _KEYS_A_CALL)


def group_seconds(objects: int, size: int) -> float:
    """How long a task group takes at least, once it has begun: OMS copies while it lists, no faster than an account's
    usual quota."""
    return max(objects / LISTED_A_SECOND, size / _OMS_BYTES_A_SECOND)


def sent_seconds(objects: int, size: int) -> float:
    """The same where the project itself sends them, ten keys a call, and OMS copies them meanwhile."""
    return max(backfill_seconds(objects), size / _OMS_BYTES_A_SECOND)


def group_requests(objects: int, size: int) -> int:
    """What a task group takes of requests to both clouds, without OMS's own, if somebody follows it to its end."""
    return _GROUP_REQUESTS + round(group_seconds(objects, size) / _GROUP_LOOK_SECONDS)


def sent_requests(objects: int) -> int:
    """The same where the project itself sends them: a call for ten keys, a record for each, and listings."""
    return math.ceil(objects / _KEYS_A_CALL + backfill(objects, 1).oss)


def oms_requests(objects: int, size: int) -> Effort:
    """What OMS asks of both buckets to copy them, by Huawei's page of its billing: of an object up to 50 MB two HEADs
    and a GET at the source, two HEADs and two PUTs at the destination; a larger one is read and written in parts."""
    parts = size / _OMS_PART_BYTES
    return Effort(oss=3 * objects + parts, obs=4 * objects + parts)


def sample(number: int, bytes_: float) -> Effort:
    """So many objects of together `bytes_` found, read and asked for their headers on both sides, and the headers of
    one of each folder."""
    requests = 3 * number + (_SAMPLED_FOLDERS if number else 0)
    return Effort(1, 2 * bytes_ / _SAMPLE_BYTES_A_SECOND, oss=requests, obs=requests, obs_bytes=bytes_)


def deep(objects: int, size: int, lanes: int) -> Effort:
    """The whole source read inside its region, as if nothing else proved any object to be equal; each proof is kept."""
    seconds = deep_hours(size, lanes) * 3600 * lanes
    return Effort(seconds / _PIECE_SECONDS, seconds, _WHOLE, oss=2 * objects)


def freeze_minutes(objects: int, lanes: int, sampled_bytes: float = 0) -> dict[str, int]:
    """How long each step of a cutover takes, and all of them, in whole minutes."""
    compared = _minutes(pass_seconds(objects, COMPARE_SECONDS, lanes))
    steps = {
        "replay": _REPLAY_MINUTES,
        "settle": _SETTLE_MINUTES,
        "compare": compared,
        "again": _AGAIN_MINUTES,
        "close": _CLOSE_MINUTES,
        "oms": _OMS_MINUTES,
        "standstill": compared,
        "sample": _minutes(2 * sampled_bytes / _SAMPLE_BYTES_A_SECOND) if sampled_bytes else 0,
    }
    return {**steps, "total": sum(steps.values())}


def deep_hours(size: int, lanes: int) -> float:
    """How long `deep` takes for a whole source, if computing decides, or what OSS lets an account read."""
    return size / min(_DEEP_BYTES_A_SECOND * lanes, _OSS_BYTES_A_SECOND) / 3600


def pass_seconds(objects: int, seconds_an_object: float, lanes: int) -> float:
    """How long a later pass over a bucket takes, which knows where the keys lie; the first one takes up to half as long
    again. Many lanes are seldom all busy: 32 do the work of 30, 64 that of 56."""
    return objects * seconds_an_object * (1 + lanes / 500) / lanes + (_SPREADING_SECONDS if lanes > 1 else 0)


def _minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / 60))
