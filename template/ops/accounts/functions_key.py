"""The access key of the functions in Huawei Cloud, and its need (its entry in setup's plan).

Serverless Devs stores the key's secret on this machine. An IAM user has at most two keys: one for each of two machines,
or an old key and a new key during a renewal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from ops.accounts.iam_users import IamUser, Key
from ops.accounts.needs import NOTHING_CREATED, Line, Need, ResourceState
from ops.clock import WallClock, parse_time
from ops.clouds.keys import store
from ops.functions.call import Caller
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t, untranslated

_TITLE = t("access key for the functions")
_PLACE_TEXT = t("to be stored in the secret store of the Serverless Devs tool on this machine")
_PERMISSIONS = (
    *("iam:credentials:listCredentialsV5", "iam:credentials:createCredentialV5"),
    "iam:credentials:showAccessKeyLastUsedV5",
)
_MAX_KEYS = 2
# Minimum idle time of the older key before it is deleted, because IAM may record uses late.
_MIN_IDLE = timedelta(days=1)
_NEVER_USED, _UNKNOWN_USE = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)
_NEXT_STEP = t(
    "Deploy the project, and check it with doctor. More than a day later, run setup --new-key again, which"
    " deletes the old access key"
)


class _RenewalStep(NamedTuple):
    """The next step of a renewal: the old key to delete, or None, and True if a new key must be created."""

    old_key: Key | None
    creates_key: bool


class FunctionsKey:
    """The functions' access key on this machine.

    `variables` are the variables of s.yaml. `has_task` returns True if a sync task exists.
    """

    def __init__(
        self,
        user: IamUser,
        caller: Caller,
        clock: WallClock,
        variables: Mapping[str, str],
        has_task: Callable[[], bool],
    ) -> None:
        self._user = user
        self._caller = caller
        self._clock = clock
        self._variables = variables
        self._has_task = has_task
        self._names = [f"{variables['functionName']}_{suffix}" for suffix in ("HW_AK", "HW_SK")]
        self._has_no_key = False

    @property
    def settings(self) -> dict[str, str]:
        """The variables of s.yaml that refer to the key in the secret store."""
        return {name: f"${{secret('{secret}')}}" for name, secret in zip(("HW_AK", "HW_SK"), self._names, strict=True)}

    def is_used(self) -> bool:
        """Return True if the functions may use an existing key of the user.

        Another machine may have the key in its store, even if the s.yaml on this machine does not refer to it yet.
        """
        if self.is_stored() or self._variables.get("HW_AK") or self._has_task():
            return True
        keys = self._user.keys()
        return any(key.last_use for key in keys)

    def need(self) -> Need:
        manual_steps = t(
            "Create an access key for {name}. After this run, store the key in the secret store of"
            " Serverless Devs: {command} HW_AK HW_SK",
            name=self._user.name,
            command=Step("secrets"),
        )
        return Need(
            _TITLE,
            _PERMISSIONS,
            self._read_state,
            self._make_key,
            [manual_steps],
            lambda: self.is_stored() and not self._has_no_key,
        )

    def renewal(self) -> Need:
        """Return the need for a new key.

        A later run deletes the old key, after the functions have used the new key.
        """
        return Need(_TITLE, _PERMISSIONS, self._plan_renewal, self._renew)

    def removal(self) -> Need:
        return Need(_TITLE, ("iam:users:listUsersV5",), self._plan_removal, self._remove_secrets)

    def _read_state(self) -> Line:
        keys = self._user.key_ids()
        # A stored secret without a key belongs to a deleted user.
        self._has_no_key = not keys
        if keys and self.is_stored():
            return Line(ResourceState.EXISTS)
        if len(keys) >= _MAX_KEYS and self.is_used():
            return Line(
                ResourceState.STOP,
                t(
                    "{name} already has two access keys, which is the maximum, and neither is on this machine",
                    name=self._user.name,
                ),
                t(
                    "To show the access key that setup would delete: {command}",
                    command=Step("setup", {"new_key": True}),
                ),
            )
        return Line(ResourceState.CREATE, _PLACE_TEXT)

    def _make_key(self) -> None:
        """Create a key and store it at once, because IAM shows the secret only once."""
        keys = self._user.make_key()
        pair = (keys.access.reveal(), keys.secret.reveal())
        store(self._caller, dict(zip(self._names, pair, strict=True)))

    def _plan_renewal(self) -> Line:
        keys, renewal_step = self._next_step()
        facts = [
            t(
                "{key}, created {made}, last used {used}",
                key=key.key_id,
                made=key.created,
                used=key.last_use or t("never"),
            )
            for key in keys
        ]
        if renewal_step.old_key is None and renewal_step.creates_key:
            return Line(ResourceState.CREATE, _PLACE_TEXT, _NEXT_STEP, facts)
        if renewal_step.old_key is None:
            text = t(
                "either access key may be in use: the last uses of the two keys are less than a day"
                " apart, or the newer key is less than a day old"
            )
            return Line(
                ResourceState.STOP,
                text,
                t("Deploy the project with only one of the two access keys, and run this command again after a day"),
                facts,
            )
        if renewal_step.creates_key:
            text = t(
                "IAM has recorded no use of the access key {key}, so setup replaces it by a new key. Do not"
                " confirm this plan if you deployed {key} less than a day ago",
                key=renewal_step.old_key.key_id,
            )
            return Line(ResourceState.CHANGE, text, _NEXT_STEP, facts)
        text = t("{key} will be deleted: the other access key was used more recently", key=renewal_step.old_key.key_id)
        return Line(
            ResourceState.REMOVE,
            text,
            t("If another machine uses this access key, run this command there to create a new access key"),
            facts,
        )

    def _renew(self) -> None:
        _, renewal_step = self._next_step()
        if renewal_step.old_key:
            self._user.delete_key(renewal_step.old_key.key_id)
        if renewal_step.creates_key:
            self._make_key()

    def _next_step(self) -> tuple[list[Key], _RenewalStep]:
        # If the store cannot be read, this fails before a key is made. A single stored name shows an interrupted run.
        is_interrupted = len(self._list_stored_names()) == 1
        keys = self._user.keys()
        return keys, _decide_step(keys, self._clock.now(), is_interrupted=is_interrupted)

    def list_own_settings(self) -> list[str]:
        """List the variables of s.yaml that refer to the key.

        The list is empty if the key belongs to another project.
        """
        names = [name for name, value in self.settings.items() if self._variables.get(name) == value]
        return [] if names and self._is_foreign() else names

    def _plan_removal(self) -> Line:
        if not self._list_stored_names() or self._is_foreign():
            return NOTHING_CREATED
        return Line(
            ResourceState.REMOVE,
            t("to be removed from the secret store of this machine"),
            None,
            [*map(untranslated, self._names)],
        )

    def _is_foreign(self) -> bool:
        """Return True if another project created the user of this name; the store may have that project's key."""
        return self._user.user() is not None and not self._user.is_ours()

    def _remove_secrets(self) -> None:
        for name in self._names:
            self._caller.forget_secret(name)

    def is_stored(self) -> bool:
        """Return True if this machine's store has both parts of the key, the id and the secret."""
        return len(self._list_stored_names()) == len(self._names)

    def _list_stored_names(self) -> Collection[str]:
        return set(self._names) & set(self._caller.secrets())


