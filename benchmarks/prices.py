"""The list prices of 2026, in dollars (Function Compute's pages "billing" and "specifications", OSS's "pricing")."""

from __future__ import annotations

# Function Compute bills units of 0.00002 dollars.
UNIT = 0.00002
UNITS_A_CALL, UNITS_A_CPU_SECOND, UNITS_A_GB_SECOND, UNITS_A_DISK_GB_SECOND = 75 / 10_000, 1.0, 0.15, 0.05
DISK_GB = 0.5
# A PUT or a LIST of OSS, at 0.01 yuan for 10,000 and 7 yuan a dollar. A GET costs no more.
DOLLARS_A_REQUEST = 0.01 / 10_000 / 7


def dollars_for_function(calls: float, seconds: float, cpu: float, megabytes: int) -> float:
    """What `calls` of a function that last `seconds` in all cost, at a size of `cpu` cores and `megabytes`."""
    units_a_second = cpu * UNITS_A_CPU_SECOND + megabytes / 1024 * UNITS_A_GB_SECOND + DISK_GB * UNITS_A_DISK_GB_SECOND
    return UNIT * (calls * UNITS_A_CALL + seconds * units_a_second)
