"""The command `ops.py setup`, which plans the project's resources in both clouds, and creates them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ops import project
from ops.accounts import plan
from ops.accounts.both_clouds import NEEDED_VARIABLES, Alibaba, Holder, Huawei
from ops.accounts.needs import RUN_AGAIN_TEXT, SETUP_STATES, Line, Need, NotYetError, PendingGrants, ResourceState
from ops.accounts.task_keys import Note, requested_text
from ops.clouds.keys import (
    ALIBABA_VARIABLES,
    HUAWEI_VARIABLES,
    OMS_DESTINATION_VARIABLES,
    OMS_SOURCE_VARIABLES,
    Keys,
    read_created_key,
    take_variables,
)
from ops.clouds.wire import RefusedError
from ops.errors import OpsError, UsageError
from ops.intention import Intentions, find_task
from ops.session import Session, pause
from ops.setup import settings_file
from ops.setup.lock import Lock
from ops.show import lines
from ops.terminal import UnwrappedLine
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t, untranslated

_LIST_SECONDS = 20.0
_YES, _CONSENT_WORD = "yes", "agree"
_PRIVACY_STATEMENT = "https://www.huaweicloud.com/declaration/sa_prp.html"


def setup(session: Session, options: Namespace, folder: Path) -> int:
    """Print the plan, execute it if the user confirms, and return the exit code."""
    run = SetupRun(session, options.template or folder / "s.yaml", options)
    needs = run.removals() if options.remove else run.renewals() if options.new_key else run.needs()
    needs = [*run.lock.needs(), *needs]
    result_texts = plan.TEXTS_AFTER_REMOVAL if options.remove else plan.TEXTS_AFTER_SETUP[options.only]
    if options.yes is None:
        run.report_migration(options)
    setup_plan = plan.SetupPlan(_read_states(session, needs), result_texts)
    session.show(options, setup_plan.report(session.lang), setup_plan.to_json())
    # The hash that the user passes confirms only the plan that was shown.
    if setup_plan.can_be_done and options.yes == setup_plan.hash:
        run.report_migration(options)
    if options.plan or not setup_plan.has_changes or not setup_plan.can_be_done:
        return setup_plan.exit_code
    _confirm(session, setup_plan, options.yes, run.is_root)
    # The question comes before any change, so that there is nothing to remove after a no.
    if run.task and setup_plan.creates(run.task):
        run.require_agreement(is_agreed=options.agree)
    if waiting_needs := run.execute(needs):
        remaining_plan = plan.SetupPlan(waiting_needs, result_texts)
        for line in lines.draw(remaining_plan.report(session.lang)):
            session.screen.print_line(line)
        return remaining_plan.exit_code
    session.print_text(result_texts.created)
    if result_texts.steps:
        session.screen.print_line(UnwrappedLine(f"  {result_texts.command}"))
    return 0


class SetupRun:
    """One run of setup, with the options of the command."""

    def __init__(self, session: Session, file: Path, options: Namespace) -> None:
        only_cloud: str = options.only
        self._session, self._file, self._variables = session, file, project.read(file, NEEDED_VARIABLES)
        # Programs that this run starts must not inherit these keys.
        take_variables(
            ALIBABA_VARIABLES if only_cloud == "huawei" else HUAWEI_VARIABLES if only_cloud == "alibaba" else ()
        )
        self._handed_keys = {
            names: take_variables(names) for names in (OMS_SOURCE_VARIABLES, OMS_DESTINATION_VARIABLES)
        }
        self._alibaba = None if only_cloud == "huawei" else Alibaba(session, self._variables)
        self._huawei = None
        if only_cloud != "alibaba":
            keeps_storage_class = options.keep_storage_class
            self._huawei = Huawei(
                session, self._variables, alibaba=self._alibaba, keep_storage_class=keeps_storage_class
            )
        callers = [cloud.account.holder for cloud in (self._alibaba, self._huawei) if cloud]
        self.lock = Lock(
            session, self._variables["functionName"], self._alibaba.log if self._alibaba else None, callers
        )
        self._has_agreed = False
        # The need for the sync task, if this run can create it.
        self.task: Need | None = None

    def needs(self) -> list[Need]:
        """Return all needs in the order of creation, so that a need depends only on earlier needs.

        A need is a resource that the project needs, with its state and the step that creates it.
        """
        alibaba, huawei = self._alibaba, self._huawei
        if huawei is None:
            return [*alibaba.needs(lambda: False), alibaba.source_key_handover()] if alibaba else []
        users = {OMS_SOURCE_VARIABLES: alibaba.reader if alibaba else None, OMS_DESTINATION_VARIABLES: huawei.writer}
        self.task = huawei.tasks.need(lambda: self._make_task(huawei))
        return [
            *(alibaba.needs(huawei.has_task) if alibaba else ()),
            *huawei.needs(),
            *huawei.key_needs(
                [holder for names, holder in users.items() if holder and not all(self._handed_keys[names])]
            ),
            *(() if alibaba else (huawei.foreign_source_key(),)),
            self.task,
            settings_file.need(self._file, self._variables, huawei.settings, self._session.print_text),
        ]

    def removals(self) -> list[Need]:
        """Return the steps that remove resources: a resource is removed after all resources that depend on it."""
        print_text = self._session.print_text
        line = Line(
            ResourceState.BY_HAND, None, t("First remove the functions and triggers: {command}", command=Step("remove"))
        )
        return [
            Need(t("functions and triggers"), (), lambda: line),
            self._migration_check(),
            *(removal for cloud in (self._huawei, self._alibaba) if cloud for removal in cloud.removals()),
            *([settings_file.removal(self._file, self._huawei.list_own_settings, print_text)] if self._huawei else ()),
        ]

    def renewals(self) -> list[Need]:
        if self._huawei is None:
            raise UsageError(
                t("--new-key replaces the functions' access key, which belongs to Huawei Cloud"),
                t("Omit --only alibaba"),
            )
        return list(self._huawei.renewals())

    def report_migration(self, options: Namespace) -> None:
        alibaba, huawei = self._alibaba, self._huawei
        if alibaba is None:
            return
        intentions = Intentions(alibaba.log, self._variables.get("SYNC_URL", ""), self._variables["functionName"])
        if huawei is None or options.plan:
            intentions.report_keys(self._session)
        else:
            holders, tasks = (alibaba.reader, huawei.writer), huawei.tasks
            intentions.report_keys(
                self._session, lambda: (tasks.task_groups(), holders), is_confirmed=options.yes is not None
            )

    @property
    def is_root(self) -> bool:
        """True if an access key belongs to an account itself, not to a user; the user then has to confirm twice."""
        return any(cloud.account.is_root for cloud in (self._alibaba, self._huawei) if cloud)

    def require_agreement(self, *, is_agreed: bool) -> None:
        """Raise UsageError unless the user agrees to OMS's privacy statement.

        With `is_agreed`, the user has agreed by an option; otherwise ask.
        """
        if not is_agreed:
            self._session.print_text(
                t("OMS requires agreement to its privacy statement: {url}", url=_PRIVACY_STATEMENT)
            )
            self._session.require_word(
                t("Type {word} to agree:", word=_CONSENT_WORD),
                _CONSENT_WORD,
                t("You did not agree, so nothing was changed"),
                t("Without a terminal, pass --agree"),
            )
        self._has_agreed = True

    def execute(self, needs: Sequence[Need]) -> list[tuple[Need, Line]]:
        """Create, change or remove the resources of these needs.

        Return the resources that a person has to create first, each with its line of the plan. Raises UsageError if the
        plan is outdated, or if another run has the lock.
        """
        waiting_needs: list[tuple[Need, Line]] = []
        try:
            for need in needs:
                line = need.inspect()
                if line.state in (ResourceState.STOP, ResourceState.UNREADABLE):
                    raise UsageError(
                        t("Setup's plan is outdated ({what}: {detail})", what=need.title, detail=line.detail),
                        sentences(line.next, t("Then run the command again")),
                    )
                if line.state in SETUP_STATES:
                    # A person's key can replace the creation of a resource, but not its change or removal.
                    need = need if line.state is ResourceState.CREATE else replace(need, is_settled=lambda: False)
                    line = self._change(need)
                if line.state is ResourceState.WAIT:
                    waiting_needs.append((need, line))
                self.lock.take()
        finally:
            self.lock.release()
        return [(need, line) for need, line in waiting_needs if not need.is_settled()]

    def _change(self, need: Need) -> Line:
        try:
            need.change()
        except NotYetError as error:
            return Line(ResourceState.WAIT, error.problem, error.fix, steps=need.manual_steps)
        except RefusedError as error:
            text = t("{what}: {happened}", what=need.title, happened=error.problem)
            if not error.is_denied:
                raise OpsError(text, error.fix) from None
            if not need.manual_steps:
                raise NotYetError(text, need.permission_advice(error)) from None
            return need.refusal_line(error)
        self._session.print_text(t("Done: {what}", what=need.title))
        return Line(ResourceState.EXISTS)

    def _make_task(self, huawei: Huawei) -> None:
        tasks, variables, task_keys = huawei.tasks, self._variables, huawei.task_keys
        if note := task_keys.find_unanswered_note():
            self._await_task(huawei, note)
            return
        self.require_agreement(is_agreed=self._has_agreed)
        tasks.accept_privacy_statement()
        new_keys: list[tuple[Holder, Keys]] = []
        grants = PendingGrants(self._session)
        try:
            source = self._obtain_key(self._alibaba.reader if self._alibaba else None, OMS_SOURCE_VARIABLES, new_keys)
            destination = self._obtain_key(huawei.writer, OMS_DESTINATION_VARIABLES, new_keys)
            created_keys = [keys for _, keys in new_keys]
            reading_text, writing_text = t("reading the source"), t("writing to the destination")
            region = grants.wait(
                reading_text,
                lambda: tasks.read_region("Aliyun", source, variables["sourceBucket"]),
                is_new=source in created_keys,
            )
            grants.wait(
                writing_text,
                lambda: huawei.create_destination_client(destination).location(),
                is_new=destination in created_keys,
            )
            key_ids = [keys.access.reveal() for keys in created_keys]
            grants.wait(
                t("creating a sync task"),
                lambda: task_keys.request(key_ids, lambda: tasks.create(region, source, destination)),
                is_settled=True,
            )
        except BaseException as error:
            if task_keys.pending_note is None:
                # The secrets of these keys are lost.
                for holder, keys in new_keys:
                    holder.delete_key(keys.access.reveal())
            elif isinstance(error, OpsError):
                # OMS may have created the task, and have the keys.
                self._await_task(huawei, task_keys.pending_note)
                return
            raise

    def _await_task(self, huawei: Huawei, note: Note) -> None:
        """Wait until OMS lists the requested task.

        Raises NotYetError if the task does not appear within the time that OMS can take for a new task.
        """
        while not (task := huawei.tasks.find_own_task()):
            if huawei.task_keys.is_old(note):
                advice = t(
                    "The task's access keys are kept. Run the command again: the plan then lists the"
                    " access keys to delete before the next attempt"
                )
                raise NotYetError(requested_text(note), advice)
            pause(self._session, _LIST_SECONDS, t("Waiting for OMS to list the sync task"))
        huawei.task_keys.store_task_id(task)

    def _obtain_key(self, holder: Holder | None, names: tuple[str, str], new_keys: list[tuple[Holder, Keys]]) -> Keys:
        """Return the access key that OMS uses for one of the two buckets.

        The key comes from the environment variables `names`, or setup creates it for the user `holder` and adds it to
        `new_keys`. If setup must not create keys, the person at the terminal types the key.
        """
        handed_key = self._handed_keys[names]
        if holder and not all(handed_key):
            try:
                new_keys.append((holder, holder.make_key()))
            except NotYetError:
                pass
            except RefusedError as error:
                if not error.is_denied:
                    raise
            else:
                return new_keys[-1][1]
        keys = read_created_key(self._session, names, handed_key, self._key_request(names))
        if keys is None:
            raise NotYetError(
                t("the access key from the other cloud's administrator is missing ({names})", names=names),
                RUN_AGAIN_TEXT,
            )
        return keys

    def _key_request(self, names: tuple[str, str]) -> Text:
        user = f"{self._variables['functionName']}-oms"
        if names == OMS_SOURCE_VARIABLES:
            return t(
                "OMS reads the source bucket {bucket} with an access key of the RAM user {user}. The"
                " administrator of Alibaba Cloud creates the key and hands it to you; setup passes it only"
                " to OMS",
                bucket=self._variables["sourceBucket"],
                user=user,
            )
        return t(
            "OMS writes to the destination bucket {bucket} with an access key of the IAM user {user}. The"
            " administrator of Huawei Cloud creates the key and hands it to you; setup passes it only to OMS",
            bucket=self._variables["destinationBucket"],
            user=user,
        )

    def _migration_check(self) -> Need:
        """Return the check that no migration is in progress, because a migration uses access keys of setup's users.

        A migration has a record in the log bucket, and a task group at OMS. A caller with keys of a single cloud sees
        only one of the two.
        """
        alibaba, huawei, address = self._alibaba, self._huawei, self._variables.get("SYNC_URL", "")
        removal_step = Step("migrate", {"remove": True})

        def read_state() -> Line:
            task = find_task(alibaba.log, self._variables["functionName"]) if alibaba else ""
            if not task and not (huawei and huawei.tasks.is_migrating()):
                return Line(ResourceState.EXISTS, t("none running"))
            if address and task in address:
                return Line(
                    ResourceState.STOP, t("not finished"), t("End the migration first: {command}", command=removal_step)
                )
            # The command migrate finds the record by SYNC_URL.
            restoring_text = t(
                "Restore the previous SYNC_URL in s.yaml, and end the migration: {command}", command=removal_step
            )
            task_lines = [untranslated(huawei.tasks.url(task) if huawei else task)] if task else []
            return Line(ResourceState.STOP, t("not finished"), restoring_text, task_lines)

        return Need(
            t("migration of the existing objects"),
            ("oss:ListObjects", "oss:GetObject", "oms:taskgroup:list"),
            read_state,
        )


def _read_states(session: Session, needs: Sequence[Need]) -> list[tuple[Need, Line]]:
    states = []
    for need in needs:
        session.progress(t("Checking {what}", what=need.title))
        states.append((need, need.inspect()))
    session.screen.begin()
    return states


def _confirm(session: Session, setup_plan: plan.SetupPlan, confirmed_hash: str | None, is_root: bool) -> None:
    if confirmed_hash is not None and confirmed_hash != setup_plan.hash:
        raise UsageError(
            t("Setup's plan has changed. Its new hash: {hash}", hash=setup_plan.hash),
            t("Read the new plan, and pass its hash with --yes"),
        )
    root_question = t(
        "At least one of the access keys belongs, or may belong, to the account itself and not to a user."
        " To use the access keys anyway, type {word} again:",
        word=_YES,
    )
    questions = [t("Type {word} to execute the plan:", word=_YES), *([root_question] if is_root else [])]
    hint = t("Without a terminal, pass the plan's hash: --yes {hash}", hash=setup_plan.hash)
    for question in questions if confirmed_hash is None else ():
        session.require_word(question, _YES, t("Nothing was changed"), hint)