def _decide_step(keys: list[Key], now: datetime, *, is_interrupted: bool) -> _RenewalStep:
    """Return the next step of a renewal; `keys` are the user's keys, the older key first.

    - If the user has only one key, a new key is created.
    - If the newer of two keys was never used, a new key replaces it after a day. After an interrupted run
      (`is_interrupted`), which has lost the key's secret, the new key replaces it at once.
    - Otherwise the key with the earlier last use is deleted, unless the last uses are less than a day apart.
    """
    if len(keys) < _MAX_KEYS:
        return _RenewalStep(None, creates_key=True)
    if not keys[-1].last_use:
        is_old = is_interrupted or now - (parse_time(keys[-1].created) or now) >= _MIN_IDLE
        return _RenewalStep(keys[-1] if is_old else None, creates_key=is_old)
    idle_key, used_key = sorted(keys, key=_parse_last_use)
    return _RenewalStep(
        idle_key if _parse_last_use(used_key) - _parse_last_use(idle_key) >= _MIN_IDLE else None, creates_key=False
    )


def _parse_last_use(key: Key) -> datetime:
    """Return the time when the key was last used, or `_NEVER_USED`.

    If the time cannot be read, return the latest possible time, so that the key is not deleted.
    """
    return parse_time(key.last_use) or (_UNKNOWN_USE if key.last_use else _NEVER_USED)
