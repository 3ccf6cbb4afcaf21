"""The needs of a project: each is a resource, its state, and the step that creates it.

No file records past steps: each run reads the state of both clouds, and continues from there. New permissions take
effect after some time, for which this module waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import NamedTuple, TypeVar

from ops.accounts.policy_documents import Document, lost_rights
from ops.clouds.wire import RefusedError, UnreadableResponseError
from ops.errors import OpsError, UsageError
from ops.exit_codes import ExitCode
from ops.session import Session, pause
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t

T = TypeVar("T")

# Seconds between attempts with a new key, and the maximum time until permissions take effect, by both vendors' pages.
_RETRY_SECONDS = 20.0
_MAX_GRANT_TIME = timedelta(minutes=35)
# Seconds for which OMS may still refuse keys that both clouds have just accepted.
_MAX_OMS_DELAY = timedelta(minutes=2)
# Codes of OMS and OBS for a new key, or new permissions. OMS's gateway has other codes: it refuses the administrator's
# key, which has no new permissions.
_NEW_KEY_CODES = ("OMS.0068", "OMS.0072", "AccessDenied", "InvalidAccessKeyId")
# Codes for a missing key, or for a wrong secret.
_WRONG_KEY_CODES = ("OMS.0068", "InvalidAccessKeyId", "SignatureDoesNotMatch")
RUN_AGAIN_TEXT = t("Run this again later: setup continues from here")


class ResourceState(Enum):
    """The state of a resource, which determines who takes the next step."""

    THERE = "there"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    # A person has to create the resource; the other steps continue.
    BY_HAND = "by hand"
    # A person has to act, and the setup is incomplete until then, for example after a cloud refused the step.
    WAIT = "wait"
    # A permission is missing, so the state is unknown.
    UNSEEN = "unreadable"
    # Setup does nothing until the user changes the settings.
    STOP = "stop"


# The states in which setup acts.
SETUP_STATES = (ResourceState.CREATE, ResourceState.CHANGE, ResourceState.REMOVE)


class NotYetError(UsageError):
    """The error of a step that waits for a person, or for a permission that has not taken effect yet."""

    exit_code = ExitCode.NOT_PROVEN


class Line(NamedTuple):
    """A line of the plan about a resource.

    `detail`: the difference, or the reason. `facts`: names, and each permission in full. `steps`: steps that a person
    takes by hand.
    """

    state: ResourceState
    detail: Text | None = None
    next: Text | None = None
    facts: Sequence[Text] = ()
    steps: Sequence[Text] = ()

    def error(self) -> UsageError:
        """Return the error of a run in which the resource's state is no longer that of the plan."""
        return UsageError(self.detail or NOTHING, self.next or NOTHING)


@dataclass(frozen=True)
class Need:
    """A resource that the project needs.

    `rights`: the permissions with which an administrator reads and creates it. `look` reads its state, and `do` creates
    or changes it, by default nothing; both raise RefusedError and UnreachableError. `do` is only called immediately
    after `look` has returned one of SETUP_STATES.

    `by_hand`: the steps for a person with the permission, if a cloud refuses setup's; the other steps continue
    meanwhile. `is_settled` returns True if no step waits for the resource then. `or_else`: another possible cause of a
    failed read.
    """

    what: Text
    rights: tuple[str, ...]
    look: Callable[[], Line]
    do: Callable[[], None] = lambda: None
    by_hand: Sequence[Text] = ()
    is_settled: Callable[[], bool] = lambda: False
    or_else: Text | None = None

    def inspect(self) -> Line:
        """Return the line of `look`, or the line about its refusal or unreadable answer."""
        try:
            return self.look()
        except RefusedError as error:
            return self.refusal_line(error) if error.is_denied else self._unread_line(error, error.fix)
        except UnreadableResponseError as error:
            return self._unread_line(error, error.fix)

    def ask(self, error: RefusedError) -> Text:
        """Return the advice whom to ask for which permission, if these keys cannot read or create the resource."""
        return error.denial.ask or t("Request the permissions {rights:and}", rights=self.rights)

    def refusal_line(self, error: RefusedError) -> Line:
        """Return the line for a missing permission."""
        ask = self.ask(error)
        if self.by_hand:
            state = ResourceState.BY_HAND if self.is_settled() else ResourceState.WAIT
            return Line(state, error.happened, ask, steps=self.by_hand)
        return self._unread_line(error, sentences(ask, self.or_else))

    def _unread_line(self, error: OpsError, fix: Text) -> Line:
        return Line(ResourceState.UNSEEN, t("cannot be read: {happened}", happened=error.happened), fix)


