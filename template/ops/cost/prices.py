"""List prices in US dollars, for `python3 ops.py cost` and the benchmarks.

Alibaba Cloud's and Huawei Cloud's price pages are in yuan for regions in mainland China; docs/costs.md has the source
and date of each figure. Prices elsewhere differ: the command takes them as options.
"""

from __future__ import annotations

from typing import NamedTuple

YUAN_PER_DOLLAR = 7.0
# Bytes of a gigabyte in both clouds' bills.
BYTES_PER_GIGABYTE = 1024**3

# Function Compute bills units of 0.00002 dollars ("billing", "specifications").
UNIT_DOLLARS = 0.00002
UNITS_PER_CALL, UNITS_PER_CPU_SECOND, UNITS_PER_GB_SECOND, UNITS_PER_DISK_GB_SECOND = 75 / 10_000, 1.0, 0.15, 0.05
DISK_GB = 0.5

# A PUT or a LIST of OSS, at 0.01 yuan for 10,000. A GET does not cost more; a request to OBS costs the same.
DOLLARS_PER_REQUEST = 0.01 / 10_000 / YUAN_PER_DOLLAR
# Traffic out of OSS over the internet, in mainland China: 0.50 yuan a gigabyte from 8 to 24 o'clock, 0.25 from 0 to 8.
OSS_EGRESS_PRICE, OSS_NIGHT_EGRESS_PRICE = 0.50 / YUAN_PER_DOLLAR, 0.25 / YUAN_PER_DOLLAR
# Traffic out of OBS over the internet: the listings that compare reads, and the objects of a sample.
OBS_EGRESS_PRICE = 0.50 / YUAN_PER_DOLLAR

# Restoring objects of cold archive within hours: 0.06 yuan a gigabyte, plus 3 yuan for 10,000 requests.
RESTORE_PRICE, RESTORE_REQUESTS_PRICE = 0.06 / YUAN_PER_DOLLAR, 3 / YUAN_PER_DOLLAR


class Prices(NamedTuple):
    """Prices in dollars a gigabyte: of traffic out of OSS and out of OBS, and of OMS's copies.

    - `oms` is None if OMS's price is unknown.
    - `night_egress` is the price of traffic out of OSS between midnight and 8 o'clock in China.
    """

    egress: float = OSS_EGRESS_PRICE
    obs_egress: float = OBS_EGRESS_PRICE
    oms: float | None = None
    night_egress: float = OSS_NIGHT_EGRESS_PRICE

    @classmethod
    def of_region(cls, region: str) -> Prices:
        """Return the prices in a region of Alibaba Cloud; only regions in mainland China have a night price."""
        is_mainland = region.startswith("cn-") and region != "cn-hongkong"
        return cls() if is_mainland else cls(night_egress=cls().egress)


def dollars_for_function(calls: float, seconds: float, cpu: float, megabytes: int) -> float:
    """Return the cost of `calls` calls of a function, which last `seconds` in total.

    `cpu` is the number of vCPUs, and `megabytes` is the memory.
    """
    units_per_second = (
        cpu * UNITS_PER_CPU_SECOND + megabytes / 1024 * UNITS_PER_GB_SECOND + DISK_GB * UNITS_PER_DISK_GB_SECOND
    )
    return UNIT_DOLLARS * (calls * UNITS_PER_CALL + seconds * units_per_second)
