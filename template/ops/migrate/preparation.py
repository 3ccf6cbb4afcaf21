"""The checks and questions before a migration: its conditions, its objects, and the user's consent."""

from __future__ import annotations

import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence

from ops.accounts.both_clouds import Holder
from ops.accounts.needs import ResourceState
from ops.clock import timestamp
from ops.cost.prices import RESTORE_PRICE, RESTORE_REQUESTS_PRICE, Prices
from ops.cutover.cutover import require_sound_setup
from ops.cutover.open_and_close import opening_step
from ops.errors import UsageError
from ops.functions import tool_output
from ops.intention import Intention, list_keys
from ops.migrate import messages, windows
from ops.session import Session
from oss_oms_sync.answers.job_answers import LookAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

# The word that the user types to agree.
YES = "yes"
_MAX_KEYS = 2

GROUP_TITLE = t("creating a task group")


def prepare(session: Session, variables: Mapping[str, str], options: Namespace, holders: Sequence[Holder]) -> Intention:
    """Return the record of a new migration, after the user has agreed to it.

    `variables` are the variables of s.yaml. `holders` are the users whose access keys OMS will use. Raises OpsError if
    the migration cannot begin.
    """
    _check_conditions(session, variables, holders)
    intention = Intention(
        secrets.token_hex(8),
        timestamp(session.clock.now()),
        variables["sourceBucket"],
        variables["destinationBucket"],
        _restrict_prefixes(options.prefix, variables.get("objectPrefix", "")),
        kept=[],
        overwrite=options.overwrite,
        bandwidth=windows.read_windows(options),
        keep_storage_class=options.keep_storage_class,
    )
    comparison = tool_output.convert_compare_answer(session.caller.ask("compare", {"look": True}))
    intention.digest_without_extra = messages.digest_if_nothing_extra(comparison)
    prices = Prices.of_region(variables["region"])
    for line in messages.plan(intention, comparison, variables.get("objectPrefix", ""), prices, session.lang):
        session.screen.print_line(line)
    confirm(session, options, t("Type {word} to begin the migration:", word=YES))
    intention.restore = _agrees_to_restore(session, options, holders[0].name)
    # The keys are listed after the user's answer, which may take an hour.
    intention.kept = [key for _, key in list_keys(holders)]
    return intention


def check_same(intention: Intention, variables: Mapping[str, str], options: Namespace) -> None:
    prefixes = (
        _restrict_prefixes(options.prefix, variables.get("objectPrefix", "")) if options.prefix else intention.prefixes
    )
    names = ("overwrite", "restore", "keep_storage_class")
    has_other_options = any(getattr(options, name) and not getattr(intention, name) for name in names)
    if has_other_options or sorted(prefixes) != sorted(intention.prefixes):
        raise UsageError(
            t("A migration with other options is running"),
            t(
                "To watch the running migration, run the command without options. Before you start this"
                " migration, end the running migration: {command}",
                command=Step("migrate", {"remove": True}),
            ),
        )


def check_open(session: Session) -> None:
    """Raise UsageError if the project is closed, because a migration writes to OBS."""
    mark = session.ask(LookAnswer, "certify", {"look": True}).closed
    if mark:
        raise UsageError(t("The project is closed: OMS must no longer write to OBS"), opening_step(mark))


def confirm(session: Session, options: Namespace, question: Text) -> None:
    if not options.yes:
        session.require_word(question, YES, t("Nothing was changed"), t("Without a terminal, pass --yes"))


def _check_conditions(session: Session, variables: Mapping[str, str], holders: Sequence[Holder]) -> None:
    if suffix := variables.get("objectSuffix"):
        raise UsageError(
            t(
                "A task group can select objects by prefix, but not by suffix ({suffix}): it would also copy"
                " other objects",
                suffix=suffix,
            ),
            t(
                "Let the project submit the existing objects, ten keys per call: {command}",
                command=Step("reconcile", {"since": "1970-01-01"}),
            ),
        )
    check_open(session)
    for holder in holders:
        if holder.need(GROUP_TITLE, (), lambda: False).inspect().state is not ResourceState.EXISTS:
            raise UsageError(
                t("{name} differs from what setup creates", name=holder.name),
                t("Let setup correct this resource: {command}", command=Step("setup")),
            )
        if len(holder.key_ids()) >= _MAX_KEYS:
            raise UsageError(
                t("{name} already has {n} access keys, which is the maximum", name=holder.name, n=_MAX_KEYS),
                t("Delete the access key that the sync task does not use"),
            )
    require_sound_setup(
        session,
        t("The migration did not start: the setup has faults, so objects written during the migration would be missed"),
    )


def _restrict_prefixes(requested_prefixes: Sequence[str], project_prefix: str) -> list[str]:
    """Return the requested prefixes, each limited to the project's prefix.

    Without requested prefixes, return the project's prefix.

    Raises UsageError for a prefix outside the project's prefix.
    """
    for prefix in requested_prefixes:
        if not prefix.startswith(project_prefix) and not project_prefix.startswith(prefix):
            raise UsageError(
                t("The project does not cover keys with the prefix {prefix}", prefix=prefix),
                t("Pass a prefix that begins with the project's prefix {own}", own=project_prefix),
            )
    return [max(prefix, project_prefix, key=len) for prefix in requested_prefixes] or [project_prefix]


def _agrees_to_restore(session: Session, options: Namespace, user: str) -> bool:
    if options.restore or options.yes:
        return bool(options.restore)
    return session.agrees(
        t(
            "Also restore and copy archived source objects? For Cold Archive, this costs about {dollars:.3f}"
            " dollars per GB and {request_dollars:.2f} dollars per 10,000 objects (the price for Archive was not"
            " checked). It takes minutes to hours. The RAM user {user} needs the permission oss:RestoreObject,"
            " which setup does not grant. [y/N]",
            dollars=RESTORE_PRICE,
            request_dollars=RESTORE_REQUESTS_PRICE,
            user=user,
        )
    )
