"""The steps that a certificate tells."""

from __future__ import annotations

from datetime import datetime

from oss_oms_sync.clock import timestamp
from oss_oms_sync.jobs.certify.options import WHO_WHY, Options
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.step import Step

DOCTOR, DEPLOY = Step("doctor"), Step("deploy")


def cutover(options: Options, frozen: datetime | None = None, sample: int | None = None, **more: object) -> Step:
    """What goes on with a cutover, or with its rehearsal: one that asks for the same, but for what is given here."""
    since, number = frozen or options.frozen_since, options.sample if sample is None else sample
    when: dict[str, object] = {"frozen_since": timestamp(since)} if since else {"rehearse": True}
    asked = {"sample": number, "accept": dict(options.accept), **more}
    return Step("cutover", {**when, **{name: value for name, value in asked.items() if value}})


def accepting(options: Options, title: str) -> Step:
    """The same, where somebody accepts something by its name."""
    return cutover(options, accept={**options.accept, title: WHO_WHY})


def comparing(options: Options, scope: Scope | None, **what: bool | str) -> Step:
    """A comparison like one of `scope`, which is the usual one if there is none; in a cutover it is a part of that,
    unless it needs what a cutover does not ask for.

    Only what looks at the same pass again asks for `overwrite` because that did: else compare sends what is newer in
    OBS only if `what` asks for it.
    """
    carried = ("deep", "overwrite") if "again" in what else ("deep",)
    asked: dict[str, object] = {name: True for name in carried if scope and getattr(scope, name)}
    if scope and scope.since:
        asked["since"] = timestamp(scope.since)
    asked = {**asked, **what}
    if options.frozen_since and not asked.keys() & {"overwrite", "since"}:
        return cutover(options, deep="deep" in asked, restart="restart" in asked)
    return Step("compare", asked)
