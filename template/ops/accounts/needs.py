"""One thing that has to be there: how it stands, and what makes it so; and waiting until new keys may do what they were
granted, which they may only some time later.

There is no file of what was done: each run looks at the clouds, and goes on from how they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import NamedTuple, TypeVar

from ops.accounts.statements import Document, lost
from ops.clouds.wire import RefusedError, UnreadableResponseError
from ops.errors import OpsError, UsageError
from ops.session import Session, pause
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t

T = TypeVar("T")

# How often a new key is tried, and how long grants take at most, by both vendors' pages.
_TRY_SECONDS = 20.0
_GRANTS = timedelta(minutes=35)
# How long OMS may still refuse keys that both clouds have let read and write just before.
_SETTLING = timedelta(minutes=2)
# What OMS and OBS say of a key whose rights, or which itself, they do not see yet. What OMS's gateway says is of the
# administrator's key, to which nobody has just granted anything.
_NOT_YET_SEEN = ("OMS.0068", "OMS.0072", "AccessDenied", "InvalidAccessKeyId")
# What is answered to a key that nobody has, or to another secret.
_UNKNOWN = ("OMS.0068", "InvalidAccessKeyId", "SignatureDoesNotMatch")
LATER = t("Run this again later: it goes on from here")


class Standing(Enum):
    """How a thing stands, and who has to do something about it."""

    THERE = "there"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    # Somebody else's to do; the rest goes on.
    BY_HAND = "by hand"
    # The same, and before that is done, not all is there: also what a cloud refuses setup to do.
    WAIT = "wait"
    # A right is missing, so it was not seen.
    UNSEEN = "not seen"
    # Nothing is done until somebody has chosen otherwise.
    STOP = "stop"


# What setup itself does.
OURS = (Standing.CREATE, Standing.CHANGE, Standing.REMOVE)


class NotYetError(UsageError):
    """What somebody else does, or a grant that was made, is not there yet."""

    exit_code = 3


class Line(NamedTuple):
    """What a line of the plan says of a thing. `seen`: what is there instead, or why; `facts`: names, and each right in
    full; `steps`: what somebody else does by hand."""

    state: Standing
    seen: Text | None = None
    next: Text | None = None
    facts: Sequence[Text] = ()
    steps: Sequence[Text] = ()

    def error(self) -> UsageError:
        """Return the error of a thing that stands so only since the plan was shown."""
        return UsageError(self.seen or NOTHING, self.next or NOTHING)


@dataclass(frozen=True)
class Need:
    """`rights`: what an administrator needs to look, and to make it. `look` and `do` raise RefusedError and
    UnreachableError; `do` is only called where `look` has just said that it is setup's to do, and does nothing where
    that is never so.

    `by_hand`: what somebody does who may, step by step, where setup is refused; the rest goes on meanwhile.
    `is_settled`: whether nothing waits for it then. `or_else`: what else may be the matter where it cannot be read."""

    what: Text
    rights: tuple[str, ...]
    look: Callable[[], Line]
    do: Callable[[], None] = lambda: None
    by_hand: Sequence[Text] = ()
    is_settled: Callable[[], bool] = lambda: False
    or_else: Text | None = None

    def see(self) -> Line:
        """Return what `look` says; a refusal, or an answer that cannot be read, is a line of the plan as well."""
        try:
            return self.look()
        except RefusedError as error:
            return self.refused(error) if error.is_denied else self._unseen(error, error.fix)
        except UnreadableResponseError as error:
            return self._unseen(error, error.fix)

    def ask(self, error: RefusedError) -> Text:
        """Whom to ask for what, where these keys may not look at it, or not make it."""
        return error.denial.ask or t("Ask for what this needs: {rights:and}", rights=self.rights)

    def refused(self, error: RefusedError) -> Line:
        """Return how it stands where a permission is missing."""
        ask = self.ask(error)
        if self.by_hand:
            state = Standing.BY_HAND if self.is_settled() else Standing.WAIT
            return Line(state, error.happened, ask, steps=self.by_hand)
        return self._unseen(error, sentences(ask, self.or_else))

    def _unseen(self, error: OpsError, fix: Text) -> Line:
        return Line(Standing.UNSEEN, t("cannot be read: {happened}", happened=error.happened), fix)


def with_reason(need: Need, reason: Text | None) -> Need:
    """Return the need whose line of the plan also has a reason, if there is one, for a permission that it grants."""
    if reason is None:
        return need

    def look() -> Line:
        line = need.look()
        return line._replace(next=line.next or reason) if line.state in (Standing.CREATE, Standing.CHANGE) else line

    return replace(need, look=look)


def no_user(name: str) -> NotYetError:
    """For whoever wants a key of one that is not there."""
    return NotYetError(t("there is no user {name} yet", name=name), t("Run this again once there is"))


def stays(reasons: Sequence[Text]) -> NotYetError:
    """Return the error of a removal that leaves something, for these reasons."""
    return NotYetError(t("{reasons}", reasons=reasons), _DETACH)


def has_others(holder: Text, policies: Sequence[str]) -> Text:
    """Return the reason for which a user or a role stays."""
    return t("{holder} stays, because setup did not attach {policies}", holder=holder, policies=policies)


def attached_elsewhere(policy: str) -> Text:
    """Return the reason for which a policy of setup's stays."""
    return t("the policy {name} stays, because it is attached to something that setup did not make", name=policy)


