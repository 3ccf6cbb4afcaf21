"""The task group of a migration; its description contains the id of the migration's run."""

from __future__ import annotations

from ops.clouds.oms import TaskGroups, group_note
from ops.errors import OpsError, UsageError
from ops.intention import Intention, Intentions
from ops.migrate import messages
from ops.session import Session
from oss_oms_sync.answers.status_answer import StatusAnswer
from oss_oms_sync.answers.task_group import WORKING_STATES, GroupState, TaskGroup
from oss_oms_sync.answers.text import t


class OwnGroup:
    """The task group of a project's migration; `mark` is the text by which the project marks its resources at OMS."""

    def __init__(self, session: Session, intentions: Intentions, groups: TaskGroups, mark: str) -> None:
        self._session, self._intentions, self._groups, self._mark = session, intentions, groups, mark

    def find(self, intention: Intention) -> TaskGroup | None:
        """Return the task group, or None before it is created.

        Raises UsageError if the group was deleted, or if there are several groups.
        """
        if not intention.group:
            own_groups = self.list_all(intention)
            if len(own_groups) > 1:
                raise UsageError(
                    t(
                        "OMS has several task groups for this migration: {groups}",
                        groups=[task_group.id for task_group in own_groups],
                    ),
                    messages.END_TEXT,
                )
            if not own_groups:
                return None
            intention.group = own_groups[0].id
            self._intentions.note_group(intention, intention.group)
        return self.read(intention)

    def read(self, intention: Intention, group: str = "") -> TaskGroup:
        if task_group := self._groups.show(group or intention.group):
            return self.add_replay_progress(task_group)
        if not self._intentions.read_current(intention):
            raise UsageError(messages.ENDED_TEXT, messages.PROGRESS_TEXT)
        raise UsageError(t("The task group {group} was deleted in OMS", group=intention.group), messages.END_TEXT)

    def add_replay_progress(self, group: TaskGroup) -> TaskGroup:
        """Return the group with replay's progress on the failed objects, which status reports."""
        if not group.can_be_resent:
            return group
        try:
            task_group = self._session.ask(StatusAnswer, "status", {}).old_objects
        except OpsError:
            return group
        return task_group if task_group and task_group.id == group.id else group

    def list_all(self, intention: Intention) -> list[TaskGroup]:
        return [task_group for task_group in self._groups.list_all() if task_group.note == self.note(intention)]

    def note(self, intention: Intention) -> str:
        return group_note(self._mark, intention.run)

    def limit(self, intention: Intention, group: TaskGroup, *, is_restarted: bool = False) -> TaskGroup:
        """Apply the recorded bandwidth limits if the group has other limits; return the group.

        If another command records new limits meanwhile, apply these. After a restart always apply the limits, because
        OMS does not document that a restarted group keeps them.
        """
        if intention.bandwidth is None or group.state not in (*WORKING_STATES, GroupState.PAUSED):
            return group
        applied_limits = None if is_restarted and group.bandwidth else sorted(group.bandwidth)
        limits = sorted(intention.bandwidth)
        if limits == applied_limits:
            return group
        while limits != applied_limits:
            self._groups.limit_bandwidth(group.id, limits)
            record = self._intentions.read_current(intention)
            applied_limits, limits = limits, sorted(record.bandwidth or ()) if record else limits
        return self.read(intention)
