"""The command that migrates the existing objects, and its options.

A migration's record, an `Intention`, is written to the log bucket before the access keys and the task group are made.
So after an interruption any later command, on any machine, can continue. The description of the task group contains the
id of the migration's run.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ops import project
from ops.accounts.both_clouds import NEEDED_VARIABLES, Alibaba, Holder, Huawei, ownership_label
from ops.accounts.needs import PendingGrants
from ops.clouds.keys import Keys
from ops.clouds.oms import NewGroup
from ops.clouds.wire import UnreachableError, UnreadableResponseError
from ops.errors import OpsError, UsageError
from ops.exit_codes import ExitCode
from ops.intention import Intention, Intentions, delete_keys, list_migration_keys
from ops.migrate import messages
from ops.migrate.own_group import OwnGroup
from ops.migrate.own_keys import OwnKeys
from ops.migrate.preparation import GROUP_TITLE, YES, check_open, check_same, confirm, prepare
from ops.migrate.windows import read_windows
from ops.report import existing_objects
from ops.session import Session, T
from ops.shell import sentence
from ops.terminal import Line, json_lines
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import WORKING_STATES, GroupState, TaskGroup
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.rules.bandwidth import find_hours_late

# Seconds before the first check, because a few objects are copied at once.
_FIRST_CHECK_SECONDS = 1.0
_CHECK_SECONDS = 10.0
# Seconds between two checks of replay, which reads a group's failures every minute, and the maximum for all checks.
_REPLAY_CHECK_SECONDS, _REPLAY_SECONDS = 30.0, 150.0
# Maximum number of objects in OMS's list of failed objects.
_MAX_LISTED_FAILURES = 100_000


def migrate(session: Session, options: Namespace, folder: Path) -> int:
    """Begin a migration, or execute an option such as --pause for the current migration; return the exit code."""
    migration = ProjectMigration(
        session, project.read(options.template or folder / "s.yaml", (*NEEDED_VARIABLES, "SYNC_URL")), options
    )
    actions: dict[str, Callable[[], int]] = {
        "look": migration.show_state,
        "pause": migration.pause,
        "go_on": migration.resume,
        "retry": migration.retry,
        "remove": migration.remove,
    }
    return next((action for name, action in actions.items() if getattr(options, name)), migration.begin)()


class ProjectMigration:
    """The migration of a project's existing objects; `variables` are the variables of s.yaml."""

    def __init__(self, session: Session, variables: Mapping[str, str], options: Namespace) -> None:
        self._session, self._variables, self._options = session, variables, options
        alibaba, self._huawei = Alibaba(session, variables), Huawei(session, variables)
        self._groups = self._huawei.tasks.task_groups()
        self._intentions = Intentions(alibaba.log, variables["SYNC_URL"], variables["functionName"])
        self._holders: tuple[Holder, Holder] = (alibaba.reader, self._huawei.writer)
        self._own_keys = OwnKeys(session, self._intentions, self._holders)
        self._own_group = OwnGroup(session, self._intentions, self._groups, ownership_label(variables))

    def begin(self) -> int:
        intention, windows = self._intentions.read(), read_windows(self._options)
        if intention is None:
            intention = prepare(self._session, self._variables, self._options, self._holders)
            if not self._intentions.begin(intention):
                raise UsageError(t("Another command has just started a migration"), messages.PROGRESS_TEXT)
        else:
            check_same(intention, self._variables, self._options)
            if windows is not None:
                self._intentions.note_bandwidth(intention, windows)
        group = self._own_group.find(intention) or self._create(intention)
        return self._follow(intention, self._own_group.limit(intention, group))

    def show_state(self) -> int:
        intention = self._intentions.read()
        if intention is None:
            self._print_texts([messages.NO_MIGRATION_TEXT])
            return 0
        group = self._own_group.find(intention)
        if group is None:
            self._print_texts([messages.NO_GROUP_TEXT, messages.CONTINUE_TEXT])
            return ExitCode.NOT_PROVEN
        keys, seconds_left = self._list_keys(intention), self._remaining_seconds(group)
        self._print_state(
            group, messages.state_lines(group, keys, self._session.lang, seconds_left, self._describe_time_zone(group))
        )
        return _exit_code(group)

    def _describe_time_zone(self, group: TaskGroup) -> Text | None:
        if not group.bandwidth:
            return None
        speed = self._intentions.read_speed()
        are_limits_same = speed and (speed.group, speed.windows) == (group.id, group.bandwidth)
        return messages.describe_time_zone(
            group.bandwidth, find_hours_late(speed) if speed and are_limits_same else None
        )

    def pause(self) -> int:
        """Pause the migration, and wait until OMS has finished the objects in progress; return the exit code."""
        intention, group = self._read_current()
        group = self._await_other_state(intention, group, GroupState.WAITING)
        if group.state in (GroupState.CREATING, GroupState.COPYING):
            self._groups.pause(group.id)
            group = self._await_other_state(intention, group, *WORKING_STATES)
        self._follow(intention, group)
        return 0 if group.state is GroupState.PAUSED else _exit_code(group)

    def resume(self) -> int:
        """Continue a paused migration with new access keys, because the secrets of the old keys are lost."""
        intention, group = self._read_current(GroupState.PAUSED)
        return self._restart_group(
            intention, group, lambda source, destination: self._groups.resume(group.id, source, destination)
        )

    def retry(self) -> int:
        """Retry a failed migration with new access keys.

        OMS retries only the failed objects, if it has a complete list of them.
        """
        intention, group = self._read_current(GroupState.FAILED)
        if group.resent:
            raise UsageError(existing_objects.RESENT_TEXT, messages.END_TEXT)
        # A list of maximum length may lack failed objects.
        only_failed = group.can_retry_failed and group.failed < _MAX_LISTED_FAILURES
        return self._restart_group(
            intention,
            group,
            lambda source, destination: self._groups.retry(group.id, source, destination, only_failed=only_failed),
        )

    def remove(self) -> int:
        intention = self._intentions.read()
        if intention is None:
            self._print_texts([messages.NO_MIGRATION_TEXT])
            return 0
        confirm(
            self._session,
            self._options,
            t("The migration is not finished. Type {word} to end it and keep copied objects:", word=YES),
        )
        if not self._intentions.read_current(intention):
            raise UsageError(messages.ENDED_TEXT, messages.PROGRESS_TEXT)
        self._session.hint = t("The migration has not ended. To end it: {command}", command=messages.REMOVAL_STEP)
        # OMS lists a group until it is deleted, so its list is complete.
        groups = self._own_group.list_all(intention)
        result_name = (
            "resent" if len(groups) == 1 and self._own_group.add_replay_progress(groups[0]).resent else "removed"
        )
        self._delete_groups(intention, groups, result_name)
        self._end(intention, result_name)
        self._print_texts(
            [
                t(
                    "The migration has ended. Copied objects are kept; the task group and its access keys have been"
                    " deleted."
                )
            ]
        )
        return 0

    def _delete_groups(self, intention: Intention, groups: Sequence[TaskGroup], result_name: str) -> None:
        """Pause the task groups, store their results, and delete them.

        The results are stored first, because OMS does not report on a deleted group.
        """
        for group in groups:
            current_group = self._await_other_state(intention, group, GroupState.WAITING)
            if current_group.state in (GroupState.CREATING, GroupState.COPYING):
                self._groups.pause(group.id)
            current_group = self._await_other_state(intention, current_group, *WORKING_STATES)
            self._intentions.note_end(intention, self._session.clock.now(), result_name, current_group)
            self._groups.delete(group.id)

    def _create(self, intention: Intention) -> TaskGroup:
        """Make the access keys and the task group.

        If it is unknown whether OMS created the group, the record of the migration remains.
        """
        self._session.hint = t(
            "The migration has not started yet. To continue: {go_on}. To end the migration: {remove}",
            go_on=Step("migrate"),
            remove=messages.REMOVAL_STEP,
        )
        self._own_keys.take_over(intention)
        # An earlier command may have created the group.
        if task_group := self._own_group.find(intention):
            self._own_keys.release(intention)
            return task_group
        try:
            source, destination, region = self._make_keys(intention)
            # A close reads this record after it has set its mark, so that one of the two commands notices the other.
            check_open(self._session)
            buckets = (intention.source, region, intention.destination, self._variables["destinationRegion"])
            request = NewGroup(
                *buckets,
                intention.prefixes,
                self._own_group.note(intention),
                intention.overwrite,
                intention.restore,
                intention.bandwidth or (),
                intention.keep_storage_class,
            )
            intention.group = self._start_with_keys(
                intention, lambda: self._adopt_group(intention) or self._groups.create(request, source, destination)
            )
        except OpsError as error:
            self._own_keys.check(intention)
            if self._adopt_group(intention):
                self._own_keys.release(intention)
                return self._own_group.read(intention)
            if not isinstance(error, (UnreachableError, UnreadableResponseError)):
                self._end(intention, "refused")
            raise
        if not self._intentions.read_current(intention):
            # The stored record is that of a newer migration, so it cannot name this group.
            self._delete_groups(intention, self._own_group.list_all(intention), "removed")
            delete_keys(list_migration_keys(intention, self._holders))
            raise UsageError(messages.ENDED_TEXT, messages.PROGRESS_TEXT)
        self._own_keys.release(intention)
        self._session.hint = None
        return self._own_group.read(intention)

    def _adopt_group(self, intention: Intention) -> str:
        """Return the id of the existing task group, and record its access keys. Return "" if there is no task group."""
        task_group = self._own_group.find(intention)
        if task_group:
            self._own_keys.record_foreign_keys(intention)
        return task_group.id if task_group else ""

    def _make_keys(self, intention: Intention) -> tuple[Keys, Keys, str]:
        """Replace the migration's access keys by two new keys, and wait until their permissions take effect.

        Return the source's key, the destination's key, and OMS's name of the source's region.
        """
        huawei, grants = self._huawei, PendingGrants(self._session)
        source, destination = self._own_keys.make(intention)
        region = grants.wait(
            t("reading the source"),
            self._own_keys.add_check(intention, lambda: huawei.tasks.read_region("Aliyun", source, intention.source)),
        )
        grants.wait(
            t("writing to the destination"),
            self._own_keys.add_check(intention, lambda: huawei.create_destination_client(destination).location()),
        )
        return source, destination, region

    def _start_with_keys(self, intention: Intention, call: Callable[[], T]) -> T:
        """Call `call`, which starts OMS with the new keys, until OMS accepts them; return the result.

        Raises TakenOverError if another command has taken over the migration, and the errors of `call`.
        """
        return PendingGrants(self._session).wait(
            GROUP_TITLE, self._own_keys.add_check(intention, call), is_settled=True
        )

    def _restart_group(self, intention: Intention, group: TaskGroup, call: Callable[[Keys, Keys], None]) -> int:
        self._session.hint = messages.PROGRESS_TEXT
        self._own_keys.take_over(intention)
        if self._own_group.read(intention).state is group.state:
            source, destination, _ = self._make_keys(intention)
            try:
                self._start_with_keys(intention, lambda: call(source, destination))
            except UnreachableError:
                if self._own_group.read(intention).state is group.state:
                    raise
        else:
            # Another command restarted OMS while this command read and wrote the record, which may have older keys.
            self._own_keys.record_foreign_keys(intention)
        self._own_keys.release(intention)
        self._session.hint = None
        return self._follow(
            intention, self._own_group.limit(intention, self._own_group.read(intention), is_restarted=True)
        )

    def _follow(self, intention: Intention, group: TaskGroup) -> int:
        group = self._await_replay(intention, self._await_other_state(intention, group, *WORKING_STATES))
        if group.state is GroupState.DONE:
            self._end(intention, "done", group)
            self._print_state(group, messages.end_lines(group, self._session.lang))
        else:
            self._print_state(group, messages.state_lines(group, self._list_keys(intention), self._session.lang))
        return _exit_code(group)

    def _await_other_state(self, intention: Intention, group: TaskGroup, *states: GroupState) -> TaskGroup:
        session = self._session
        session.hint = session.hint or t(
            "The migration continues at OMS. To follow its progress: {look}. To pause it: {pause}",
            look=Step("migrate", {"look": True}),
            pause=Step("migrate", {"pause": True}),
        )
        session.screen.begin()
        initial_group, start_seconds, interval = group, session.clock.monotonic(), _FIRST_CHECK_SECONDS
        while group.state in states:
            elapsed_seconds, finished_count = (
                session.clock.monotonic() - start_seconds,
                group.finished - initial_group.finished,
            )
            seconds_left = (
                (group.total - group.finished) * elapsed_seconds / finished_count if finished_count > 0 else None
            )
            session.progress(messages.progress_line(group, seconds_left))
            session.clock.sleep(interval)
            interval = min(2 * interval, _CHECK_SECONDS)
            group = self._own_group.read(intention, group.id)
        return group

    def _await_replay(self, intention: Intention, group: TaskGroup) -> TaskGroup:
        """Wait until replay has taken over the failed objects, so that the user does not retry them; return the group.

        If replay does not take over the objects in time, return the group unchanged.
        """
        session, clock = self._session, self._session.clock
        session.hint, end_seconds = messages.PROGRESS_TEXT, clock.monotonic() + _REPLAY_SECONDS
        while group.can_be_resent and not group.resent and clock.monotonic() < end_seconds:
            session.progress(
                t("{failed:object|objects} failed; waiting for replay to resend failures", failed=group.failed)
            )
            clock.sleep(_REPLAY_CHECK_SECONDS)
            group = self._own_group.read(intention, group.id)
        return group

    def _remaining_seconds(self, group: TaskGroup) -> float | None:
        """Return an estimate of the seconds left, by the average speed since the start, pauses included.

        Return None unless the group is copying and has finished an object.
        """
        elapsed_seconds = self._session.clock.now().timestamp() - group.started
        is_copying = group.state is GroupState.COPYING and group.finished and group.started
        return (group.total - group.finished) * elapsed_seconds / group.finished if is_copying else None

    def _read_current(self, *states: GroupState) -> tuple[Intention, TaskGroup]:
        """Return the current migration and its group.

        Raises UsageError without a migration, or if the group is in none of `states`. Without `states`, any state is
        allowed.
        """
        intention = self._intentions.read()
        if intention is None:
            raise UsageError(
                t("No migration of existing objects is running"),
                t("Begin a migration: {command}", command=Step("migrate")),
            )
        group = self._own_group.find(intention)
        if group is None:
            raise UsageError(messages.NO_GROUP_TEXT, messages.CONTINUE_TEXT)
        if states and group.state not in states:
            raise UsageError(t("{how}, so this option does not apply", how=group.title), messages.PROGRESS_TEXT)
        return intention, group

    def _list_keys(self, intention: Intention) -> list[str]:
        return [key for _, key in list_migration_keys(intention, self._holders)]

    def _end(self, intention: Intention, result_name: str, group: TaskGroup | None = None) -> None:
        self._intentions.end(intention, self._holders, self._session.clock.now(), result_name, group)

    def _print_state(self, group: TaskGroup | None, lines: Iterable[Line]) -> None:
        self._session.screen.answer(json_lines(messages.to_json(group)) if self._options.json else lines)

    def _print_texts(self, texts: Iterable[Text]) -> None:
        self._print_state(None, [sentence(text, self._session.lang) for text in texts])


def _exit_code(group: TaskGroup) -> ExitCode:
    """Return NOT_PROVEN for a paused task group, FAILED if the group failed or could not be created, otherwise OK."""
    if group.state is GroupState.PAUSED:
        return ExitCode.NOT_PROVEN
    return ExitCode.FAILED if group.state in (GroupState.NOT_CREATED, GroupState.FAILED) else ExitCode.OK
