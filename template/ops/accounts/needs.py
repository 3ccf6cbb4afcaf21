"""Needs: entries of setup's plan, each with a resource, its state, and the step that creates it.

No file records past steps: each run of setup reads the state of both clouds, and continues from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import NamedTuple, TypeVar

from ops.accounts.policy_documents import Document, list_lost_permissions
from ops.clouds.wire import RefusedError, UnreadableResponseError
from ops.errors import OpsError, UsageError
from ops.exit_codes import ExitCode
from ops.session import Session, pause
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t

T = TypeVar("T")

# Seconds between attempts with a new key, and the maximum time until permissions take effect, by both vendors' pages.
_RETRY_SECONDS = 20.0
_MAX_GRANT_TIME = timedelta(minutes=35)
# Time for which OMS may still refuse keys that both clouds have just accepted.
_MAX_OMS_DELAY = timedelta(minutes=2)
# Codes of OMS and OBS for a new key, or new permissions. OMS's gateway has other codes: it refuses the administrator's
# key, which has no new permissions.
_NEW_KEY_CODES = ("OMS.0068", "OMS.0072", "AccessDenied", "InvalidAccessKeyId")
# Codes for a missing key, or for a wrong secret.
_WRONG_KEY_CODES = ("OMS.0068", "InvalidAccessKeyId", "SignatureDoesNotMatch")
RUN_AGAIN_TEXT = t("Run the command again later: setup continues from here")


class ResourceState(Enum):
    """The state of a resource, which determines who takes the next step."""

    EXISTS = "there"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    # A person has to create the resource; the other steps continue.
    BY_HAND = "by hand"
    # A person has to act, and the setup is incomplete until then, for example after a cloud refused the step.
    WAIT = "wait"
    # A permission is missing, so the state is unknown.
    UNREADABLE = "unreadable"
    # Setup does nothing until the user changes the settings.
    STOP = "stop"


# The states in which setup acts.
SETUP_STATES = (ResourceState.CREATE, ResourceState.CHANGE, ResourceState.REMOVE)


class NotYetError(UsageError):
    """The error of a step that must wait for a person, or for a permission that has not taken effect yet."""

    exit_code = ExitCode.NOT_PROVEN


class Line(NamedTuple):
    """A line of setup's plan about a resource.

    - `detail` is the difference from the required state, or the reason for the state.
    - `next` is a sentence about the next step, or a warning.
    - `facts` are the names that belong to the line, and permissions in full.
    - `steps` are the steps that a person takes by hand.
    """

    state: ResourceState
    detail: Text | None = None
    next: Text | None = None
    facts: Sequence[Text] = ()
    steps: Sequence[Text] = ()

    def error(self) -> UsageError:
        """Return an error with the line's texts, for a step that setup cannot take."""
        return UsageError(self.detail or NOTHING, self.next or NOTHING)


@dataclass(frozen=True)
class Need:
    """A resource that the project needs.

    - `permissions` are the permissions with which an administrator reads and creates the resource.
    - `read_state` returns the resource's line of the plan.
    - `change` creates, changes or removes the resource. It is called only immediately after `read_state` has returned
      one of SETUP_STATES.
    - `manual_steps` are the steps for a person with the permission, if a cloud refuses setup's request.
    - `is_settled` returns True if the other steps of setup can continue without the resource.
    - `other_cause` is another possible cause of a failed read.

    `read_state` and `change` raise RefusedError and UnreachableError.
    """

    title: Text
    permissions: tuple[str, ...]
    read_state: Callable[[], Line]
    change: Callable[[], None] = lambda: None
    manual_steps: Sequence[Text] = ()
    is_settled: Callable[[], bool] = lambda: False
    other_cause: Text | None = None

    def inspect(self) -> Line:
        """Return the resource's line of the plan.

        If a cloud refuses the request, or if its answer is unreadable, the line says so.
        """
        try:
            return self.read_state()
        except RefusedError as error:
            return self.refusal_line(error) if error.is_denied else self._unread_line(error, error.fix)
        except UnreadableResponseError as error:
            return self._unread_line(error, error.fix)

    def permission_advice(self, error: RefusedError) -> Text:
        """Return the sentence that says whom to ask for which permission, after a cloud refused a request."""
        return error.denial.advice or t(
            "Ask an administrator for the permissions {rights:and}", rights=self.permissions
        )

    def refusal_line(self, error: RefusedError) -> Line:
        """Return the line for a missing permission.

        The line has the manual steps if there are any; otherwise the resource's state is unknown.
        """
        advice = self.permission_advice(error)
        if self.manual_steps:
            state = ResourceState.BY_HAND if self.is_settled() else ResourceState.WAIT
            return Line(state, error.problem, advice, steps=self.manual_steps)
        return self._unread_line(error, sentences(advice, self.other_cause))

    def _unread_line(self, error: OpsError, fix: Text) -> Line:
        return Line(ResourceState.UNREADABLE, t("cannot be read: {happened}", happened=error.problem), fix)


def with_reason(need: Need, reason: Text | None) -> Need:
    """Return a copy of `need` whose line gives `reason` if setup creates or changes the resource.

    With None for the reason, return `need` unchanged.
    """
    if reason is None:
        return need

    def read_state() -> Line:
        line = need.read_state()
        return (
            line._replace(next=line.next or reason)
            if line.state in (ResourceState.CREATE, ResourceState.CHANGE)
            else line
        )

    return replace(need, read_state=read_state)


