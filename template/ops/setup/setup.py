"""`ops.py setup`: what the project needs in both clouds, as a plan, and then made so."""

from __future__ import annotations

import json
import uuid
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ops.clouds.keys import Keys
from ops.clouds.wire import RefusedError, UnreachableError
from ops.errors import UsageError
from ops.files import write
from ops.setup import plan, settings_file
from ops.setup.both_clouds import BothClouds, Holder
from ops.setup.needs import OURS, Line, Need, Standing
from ops.show import lines, page
from ops.terminal import Whole
from ops.waiting import Session, pause
from oss_oms_sync.answers.text import Text, t

NOT_YET = 3
# How often a new key is tried, and how long grants take at most, by both vendors' pages.
_TRY_SECONDS = 20.0
_GRANTS = timedelta(minutes=35)
_LOCK_HOLDS = timedelta(minutes=40)
_YES, _AGREE = "yes", "agree"
_STATEMENT = "https://www.huaweicloud.com/declaration/sa_prp.html"
# What OMS says of a key whose rights, or which itself, it does not see yet.
_NOT_YET_SEEN = ("OMS.0068", "OMS.0072")
_MADE = t("Set up. Deploy it, and see whether all is well:")
_REMOVED = t("Removed. The buckets are still there, with all that is in them.")


class GrantsError(UsageError):
    """What a new key may do does not act yet."""

    exit_code = NOT_YET


def setup(session: Session, options: Namespace, folder: Path) -> int:
    """Show the plan; then carry it out, if that is wanted. Raises OpsError."""
    file = options.template or folder / "s.yaml"
    run = Run(session, BothClouds.of(session, file), file)
    needs = run.removals() if options.remove else run.renewals() if options.new_key else run.needs()
    shown = plan.Plan(_seen(session, needs))
    report = shown.report(session.lang)
    session.screen.answer([Whole(json.dumps(shown.to_json()))] if options.json else lines.draw(report))
    if options.html:
        write(options.html, page.draw(report), session.screen, session.lang)
    if options.plan or not shown.is_to_do or not shown.can_be_done:
        return shown.exit_code
    _confirm(session, shown, options.yes, run.is_root)
    run.carry_out(needs, options.agree)
    session.screen.say((_REMOVED if options.remove else _MADE).of(session.lang))
    if not options.remove:
        session.screen.say(Whole(f"  {plan.NEXT}"))
    return 0


class Run:
    """One run of setup."""

    def __init__(self, session: Session, clouds: BothClouds, file: Path) -> None:
        self._session, self._clouds, self._file = session, clouds, file

    def needs(self) -> list[Need]:
        """Everything in the order in which it is made: what follows needs what is before it."""
        clouds = self._clouds
        return [
            *clouds.account_needs(),
            *clouds.bucket_needs(),
            *clouds.holder_needs(),
            *clouds.key_needs(),
            clouds.tasks.need(self._make_task),
            Need(t("s.yaml"), (), self._look_at_settings, self._write_settings),
        ]

    def removals(self) -> list[Need]:
        """What goes, and in which order."""
        return [*self._clouds.account_needs(), *self._clouds.removals()]

    def renewals(self) -> list[Need]:
        """What another key of the functions takes."""
        return list(self._clouds.renewals())

    @property
    def is_root(self) -> bool:
        """Whether somebody has to say yes twice."""
        return self._clouds.is_root

    def carry_out(self, needs: Sequence[Need], agreed: bool) -> None:
        """Make what is not there. Whoever comes second is told who is at work."""
        self._agreed = agreed
        lock = Lock(self._session, self._clouds)
        try:
            for need in needs:
                line = need.see()
                if line.state in (Standing.STOP, Standing.UNSEEN):
                    raise UsageError(
                        t("Something has changed: {what}", what=need.what), t("Look at the plan again, with --plan")
                    )
                if line.state in OURS:
                    need.do()
                    self._say(t("Done: {what}", what=need.what))
                lock.take()
        finally:
            lock.release()

    def _make_task(self) -> None:
        clouds = self._clouds
        self._agree()
        made: list[tuple[Holder, Keys]] = []
        self._grants_end = self._session.clock.now() + _GRANTS
        try:
            made.extend((holder, holder.make_key()) for holder in (clouds.reader, clouds.writer))
            source, destination = (keys for _, keys in made)
            self._wait(t("reading the source"), lambda: clouds.tasks.region_of("Aliyun", source, clouds.source.name))
            self._wait(t("writing to the destination"), lambda: clouds.with_keys(destination).location())
            self._wait(t("a sync task"), lambda: clouds.tasks.create(source, destination))
        except BaseException as error:
            if clouds.tasks.address():
                # It was made, and has the keys; only the answer was lost.
                if isinstance(error, UnreachableError):
                    return
                raise
            # Nobody has their secrets any more.
            for holder, keys in made:
                holder.delete_key(keys.access.reveal())
            raise

    def _agree(self) -> None:
        """OMS's privacy statement is the user's to agree to."""
        if not self._agreed:
            self._say(t("OMS wants you to agree to its privacy statement: {url}", url=_STATEMENT))
            if _typed(self._session, t("Type {word} if you do:", word=_AGREE)) != _AGREE:
                raise UsageError(
                    t("Nobody agreed, so no sync task was made"), t("Where nobody can be asked, give --agree")
                )
        self._clouds.tasks.agree()

    def _wait(self, what: Text, attempt: Callable[[], object]) -> None:
        """Try with a new key until its grants act."""
        while True:
            try:
                attempt()
            except RefusedError as error:
                if not _is_of_rights(error):
                    raise
                if self._session.clock.now() >= self._grants_end:
                    raise GrantsError(
                        t("{what}: the new key still may not: {happened}", what=what, happened=error.happened),
                        t("Run this again later: it goes on from here"),
                    ) from None
            else:
                return
            pause(self._session, _TRY_SECONDS, t("Waiting until the new key may do it: {what}", what=what))

    def _look_at_settings(self) -> Line:
        wanted, given = self._settings(), self._clouds.given
        # Where the task is not made yet, nobody knows its address.
        wrong = [name for name, value in wanted.items() if not value or given.get(name) != value]
        what = t("s.yaml")
        if not wrong:
            return Line(Standing.THERE, what)
        return Line(Standing.CHANGE, what, t("{names} are filled in", names=wrong))

    def _write_settings(self) -> None:
        settings_file.write(self._file, self._settings())

    def _settings(self) -> dict[str, str]:
        clouds = self._clouds
        return {"SYNC_URL": clouds.tasks.address(), **clouds.key.settings, "logBucket": clouds.log.name}

    def _say(self, text: Text) -> None:
        self._session.screen.say(text.of(self._session.lang))


