"""The command `canary`: a trial of the project with a few objects, or the removal of the objects of earlier runs."""

from __future__ import annotations

import json
import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.accounts.both_clouds import NEEDED_VARIABLES, Alibaba, Huawei
from ops.canary import field_report, hops
from ops.canary.access import Accounts
from ops.canary.hops import HOP_LIMITS_SECONDS, Trace, Watch
from ops.canary.in_place import InPlaceEffect, change_in_place
from ops.canary.journal import Journal, Journals
from ops.canary.objects import UPLOAD_PART_BYTES, CanaryObject, canary_objects
from ops.canary.outcome import describe_outcome, exit_code, hop_titles, object_title
from ops.canary.permission import find_policy
from ops.canary.removal import remove
from ops.clock import timestamp
from ops.clouds.oms import TaskGroups
from ops.errors import OpsError, UsageError
from ops.exit_codes import ExitCode
from ops.intention import Holder, Intentions
from ops.project import read
from ops.session import Session, format_duration
from ops.terminal import json_lines
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import CanaryResult
from oss_oms_sync.answers.layout import canary_result_name
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t

_REMOVAL_VARIABLES = ("functionName", "region", "sourceBucket", "logBucket")
_NEEDED_VARIABLES = (*_REMOVAL_VARIABLES, "SYNC_URL")
_CHECK_SECONDS = 5.0
# Maximum seconds before the header change in the source, so that enough time remains for OMS's counts.
_MAX_CHANGE_DELAY = 300.0

_REMOVAL_STEP = Step("canary", {"remove": True})
_OBJECTS_LEFT_TEXT = t("Canary objects are left. To delete them: {command}", command=_REMOVAL_STEP)


def canary(session: Session, options: Namespace, folder: Path) -> int:
    """Run a canary, or remove the objects of earlier runs; return the exit code. Raises OpsError."""
    file = options.template or folder / "s.yaml"
    variables = read(file, _REMOVAL_VARIABLES if options.remove else _NEEDED_VARIABLES)
    accounts = Accounts.connect(session, variables, is_removal=options.remove)
    journals = Journals(accounts)
    session.hint = _OBJECTS_LEFT_TEXT
    if options.remove:
        return _remove_all(session, options, accounts, journals)
    accounts.check(session)
    intentions = Intentions(accounts.log, variables["SYNC_URL"], variables["functionName"])
    intentions.report_keys(session, lambda: _migration_access(session, accounts, file))
    for journal in journals.list_all():
        raise UsageError(
            t(
                "Another canary is running, or an earlier canary left its objects in the buckets. Run of that"
                " canary: {run}",
                run=journal.run,
            ),
            t("If that canary no longer runs, delete its objects: {command}", command=_REMOVAL_STEP),
        )
    return _Run(session, accounts, journals, intentions).run_canary(options)


def _migration_access(session: Session, accounts: Accounts, file: Path) -> tuple[TaskGroups, Sequence[Holder]]:
    variables = read(file, NEEDED_VARIABLES)
    alibaba, huawei = Alibaba(session, variables, accounts.keys[0]), Huawei(session, variables, accounts.keys[1])
    return huawei.tasks.task_groups(), (alibaba.reader, huawei.writer)


def _remove_all(session: Session, options: Namespace, accounts: Accounts, journals: Journals) -> int:
    all_journals = list(journals.list_all())
    remaining_prefixes = [
        journal.prefix for journal in all_journals if not remove(session, accounts, journals, journal)
    ]
    if options.json:
        removed_prefixes = [journal.prefix for journal in all_journals if journal.prefix not in remaining_prefixes]
        session.screen.answer(json_lines({"removed": removed_prefixes, "left": remaining_prefixes}))
    elif not all_journals:
        session.screen.answer([t("No canary objects are left.").of(session.lang)])
    return ExitCode.NOT_PROVEN if remaining_prefixes else ExitCode.OK


