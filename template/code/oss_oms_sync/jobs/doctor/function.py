"""The function itself: its libraries, settings and region."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence

import requests

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oss2_import import import_oss2
from oss_oms_sync.errors import SettingsError
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level

_MIN_OSS2_FOR_V4 = (2, 16)


def libraries(_: object) -> Finding:
    oss2 = import_oss2()
    seen = f"Python {platform.python_version()}, oss2 {oss2.__version__}, requests {requests.__version__}"
    numbers = tuple(int(number) for number in re.findall(r"\d+", oss2.__version__)[:2])
    if numbers < _MIN_OSS2_FOR_V4:
        fix = "oss2 before 2.16.0 makes no V4 signatures: set runtime to python3.12 or python3.10 in s.yaml"
        return Finding(Level.FAULT, seen, fix)
    return Finding(Level.OK, seen)


def settings(invocation: Invocation | SettingsError) -> Finding:
    if isinstance(invocation, SettingsError):
        fix = "Correct this in s.yaml (secrets: `python ops.py secrets`), then `s deploy`"
        return Finding(Level.FAULT, str(invocation), fix)
    return Finding(Level.OK, "all settings are complete and well-formed")


def region(context: CheckContext) -> Finding:
    oss_region, fc_region = context.settings.oss_region, context.settings.fc_region
    if fc_region in ("", oss_region):
        return Finding(Level.OK, f"function and OSS endpoint are in {oss_region}")
    return Finding(
        Level.FAULT,
        f"the function is in {fc_region}, OSS_ENDPOINT in {oss_region}",
        "Deploy to the source bucket's region (vars.region in s.yaml): trigger, function and both buckets share it",
    )


# These two run before there is a context, because a context needs valid settings.
FIRST_CHECKS: Sequence[Check[Invocation | SettingsError]] = (
    Check("libraries", (), libraries),
    Check("settings", ("libraries",), settings),
)
CHECKS: Sequence[Check[CheckContext]] = (Check("region", ("settings",), region),)
