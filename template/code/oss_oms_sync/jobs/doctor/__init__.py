"""Is everything set up right? One small check per rule; each reports what it saw, and how to fix a fault."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from oss_oms_sync import options
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import OmsSyncError, SettingsError
from oss_oms_sync.jobs.doctor import alibaba, destination, flow, function, huawei, network
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level
from oss_oms_sync.text import Text

C = TypeVar("C")

# In the order in which they run and are reported: no check needs a later one.
_CHECKS: Sequence[Check[CheckContext]] = (
    *function.CHECKS,
    *network.CHECKS,
    *huawei.CHECKS,
    *alibaba.CHECKS,
    *destination.CHECKS,
    *flow.CHECKS,
)
_ALL: Sequence[Check[Any]] = (*function.FIRST_CHECKS, *_CHECKS)
_NAMES_ZH = {check.name: check.name_zh for check in _ALL}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DoctorResult:
    """What each check found, by its name, in the order in which they ran."""

    findings: Mapping[str, Finding]

    @property
    def ok(self) -> bool:
        """Whether everything could be looked at, and nothing is a fault."""
        return self._worst is None

    @property
    def text(self) -> Text:
        """The same in words."""
        if self._worst is Level.FAULT:
            return Text("Not set up right", "配置有误")
        if self._worst is Level.UNKNOWN:
            return Text("Not all could be looked at", "有未能检查的项目")
        return Text("Set up right", "配置正确")

    @property
    def _worst(self) -> Level | None:
        levels = {finding.level for finding in self.findings.values()}
        return next((level for level in (Level.FAULT, Level.UNKNOWN) if level in levels), None)

    def to_json(self) -> dict[str, object]:
        """As the caller gets it."""
        checks = [
            {"name": name, "name_zh": _NAMES_ZH[name], **finding.to_json(), **finding.to_json_zh()}
            for name, finding in self.findings.items()
        ]
        return {"ok": self.ok, "text": self.text.en, "text_zh": self.text.zh, "checks": checks}


def run(event: bytes | str, invocation: Invocation | SettingsError) -> DoctorResult:
    """Run every check, except those that depend on one that did not pass: these report which one.

    Nothing that counts as a sync request is sent to OMS. If the role can delete there, nothing is left in the log
    bucket but the note of the installation, where there was none.

    Raises PayloadError.
    """
    options.parse(event, {})
    context = None if isinstance(invocation, SettingsError) else CheckContext(invocation)
    found: dict[str, Finding] = {}
    _run_checks(function.FIRST_CHECKS, invocation, found)
    _run_checks(_CHECKS, context, found)
    if context:
        context.delete_probe()
    return DoctorResult(found)


def _run_checks(checks: Sequence[Check[C]], context: C | None, found: dict[str, Finding]) -> None:
    """Add to `found` what each check finds.

    `context` is None if the settings are invalid: then each of these checks depends on one that did not pass.
    """
    for check in checks:
        blocking = _blocking(check.needs, found)
        if context is None or blocking:
            level = Level.SKIPPED if set(blocking.values()) == {Level.SKIPPED} else Level.UNKNOWN
            names_zh = "、".join(_NAMES_ZH[name] for name in blocking)
            finding = Finding(level, Text(f"depends on: {', '.join(blocking)}", f"取决于：{names_zh}"))
        else:
            finding = _run_check(check, context)
        found[check.name] = finding
        log.info({"check": check.name, **finding.to_json()})


def _blocking(needs: Sequence[str], found: Mapping[str, Finding]) -> dict[str, Level]:
    """The needed checks that did not pass, and how they ended."""
    return {need: found[need].level for need in needs if found[need].level not in (Level.OK, Level.WARNING)}


def _run_check(check: Check[C], context: C) -> Finding:
    try:
        return check.function(context)
    except OmsSyncError as error:
        fix = Text(
            "Look at the message; if it says nothing to do, run doctor again in a minute",
            "请查看错误信息；若其中没有处理方法，请一分钟后再次运行 doctor",
        )
        return Finding(Level.FAULT, Text.same(str(error)), fix)