class _Run:
    """One run of a canary, from the first written object to the deletion of all objects."""

    def __init__(self, session: Session, accounts: Accounts, journals: Journals, intentions: Intentions) -> None:
        self._session, self._accounts, self._journals, self._intentions = session, accounts, journals, intentions
        self._run = f"{session.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self._watch = Watch(accounts, session.clock, self._run)
        self._in_place, self._policy = InPlaceEffect(), ""
        self._journal = Journal(
            self._run,
            accounts.prefix(self._run),
            accounts.source.name,
            accounts.destination.name,
            accounts.task,
            timestamp(session.clock.now()),
        )

    def run_canary(self, options: Namespace) -> int:
        """Write the objects, follow them to OBS, compare and delete them, print the outcome; return the exit code."""
        session, accounts = self._session, self._accounts
        originals = canary_objects()
        session.print_text(
            t(
                "The canary writes {n:object|objects} ({size:.0f} MB) below {prefix} of {source}, follows"
                " each object into {destination}, compares the copies, and deletes all objects.",
                n=len(originals),
                size=sum(canary_object.size for canary_object in originals) / 1e6,
                prefix=self._journal.prefix,
                source=accounts.source.name,
                destination=accounts.destination.name,
            )
        )
        try:
            for original in originals:
                self._write(original)
            self._follow()
            self._compare()
            self._change_in_place()
            self._policy = find_policy(session, accounts.variables, accounts.keys[1])
            has_versioning = bool(accounts.source.versioning()), bool(accounts.destination.versioning())
            copy_speed = self._intentions.read_speed()
        except (KeyboardInterrupt, OpsError) as error:
            session.print_text(
                t(
                    "Deleting the canary's objects. To keep them, press Ctrl-C; to delete them later: {command}",
                    command=_REMOVAL_STEP,
                ),
                "open",
            )
            if not self._remove():
                session.print_text(_OBJECTS_LEFT_TEXT)
            session.hint = None
            raise error from None
        self._journal.is_settled = not self._watch.list_incomplete_hops() and self._watch.is_done
        report = field_report.report(
            self._watch,
            self._run,
            accounts.task_fields,
            self._in_place,
            policy=self._policy,
            has_versioning=has_versioning,
            copy_speed=copy_speed,
        )
        self._store(report)
        code, missing_hops = exit_code(self._watch), self._watch.list_incomplete_hops()
        lines = list(describe_outcome(self._watch, self._in_place, self._policy, session.lang))
        is_removed = self._remove()
        if is_removed:
            session.hint = None
        titles = {
            hop: [canary_object.title for canary_object in missing_objects]
            for hop, missing_objects in missing_hops.items()
        }
        answer = {"code": code, "missing": titles, "unfinished": self._watch.unfinished_key_count, "report": report}
        # The file is written before the output, because a reader of the output, such as head, may end this program.
        if options.report:
            self._write_report(options.report, report)
        session.screen.answer(json_lines(answer) if options.json else lines)
        default_file = Path("field-report.json")
        if not options.report and session.agrees(
            t("Write the field report, without identifying data, to {wanted}? [y/N]", wanted=default_file)
        ):
            self._write_report(default_file, report)
        if not is_removed:
            session.print_text(_OBJECTS_LEFT_TEXT)
            return code or ExitCode.NOT_PROVEN
        return code

    def _remove(self) -> bool:
        """Remove the objects; return True if all are gone. Print errors instead of raising them."""
        try:
            return remove(self._session, self._accounts, self._journals, self._journal)
        except KeyboardInterrupt:
            return False
        except OpsError as error:
            self._session.print_text(error.problem, "bad")
            self._session.print_text(error.fix)
            return False

    def _write(self, original: CanaryObject) -> None:
        """Write an object, after its key is stored in the journal."""
        session, source = self._session, self._accounts.source
        key = self._accounts.key(self._run, original.ending)
        session.progress(t("writing {title}", title=object_title(original, session.lang)))
        self._journal.keys.append(key)
        self._journals.write(self._journal, session.clock.now())
        if original.upload_method == "copy":
            source.copy(self._accounts.key(self._run, "small"), key)
        elif original.upload_method == "parts":
            source.upload(key, original.contents(self._run), UPLOAD_PART_BYTES, original.headers)
        else:
            source.put(key, original.contents(self._run), original.headers)
        trace = self._begin_trace(original, key)
        self._watch.traces.append(trace)
        if original.has_second_event:
            session.caller.ask("forward", _make_event(self._accounts.variables, trace))

    def _begin_trace(self, original: CanaryObject, key: str) -> Trace:
        """Return a new `Trace` of an object, with the time and the ETag that the source reports."""
        response = self._accounts.source.head(key)
        if response is None:
            return Trace(original, key)
        return Trace(original, key, response.headers.get("etag", "").strip('"'), hops.read_last_modified(response))

    def _follow(self) -> None:
        """Follow the objects until all have arrived, or until the missing objects have exceeded their time limits."""
        session, watch = self._session, self._watch
        session.screen.begin()
        start_seconds = session.clock.monotonic()
        while True:
            watch.read_progress()
            elapsed_seconds = session.clock.monotonic() - start_seconds
            if elapsed_seconds < _MAX_CHANGE_DELAY and (trace := watch.find_changeable_object()):
                self._change_in_source(trace)
            waiting_hops = {
                hop: originals
                for hop, originals in watch.list_incomplete_hops().items()
                if elapsed_seconds < HOP_LIMITS_SECONDS[hop]
            }
            seconds_left = max((HOP_LIMITS_SECONDS[hop] - elapsed_seconds for hop in waiting_hops), default=0.0)
            if watch.change and watch.change_seconds_left:
                waiting_hops["change"], seconds_left = (
                    [watch.change.original],
                    max(seconds_left, watch.change_seconds_left),
                )
            if not waiting_hops:
                return
            session.progress(
                t(
                    "waiting up to {left} for: {what}",
                    left=format_duration(seconds_left),
                    what=hop_titles(waiting_hops, session.lang),
                )
            )
            # Short intervals in the first minute make the times of the hops precise.
            session.clock.sleep(_CHECK_SECONDS if elapsed_seconds < 60 else 3 * _CHECK_SECONDS)

    def _change_in_source(self, trace: Trace) -> None:
        """Change headers of an object in the source, and store the time.

        OSS may or may not send an event about the change.
        """
        session, source = self._session, self._accounts.source
        session.progress(
            t(
                "changing headers of the canary object '{title}' in OSS",
                title=object_title(trace.original, session.lang),
            )
        )
        # Records have whole seconds, so the change's records must be later than the first.
        session.clock.sleep(2.0)
        self._journals.write(self._journal, session.clock.now())
        source.replace_headers(trace.key, {**trace.original.headers, "Cache-Control": "max-age=61"})
        self._watch.store_change(self._begin_trace(trace.original, trace.key))

    def _compare(self) -> None:
        carries_metadata = self._accounts.task_fields.get("enable_metadata_migration") is True
        for trace in self._watch.traces:
            if trace.copy_time:
                response = self._accounts.destination.get(trace.key)
                hops.compare(trace, response, trace.original.contents(self._run), carries_metadata=carries_metadata)

    def _change_in_place(self) -> None:
        copied_trace = next((trace for trace in self._watch.traces if trace.copy_time), None)
        if copied_trace:
            self._session.progress(
                t(
                    "changing headers of the canary object '{title}' in OBS",
                    title=object_title(copied_trace.original, self._session.lang),
                )
            )
            self._in_place = change_in_place(self._accounts.destination, copied_trace.key, self._session.clock)

    def _store(self, report: dict[str, Any]) -> None:
        """Store the field report for doctor; print an error instead of raising it."""
        accounts, session = self._accounts, self._session
        name = canary_result_name(accounts.task, accounts.variables["functionName"])
        canary_result = CanaryResult(timestamp(session.clock.now()), report)
        try:
            accounts.log.put(name, json.dumps(to_json(canary_result)).encode(), {"Content-Type": "application/json"})
        except OpsError as error:
            session.print_text(error.problem, "bad")
            session.print_text(
                t("Doctor cannot use the results of this canary, because they were not stored: run another canary")
            )
        else:
            session.print_text(t("Doctor now uses these results: {command}", command=Step("doctor")))

    def _write_report(self, file: Path, report: dict[str, Any]) -> None:
        session = self._session
        session.write(file, f"{json.dumps(report, indent=1)}\n")
        session.print_text(
            t(
                "{file} contains no name, object key, access key, host, ETag or time. To help other"
                " users, attach the file to a field report in the project's issues.",
                file=str(file),
            )
        )


def _make_event(variables: Mapping[str, str], trace: Trace) -> dict[str, Any]:
    """Return an object's event in the form that Function Compute sends to forward (Alibaba Cloud, "OSS triggers")."""
    return {
        "events": [
            {
                "eventName": "ObjectCreated:PutObject",
                "eventSource": "acs:oss",
                "eventTime": timestamp(trace.write_time) if trace.write_time else "",
                "oss": {
                    "bucket": {"name": variables["sourceBucket"]},
                    "object": {"key": trace.key, "eTag": trace.etag, "size": trace.original.size},
                },
                "region": variables["region"],
            }
        ]
    }
