"""What is asked before a migration of the old objects begins: whether it may, which objects it is about, and whether
somebody wants it."""

from __future__ import annotations

import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence

from ops.accounts.both_clouds import Holder
from ops.accounts.needs import Standing
from ops.clock import timestamp
from ops.cost.prices import RESTORE
from ops.cutover.close import opening_step
from ops.cutover.cutover import check_set_up
from ops.errors import UsageError
from ops.functions import tool_output
from ops.intention import Intention, all_keys
from ops.migrate import messages
from ops.session import Session
from ops.shell import Typed
from oss_oms_sync.answers.job_answers import LookAnswer
from oss_oms_sync.answers.text import Text, t

# What somebody types who agrees.
YES = "yes"
_MOST_KEYS = 2

GROUP = t("a task group")


def agreed(session: Session, given: Mapping[str, str], options: Namespace, holders: Sequence[Holder]) -> Intention:
    """What is to be done, once somebody wants it. `given`: the variables of s.yaml; `holders`: of the source's key and
    of the destination's. Raises OpsError where it must not begin, or could not."""
    _check(session, given, holders)
    intention = Intention(
        secrets.token_hex(8),
        timestamp(session.clock.now()),
        given["sourceBucket"],
        given["destinationBucket"],
        _prefixes(options.prefix, given.get("objectPrefix", "")),
        kept=[],
        overwrite=options.overwrite,
    )
    compared = tool_output.of_compare(session.caller.ask("compare", {"look": True}))
    intention.found_without = messages.found_without(compared)
    for line in messages.plan(intention, compared, given.get("objectPrefix", ""), session.lang):
        session.screen.say(line)
    confirm(session, options, t("Type {word} to begin:", word=YES))
    intention.restore = _restores(session, options, holders[0].name)
    # Not before somebody has answered, which may take an hour.
    intention.kept = [key for _, key in all_keys(holders)]
    return intention


def check_same(intention: Intention, given: Mapping[str, str], options: Namespace) -> None:
    """Raise UsageError where `options` ask for something else than what is on its way."""
    prefixes = _prefixes(options.prefix, given.get("objectPrefix", "")) if options.prefix else intention.prefixes
    wanted = (options.overwrite or intention.overwrite, options.restore or intention.restore, sorted(prefixes))
    if wanted != (intention.overwrite, intention.restore, sorted(intention.prefixes)):
        raise UsageError(
            t("Another migration is on its way, not with these options"),
            t(
                "Follow it to its end without them, or end it: {command}. Then begin this one",
                command=Typed("migrate", remove=True),
            ),
        )


def check_open(session: Session) -> None:
    """Raise UsageError where the project is closed."""
    closed = session.ask(LookAnswer, "certify", {"look": True}).closed
    if closed:
        raise UsageError(t("The project is closed: OMS must not write to OBS any more"), opening_step(closed))


def confirm(session: Session, options: Namespace, question: Text) -> None:
    """Raise UsageError unless somebody agrees."""
    if not options.yes:
        session.insist(question, YES, t("Nothing was done"), t("Where nobody can be asked, give --yes"))


def _check(session: Session, given: Mapping[str, str], holders: Sequence[Holder]) -> None:
    if suffix := given.get("objectSuffix"):
        raise UsageError(
            t(
                "A task group takes prefixes, and no suffix such as {suffix}: it would copy other objects, too",
                suffix=suffix,
            ),
            t(
                "Let the project send what is there, ten keys a call: {command}",
                command=Typed("reconcile", since="1970-01-01"),
            ),
        )
    check_open(session)
    for holder in holders:
        if holder.need(GROUP, (), lambda: False).see().state is not Standing.THERE:
            raise UsageError(
                t("{name} is not as setup makes it", name=holder.name),
                t("Let setup do it: {command}", command=Typed("setup")),
            )
        if len(holder.key_ids()) >= _MOST_KEYS:
            raise UsageError(
                t("{name} has {n} access keys, and no more are possible", name=holder.name, n=_MOST_KEYS),
                t("Delete the one that the sync task does not use"),
            )
    check_set_up(
        session,
        t(
            "The migration does not begin: what is written meanwhile would be missed, because something is not set up"
            " right"
        ),
    )


def _prefixes(wanted: Sequence[str], own: str) -> list[str]:
    """What is asked for of what the project covers, whose own prefix is `own`. Raises UsageError for what is
    outside."""
    for one in wanted:
        if not one.startswith(own) and not own.startswith(one):
            raise UsageError(
                t("The project covers nothing that begins with {prefix}", prefix=one),
                t("It covers what begins with {own}", own=own),
            )
    return [max(one, own, key=len) for one in wanted] or [own]


def _restores(session: Session, options: Namespace, user: str) -> bool:
    """Whether somebody wants archived objects, too: it is asked by itself, because it costs."""
    if options.restore or options.yes:
        return bool(options.restore)
    return session.agrees(
        t(
            "Restore archived objects in the source, too, and copy them? That costs about {dollars:.3f} dollars a GB,"
            " takes minutes to hours, and the RAM user {user} needs oss:RestoreObject for it, which setup does not"
            " give it. [y/N]",
            dollars=RESTORE,
            user=user,
        )
    )
