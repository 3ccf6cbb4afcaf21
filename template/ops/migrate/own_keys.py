"""The access keys of a migration: which command makes them, and which of them it deletes.

One command at a time makes keys and lets OMS begin with them. It writes its number into the intention first, and looks
before each change whether that is still there. Another command may take this over, because a machine may be gone: it
waits until what the first one has sent must have arrived, and looks at the group again before it deletes any key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ops.clouds.keys import Keys
from ops.errors import UsageError
from ops.intention import Intention, Intentions, all_keys, delete_keys, keys_of
from ops.migrate import told
from ops.setup.both_clouds import Holder
from ops.waiting import Session, T, pause
from oss_oms_sync.answers.text import t

# A request is connected and answered within a minute each, or given up.
_IN_FLIGHT_SECONDS = 120.0
_TAKEN_OVER = t("Another command has taken this migration over; this one has ended without changing it further")


class TakenOverError(UsageError):
    """Another command makes the keys now, or has ended the migration."""


class OwnKeys:
    """Those of one migration. `holders`: of the source's keys and of the destination's."""

    def __init__(self, session: Session, intentions: Intentions, holders: tuple[Holder, Holder]) -> None:
        self._session, self._intentions, self._holders = session, intentions, holders
        self._command = secrets.token_hex(8)

    def take_over(self, known: Intention) -> None:
        """Be the command that makes keys from now on. Raises TakenOverError."""
        before = self._intentions.claim(known, self._command)
        if before is None:
            raise TakenOverError(told.ENDED, told.LOOK)
        known.kept, known.keys, known.group, known.maker = before.kept, before.keys, before.group, self._command
        if before.maker:
            waits = t("Waiting {left} for requests of the command that was at work on this migration before")
            pause(self._session, _IN_FLIGHT_SECONDS, waits)
            self.check(known)

    def check(self, known: Intention) -> None:
        """Raise TakenOverError unless this is still the command that makes keys."""
        there = self._intentions.latest(known)
        if there is None or there.maker != self._command:
            raise TakenOverError(_TAKEN_OVER if there else told.ENDED, told.LOOK)

    def checked(self, known: Intention, call: Callable[[], T]) -> Callable[[], T]:
        """Return `call`, but that it raises TakenOverError once another command makes the keys."""

        def check_and_call() -> T:
            self.check(known)
            return call()

        return check_and_call

    def release(self, known: Intention) -> None:
        """Let the next command begin at once: OMS has answered. Raises TakenOverError."""
        self.check(known)
        known.maker = ""
        self._intentions.write(known)

    def make(self, known: Intention) -> tuple[Keys, Keys]:
        """Return two new keys, instead of those that the migration had. Raises TakenOverError, and then leaves none of
        those that it made."""
        # Those of this moment: a machine that sleeps before it deletes them deletes none that is made meanwhile.
        old = keys_of(known, self._holders)
        self.check(known)
        delete_keys(old)
        # While none is named, what is made next is the migration's; what its users have for other purposes stays.
        known.kept, known.keys = [key for _, key in all_keys(self._holders)], []
        made: list[tuple[Holder, Keys]] = []
        try:
            self._write(known)
            for holder in self._holders:
                self.check(known)
                made.append((holder, holder.make_key()))
            known.keys = [keys.access.reveal() for _, keys in made]
            self._write(known)
        except TakenOverError:
            delete_keys((holder, keys.access.reveal()) for holder, keys in made)
            raise
        (_, source), (_, destination) = made
        return source, destination

    def name_others(self, known: Intention) -> None:
        """Name what another command made beside these. That is all that is not kept, as long as none is named."""
        known.keys = [key for _, key in all_keys(self._holders) if key not in known.kept]

    def _write(self, known: Intention) -> None:
        self.check(known)
        self._intentions.write(known)