def missing_user_error(name: str) -> NotYetError:
    return NotYetError(
        t("the user {name} does not exist yet", name=name), t("Run the command again after the user has been created")
    )


def leftover_error(reasons: Sequence[Text]) -> NotYetError:
    return NotYetError(t("{reasons}", reasons=reasons), _DETACH_TEXT)


def other_policies_reason(holder: Text, policies: Sequence[str]) -> Text:
    """Return the reason why setup does not remove a user or a role: others attached policies to it."""
    return t(
        "{holder} is kept, because it has policies that setup did not attach: {policies}",
        holder=holder,
        policies=policies,
    )


def attachment_reason(policy: str) -> Text:
    """Return the reason why setup does not remove its own policy: other users or roles use it."""
    return t("the policy {name} is kept, because it is attached to an identity that setup did not create", name=policy)


def removal_line(removed_names: Sequence[Text], reasons: Sequence[Text]) -> Line:
    """Return the plan's line for a removal: the names of the resources to remove, and the reasons why others remain."""
    text, step = (t("{reasons}", reasons=reasons), _DETACH_TEXT) if reasons else (None, None)
    if removed_names:
        return Line(ResourceState.REMOVE, text, step, removed_names)
    return Line(ResourceState.WAIT, text, step) if reasons else NOTHING_CREATED


def policy_title(name: str) -> Text:
    return t("policy {name}", name=name)


def manual_deletion_step(name: str) -> Text:
    """Return the step by which a person deletes a user or role, if setup has no permission to delete it."""
    return t("Delete {name}, its access keys and its policy", name=name)


NOTHING_CREATED = Line(ResourceState.EXISTS, t("nothing created by setup"))
_DETACH_TEXT = t("In the console, detach the policies that setup did not attach, then run the command again")
_FOREIGN_TEXT = t("If these resources are unused, delete them. Otherwise choose another functionName in s.yaml")


def policy_changes(
    name: str, document: Document | None, required_document: Document, *, is_attached: bool
) -> Iterator[Text]:
    """Yield texts about the differences between a policy and its required state.

    `document` is the policy's present document, or None if there is no policy. Permissions that only `document` has are
    named, because setup removes them.
    """
    if document is None:
        yield t("the policy {name} is missing", name=name)
        return
    if document != required_document:
        text, lost_permissions = (
            t("the policy {name} differs from what setup creates", name=name),
            list(list_lost_permissions(document, required_document)),
        )
        yield (
            t(
                "{difference}; setup's change removes these permissions: {gone:and}",
                difference=text,
                gone=lost_permissions,
            )
            if lost_permissions
            else text
        )
    if not is_attached:
        yield t("the policy {name} is not attached", name=name)


def foreign_line(
    names: Sequence[Text],
    state: ResourceState = ResourceState.STOP,
    step: Text = _FOREIGN_TEXT,
    facts: Sequence[Text] = (),
) -> Line:
    """Return the line for resources that have the project's names, but that setup did not create."""
    return Line(
        state,
        t("existing resources that setup did not create for this source bucket: {names}", names=names),
        step,
        facts,
    )


def difference_line(differences: Sequence[Text], facts: Sequence[Text]) -> Line:
    """Return the plan's line for an existing resource, which setup changes if there are differences."""
    if not differences:
        return Line(ResourceState.EXISTS)
    return Line(ResourceState.CHANGE, t("{missing}", missing=differences), facts=facts)


class PendingGrants:
    """The wait for the permissions of new access keys, which clouds put into effect after a delay.

    All keys share one time limit.
    """

    def __init__(self, session: Session) -> None:
        self._session, self._end_time = session, session.clock.now() + _MAX_GRANT_TIME

    def wait(self, purpose: Text, attempt: Callable[[], T], *, is_new: bool = True, is_settled: bool = False) -> T:
        """Repeat `attempt`, which uses a key, until the key's permissions take effect; return its result.

        - `purpose` says in printed texts what the key is for.
        - `is_new` is False for a key that a person handed over, and that the cloud already knows.
        - `is_settled` is True if the key's permissions are already in effect. If a permission is still missing after
          two minutes, the administrator lacks it, and RefusedError is raised.

        Raises NotYetError after the time limit, and other errors of `attempt`.
        """
        settled_time = self._session.clock.now() + _MAX_OMS_DELAY
        while True:
            try:
                return attempt()
            except RefusedError as error:
                if not is_new and error.code in _WRONG_KEY_CODES:
                    raise UsageError(
                        t(
                            "{what}: the access key belongs to no user ({happened})",
                            what=purpose,
                            happened=error.problem,
                        ),
                        t(
                            "Run the command again with the access key and secret of the user that setup"
                            " created for OMS"
                        ),
                    ) from None
                if error.code not in _NEW_KEY_CODES:
                    raise
                if is_settled and error.is_denied and self._session.clock.now() >= settled_time:
                    raise
                if self._session.clock.now() >= self._end_time:
                    raise NotYetError(
                        t(
                            "{what}: the new access key still lacks the permission ({happened})",
                            what=purpose,
                            happened=error.problem,
                        ),
                        RUN_AGAIN_TEXT,
                    ) from None
            pause(
                self._session,
                _RETRY_SECONDS,
                t("Waiting for the permissions of the new access key: {what}", what=purpose),
            )
