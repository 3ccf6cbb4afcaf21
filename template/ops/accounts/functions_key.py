"""The access key of the functions, whose secret is in the Serverless Devs tool's store on the machine that deploys.

A user of IAM has two keys at most: one for each of two machines, or for a while the old one and the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from ops.accounts.iam_users import IamUser, Key
from ops.accounts.needs import NOTHING_OURS, Line, Need, Standing
from ops.clock import WallClock, parse_time
from ops.clouds.keys import store
from ops.functions.call import Caller
from ops.shell import Typed
from oss_oms_sync.answers.text import same, t

_WHAT = t("access key of the functions")
_HERE = t("into the secret store of the Serverless Devs tool on this machine")
_RIGHTS = (
    *("iam:credentials:listCredentialsV5", "iam:credentials:createCredentialV5"),
    "iam:credentials:showAccessKeyLastUsedV5",
)
_MOST = 2
# So long after a key was used for the last time nothing uses it, although the other one is: IAM may note uses late.
_APART = timedelta(days=1)
_NEVER, _UNKNOWN = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)
_AFTERWARDS = t("Deploy, and see whether all is well; more than a day later run this again, and the old one goes")


class _Turn(NamedTuple):
    """What a renewal does next. `goes`: the key that is deleted."""

    goes: Key | None
    is_made: bool


class FunctionsKey:
    """`given`: the variables of s.yaml."""

    def __init__(
        self, user: IamUser, caller: Caller, clock: WallClock, given: Mapping[str, str], has_task: Callable[[], bool]
    ) -> None:
        self._user, self._caller, self._clock, self._given, self._has_task = user, caller, clock, given, has_task
        self._names = [f"{given['functionName']}_{one}" for one in ("HW_AK", "HW_SK")]
        self._has_none = False

    @property
    def settings(self) -> dict[str, str]:
        """How s.yaml names it."""
        return {name: f"${{secret('{kept}')}}" for name, kept in zip(("HW_AK", "HW_SK"), self._names, strict=True)}

    def is_used(self) -> bool:
        """Whether a key that the user has may be in use: that of a project which was set up before may be in another
        machine's store, also where s.yaml here is one of before."""
        if self.is_kept() or self._given.get("HW_AK") or self._has_task():
            return True
        keys = self._user.keys()
        return any(key.used for key in keys)

    def need(self) -> Need:
        """One for this machine."""
        by_hand = t(
            "Create an access key of {name}, and after this run put it into the tool's store: {command}",
            name=self._user.name,
            command=f"{Typed('secrets')} HW_AK HW_SK",
        )
        return Need(_WHAT, _RIGHTS, self._look, self._make, [by_hand], lambda: self.is_kept() and not self._has_none)

    def renewal(self) -> Need:
        """A new key, and once that was used the old one goes."""
        return Need(_WHAT, _RIGHTS, self._look_to_renew, self._renew)

    def removal(self) -> Need:
        """What the tool's store has of it."""
        return Need(_WHAT, ("iam:users:listUsersV5",), self._look_to_forget, self._forget)

    def _look(self) -> Line:
        keys = self._user.key_ids()
        # Then what the store has is of a user that was deleted.
        self._has_none = not keys
        if keys and self.is_kept():
            return Line(Standing.THERE)
        if len(keys) >= _MOST and self.is_used():
            return Line(
                Standing.STOP,
                t("{name} has two, the most that a user may have, and none is on this machine", name=self._user.name),
                t("See which one goes: {command}", command=Typed("setup", new_key=True)),
            )
        return Line(Standing.CREATE, _HERE)

    def _make(self) -> None:
        """Make a key and store it before anything else happens: its secret is shown once."""
        keys = self._user.make_key()
        pair = (keys.access.reveal(), keys.secret.reveal())
        store(self._caller, dict(zip(self._names, pair, strict=True)))

    def _look_to_renew(self) -> Line:
        keys, turn = self._turn()
        facts = [
            t("{key}, made {made}, last used {used}", key=key.number, made=key.made, used=key.used or "-")
            for key in keys
        ]
        if turn.goes is None and turn.is_made:
            return Line(Standing.CREATE, _HERE, _AFTERWARDS, facts)
        if turn.goes is None:
            text = t("either may be in use: both were used, or the newer one was made, within a day")
            return Line(Standing.STOP, text, t("Run this again a day after only one of them is deployed"), facts)
        if turn.is_made:
            text = t(
                "IAM has noted no use of {key}: a new one takes its place. Say no if it was deployed within a day",
                key=turn.goes.number,
            )
            return Line(Standing.CHANGE, text, _AFTERWARDS, facts)
        text = t("{key} goes: the other one was used later", key=turn.goes.number)
        return Line(Standing.REMOVE, text, t("A machine that has it gets another one by this command"), facts)

    def _renew(self) -> None:
        _, turn = self._turn()
        if turn.goes:
            self._user.delete_key(turn.goes.number)
        if turn.is_made:
            self._make()

    def _turn(self) -> tuple[list[Key], _Turn]:
        """List the keys of the user, and decide what a renewal does next."""
        # A store that does not answer gets no secret. One that has half of a pair shows that a run ended within it.
        is_cut = len(self._kept()) == 1
        keys = self._user.keys()
        return keys, _turn(keys, self._clock.now(), is_cut=is_cut)

    def takes_back(self) -> list[str]:
        """List the variables of s.yaml that name the key, unless it is another project's."""
        names = [name for name, value in self.settings.items() if self._given.get(name) == value]
        return [] if names and self._is_of_others() else names

    def _look_to_forget(self) -> Line:
        if not self._kept() or self._is_of_others():
            return NOTHING_OURS
        return Line(Standing.REMOVE, t("from the secret store of this machine"), None, [*map(same, self._names)])

    def _is_of_others(self) -> bool:
        """True if the user is another project's of this name: the store may have the key with which that works."""
        return self._user.user() is not None and not self._user.is_ours()

    def _forget(self) -> None:
        for name in self._names:
            self._caller.forget_secret(name)

    def is_kept(self) -> bool:
        """Whether this machine's store has it."""
        return len(self._kept()) == len(self._names)

    def _kept(self) -> Collection[str]:
        return set(self._names) & set(self._caller.secrets())


def _turn(keys: list[Key], now: datetime, *, is_cut: bool) -> _Turn:
    """Decide what a renewal does next. `keys`: the older one first. A key that nobody used in a day, or whose storing
    was cut off (`is_cut`), is deployed nowhere, or nobody has its secret: another one is as good. Else the functions
    have the key that was used last."""
    if len(keys) < _MOST:
        return _Turn(None, is_made=True)
    if not keys[-1].used:
        is_old = is_cut or now - (parse_time(keys[-1].made) or now) >= _APART
        return _Turn(keys[-1] if is_old else None, is_made=is_old)
    left, live = sorted(keys, key=_last_use)
    return _Turn(left if _last_use(live) - _last_use(left) >= _APART else None, is_made=False)


def _last_use(key: Key) -> datetime:
    """Of a time that nobody understands as late as can be: that key does not go."""
    return parse_time(key.used) or (_UNKNOWN if key.used else _NEVER)
