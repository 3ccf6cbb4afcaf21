"""The run of a canary, and its removal."""

from __future__ import annotations

import json
import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.accounts.both_clouds import NEEDED, Alibaba, Huawei
from ops.canary import field_report, hops
from ops.canary.access import Accounts
from ops.canary.hops import LIMITS, Followed, Watch
from ops.canary.in_place import InPlace, change_in_place
from ops.canary.journal import Journal, Journals
from ops.canary.objects import UPLOAD_PART, CanaryObject, items
from ops.canary.outcome import EQUAL, NOT_COME, exit_code, named, outcome, title_of
from ops.canary.removal import remove
from ops.certificate.form import RECORDS
from ops.clock import timestamp
from ops.clouds.oms import TaskGroups
from ops.errors import OpsError, UsageError
from ops.intention import Holder, Intentions
from ops.project import read
from ops.session import Session, duration
from ops.shell import Typed
from ops.terminal import Whole
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import CanaryResult
from oss_oms_sync.answers.text import t

_TO_REMOVE = ("functionName", "region", "sourceBucket", "logBucket")
_TO_FLY = (*_TO_REMOVE, "SYNC_URL")
_LOOK_SECONDS = 5.0

_REMOVE = Typed("canary", remove=True)
_LEFT = t("Objects of the canary are left. Delete them: {command}", command=_REMOVE)


def canary(session: Session, options: Namespace, folder: Path) -> int:
    """Run it, or remove what runs have left; return the exit code. Raises OpsError."""
    file = options.template or folder / "s.yaml"
    given = read(file, _TO_REMOVE if options.remove else _TO_FLY)
    accounts = Accounts.of(session, given, is_removal=options.remove)
    journals = Journals(accounts)
    session.hint = _LEFT
    if options.remove:
        return _remove_all(session, options, accounts, journals)
    accounts.check(session)
    intentions = Intentions(accounts.log, given["SYNC_URL"], given["functionName"])
    intentions.see_to_keys(session, lambda: _of_migration(session, accounts, file))
    for other in journals.all():
        raise UsageError(
            t("Another canary has not been removed, or still runs: {run}", run=other.run),
            t("If nobody runs it any more: {command}", command=_REMOVE),
        )
    return _Run(session, accounts, journals).fly(options)


def _of_migration(session: Session, accounts: Accounts, file: Path) -> tuple[TaskGroups, Sequence[Holder]]:
    given = read(file, NEEDED)
    alibaba, huawei = Alibaba(session, given, accounts.keys[0]), Huawei(session, given, accounts.keys[1])
    return huawei.tasks.groups(), (alibaba.reader, huawei.writer)


def _remove_all(session: Session, options: Namespace, accounts: Accounts, journals: Journals) -> int:
    found = list(journals.all())
    left = [journal.prefix for journal in found if not remove(session, accounts, journals, journal)]
    if options.json:
        removed = [journal.prefix for journal in found if journal.prefix not in left]
        session.screen.answer([Whole(json.dumps({"removed": removed, "left": left}))])
    elif not found:
        session.screen.answer([t("No canary has left anything.").of(session.lang)])
    return NOT_COME if left else EQUAL


