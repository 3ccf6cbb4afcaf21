"""The history of one object key: the object as it is now, its records, and what happens next."""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.job_answers import ObjectSeen, Seconds, StoryAnswer, Submitted
from oss_oms_sync.answers.object_class import ObjectClass as ObjectClassInObs
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.destination import destination
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.comparison.classes import Moments, classify
from oss_oms_sync.comparison.in_hand import InHand
from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import COPY_ATTEMPTS_HEADER, Kind, modified_at, record_name, success_etag
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import Classifier, Entry, ObjectClass, is_covered, listed_record
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.reasons import UNKNOWN, Reason

log = logging.getLogger(__name__)

_UNREAD = Text(
    " Whether replay has it in hand is not known: not all of replay's run files could be read.",
    "replay 的运行文件未能全部读取，无法得知 replay 是否正在处理它。",
)
_SEE_REPLAYS_LOG = Text("See replay's log.", "请查看 replay 的日志。")
_NOTHING = Text("Nothing.", "无需处理。")
# What comes of a key in a closed project: nothing sends it, so these are all that can be promised.
_WAITS = Text(
    "It waits where it is, and replay sends it once the project is open.",
    "该对象保留在记录中，项目打开后由 replay 发送。",
)
_RECORDED = Text(
    "If its event comes, the key is recorded as failed and waits; once the project is open, replay or reconcile sends"
    " it.",
    "事件到达时，该对象会被记录为失败并等待；项目打开后由 replay 或 reconcile 发送。",
)
_FOUND = Text(
    "Nobody has it in hand: reconcile finds and sends it once the project is open.",
    "目前没有任何任务处理该对象：项目打开后由 reconcile 查找并补交。",
)
_WITH_OMS = Text(
    "OMS may still copy what it accepted; nothing is sent again until the project is open and compare has found what"
    " is missing.",
    "OMS 仍可能复制已接受的版本；在项目打开并由 compare 发现缺失之前，不会再次提交。",
)
_NOT_SENT = Text("It is not sent until the project is open.", "项目打开之前不会发送。")


class _Story(NamedTuple):
    """What happened to the key, and what happens next in an open project; `closed`: what does in a closed one, None if
    there is nothing to send in either."""

    told: Text
    following: Text
    closed: Text | None = None


