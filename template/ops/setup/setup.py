"""`ops.py setup`: what the project needs in both clouds, as a plan, and then made so."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ops import project
from ops.accounts import plan
from ops.accounts.both_clouds import NEEDED, Alibaba, Holder, Huawei
from ops.accounts.needs import LATER, OURS, Grants, Line, Need, NotYetError, Standing
from ops.accounts.task_keys import Note, asked_for
from ops.clouds.keys import ALIBABA, HUAWEI, OMS_DESTINATION, OMS_SOURCE, Keys, handed_over, taken
from ops.clouds.wire import RefusedError
from ops.errors import OpsError, UsageError
from ops.intention import Intentions, task_of_any
from ops.session import Session, pause
from ops.setup import settings_file
from ops.setup.lock import Lock
from ops.shell import Typed
from ops.show import lines
from ops.terminal import Whole
from oss_oms_sync.answers.text import Text, same, sentences, t

_LIST_SECONDS = 20.0
_YES, _AGREE = "yes", "agree"
_STATEMENT = "https://www.huaweicloud.com/declaration/sa_prp.html"


def setup(session: Session, options: Namespace, folder: Path) -> int:
    """Show the plan; then carry it out, if that is wanted. Raises OpsError."""
    run = SetupRun(session, options.template or folder / "s.yaml", options.only)
    needs = run.removals() if options.remove else run.renewals() if options.new_key else run.needs()
    needs = [*run.lock.needs(), *needs]
    after = plan.AFTER_REMOVAL if options.remove else plan.AFTER[options.only]
    if options.yes is None:
        run.see_to_migration(options)
    shown = plan.SetupPlan(_seen(session, needs), after)
    session.show(options, shown.report(session.lang), shown.to_json())
    # A hash says yes to its own plan alone.
    if shown.can_be_done and options.yes == shown.hash:
        run.see_to_migration(options)
    if options.plan or not shown.is_to_do or not shown.can_be_done:
        return shown.exit_code
    _confirm(session, shown, options.yes, run.is_root)
    # Before anything is made, so that who does not agree has nothing.
    if run.task and shown.creates(run.task):
        run.agree(is_agreed=options.agree)
    if waits := run.carry_out(needs):
        left = plan.SetupPlan(waits, after)
        for line in lines.draw(left.report(session.lang)):
            session.screen.say(line)
        return left.exit_code
    session.say(after.made)
    if after.steps:
        session.screen.say(Whole(f"  {after.command}"))
    return 0


class SetupRun:
    """One run of setup. `only`: the one cloud that it is about; empty for both."""

    def __init__(self, session: Session, file: Path, only: str) -> None:
        self._session, self._file, self._given = session, file, project.read(file, NEEDED)
        # No program that is started later has any key.
        taken(ALIBABA if only == "huawei" else HUAWEI if only == "alibaba" else ())
        self._handed = {names: taken(names) for names in (OMS_SOURCE, OMS_DESTINATION)}
        self._alibaba = None if only == "huawei" else Alibaba(session, self._given)
        self._huawei = None if only == "alibaba" else Huawei(session, self._given, alibaba=self._alibaba)
        callers = [cloud.account.holder for cloud in (self._alibaba, self._huawei) if cloud]
        self.lock = Lock(session, self._given["functionName"], self._alibaba.log if self._alibaba else None, callers)
        self._agreed = False
        # The sync task's line of the plan, where this is about it.
        self.task: Need | None = None

    def needs(self) -> list[Need]:
        """Everything in the order in which it is made: what follows needs what is before it."""
        alibaba, huawei = self._alibaba, self._huawei
        if huawei is None:
            return [*alibaba.needs(lambda: False), alibaba.key_to_hand_over()] if alibaba else []
        made = {OMS_SOURCE: alibaba.reader if alibaba else None, OMS_DESTINATION: huawei.writer}
        self.task = huawei.tasks.need(lambda: self._make_task(huawei))
        return [
            *(alibaba.needs(huawei.has_task) if alibaba else ()),
            *huawei.needs(),
            *huawei.key_needs([holder for names, holder in made.items() if holder and not all(self._handed[names])]),
            *(() if alibaba else (huawei.key_of_others(),)),
            self.task,
            settings_file.need(self._file, self._given, huawei.settings, self._session.say),
        ]

    def removals(self) -> list[Need]:
        """What goes, in the order in which nothing is left that something else needs."""
        say = self._session.say
        first = Line(Standing.BY_HAND, None, t("Remove them first: {command}", command=Typed("remove")))
        return [
            Need(t("functions and triggers"), (), lambda: first),
            self._migration_need(),
            *(removal for cloud in (self._huawei, self._alibaba) if cloud for removal in cloud.removals()),
            *([settings_file.removal(self._file, self._huawei.own_settings, say)] if self._huawei else ()),
        ]

    def renewals(self) -> list[Need]:
        """What another key of the functions takes."""
        if self._huawei is None:
            raise UsageError(t("The functions' key is one of Huawei Cloud"), t("Leave out --only alibaba"))
        return list(self._huawei.renewals())

    def see_to_migration(self, options: Namespace) -> None:
        """Where one has access keys of setup's users."""
        alibaba, huawei = self._alibaba, self._huawei
        if alibaba is None:
            return
        intentions = Intentions(alibaba.log, self._given.get("SYNC_URL", ""), self._given["functionName"])
        if huawei is None or options.plan:
            intentions.see_to_keys(self._session)
        else:
            holders, tasks = (alibaba.reader, huawei.writer), huawei.tasks
            intentions.see_to_keys(self._session, lambda: (tasks.groups(), holders), yes=options.yes is not None)

    @property
    def is_root(self) -> bool:
        """Whether somebody has to say yes twice."""
        return any(cloud.account.is_root for cloud in (self._alibaba, self._huawei) if cloud)

    def agree(self, *, is_agreed: bool) -> None:
        """Raise UsageError unless the user agrees to OMS's privacy statement: nobody else can."""
        if not is_agreed:
            self._session.say(t("OMS wants you to agree to its privacy statement: {url}", url=_STATEMENT))
            self._session.insist(
                t("Type {word} if you do:", word=_AGREE),
                _AGREE,
                t("Nobody agreed, so nothing was done"),
                t("Where nobody can be asked, give --agree"),
            )
        self._agreed = True

    def carry_out(self, needs: Sequence[Need]) -> list[tuple[Need, Line]]:
        """Make what is not there; return what somebody else has to do first. Whoever comes second is told who is at
        work."""
        waits: list[tuple[Need, Line]] = []
        try:
            for need in needs:
                line = need.see()
                if line.state in (Standing.STOP, Standing.UNSEEN):
                    raise UsageError(
                        t("The plan no longer holds: {what}: {seen}", what=need.what, seen=line.seen),
                        sentences(line.next, t("Then run this again")),
                    )
                if line.state in OURS:
                    # No key that is handed over makes up for what is there and should be otherwise, or not at all.
                    need = need if line.state is Standing.CREATE else replace(need, is_settled=lambda: False)
                    line = self._do(need)
                if line.state is Standing.WAIT:
                    waits.append((need, line))
                self.lock.take()
        finally:
            self.lock.release()
        return [(need, line) for need, line in waits if not need.is_settled()]

    def _do(self, need: Need) -> Line:
        """Make it; how it stands then."""
        try:
            need.do()
        except NotYetError as error:
            return Line(Standing.WAIT, error.happened, error.fix, steps=need.by_hand)
        except RefusedError as error:
            text = t("{what}: {happened}", what=need.what, happened=error.happened)
            if not error.is_denied:
                raise OpsError(text, error.fix) from None
            if not need.by_hand:
                raise NotYetError(text, need.ask(error)) from None
            return need.refused(error)
        self._session.say(t("Done: {what}", what=need.what))
        return Line(Standing.THERE)

    def _make_task(self, huawei: Huawei) -> None:
        tasks, given, asked = huawei.tasks, self._given, huawei.task_keys
        if note := asked.unanswered():
            self._await_task(huawei, note)
            return
        self.agree(is_agreed=self._agreed)
        tasks.agree()
        made: list[tuple[Holder, Keys]] = []
        grants = Grants(self._session)
        try:
            source = self._key(self._alibaba.reader if self._alibaba else None, OMS_SOURCE, made)
            destination = self._key(huawei.writer, OMS_DESTINATION, made)
            ours = [keys for _, keys in made]
            reads, writes = t("reading the source"), t("writing to the destination")
            region = grants.wait(
                reads, lambda: tasks.region_of("Aliyun", source, given["sourceBucket"]), is_new=source in ours
            )
            grants.wait(writes, lambda: huawei.with_keys(destination).location(), is_new=destination in ours)
            numbers = [keys.access.reveal() for keys in ours]
            grants.wait(
                t("a sync task"),
                lambda: asked.ask(numbers, lambda: tasks.create(region, source, destination)),
                is_settled=True,
            )
        except BaseException as error:
            if asked.pending is None:
                # Nobody has their secrets any more.
                for holder, keys in made:
                    holder.delete_key(keys.access.reveal())
            elif isinstance(error, OpsError):
                # OMS may have created the task, and have the keys.
                self._await_task(huawei, asked.pending)
                return
            raise

    def _await_task(self, huawei: Huawei, note: Note) -> None:
        """Wait until OMS lists the task that it was asked for. Raises NotYetError once its list would show it."""
        while not (task := huawei.tasks.made()):
            if huawei.task_keys.is_late(note):
                again = t("Its access keys stay. Run this again: the plan names the keys that go before the next try")
                raise NotYetError(asked_for(note), again)
            pause(self._session, _LIST_SECONDS, t("Waiting until OMS lists the sync task"))
        huawei.task_keys.name(task)

    def _key(self, holder: Holder | None, names: tuple[str, str], made: list[tuple[Holder, Keys]]) -> Keys:
        """A key of the user with whose key OMS works: that which somebody hands over, where the environment has it, or
        this may not make one; else a new one."""
        given = self._handed[names]
        if holder and not all(given):
            try:
                made.append((holder, holder.make_key()))
            except NotYetError:
                pass
            except RefusedError as error:
                if not error.is_denied:
                    raise
            else:
                return made[-1][1]
        keys = handed_over(self._session, names, given, self._whose(names))
        if keys is None:
            raise NotYetError(t("the key that somebody else makes is missing ({names})", names=names), LATER)
        return keys

    def _whose(self, names: tuple[str, str]) -> Text:
        """Return the sentence that says whose key is asked for, and what for."""
        user = f"{self._given['functionName']}-oms"
        if names == OMS_SOURCE:
            return t(
                "OMS reads the source bucket {bucket} with an access key of the RAM user {user}. The administrator of"
                " Alibaba Cloud creates the key and hands it to you; setup passes it on to OMS alone",
                bucket=self._given["sourceBucket"],
                user=user,
            )
        return t(
            "OMS writes to the destination bucket {bucket} with an access key of the IAM user {user}. The administrator"
            " of Huawei Cloud creates the key and hands it to you; setup passes it on to OMS alone",
            bucket=self._given["destinationBucket"],
            user=user,
        )

    def _migration_need(self) -> Need:
        """It works with the users that setup makes, and with keys of theirs. It is written down, or OMS works on it:
        whoever has one cloud's keys sees one of both."""
        alibaba, huawei, address = self._alibaba, self._huawei, self._given.get("SYNC_URL", "")
        remove = Typed("migrate", remove=True)

        def look() -> Line:
            task = task_of_any(alibaba.log, self._given["functionName"]) if alibaba else ""
            if not task and not (huawei and huawei.tasks.is_migrating()):
                return Line(Standing.THERE, t("none is on its way"))
            if address and task in address:
                return Line(Standing.STOP, t("it is not over"), t("End it first: {command}", command=remove))
            # There migrate looks for it.
            end = t("Write SYNC_URL back into s.yaml as it was, and end it: {command}", command=remove)
            facts = [same(huawei.tasks.url(task) if huawei else task)] if task else []
            return Line(Standing.STOP, t("it is not over"), end, facts)

        return Need(t("migration of the old objects"), ("oss:ListObjects", "oss:GetObject", "oms:taskgroup:list"), look)


def _seen(session: Session, needs: Sequence[Need]) -> list[tuple[Need, Line]]:
    seen = []
    for need in needs:
        session.progress(t("Looking at {what}", what=need.what))
        seen.append((need, need.see()))
    session.screen.begin()
    return seen


def _confirm(session: Session, shown: plan.SetupPlan, given: str | None, is_root: bool) -> None:
    """Raise UsageError unless somebody wants just this plan."""
    if given is not None and given != shown.hash:
        raise UsageError(
            t("The plan is another one now: {hash}", hash=shown.hash), t("Read it, and give its hash with --yes")
        )
    twice = t("A key is the account's own, or may be. Type {word} again, if that is meant:", word=_YES)
    questions = [t("Type {word} to carry it out:", word=_YES), *([twice] if is_root else [])]
    otherwise = t("Where nobody can be asked, give the plan's hash: --yes {hash}", hash=shown.hash)
    for question in questions if given is None else ():
        session.insist(question, _YES, t("Nothing was done"), otherwise)
