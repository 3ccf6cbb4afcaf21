"""Requirements of a project (resource, state, step that creates it), and the wait for the permissions of new keys.

No file records past steps: each run reads the state of both clouds, and continues from there. New permissions act only
after some time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import NamedTuple, TypeVar

from ops.accounts.policy_documents import Document, lost_rights
from ops.clouds.wire import RefusedError, UnreadableResponseError
from ops.errors import ExitCode, OpsError, UsageError
from ops.session import Session, pause
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t

T = TypeVar("T")

# The time between tries of a new key, and the longest time until grants act, by both vendors' pages.
_RETRY_SECONDS = 20.0
_MAX_GRANT_TIME = timedelta(minutes=35)
# The time for which OMS may still refuse keys that both clouds have just accepted.
_MAX_OMS_DELAY = timedelta(minutes=2)
# Codes of OMS and OBS for a key that is new, or whose permissions are new. OMS's gateway has other codes: it
# refuses the administrator's key, which has no new permissions.
_NOT_YET_VISIBLE = ("OMS.0068", "OMS.0072", "AccessDenied", "InvalidAccessKeyId")
# Codes for a key that does not exist, or for a wrong secret.
_UNKNOWN_KEY = ("OMS.0068", "InvalidAccessKeyId", "SignatureDoesNotMatch")
LATER = t("Run this again later: setup continues from here")


class Standing(Enum):
    """The state of a resource, and who has to act."""

    THERE = "there"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    # A person has to do it; the other steps continue.
    BY_HAND = "by hand"
    # A person has to do it, and the setup is incomplete until then: also for a step that a cloud refuses to setup.
    WAIT = "wait"
    # A permission is missing, so the state is unknown.
    UNSEEN = "unreadable"
    # Setup does nothing until the user has made another choice.
    STOP = "stop"


# The states in which setup itself acts.
OURS = (Standing.CREATE, Standing.CHANGE, Standing.REMOVE)


class NotYetError(UsageError):
    """The error for a person's pending step, or for a permission that has not taken effect yet."""

    exit_code = ExitCode.NOT_PROVEN


class Line(NamedTuple):
    """The line of the plan about a resource.

    `detail`: the deviating state, or the reason; `facts`: names, and each permission in full; `steps`: the steps that a
    person does by hand.
    """

    state: Standing
    detail: Text | None = None
    next: Text | None = None
    facts: Sequence[Text] = ()
    steps: Sequence[Text] = ()

    def error(self) -> UsageError:
        """Return the error for a resource whose state has changed since the plan was shown."""
        return UsageError(self.detail or NOTHING, self.next or NOTHING)


@dataclass(frozen=True)
class Need:
    """A resource that the project needs.

    `rights`: the permissions with which an administrator reads and creates it. `look` and `do` raise RefusedError and
    UnreachableError. `do` is only called if `look` has just returned a state in which setup acts; by default it does
    nothing.

    `by_hand`: the steps of a person with the permission, if setup is refused; the other steps continue meanwhile.
    `is_settled`: True if nothing waits for the resource then. `or_else`: another possible cause if it cannot be read.
    """

    what: Text
    rights: tuple[str, ...]
    look: Callable[[], Line]
    do: Callable[[], None] = lambda: None
    by_hand: Sequence[Text] = ()
    is_settled: Callable[[], bool] = lambda: False
    or_else: Text | None = None

    def inspect(self) -> Line:
        """Return the line of `look`; return a refusal or an unreadable answer as a line as well."""
        try:
            return self.look()
        except RefusedError as error:
            return self.refusal_line(error) if error.is_denied else self._unread_line(error, error.fix)
        except UnreadableResponseError as error:
            return self._unread_line(error, error.fix)

    def ask(self, error: RefusedError) -> Text:
        """Return the person and the permission to ask for, if these keys cannot read or create the resource."""
        return error.denial.ask or t("Request the permissions {rights:and}", rights=self.rights)

    def refusal_line(self, error: RefusedError) -> Line:
        """Return the line for a missing permission."""
        ask = self.ask(error)
        if self.by_hand:
            state = Standing.BY_HAND if self.is_settled() else Standing.WAIT
            return Line(state, error.happened, ask, steps=self.by_hand)
        return self._unread_line(error, sentences(ask, self.or_else))

    def _unread_line(self, error: OpsError, fix: Text) -> Line:
        return Line(Standing.UNSEEN, t("cannot be read: {happened}", happened=error.happened), fix)


def with_reason(need: Need, reason: Text | None) -> Need:
    """Return `need` with the reason for a granted permission, if any, in its line."""
    if reason is None:
        return need

    def look() -> Line:
        line = need.look()
        return line._replace(next=line.next or reason) if line.state in (Standing.CREATE, Standing.CHANGE) else line

    return replace(need, look=look)