class _Run:
    """One run, which leaves nothing behind but OMS's lists, and a report if it is wanted."""

    def __init__(self, session: Session, accounts: Accounts, journals: Journals) -> None:
        self._session, self._accounts, self._journals = session, accounts, journals
        self._run = f"{session.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self._watch = Watch(accounts, session.clock, self._run)
        self._in_place = InPlace()
        self._journal = Journal(
            self._run,
            accounts.prefix(self._run),
            accounts.source.name,
            accounts.destination.name,
            accounts.task,
            timestamp(session.clock.now()),
        )

    def fly(self, options: Namespace) -> int:
        """Write, follow, compare, delete, tell."""
        session, accounts = self._session, self._accounts
        all_items = items()
        session.say(
            t(
                "Writes {n:object|objects}, {size:.0f} MB, below {prefix} of {source}, follows each into {destination},"
                " compares it, and deletes all of it.",
                n=len(all_items),
                size=sum(canary_object.size for canary_object in all_items) / 1e6,
                prefix=self._journal.prefix,
                source=accounts.source.name,
                destination=accounts.destination.name,
            )
        )
        try:
            for item in all_items:
                self._write(item)
            self._follow()
            self._compare()
            self._change_in_place()
            versions = bool(accounts.source.versioning()), bool(accounts.destination.versioning())
        except (KeyboardInterrupt, OpsError) as error:
            session.say(t("Deleting what was written. Ctrl-C leaves it; then: {command}", command=_REMOVE), "open")
            if not self._remove():
                session.say(_LEFT)
            session.hint = None
            raise error from None
        self._journal.is_settled = not self._watch.missing() and self._watch.is_done
        told = field_report.report(self._watch, self._run, accounts.shown, self._in_place, versions=versions)
        self._store(told)
        code, missing = exit_code(self._watch), self._watch.missing()
        lines = list(outcome(self._watch, self._in_place, session.lang))
        is_gone = self._remove()
        if is_gone:
            session.hint = None
        named = {hop: [canary_object.title for canary_object in some] for hop, some in missing.items()}
        answer = {"code": code, "missing": named, "unfinished": self._watch.unfinished, "report": told}
        session.screen.answer([Whole(json.dumps(answer))] if options.json else lines)
        self._keep(options.report, told)
        if not is_gone:
            session.say(_LEFT)
            return code or NOT_COME
        return code

    def _remove(self) -> bool:
        """Whether nothing is left; whatever becomes of that, what was seen is still told."""
        try:
            return remove(self._session, self._accounts, self._journals, self._journal)
        except KeyboardInterrupt:
            return False
        except OpsError as error:
            self._session.say(error.happened, "bad")
            self._session.say(error.fix)
            return False

    def _write(self, item: CanaryObject) -> None:
        """Tell of it, and then write it."""
        session, source = self._session, self._accounts.source
        key = self._accounts.key(self._run, item.ending)
        session.progress(t("writing {title}", title=title_of(item, session.lang)))
        self._journal.keys.append(key)
        self._journals.write(self._journal, session.clock.now())
        if item.how == "copy":
            source.copy(self._accounts.key(self._run, "small"), key)
        elif item.how == "parts":
            source.upload(key, item.contents(self._run), UPLOAD_PART, item.headers)
        else:
            source.put(key, item.contents(self._run), item.headers)
        response = source.head(key)
        followed = Followed(item, key)
        if response:
            followed.etag, followed.written = response.headers.get("etag", "").strip('"'), hops.modified(response)
        self._watch.followed.append(followed)
        if item.twice:
            session.caller.ask("forward", _event(self._accounts.given, followed))

    def _follow(self) -> None:
        """Look until all has come, or what has not is over its limit."""
        session, watch = self._session, self._watch
        session.screen.begin()
        began = session.clock.monotonic()
        while True:
            watch.look()
            gone = session.clock.monotonic() - began
            waited_for = {hop: some for hop, some in watch.missing().items() if gone < LIMITS[hop]}
            if not waited_for:
                return
            left = max(LIMITS[hop] for hop in waited_for) - gone
            session.progress(
                t("waiting at most {left} more for: {what}", left=duration(left), what=named(waited_for, session.lang))
            )
            # What comes soon is seen soon.
            session.clock.sleep(_LOOK_SECONDS if gone < 60 else 3 * _LOOK_SECONDS)

    def _compare(self) -> None:
        carries = self._accounts.shown.get("enable_metadata_migration") is True
        for followed in self._watch.followed:
            if followed.in_obs:
                response = self._accounts.destination.get(followed.key)
                hops.compare(followed, response, followed.item.contents(self._run), carries_metadata=carries)

    def _change_in_place(self) -> None:
        """Change headers of one object that is compared already."""
        arrived = next((followed for followed in self._watch.followed if followed.in_obs), None)
        if arrived:
            self._session.progress(
                t("changing headers of {title} in OBS", title=title_of(arrived.item, self._session.lang))
            )
            self._in_place = change_in_place(self._accounts.destination, arrived.key, self._session.clock)

    def _store(self, told: dict[str, Any]) -> None:
        """Keep for doctor what was seen (oss_oms_sync/ledger/state.py); whatever becomes of that, the run goes on."""
        accounts, session = self._accounts, self._session
        name = f"{RECORDS}{accounts.task}/state/canary-{accounts.given['functionName']}.json"
        canary_result = CanaryResult(timestamp(session.clock.now()), told)
        try:
            accounts.log.put(name, json.dumps(to_json(canary_result)).encode(), {"Content-Type": "application/json"})
        except OpsError as error:
            session.say(error.happened, "bad")
            session.say(t("Doctor does not learn what this canary saw: run another one"))
        else:
            session.say(t("Doctor goes by what was seen: {command}", command=Typed("doctor")))

    def _keep(self, file: Path | None, told: dict[str, Any]) -> None:
        """Write the report where that is wanted."""
        session, wanted = self._session, Path("field-report.json")
        if file is None and session.agrees(
            t("Write the field report, which names nobody, to {wanted}? [y/N]", wanted=wanted)
        ):
            file = wanted
        if file:
            session.write(file, f"{json.dumps(told, indent=1)}\n")
            session.say(
                t(
                    "No name, key, host, ETag or time is in {file}. It helps others: attach it to a field report at the"
                    " project's issues.",
                    file=str(file),
                )
            )


def _event(given: Mapping[str, str], followed: Followed) -> dict[str, Any]:
    """The event of an object, as Function Compute hands it to forward (help.aliyun.com, "OSS triggers")."""
    return {
        "events": [
            {
                "eventName": "ObjectCreated:PutObject",
                "eventSource": "acs:oss",
                "eventTime": timestamp(followed.written) if followed.written else "",
                "oss": {
                    "bucket": {"name": given["sourceBucket"]},
                    "object": {"key": followed.key, "eTag": followed.etag, "size": followed.item.size},
                },
                "region": given["region"],
            }
        ]
    }
