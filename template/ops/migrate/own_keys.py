"""The access keys of a migration: which command makes them, and which of them it deletes.

One command at a time makes keys and lets OMS begin with them. It writes its number into the intention first, and looks
before each change whether that is still there. Another command may take this over, because a machine may be gone: it
waits until what the first one has sent must have arrived, and looks at the group again before it deletes any key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ops.accounts.both_clouds import Holder
from ops.clouds.keys import Keys
from ops.errors import UsageError
from ops.intention import Intention, Intentions, all_keys, delete_keys, keys_of
from ops.migrate import messages
from ops.session import Session, T, pause
from oss_oms_sync.answers.text import t

# A request is connected and answered within a minute each, or given up.
_IN_FLIGHT_SECONDS = 120.0
_TAKEN_OVER = t("Another command has taken this migration over; this one has ended without changing it further")


class TakenOverError(UsageError):
    """The error of a command whose migration another one has taken over, or ended."""


class OwnKeys:
    """The access keys of one migration. `holders`: of the source's keys and of the destination's."""

    def __init__(self, session: Session, intentions: Intentions, holders: tuple[Holder, Holder]) -> None:
        self._session, self._intentions, self._holders = session, intentions, holders
        self._command = secrets.token_hex(8)

    def take_over(self, intention: Intention) -> None:
        """Be the command that makes keys from now on. Raises TakenOverError."""
        before = self._intentions.claim(intention, self._command)
        if before is None:
            raise TakenOverError(messages.ENDED, messages.LOOK)
        intention.kept, intention.keys, intention.group, intention.maker = (
            before.kept,
            before.keys,
            before.group,
            self._command,
        )
        if before.maker:
            waits = t("Waiting {left} for requests of the command that was at work on this migration before")
            pause(self._session, _IN_FLIGHT_SECONDS, waits)
            self.check(intention)

    def check(self, intention: Intention) -> None:
        """Raise TakenOverError unless this is still the command that makes keys."""
        current = self._intentions.latest(intention)
        if current is None or current.maker != self._command:
            raise TakenOverError(_TAKEN_OVER if current else messages.ENDED, messages.LOOK)

    def checked(self, intention: Intention, call: Callable[[], T]) -> Callable[[], T]:
        """Return `call`, but that it raises TakenOverError once another command makes the keys."""

        def check_and_call() -> T:
            self.check(intention)
            return call()

        return check_and_call

    def release(self, intention: Intention) -> None:
        """Let the next command begin at once: OMS has answered. Raises TakenOverError."""
        self.check(intention)
        intention.maker = ""
        self._intentions.write(intention)

    def make(self, intention: Intention) -> tuple[Keys, Keys]:
        """Return two new keys, instead of those that the migration had. Raises TakenOverError, and then leaves none of
        those that it made."""
        # Those of this moment: a machine that sleeps before it deletes them deletes none that is made meanwhile.
        old = keys_of(intention, self._holders)
        self.check(intention)
        delete_keys(old)
        # While none is named, what is made next is the migration's; what its users have for other purposes stays.
        intention.kept, intention.keys = [key for _, key in all_keys(self._holders)], []
        made: list[tuple[Holder, Keys]] = []
        try:
            self._write(intention)
            for holder in self._holders:
                self.check(intention)
                made.append((holder, holder.make_key()))
            intention.keys = [keys.access.reveal() for _, keys in made]
            self._write(intention)
        except TakenOverError:
            delete_keys((holder, keys.access.reveal()) for holder, keys in made)
            raise
        (_, source), (_, destination) = made
        return source, destination

    def name_others(self, intention: Intention) -> None:
        """Name what another command made beside these. That is all that is not kept, as long as none is named."""
        intention.keys = [key for _, key in all_keys(self._holders) if key not in intention.kept]

    def _write(self, intention: Intention) -> None:
        self.check(intention)
        self._intentions.write(intention)