def missing_user(name: str) -> NotYetError:
    """Return the error of a request for a key of a user that does not exist."""
    return NotYetError(t("the user {name} does not exist yet", name=name), t("Run this again when the user exists"))


def leftover_error(reasons: Sequence[Text]) -> NotYetError:
    """Return the error of a removal that leaves resources, for these reasons."""
    return NotYetError(t("{reasons}", reasons=reasons), _DETACH)


def other_policies_reason(holder: Text, policies: Sequence[str]) -> Text:
    """Return the reason for which setup keeps a user or a role."""
    return t("{holder} is kept, because setup did not attach {policies}", holder=holder, policies=policies)


def attachment_reason(policy: str) -> Text:
    """Return the reason for which setup keeps its own policy."""
    return t("the policy {name} is kept, because it is attached to an identity that setup did not create", name=policy)


def removal_line(removed: Sequence[Text], reasons: Sequence[Text]) -> Line:
    """Return the line of a removal: the `removed` resources, and the reasons for which other resources are kept."""
    text, step = (t("{reasons}", reasons=reasons), _DETACH) if reasons else (None, None)
    if removed:
        return Line(Standing.REMOVE, text, step, removed)
    return Line(Standing.WAIT, text, step) if reasons else NOTHING_OURS


def policy_title(name: str) -> Text:
    """Return the name of a policy for lines of the plan."""
    return t("policy {name}", name=name)


def delete_by_hand(name: str) -> Text:
    """Return the step for a person with the permission, if setup is not allowed to delete its own resource."""
    return t("Delete {name}, its access keys and its policy", name=name)


# For removals.
NOTHING_OURS = Line(Standing.THERE, t("nothing created by setup"))
_DETACH = t("Detach the policies that setup did not attach in the console, then run this again")
_RENAME = t("If it is unused, rename or delete it. Otherwise choose another functionName in s.yaml")


def policy_changes(name: str, document: Document | None, wanted: Document, *, is_attached: bool) -> Iterator[Text]:
    """Yield the differences of a policy. `document` is its current text, None if there is no policy.

    Permissions that only the current text has are removed, and named.
    """
    if document is None:
        yield t("the policy {name} is missing", name=name)
        return
    if document != wanted:
        text, gone = t("the policy {name} has different contents", name=name), list(lost_rights(document, wanted))
        yield t("{difference}, and no longer allows {gone:and}", difference=text, gone=gone) if gone else text
    if not is_attached:
        yield t("the policy {name} is not attached", name=name)


def foreign_line(
    names: Sequence[Text], state: Standing = Standing.STOP, step: Text = _RENAME, facts: Sequence[Text] = ()
) -> Line:
    """Return the line for resources that have the project's names but were not created by setup."""
    return Line(state, t("not created by setup for this source bucket: {names}", names=names), step, facts)


def change_line(missing: Sequence[Text], facts: Sequence[Text]) -> Line:
    """Return the line of an existing resource, complete or with `missing` parts."""
    if not missing:
        return Line(Standing.THERE)
    return Line(Standing.CHANGE, t("{missing}", missing=missing), facts=facts)


class Grants:
    """New permissions of keys, which take effect after a delay; a single time limit applies to all."""

    def __init__(self, session: Session) -> None:
        self._session, self._end = session, session.clock.now() + _MAX_GRANT_TIME

    def wait(self, what: Text, attempt: Callable[[], T], *, is_new: bool = True, is_settled: bool = False) -> T:
        """Repeat `attempt` with a key until its permissions take effect; return the result.

        A key that was handed over (`is_new` is False) is known to the cloud at once. If the grants act already
        (`is_settled`), a permission that is still missing after two minutes is one of the administrator's. Raises
        NotYetError, and other errors of `attempt`.
        """
        settled = self._session.clock.now() + _MAX_OMS_DELAY
        while True:
            try:
                return attempt()
            except RefusedError as error:
                if not is_new and error.code in _UNKNOWN_KEY:
                    raise UsageError(
                        t("{what}: the key belongs to no user: {happened}", what=what, happened=error.happened),
                        t("Run this again with the user's access key and secret"),
                    ) from None
                if error.code not in _NOT_YET_VISIBLE:
                    raise
                if is_settled and error.is_denied and self._session.clock.now() >= settled:
                    raise
                if self._session.clock.now() >= self._end:
                    raise NotYetError(
                        t(
                            "{what}: the new key still lacks the permission: {happened}",
                            what=what,
                            happened=error.happened,
                        ),
                        LATER,
                    ) from None
            pause(self._session, _RETRY_SECONDS, t("Waiting for the new key's permissions: {what}", what=what))