class KeyHistory:
    """One key: the object as it is now, its records, and what happens next.

    Raises StorageError.
    """

    def __init__(self, invocation: Invocation, key: str) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._key = key
        # As listings show it, because that needs no right on objects.
        listed = invocation.source_bucket.find_all([key]) if self._settings.source_bucket else [None]
        self._source: ObjectSummary | None = listed[0]
        self._success, self._failed, self._proof = (self._record(kind) for kind in ("success", "failed", "proven"))
        body = jsontext.load(self._failed.body) if self._failed else None
        # What the failed record says.
        self._details = body if isinstance(body, dict) else {}
        self._in_run_file = self._is_in_run_file()

    def build(self) -> StoryAnswer:
        """Build the history.

        Raises StorageError.
        """
        source, success, failed, there = self._source, self._success, self._failed, self._in_obs()
        accepted = bool(source and success and is_covered(source, listed_record(success, source.name)))
        story = self._conclude(accepted=accepted)
        if accepted and source and success:
            waiting = story if self._in_run_file else self._conclude_copy_failed(success)
            in_obs = waiting if isinstance(there, str) else self._conclude_in_obs(source, success, there, waiting)
            story = in_obs or story
        told, (following, step) = story.told, self._next(story)
        log.info({"key": self._key, "story": told.en, "next": following.en})
        return StoryAnswer(
            key=self._key,
            accepted=accepted,
            object=_seen(source) if source else None,
            success=Submitted(success_etag(success), _time(modified_at(success))) if success else None,
            in_obs=None if isinstance(there, str) else there and _seen(there),
            in_obs_unknown=there if isinstance(there, str) else None,
            seconds=_seconds(source, success if accepted else None, there),
            failed={**self._details, "modified": _time(modified_at(failed))} if failed else None,
            story=told,
            next=following,
            step=step,
        )

    def _in_obs(self) -> ObjectSummary | str | None:
        """The object as a listing of OBS shows it, or why that is not known."""
        try:
            return destination(self._invocation).find_all([self._key])[0]
        except StorageError as error:
            return str(error)

    def _record(self, kind: Kind) -> StoredObject | None:
        return self._invocation.log_bucket.get_all([record_name(self._invocation.task_id, kind, self._key)])[0]

    def _conclude(self, *, accepted: bool) -> _Story:
        """The story, and what happens next."""
        source, failed, details = self._source, self._failed, self._details
        if not self._settings.source_bucket:
            return _Story(
                Text(
                    "The current state of the object is unknown because SOURCE_BUCKET is empty.",
                    "SOURCE_BUCKET 为空，无法得知该对象的现状。",
                ),
                Text("Set SOURCE_BUCKET.", "请设置 SOURCE_BUCKET。"),
                _NOT_SENT,
            )
        if not self._settings.key_filter.matches(self._key):
            return _Story(
                Text(
                    "It is outside OBJECT_PREFIX and OBJECT_SUFFIX, or a record: it is never sent.",
                    "它不在 OBJECT_PREFIX 和 OBJECT_SUFFIX 范围内，或是一条记录：不会提交。",
                ),
                _NOTHING,
            )
        if self._in_run_file:
            return _Story(
                Text("It failed, and replay has it in hand.", "提交失败，replay 正在处理。"),
                Text("Nothing: replay sends it in its next run.", "无需处理：replay 下次运行时会重发。"),
                _WAITS,
            )
        if source is None:
            return self._conclude_gone()
        if accepted:
            return _Story(
                Text("OMS accepted this version.", "OMS 已接受该版本。"),
                Text("If it is not in OBS, see the OMS console.", "如果它不在 OBS 中，请在 OMS 控制台查看。"),
                _WITH_OMS,
            )
        if failed and modified_at(failed) >= source.modified:
            reason = Reason.__members__.get(str(details.get("reason")))
            name, message = details.get("reason", UNKNOWN), details.get("message", "")
            return _Story(
                Text(f"It failed: {name}. {message}".rstrip(), f"提交失败：{name}。{message}"),
                reason.fix if reason else Text("The record says no more.", "记录中没有更多信息。"),
                _WAITS,
            )
        if self._in_run_file is None:
            told = Text("This version has no record.", "该版本没有记录。")
            return _Story(Text.join([told, _UNREAD]), _SEE_REPLAYS_LOG, _NOT_SENT)
        return self._conclude_unrecorded(source)

    def _conclude_gone(self) -> _Story:
        """The same for a key without an object."""
        if self._success:
            return _Story(
                Text(
                    "It was accepted by OMS, and is not in the source bucket any more.",
                    "OMS 曾接受该对象，它现已不在源 Bucket 中。",
                ),
                Text("OMS does not delete in OBS.", "OMS 不会在 OBS 中删除。"),
            )
        if self._failed:
            return _Story(
                Text("It failed, and is not in the source bucket any more.", "提交曾失败，它现已不在源 Bucket 中。"),
                Text("Replay sends it; OMS cannot copy it.", "replay 会重发，但 OMS 无法复制。"),
                _WAITS,
            )
        if self._in_run_file is None:
            return _Story(Text.join([Text("There is no such object.", "没有这个对象。"), _UNREAD]), _SEE_REPLAYS_LOG)
        return _Story(
            Text("There is no such object, and no record of one.", "没有这个对象，也没有它的记录。"),
            Text("Check the key: it is written as it is, unencoded.", "请检查对象名：须按原样书写，不要编码。"),
        )

    def _conclude_unrecorded(self, source: ObjectSummary) -> _Story:
        """The same for a version without a record: whether reconcile finds it."""
        if self._settings.key_filter.is_canary(self._key):
            return _Story(
                t("It is a canary's, and its event was lost: nothing else sends it."),
                t("Nothing: the canary says so, and deletes it (python3 ops.py canary --remove)."),
                _NOT_SENT,
            )
        installed = JobState(self._invocation).installed(note=False)
        usual = Scope(self._settings.key_filter, None, everything=False)
        classifier = Classifier(self._settings, usual, installed, self._invocation.clock.now())
        object_class = classifier.classify(Entry(self._key, source))
        if object_class is None:
            return _Story(
                Text(
                    "It is a symbolic link, or older than the installation: there was no event, and the timer's passes"
                    " do not cover it.",
                    "它是软链接，或早于安装时间：没有事件，定时对账也不覆盖它。",
                ),
                Text(
                    "Let an OMS migration task copy it, or reconcile with since.",
                    "请用 OMS 迁移任务复制，或用 reconcile 的 since 补交。",
                ),
                _NOT_SENT,
            )
        if object_class is ObjectClass.PENDING:
            return _Story(
                Text("It was written just now: its event may be on its way.", "它刚刚写入，事件可能还在途中。"),
                Text("Look again in 15 minutes.", "请 15 分钟后再看。"),
                _RECORDED,
            )
        lost = Text("It has no record: its event was lost.", "没有记录：事件已丢失。")
        return _Story(
            Text("OMS accepted an older version.", "OMS 接受的是旧版本。") if self._success else lost,
            Text("Reconcile sends it in its next pass.", "reconcile 下一轮会补交。"),
            _FOUND,
        )

    def _conclude_copy_failed(self, success: StoredObject) -> _Story | None:
        """The same for an accepted version that OMS failed to copy since, as its list said; None for any other."""
        failed, details = self._failed, self._details
        is_failed = details.get("reason") == Reason.COPY_FAILED.name
        if not failed or not is_failed or modified_at(failed) < modified_at(success):
            return None
        code, message = details.get("error_code"), details.get("message")
        fix, at = copy_code(str(code or "")).fix, details.get("not_before")
        return _Story(
            Text(
                f"OMS accepted this version, and failed to copy it: {code or 'no code'}, {message or 'no message'}.",
                f"OMS 接受了该版本，但复制失败：{code or '无错误码'}，{message or '无错误信息'}。",
            ),
            Text(
                f"{fix.en} Replay sends it again, at {at or 'its next run'}.",
                f"{fix.zh}replay 将于{f' {at}（UTC）' if at else '下次运行时'}重发。",
            ),
            _WAITS,
        )

    def _conclude_in_obs(
        self, source: ObjectSummary, success: StoredObject, there: ObjectSummary | None, waiting: _Story | None
    ) -> _Story | None:
        """The same for an accepted version, by what OBS has; `waiting` if OMS failed to copy it, and it waits to be
        sent again: then only equal contents show that it is there, because what has its size may be the version before.
        """
        proven = listed_record(self._proof, self._key) if self._proof else None
        entry = Entry(self._key, source, listed_record(success, self._key), None, there, proven)
        # Nothing is too young here, where somebody asks for one key; but what OMS accepted within the last hour it may
        # still have in hand.
        found = classify(entry, Moments(math.inf, InHand.assumed(self._invocation.clock.now().timestamp())))
        if found is ObjectClassInObs.EQUAL_CONTENTS:
            return _Story(Text("It is in OBS, with the same contents.", "它在 OBS 中，内容相同。"), _NOTHING)
        if waiting:
            return waiting
        if found.is_equal and COPY_ATTEMPTS_HEADER in success.headers:
            return _Story(
                Text(
                    "OMS had failed to copy this version, and accepted it again since. OBS has an object of its size"
                    " that is not older; whether it is this version is not known.",
                    "OMS 曾复制该版本失败，此后再次接受。OBS 中有大小相同且不较旧的对象，但不能确定是否为该版本。",
                ),
                Text("To find out: python3 ops.py compare --deep.", "如需查明，请执行 python3 ops.py compare --deep。"),
            )
        if found.is_equal:
            return _Story(
                Text("It is in OBS, with the same size and not older.", "它在 OBS 中，大小相同且不较旧。"),
                Text("Nothing. Compare with deep proves more.", "无需处理。compare 的 deep 能证明得更多。"),
            )
        if found is ObjectClassInObs.IN_FLIGHT:
            return _Story(
                Text("OMS accepted this version, and it is not in OBS yet.", "OMS 已接受该版本，尚未到达 OBS。"),
                Text("Look again in a minute.", "请一分钟后再看。"),
                _WITH_OMS,
            )
        if there is None:
            return _Story(
                Text("OMS accepted this version, but it is not in OBS.", "OMS 已接受该版本，但它不在 OBS 中。"),
                Text("Compare sends it again.", "compare 会再次提交。"),
                _WITH_OMS,
            )
        return _Story(
            Text(
                f"OMS accepted this version, but OBS has another: {found.title}.",
                f"OMS 已接受该版本，但 OBS 中的是另一个版本：{found.title}。",
            ),
            Text("See OMS's lists.", "请查看 OMS 的列表。"),
            _NOT_SENT,
        )

    def _next(self, story: _Story) -> tuple[Text, Step | None]:
        """What happens next, and how to resend the key now, or that nothing is sent and which step changes that."""
        if refusal := self._refusal():
            following = story.closed or story.following
            return Text(f"{following.en} {refusal.en}", f"{following.zh}{refusal.zh}"), None
        if story.closed is None:
            return story.following, None
        following = Text(f"{story.following.en} To send it now:", f"{story.following.zh}立即重发：")
        return following, Step("replay", {"key": self._key})

    def _refusal(self) -> Text | None:
        """Why nothing is sent; None if the project is open."""
        try:
            closed = Closing(self._invocation).state()
        except StorageError as error:
            return Text(
                f"It is not known whether the project is closed, and until it is, nothing is sent (python3 ops.py"
                f" doctor checks that): {error}",
                f"无法得知项目是否已关闭，在此之前不发送任何对象（请用 python3 ops.py doctor 检查）：{error}",
            )
        return closed.text if closed else None

    def _is_in_run_file(self) -> bool | None:
        """Whether a run file has the key; None if unknown, because one that could not be read may have it."""
        runs = list(RunFiles(self._invocation).leftovers())
        if any(key.key == self._key for run in runs if run for key in run.keys):
            return True
        return None if None in runs else False


def _seen(one: ObjectSummary) -> ObjectSeen:
    return ObjectSeen(one.etag, one.size, _time(one.modified))


def _seconds(source: ObjectSummary | None, success: StoredObject | None, there: ObjectSummary | str | None) -> Seconds:
    if source is None:
        return Seconds(None, None)
    copied = there.modified - source.modified if isinstance(there, ObjectSummary) else -1
    accepted = max(0, modified_at(success) - source.modified) if success else None
    return Seconds(accepted, copied if copied >= 0 else None)


def _time(seconds: int) -> str:
    return timestamp(from_epoch(seconds))