def as_it_goes(goes: Sequence[Text], reasons: Sequence[Text]) -> Line:
    """Return the line of a removal: what goes, and the reasons for which something stays."""
    text, step = (t("{reasons}", reasons=reasons), _DETACH) if reasons else (None, None)
    if goes:
        return Line(Standing.REMOVE, text, step, goes)
    return Line(Standing.WAIT, text, step) if reasons else NOTHING_OURS


def policy_called(name: str) -> Text:
    """Return the name of a policy, as lines of the plan have it."""
    return t("policy {name}", name=name)


def delete_by_hand(name: str) -> Text:
    """The step for who may, where setup may not delete what it made."""
    return t("Delete {name}, its access keys and its policy", name=name)


# Of what is to be taken away.
NOTHING_OURS = Line(Standing.THERE, t("nothing of setup's"))
_DETACH = t("Detach in the console what setup did not attach, and run this again")
_RENAME = t("Rename or delete it if nothing uses it, or choose another functionName in s.yaml")


def lacks(name: str, document: Document | None, wanted: Document, *, is_attached: bool) -> Iterator[Text]:
    """What is wrong with a policy: `document` is what it says, None where there is none. What it allows besides
    goes, and is named."""
    if document is None:
        yield t("the policy {name} is missing", name=name)
        return
    if document != wanted:
        text, gone = t("the policy {name} says something else", name=name), list(lost(document, wanted))
        yield t("{said}, and will no longer allow {gone:and}", said=text, gone=gone) if gone else text
    if not is_attached:
        yield t("the policy {name} is not attached", name=name)


def foreign(
    names: Sequence[Text], state: Standing = Standing.STOP, step: Text = _RENAME, facts: Sequence[Text] = ()
) -> Line:
    """Return the line of things that have the project's names, and that setup did not make."""
    return Line(state, t("setup did not create this for this source bucket: {names}", names=names), step, facts)


def as_it_lacks(missing: Sequence[Text], facts: Sequence[Text]) -> Line:
    """It is there, whole or with something `missing`."""
    if not missing:
        return Line(Standing.THERE)
    return Line(Standing.CHANGE, t("{missing}", missing=missing), facts=facts)


class Grants:
    """What new keys may do, which acts some time after they were made: all of it is waited for at most so long."""

    def __init__(self, session: Session) -> None:
        self._session, self._end = session, session.clock.now() + _GRANTS

    def wait(self, what: Text, attempt: Callable[[], T], *, is_new: bool = True, is_settled: bool = False) -> T:
        """Try with a key until its grants act; return what `attempt` does. One that was handed over is known to the
        cloud at once. Where the grants act already (`is_settled`), a permission that is still missing after two minutes
        is the administrator's. Raises NotYetError, and what `attempt` raises for other reasons."""
        settled = self._session.clock.now() + _SETTLING
        while True:
            try:
                return attempt()
            except RefusedError as error:
                if not is_new and error.code in _UNKNOWN:
                    raise UsageError(
                        t("{what}: no user has the key that was given: {happened}", what=what, happened=error.happened),
                        t("Run this again, and give its access key and its secret"),
                    ) from None
                if error.code not in _NOT_YET_SEEN:
                    raise
                if is_settled and error.is_denied and self._session.clock.now() >= settled:
                    raise
                if self._session.clock.now() >= self._end:
                    raise NotYetError(
                        t("{what}: the new key still may not: {happened}", what=what, happened=error.happened), LATER
                    ) from None
            pause(self._session, _TRY_SECONDS, t("Waiting until the new key may do it: {what}", what=what))