def with_reason(need: Need, reason: Text | None) -> Need:
    """Return `need` with a reason for its permission in its line; with None return it unchanged."""
    if reason is None:
        return need

    def look() -> Line:
        line = need.look()
        return (
            line._replace(next=line.next or reason)
            if line.state in (ResourceState.CREATE, ResourceState.CHANGE)
            else line
        )

    return replace(need, look=look)


def missing_user(name: str) -> NotYetError:
    """Return the error of a request for the key of a user that is missing."""
    return NotYetError(t("the user {name} does not exist yet", name=name), t("Run this again when the user exists"))


def leftover_error(reasons: Sequence[Text]) -> NotYetError:
    """Return the error of a removal that left resources, for these reasons."""
    return NotYetError(t("{reasons}", reasons=reasons), _DETACH_TEXT)


def other_policies_reason(holder: Text, policies: Sequence[str]) -> Text:
    """Return the reason why setup does not remove a user or a role: others attached policies to it."""
    return t("{holder} is kept, because setup did not attach {policies}", holder=holder, policies=policies)


def attachment_reason(policy: str) -> Text:
    """Return the reason why setup does not remove its own policy: others use it."""
    return t("the policy {name} is kept, because it is attached to an identity that setup did not create", name=policy)


def removal_line(removed: Sequence[Text], reasons: Sequence[Text]) -> Line:
    """Return the line of a removal: the `removed` resources, and the reasons why others are kept."""
    text, step = (t("{reasons}", reasons=reasons), _DETACH_TEXT) if reasons else (None, None)
    if removed:
        return Line(ResourceState.REMOVE, text, step, removed)
    return Line(ResourceState.WAIT, text, step) if reasons else NOTHING_CREATED


def policy_title(name: str) -> Text:
    """Return the name of a policy for lines of the plan."""
    return t("policy {name}", name=name)


def delete_by_hand(name: str) -> Text:
    """Return the step for a person with the permission, if setup must not delete its own resource."""
    return t("Delete {name}, its access keys and its policy", name=name)


# For removals.
NOTHING_CREATED = Line(ResourceState.THERE, t("nothing created by setup"))
_DETACH_TEXT = t("Detach the policies that setup did not attach in the console, then run this again")
_RENAME_TEXT = t("If it is unused, rename or delete it. Otherwise choose another functionName in s.yaml")


def policy_changes(name: str, document: Document | None, wanted: Document, *, is_attached: bool) -> Iterator[Text]:
    """Yield the differences of a policy. `document` is its current text, None if there is no policy.

    Permissions of only the current text are removed, and named.
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
    names: Sequence[Text],
    state: ResourceState = ResourceState.STOP,
    step: Text = _RENAME_TEXT,
    facts: Sequence[Text] = (),
) -> Line:
    """Return the line for resources that have the project's names but were not created by setup."""
    return Line(state, t("not created by setup for this source bucket: {names}", names=names), step, facts)


def change_line(missing: Sequence[Text], facts: Sequence[Text]) -> Line:
    """Return the line of an existing resource, complete or with `missing` parts."""
    if not missing:
        return Line(ResourceState.THERE)
    return Line(ResourceState.CHANGE, t("{missing}", missing=missing), facts=facts)


class PendingGrants:
    """New permissions of keys, which take effect after a delay; all share a time limit."""

    def __init__(self, session: Session) -> None:
        self._session, self._end = session, session.clock.now() + _MAX_GRANT_TIME

    def wait(self, what: Text, attempt: Callable[[], T], *, is_new: bool = True, is_settled: bool = False) -> T:
        """Repeat `attempt` with a key until its permissions take effect; return the result.

        The cloud already knows a handed-over key (`is_new` is False). If the grants are in effect (`is_settled`), a
        permission missing after two minutes is the administrator's. Raises NotYetError, and other errors of `attempt`.
        """
        settled = self._session.clock.now() + _MAX_OMS_DELAY
        while True:
            try:
                return attempt()
            except RefusedError as error:
                if not is_new and error.code in _WRONG_KEY_CODES:
                    raise UsageError(
                        t("{what}: the key belongs to no user: {happened}", what=what, happened=error.happened),
                        t("Run this again with the user's access key and secret"),
                    ) from None
                if error.code not in _NEW_KEY_CODES:
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
                        RUN_AGAIN_TEXT,
                    ) from None
            pause(self._session, _RETRY_SECONDS, t("Waiting for the new key's permissions: {what}", what=what))
