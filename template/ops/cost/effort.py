"""The effort of each job: calls and seconds of its function, and requests to both clouds.

In a pass, a job reads all keys of a bucket, on several parallel lanes. The benchmarks count and simulate the same
effort, and a test compares the two. No effort was measured in the clouds; a rehearsal of the cutover measures it for
your buckets.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ops.cost.prices import BYTES_PER_GIGABYTE, DOLLARS_PER_REQUEST, Prices, dollars_for_function
from oss_oms_sync.answers.task_group import LISTED_OBJECTS_PER_SECOND

DAYS_PER_MONTH = 30
_PAGE_OBJECTS = 1000
_KEYS_PER_CALL = 10
# The defaults of the settings, and the maximum number of lanes of a pass that submits all objects.
MAX_LANES, _OMS_CALLS_PER_SECOND = 32, 20
_SENDING_LANES = 4
# The functions' sizes in s.yaml, as vCPU and MB; compare and replay have a whole vCPU.
_SMALL_SIZE, _LARGE_SIZE, _WHOLE_SIZE = (0.1, 256), (0.5, 512), (1.0, 1024)
# Seconds of a call of forward: of a round trip to OMS, of a round trip to OSS, and of computing at a tenth of a core.
_EVENT_SECONDS = 0.05
# Seconds of a lane (a parallel part of a pass) for an object: OSS lists 600,000 a minute. Compare reads 500,000,
# because OBS's listings come over the internet.
RECONCILE_SECONDS, COMPARE_SECONDS = 60 / 600_000, 60 / 500_000
# Bytes per object of OBS's listings, which compare reads.
_BYTES_PER_LISTED_OBJECT = 300
# Bytes a second that a lane of `compare --deep` reads over TLS and hashes: half of a core's measured rate
# (benchmarks.comparing). An account may read 20 Gbit/s or more in most regions of mainland China, all its readers
# together (OSS, "Limits and performance": https://help.aliyun.com/document_detail/283216.htm).
_DEEP_BYTES_PER_SECOND, _OSS_BYTES_PER_SECOND = 140_000_000, 2_500_000_000
# Bytes a second that a sample reads from both sides.
_SAMPLE_BYTES_PER_SECOND = 30_000_000
# Maximum bytes of a sampled object.
MAX_SAMPLED_BYTES = 2**30
# Maximum number of first-level folders of which a sample reads the headers of one object each.
_MAX_SAMPLED_FOLDERS = 200
# OMS's part size.
_OMS_PART_BYTES = 50_000_000
# OMS's usual rate for an account, 500 Mbit/s, in bytes a second.
OMS_BYTES_PER_SECOND = 62_500_000
# Requests of `ops.py migrate` to both clouds, and the interval of its requests for progress.
_GROUP_REQUESTS, _GROUP_POLL_SECONDS = 74, 10
# A lane's seconds for an object in a pass of headers, with round trips of 10 ms to OSS and 40 ms to OBS, and 5 ms of
# computing: its headers change, and LastModified stays or moves in OBS; or a record says that they are checked.
HEADERS_SECONDS = {"stays": 1 / 75, "moves": 1 / 40, "recorded": 1 / 5_000}
# Minimum number of objects of a lane.
_MIN_PER_LANE = 12_500
_PIECE_SECONDS = 120
_IDLE_SECONDS = 0.3
# Minutes of a freeze's steps that do not depend on the number of objects: resend waiting keys; wait for the last
# writes' minimum age; recheck late keys; end the calls before the close; wait until OMS is idle.
_REPLAY_MINUTES, _MIN_AGE_MINUTES, _RECHECK_MINUTES, _CLOSE_MINUTES, _OMS_MINUTES = 1, 5, 5, 2, 10
# Seconds of the start and end of a pass with several lanes.
_SPREADING_SECONDS = 10


class Timer(NamedTuple):
    """A timer that calls a function.

    - `minutes` is the interval between calls.
    - `oss_requests` is the number of requests to OSS in a call that finds no work.
    - `size` is the number of vCPUs and the megabytes of memory.
    """

    minutes: int
    oss_requests: int
    size: tuple[float, int]


TIMERS = {
    "replay": Timer(1, 11, _WHOLE_SIZE),
    "reconcile": Timer(10, 6, _LARGE_SIZE),
    "compare": Timer(10, 6, _WHOLE_SIZE),
    "status": Timer(15, 20, _SMALL_SIZE),
}


class Effort(NamedTuple):
    """The work of a function, and the requests to both clouds.

    - `seconds` is the duration of all calls.
    - `size` is the number of vCPUs and the megabytes of memory.
    - `obs_bytes` are the bytes read out of OBS.
    """

    calls: float = 0
    seconds: float = 0
    size: tuple[float, int] = _LARGE_SIZE
    oss_requests: float = 0
    obs_requests: float = 0
    obs_bytes: float = 0

    def dollars(self, prices: Prices) -> float:
        requests = (self.oss_requests + self.obs_requests) * DOLLARS_PER_REQUEST
        traffic = self.obs_bytes / BYTES_PER_GIGABYTE * prices.obs_egress
        return dollars_for_function(self.calls, self.seconds, *self.size) + requests + traffic

    def multiply(self, number: float) -> Effort:
        multiplied_amounts = (number * amount for amount in (self.oss_requests, self.obs_requests, self.obs_bytes))
        return Effort(number * self.calls, number * self.seconds, self.size, *multiplied_amounts)


def event_submission() -> Effort:
    """Return the effort of submitting a written object: a call of `forward`, and a success record."""
    return Effort(1, _EVENT_SECONDS, _SMALL_SIZE, oss_requests=1)


def idle_timers() -> list[Effort]:
    """Return the effort of each timer in a month without writes."""
    minutes = DAYS_PER_MONTH * 24 * 60
    return [
        Effort(1, _IDLE_SECONDS, timer.size, oss_requests=timer.oss_requests).multiply(minutes / timer.minutes)
        for timer in TIMERS.values()
    ]


def reconcile_pass(objects: int) -> Effort:
    """Return the effort of a reconcile pass, which lists the source bucket and the records."""
    return _pass_over_source(objects, RECONCILE_SECONDS)


def compare_pass(objects: int) -> Effort:
    """Return the effort of a comparison, which lists both buckets, the records and the stored proofs."""
    return _pass_over_both_buckets(objects)._replace(oss_requests=3 * objects / _PAGE_OBJECTS)


def standstill_pass(objects: int) -> Effort:
    """Return the effort of a standstill pass, which lists both buckets without the records."""
    return _pass_over_both_buckets(objects)._replace(oss_requests=objects / _PAGE_OBJECTS)


def _pass_over_both_buckets(objects: int) -> Effort:
    return _pass_over_source(objects, COMPARE_SECONDS)._replace(
        size=_WHOLE_SIZE, obs_requests=objects / _PAGE_OBJECTS, obs_bytes=objects * _BYTES_PER_LISTED_OBJECT
    )


def _pass_over_source(objects: int, seconds_per_object: float) -> Effort:
    seconds = objects * seconds_per_object
    return Effort(seconds / _PIECE_SECONDS, seconds, oss_requests=2 * objects / _PAGE_OBJECTS)


def backfill(objects: int, lanes: int) -> Effort:
    """Return the effort of a reconcile pass that submits all objects.

    OMS limits the rate of calls of all lanes together. Function Compute also bills the time in which a lane waits for
    its turn.
    """
    seconds = backfill_seconds(objects) * min(lanes, _SENDING_LANES)
    return Effort(seconds / _PIECE_SECONDS, seconds, oss_requests=2 * objects / _PAGE_OBJECTS + objects)


def backfill_seconds(objects: int) -> float:
    return objects / (_OMS_CALLS_PER_SECOND * _KEYS_PER_CALL)


def group_seconds(objects: int, size: int) -> float:
    """Return the minimum duration of a copy by OMS's task group, in seconds.

    OMS copies while it lists the source, at most at the usual rate for an account.
    """
    return max(objects / LISTED_OBJECTS_PER_SECOND, size / OMS_BYTES_PER_SECOND)


def submission_seconds(objects: int, size: int) -> float:
    """Return the minimum time, in seconds, in which the sync task copies `objects` objects of `size` bytes in all.

    The project submits ten keys in each call to OMS.
    """
    return max(backfill_seconds(objects), size / OMS_BYTES_PER_SECOND)


def group_requests(objects: int, size: int) -> int:
    """Return the number of the project's own requests to both clouds while OMS's task group copies the objects."""
    return _GROUP_REQUESTS + round(group_seconds(objects, size) / _GROUP_POLL_SECONDS)


def submission_requests(objects: int) -> int:
    """Return the number of requests for submitting all objects: calls to OMS, records and listings."""
    return math.ceil(objects / _KEYS_PER_CALL + backfill(objects, 1).oss_requests)


def oms_requests(objects: int, size: int) -> Effort:
    """Return OMS's requests to both buckets for copying all objects, by Huawei's page on OMS's billing.

    An object up to 50 MB takes two HEADs and a GET at the source, two HEADs and two PUTs at the destination; OMS reads
    and writes a larger object in parts.
    """
    parts = size / _OMS_PART_BYTES
    return Effort(oss_requests=3 * objects + parts, obs_requests=4 * objects + parts)


def sample(number: int, size: float) -> Effort:
    """Return the effort of reading a sample of `number` objects in both buckets; `size` is their total size.

    The cutover also compares the headers of an object in each first-level folder.
    """
    requests = 3 * number + (_MAX_SAMPLED_FOLDERS if number else 0)
    return Effort(1, 2 * size / _SAMPLE_BYTES_PER_SECOND, oss_requests=requests, obs_requests=requests, obs_bytes=size)


def deep_comparison(objects: int, size: int, lanes: int) -> Effort:
    """Return the effort of `compare --deep`, which reads the contents of all objects in the source.

    The estimate assumes that no object is proven to be equal yet, and that the function is in the source's region.
    """
    seconds = deep_hours(size, lanes) * 3600 * lanes
    return Effort(seconds / _PIECE_SECONDS, seconds, _WHOLE_SIZE, oss_requests=2 * objects)


def freeze_minutes(objects: int, lanes: int, sampled_bytes: float = 0) -> dict[str, int]:
    """Return the duration of each step of a cutover, and their sum as "total", in whole minutes."""
    pass_minutes = _to_minutes(pass_seconds(objects, COMPARE_SECONDS, lanes))
    minutes_by_step = {
        "replay": _REPLAY_MINUTES,
        "settle": _MIN_AGE_MINUTES,
        "compare": pass_minutes,
        "again": _RECHECK_MINUTES,
        "close": _CLOSE_MINUTES,
        "oms": _OMS_MINUTES,
        "standstill": pass_minutes,
        "sample": _to_minutes(2 * sampled_bytes / _SAMPLE_BYTES_PER_SECOND) if sampled_bytes else 0,
    }
    return {**minutes_by_step, "total": sum(minutes_by_step.values())}


def headers_minutes(objects: int, lanes: int) -> dict[str, int]:
    """Return durations of the job `headers`, and its effect on a cutover, in minutes.

    - "stays": the headers of all objects change, and OBS keeps LastModified.
    - "moves": the headers of all objects change, and OBS moves LastModified.
    - "recorded": all headers were changed before.
    - "standstill": the additional time of a standstill pass that checks recorded headers.
    """
    busy_lanes = max(1, min(lanes, objects // _MIN_PER_LANE))
    minutes = {
        name: _to_minutes(pass_seconds(objects, seconds, busy_lanes)) for name, seconds in HEADERS_SECONDS.items()
    }
    standstill_minutes = _to_minutes(pass_seconds(objects, COMPARE_SECONDS, lanes))
    return {**minutes, "standstill": max(0, minutes["recorded"] - standstill_minutes)}


def headers_requests(objects: int) -> int:
    """Return the number of requests that a standstill pass needs in addition if it checks headers.

    It then also lists the records and the proofs in the log bucket.
    """
    return math.ceil(2 * objects / _PAGE_OBJECTS)


def deep_hours(size: int, lanes: int) -> float:
    """Return the duration of `compare --deep` in hours.

    Either the hashing of all lanes or OSS's rate for an account limits the speed.
    """
    return size / min(_DEEP_BYTES_PER_SECOND * lanes, _OSS_BYTES_PER_SECOND) / 3600


def pass_seconds(objects: int, seconds_per_object: float, lanes: int) -> float:
    """Return the duration of a pass in seconds, if an earlier pass has found the distribution of the keys.

    A first pass takes up to half as long again. Not all lanes are always busy: 32 lanes do the work of 30, and 64 lanes
    the work of 56.
    """
    return objects * seconds_per_object * (1 + lanes / 500) / lanes + (_SPREADING_SECONDS if lanes > 1 else 0)


def _to_minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / 60))