class Lock:
    """One person at a time: an object that is written once, in the log bucket, as soon as that is there. That of
    somebody who went away holds no longer than the longest wait for grants."""

    def __init__(self, session: Session, clouds: BothClouds) -> None:
        self._clock, self._bucket = session.clock, clouds.log
        self._name = f"oms_source_record/setup/{clouds.name}.json"
        self._owner, self._is_mine = uuid.uuid4().hex, False

    def take(self) -> None:
        """Raises UsageError where somebody else has it."""
        if self._is_mine or self._bucket.info() is None:
            return
        now = self._clock.now()
        body = json.dumps({"since": now.isoformat(), "by": self._owner}).encode()
        try:
            self._bucket.put(self._name, body, {"x-oss-forbid-overwrite": "true"})
        except RefusedError as error:
            if error.code != "FileAlreadyExists":
                raise
            since, _ = self._held()
            if now - since >= _LOCK_HOLDS:
                self._bucket.put(self._name, body)
        # Read back: an answer may have been lost, and two may have taken it over.
        since, owner = self._held()
        if owner != self._owner:
            raise UsageError(
                t("Somebody else has been setting this up since {since}", since=since.isoformat()),
                t("Wait for them; after {n} minutes you may go on yourself", n=_LOCK_HOLDS.seconds // 60),
            )
        self._is_mine = True

    def release(self) -> None:
        """For whoever comes next."""
        if self._is_mine and self._held()[1] == self._owner:
            self._bucket.delete(self._name)

    def _held(self) -> tuple[datetime, str]:
        """Since when, and by whom; by nobody if there is none any more."""
        found = self._bucket.get(self._name)
        held = json.loads(found.body) if found else {"since": self._clock.now().isoformat(), "by": ""}
        return datetime.fromisoformat(held["since"]), str(held["by"])


def _seen(session: Session, needs: Sequence[Need]) -> list[Line]:
    seen = []
    for need in needs:
        session.screen.progress(t("Looking at {what}", what=need.what).of(session.lang))
        seen.append(need.see())
    session.screen.begin()
    return seen


def _confirm(session: Session, shown: plan.Plan, given: str | None, is_root: bool) -> None:
    """Raise UsageError unless somebody wants just this plan."""
    if given is not None and given != shown.hash:
        raise UsageError(
            t("The plan is another one now: {hash}", hash=shown.hash), t("Read it, and give its hash with --yes")
        )
    twice = t("These are the keys of the account itself. Type {word} again, if that is meant:", word=_YES)
    questions = [t("Type {word} to carry it out:", word=_YES), *([twice] if is_root else [])]
    if given is None and any(_typed(session, question) != _YES for question in questions):
        raise UsageError(
            t("Nothing was done"), t("Where nobody can be asked, give the plan's hash: --yes {hash}", hash=shown.hash)
        )


def _typed(session: Session, question: Text) -> str:
    """What somebody types; empty where nobody can be asked."""
    return session.screen.ask(question.of(session.lang)) if session.screen.interactive else ""


def _is_of_rights(error: RefusedError) -> bool:
    return error.status in (401, 403) or error.code in _NOT_YET_SEEN
