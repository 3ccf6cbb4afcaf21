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
from oss_oms_sync.text import Text

_MIN_OSS2_FOR_V4 = (2, 16)


def libraries(_: object) -> Finding:
    oss2 = import_oss2()
    seen = Text.same(f"Python {platform.python_version()}, oss2 {oss2.__version__}, requests {requests.__version__}")
    numbers = tuple(int(number) for number in re.findall(r"\d+", oss2.__version__)[:2])
    if numbers < _MIN_OSS2_FOR_V4:
        fix = Text(
            "oss2 before 2.16.0 makes no V4 signatures: set runtime to python3.12 or python3.10 in s.yaml",
            "oss2 2.16.0 之前的版本不支持 V4 签名：请在 s.yaml 中将 runtime 设为 python3.12 或 python3.10",
        )
        return Finding(Level.FAULT, seen, fix)
    return Finding(Level.OK, seen)


def settings(invocation: Invocation | SettingsError) -> Finding:
    if isinstance(invocation, SettingsError):
        fix = Text(
            "Correct this in s.yaml (secrets: `python ops.py secrets`), then `s deploy`",
            "请在 s.yaml 中更正（密钥用 `python ops.py secrets`），然后执行 `s deploy`",
        )
        return Finding(Level.FAULT, Text.same(str(invocation)), fix)
    return Finding(Level.OK, Text("all settings are complete and well-formed", "所有设置完整且格式正确"))


def region(context: CheckContext) -> Finding:
    oss_region, fc_region = context.settings.oss_region, context.settings.fc_region
    if fc_region in ("", oss_region):
        seen = Text(f"function and OSS endpoint are in {oss_region}", f"函数和 OSS Endpoint 都在 {oss_region}")
        return Finding(Level.OK, seen)
    return Finding(
        Level.FAULT,
        Text(
            f"the function is in {fc_region}, OSS_ENDPOINT in {oss_region}",
            f"函数在 {fc_region}，OSS_ENDPOINT 在 {oss_region}",
        ),
        Text(
            "Deploy to the source bucket's region (vars.region in s.yaml): trigger, function and both buckets share it",
            "请部署到源 Bucket 所在的地域（s.yaml 中的 vars.region）：触发器、函数和两个 Bucket 必须同地域",
        ),
    )


# These two run before there is a context, because a context needs valid settings.
FIRST_CHECKS: Sequence[Check[Invocation | SettingsError]] = (
    Check("libraries", "运行库", (), libraries),
    Check("settings", "设置", ("libraries",), settings),
)
CHECKS: Sequence[Check[CheckContext]] = (Check("region", "地域", ("settings",), region),)
