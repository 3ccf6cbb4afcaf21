"""The access keys of a migration: a single command at a time creates them, and any command deletes them.

A command first writes its id into the migration's record; then it makes keys and starts OMS with them. It checks the id
before each change, because another command can take over. That command waits until the first command's requests must
have arrived.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ops.accounts.both_clouds import Holder
from ops.clouds.keys import Keys
from ops.errors import UsageError
from ops.intention import Intention, Intentions, delete_keys, list_keys, list_migration_keys
from ops.migrate import messages
from ops.session import Session, T, pause
from oss_oms_sync.answers.text import t

# Maximum seconds of a request: a minute for the connection, and a minute for the response.
_MAX_REQUEST_SECONDS = 120.0
_TAKEN_OVER_TEXT = t("Another command has taken over this migration; this command ended without further changes")


class TakenOverError(UsageError):
    """The error of a command whose migration another command has taken over, or ended."""


class OwnKeys:
    """The access keys of a migration.

    `holders` are the user of the source's key and the user of the destination's key.
    """

    def __init__(self, session: Session, intentions: Intentions, holders: tuple[Holder, Holder]) -> None:
        self._session, self._intentions, self._holders = session, intentions, holders
        self._command = secrets.token_hex(8)

    def take_over(self, intention: Intention) -> None:
        """Claim the migration for this command, so that no other command creates keys for it.

        Raises TakenOverError if the migration has ended. Another command can take over while this command waits:
        `make` and `release` check that.
        """
        earlier_intention = self._intentions.claim(intention, self._command)
        if earlier_intention is None:
            raise TakenOverError(messages.ENDED_TEXT, messages.PROGRESS_TEXT)
        intention.kept = earlier_intention.kept
        intention.keys = earlier_intention.keys
        intention.group = earlier_intention.group
        intention.maker = self._command
        if earlier_intention.maker:
            reason = t("Waiting {left} until the previous command's requests for this migration have ended")
            pause(self._session, _MAX_REQUEST_SECONDS, reason)

    def check(self, intention: Intention) -> None:
        """Raise TakenOverError if another command has claimed the migration, or ended it.

        Also copy the stored bandwidth limits into `intention`: any command may have changed them, and the next write
        must keep them.
        """
        stored_intention = self._intentions.read_current(intention)
        if stored_intention is None or stored_intention.maker != self._command:
            raise TakenOverError(_TAKEN_OVER_TEXT if stored_intention else messages.ENDED_TEXT, messages.PROGRESS_TEXT)
        intention.bandwidth = stored_intention.bandwidth

    def add_check(self, intention: Intention, call: Callable[[], T]) -> Callable[[], T]:

        def check_and_call() -> T:
            self.check(intention)
            return call()

        return check_and_call

    def release(self, intention: Intention) -> None:
        """Let the next command begin without waiting, because OMS has answered this command.

        Raises TakenOverError if another command has taken over the migration.
        """
        self.check(intention)
        intention.maker = ""
        self._intentions.write(intention)

    def make(self, intention: Intention) -> tuple[Keys, Keys]:
        """Replace the migration's keys by two new keys; return the key for the source and the key for the destination.

        If another command has taken over meanwhile, delete the new keys and raise TakenOverError.
        """
        # The list is read before the check: if this machine sleeps in between, newer keys are not deleted.
        old_keys = list_migration_keys(intention, self._holders)
        self.check(intention)
        delete_keys(old_keys)
        # While the record has no key, all new keys are the migration's; keys for other purposes are kept.
        intention.kept, intention.keys = [key for _, key in list_keys(self._holders)], []
        new_keys: list[tuple[Holder, Keys]] = []
        try:
            self._write(intention)
            for holder in self._holders:
                self.check(intention)
                new_keys.append((holder, holder.make_key()))
            intention.keys = [keys.access.reveal() for _, keys in new_keys]
            self._write(intention)
        except TakenOverError:
            delete_keys((holder, keys.access.reveal()) for holder, keys in new_keys)
            raise
        (_, source), (_, destination) = new_keys
        return source, destination

    def record_foreign_keys(self, intention: Intention) -> None:
        """Record all keys outside `intention.kept` as the migration's keys: another command has created them."""
        intention.keys = [key for _, key in list_keys(self._holders) if key not in intention.kept]

    def _write(self, intention: Intention) -> None:
        self.check(intention)
        self._intentions.write(intention)
