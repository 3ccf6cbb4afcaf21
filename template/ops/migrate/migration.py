"""The commands of a migration of the old objects.

What it is about is written down first, in the log bucket; then its keys are made, and the task group. So whoever comes
after an interruption, from whatever machine, goes on where it stands: a group is known by the run in its description,
and its keys are those that both users did not have before.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ops import project
from ops.accounts.both_clouds import NEEDED, Alibaba, Holder, Huawei, mark_of
from ops.accounts.needs import Grants
from ops.clouds.keys import Keys
from ops.clouds.oms import Wanted, note_of
from ops.clouds.wire import UnreachableError, UnreadableResponseError
from ops.errors import OpsError, UsageError
from ops.intention import Intention, Intentions, delete_keys, keys_of
from ops.migrate import messages
from ops.migrate.own_keys import OwnKeys
from ops.migrate.preparation import GROUP, YES, agreed, check_open, check_same, confirm
from ops.report import existing_objects
from ops.session import Session, T
from ops.shell import Typed
from ops.terminal import Line, Whole
from oss_oms_sync.answers.status_answer import StatusAnswer
from oss_oms_sync.answers.task_group import MOVING, GroupState, TaskGroup
from oss_oms_sync.answers.text import Text, t

# What is little is copied at once.
_FIRST_LOOK_SECONDS = 1.0
_LOOK_SECONDS = 10.0
# Replay looks each minute for what a group failed to copy: how often somebody looks whether it has, and for how long.
_REPLAY_LOOK_SECONDS, _REPLAY_SECONDS = 30.0, 150.0
# What a list of failed objects holds at most.
_MOST_LISTED = 100_000
_NOT_YET = 3


def migrate(session: Session, options: Namespace, folder: Path) -> int:
    """Begin a migration, or do with the one that is on its way what `options` say; return the exit code.

    Raises OpsError.
    """
    this = ProjectMigration(
        session, project.read(options.template or folder / "s.yaml", (*NEEDED, "SYNC_URL")), options
    )
    actions: dict[str, Callable[[], int]] = {
        "look": this.look,
        "pause": this.pause,
        "go_on": this.go_on,
        "retry": this.retry,
        "remove": this.remove,
    }
    return next((action for name, action in actions.items() if getattr(options, name)), this.begin)()


class ProjectMigration:
    """That of one project. `given`: the variables of s.yaml."""

    def __init__(self, session: Session, given: Mapping[str, str], options: Namespace) -> None:
        self._session, self._given, self._options = session, given, options
        alibaba, self._huawei = Alibaba(session, given), Huawei(session, given)
        self._groups = self._huawei.tasks.groups()
        self._intentions = Intentions(alibaba.log, given["SYNC_URL"], given["functionName"])
        self._holders: tuple[Holder, Holder] = (alibaba.reader, self._huawei.writer)
        self._own = OwnKeys(session, self._intentions, self._holders)

    def begin(self) -> int:
        """Begin one, or go on with one that was interrupted; follow it to its end."""
        intention = self._intentions.read()
        if intention is None:
            intention = agreed(self._session, self._given, self._options, self._holders)
            if not self._intentions.begin(intention):
                raise UsageError(t("Somebody else has just begun one"), messages.LOOK)
        else:
            check_same(intention, self._given, self._options)
        return self._follow(intention, self._found(intention) or self._created(intention))

    def look(self) -> int:
        """Say how it stands."""
        intention = self._intentions.read()
        if intention is None:
            self._say([messages.NONE])
            return 0
        group = self._found(intention)
        if group is None:
            self._say([messages.NOT_BEGUN, messages.GO_ON])
            return _NOT_YET
        self._show(group, messages.standing(group, self._keys(intention), self._session.lang, self._left(group)))
        return _exit_code(group)

    def pause(self) -> int:
        """Let it begin nothing more, and wait until what it began has come to an end."""
        intention, group = self._on_its_way()
        group = self._until_not(intention, group, GroupState.WAITING)
        if group.state in (GroupState.CREATING, GroupState.COPYING):
            self._groups.pause(group.id)
            group = self._until_not(intention, group, *MOVING)
        self._follow(intention, group)
        return 0 if group.state is GroupState.PAUSED else _exit_code(group)

    def go_on(self) -> int:
        """Let one that is paused go on, with new keys, because nobody has the secrets of the old ones."""
        intention, group = self._on_its_way(GroupState.PAUSED)
        return self._again(intention, group, lambda source, there: self._groups.go_on(group.id, source, there))

    def retry(self) -> int:
        """Let one that has failed try again, with new keys: what failed alone, if OMS has recorded that."""
        intention, group = self._on_its_way(GroupState.FAILED)
        if group.resent:
            raise UsageError(existing_objects.RESENT, messages.END_IT)
        # A list that is full lacks the others.
        only_failed = group.can_retry_failed and group.failed < _MOST_LISTED
        return self._again(
            intention, group, lambda source, there: self._groups.retry(group.id, source, there, only_failed=only_failed)
        )

    def remove(self) -> int:
        """End it, whatever it does; what it has copied stays."""
        intention = self._intentions.read()
        if intention is None:
            self._say([messages.NONE])
            return 0
        confirm(
            self._session,
            self._options,
            t("It is not over. Type {word} to end it, and leave what is copied:", word=YES),
        )
        if not self._intentions.latest(intention):
            raise UsageError(messages.ENDED, messages.LOOK)
        self._session.hint = t("The migration is not ended yet: {command}", command=messages.REMOVE)
        # OMS is asked, which knows a group until that is deleted.
        groups = self._all_of(intention)
        how = "resent" if len(groups) == 1 and self._with_replay(groups[0]).resent else "removed"
        self._delete_groups(intention, groups, how)
        self._end(intention, how)
        self._say([t("Ended. What was copied stays; its task group and its access keys are gone.")])
        return 0

    def _delete_groups(self, intention: Intention, groups: Sequence[TaskGroup], how: str) -> None:
        """Let them rest, write down what they came to, of which OMS tells nothing afterwards, and delete them."""
        for group in groups:
            resting = self._until_not(intention, group, GroupState.WAITING)
            if resting.state in (GroupState.CREATING, GroupState.COPYING):
                self._groups.pause(group.id)
            resting = self._until_not(intention, resting, *MOVING)
            self._intentions.note_end(intention, self._session.clock.now(), how, resting)
            self._groups.delete(group.id)

    def _created(self, intention: Intention) -> TaskGroup:
        """Make its keys and its group. What cannot be known to have come to nothing stays written down."""
        self._session.hint = t(
            "The migration has not begun yet. Go on: {go_on}. Or end it: {remove}",
            go_on=Typed("migrate"),
            remove=messages.REMOVE,
        )
        self._own.take_over(intention)
        # That of a command which was at work before.
        if task_group := self._found(intention):
            self._own.release(intention)
            return task_group
        try:
            source, there, region = self._new_keys(intention)
            # Whoever closes looks for the intention afterwards, so one of both sees the other.
            check_open(self._session)
            buckets = (intention.source, region, intention.destination, self._given["destinationRegion"])
            wanted = Wanted(*buckets, intention.prefixes, self._note(intention), intention.overwrite, intention.restore)
            intention.group = self._handed_over(
                intention, lambda: self._adopted(intention) or self._groups.create(wanted, source, there)
            )
        except OpsError as error:
            self._own.check(intention)
            if self._adopted(intention):
                self._own.release(intention)
                return self._shown(intention)
            if not isinstance(error, (UnreachableError, UnreadableResponseError)):
                self._end(intention, "refused")
            raise
        if not self._intentions.latest(intention):
            # Nobody would know of it: the next one is on its way already.
            self._delete_groups(intention, self._all_of(intention), "removed")
            delete_keys(keys_of(intention, self._holders))
            raise UsageError(messages.ENDED, messages.LOOK)
        self._own.release(intention)
        self._session.hint = None
        return self._shown(intention)

    def _adopted(self, intention: Intention) -> str:
        """OMS's id of a group that has begun, also by another command with its keys; empty if there is none."""
        task_group = self._found(intention)
        if task_group:
            self._own.name_others(intention)
        return task_group.id if task_group else ""

    def _new_keys(self, intention: Intention) -> tuple[Keys, Keys, str]:
        """Two new keys instead of those that the migration had, once they may do what they have to; and the region of
        the source, as OMS names it."""
        huawei, grants = self._huawei, Grants(self._session)
        source, there = self._own.make(intention)
        region = grants.wait(
            t("reading the source"),
            self._own.checked(intention, lambda: huawei.tasks.region_of("Aliyun", source, intention.source)),
        )
        grants.wait(
            t("writing to the destination"), self._own.checked(intention, lambda: huawei.with_keys(there).location())
        )
        return source, there, region

    def _handed_over(self, intention: Intention, call: Callable[[], T]) -> T:
        """Let OMS begin with the new keys; return what `call` does. Raises what it raises, and TakenOverError."""
        return Grants(self._session).wait(GROUP, self._own.checked(intention, call), is_settled=True)

    def _again(self, intention: Intention, group: TaskGroup, call: Callable[[Keys, Keys], None]) -> int:
        self._session.hint = messages.LOOK
        self._own.take_over(intention)
        if self._shown(intention).state is group.state:
            source, there, _ = self._new_keys(intention)
            try:
                self._handed_over(intention, lambda: call(source, there))
            except UnreachableError:
                if self._shown(intention).state is group.state:
                    raise
        self._own.release(intention)
        self._session.hint = None
        return self._follow(intention, self._shown(intention))

    def _follow(self, intention: Intention, group: TaskGroup) -> int:
        """Say how far it is until it rests; then what comes next."""
        group = self._once_resent(intention, self._until_not(intention, group, *MOVING))
        if group.state is GroupState.DONE:
            self._end(intention, "done", group)
            self._show(group, messages.done(group, self._session.lang))
        else:
            self._show(group, messages.standing(group, self._keys(intention), self._session.lang))
        return _exit_code(group)

    def _until_not(self, intention: Intention, group: TaskGroup, *states: GroupState) -> TaskGroup:
        """The group, once it is in none of these states any more."""
        session = self._session
        session.hint = session.hint or t(
            "The migration goes on at OMS. See how far it is: {look}. Pause it: {pause}",
            look=Typed("migrate", look=True),
            pause=Typed("migrate", pause=True),
        )
        session.screen.begin()
        first, began, seconds = group, session.clock.monotonic(), _FIRST_LOOK_SECONDS
        while group.state in states:
            passed, ended = session.clock.monotonic() - began, group.finished - first.finished
            left = (group.total - group.finished) * passed / ended if ended > 0 else None
            session.progress(messages.how_far(group, left))
            session.clock.sleep(seconds)
            seconds = min(2 * seconds, _LOOK_SECONDS)
            group = self._shown(intention, group.id)
        return group

    def _once_resent(self, intention: Intention, group: TaskGroup) -> TaskGroup:
        """The group, once replay has all that it failed to copy, so that nobody tries the same again by hand; as it is
        if replay does not take that soon."""
        session, clock = self._session, self._session.clock
        session.hint, until = messages.LOOK, clock.monotonic() + _REPLAY_SECONDS
        while group.can_be_resent and not group.resent and clock.monotonic() < until:
            session.progress(t("{failed:object|objects} failed; replay takes them over", failed=group.failed))
            clock.sleep(_REPLAY_LOOK_SECONDS)
            group = self._shown(intention, group.id)
        return group

    def _left(self, group: TaskGroup) -> float | None:
        """For how many seconds more it copies, by how long it took until now, pauses and all."""
        passed = self._session.clock.now().timestamp() - group.started
        is_copying = group.state is GroupState.COPYING and group.finished and group.started
        return (group.total - group.finished) * passed / group.finished if is_copying else None

    def _on_its_way(self, *states: GroupState) -> tuple[Intention, TaskGroup]:
        """Raise UsageError unless there is one, in one of these states (if any are named)."""
        intention = self._intentions.read()
        if intention is None:
            raise UsageError(
                t("No migration of the old objects is on its way"),
                t("Begin one: {command}", command=Typed("migrate")),
            )
        group = self._found(intention)
        if group is None:
            raise UsageError(messages.NOT_BEGUN, messages.GO_ON)
        if states and group.state not in states:
            raise UsageError(t("It cannot be done now: {how}", how=group.title), messages.LOOK)
        return intention, group

    def _found(self, intention: Intention) -> TaskGroup | None:
        """Its group; None if there is none yet. Raises UsageError where it is not there any more, or is not one."""
        if not intention.group:
            mine = self._all_of(intention)
            if len(mine) > 1:
                raise UsageError(
                    t(
                        "OMS has several task groups of this migration: {groups}",
                        groups=[task_group.id for task_group in mine],
                    ),
                    messages.END_IT,
                )
            if not mine:
                return None
            intention.group = mine[0].id
            self._intentions.note_group(intention, intention.group)
        return self._shown(intention)

    def _with_replay(self, group: TaskGroup) -> TaskGroup:
        """The same as status sees it, if replay may have what it failed to copy; where that tells nothing, as it is."""
        if not group.can_be_resent:
            return group
        try:
            task_group = self._session.ask(StatusAnswer, "status", {}).old_objects
        except OpsError:
            return group
        return task_group if task_group and task_group.id == group.id else group

    def _shown(self, intention: Intention, group: str = "") -> TaskGroup:
        if task_group := self._groups.show(group or intention.group):
            return self._with_replay(task_group)
        if not self._intentions.latest(intention):
            raise UsageError(messages.ENDED, messages.LOOK)
        raise UsageError(
            t("OMS has no task group {group} any more: somebody has deleted it", group=intention.group), messages.END_IT
        )

    def _all_of(self, intention: Intention) -> list[TaskGroup]:
        return [task_group for task_group in self._groups.all() if task_group.note == self._note(intention)]

    def _note(self, intention: Intention) -> str:
        return note_of(mark_of(self._given), intention.run)

    def _keys(self, intention: Intention) -> list[str]:
        """The access keys that it has."""
        return [key for _, key in keys_of(intention, self._holders)]

    def _end(self, intention: Intention, how: str, group: TaskGroup | None = None) -> None:
        self._intentions.end(intention, self._holders, self._session.clock.now(), how, group)

    def _show(self, group: TaskGroup | None, lines: Iterable[Line]) -> None:
        self._session.screen.answer([Whole(json.dumps(messages.to_json(group)))] if self._options.json else lines)

    def _say(self, texts: Iterable[Text]) -> None:
        """What there is to say where there is no group."""
        self._show(None, [text.of(self._session.lang) for text in texts])


def _exit_code(group: TaskGroup) -> int:
    """0 while it goes on, and once it is done."""
    return {GroupState.PAUSED: _NOT_YET, GroupState.NOT_CREATED: 1, GroupState.FAILED: 1}.get(group.state, 0)
