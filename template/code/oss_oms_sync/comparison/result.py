"""What compare answers, with what to do about objects of the same size that differ, which sending them again may not
heal: those that OMS would skip, a task group overwrites under a mode of its own.

Source: OMS, "Creating a sync task", the overwrite modes: by default OMS skips what is in OBS in the same size and not
older. CRC64_COMPARISON_OVERWRITE does so where one of both objects has no CRC64.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import MISSING_RIGHTS, CompareAnswer, Compared, Deep, PassAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, same, sentences, t
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.comparison.judge import are_same_size
from oss_oms_sync.comparison.proof import Proof
from oss_oms_sync.passes.classify import Entry
from oss_oms_sync.passes.digests import OTHERS
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import ClassCount, Side, Tally

# What a pass can be asked for besides (passes/pieces.py).
_WISHES = ("since", "deep", "overwrite", "cutover")
_DEEP = "python3 ops.py compare --deep"
_ANEW = t("Unchanged after rechecking. Start a new comparison, which resubmits them")
_NEVER_SENT = t(
    "Compare sent nothing: the project was closed, or that was not known. Start a new comparison, which sends them"
)
_SEND = "python3 ops.py compare --deep --overwrite"
# So many prefixes are named to a task group, if any shell takes them: as they stand, or in single quotes.
_MAX_PREFIXES = 10
_PLAIN = re.compile(r"[\w./:=@+-]+", re.ASCII)
_NOT_QUOTABLE = re.compile("^-|[\"'\u2018\u2019\u201a\u201b]")
_USUAL_MODE = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
DELETE = t("delete each in OBS and compare again: what is missing is sent")


@dataclass(frozen=True)
class CompareResult:
    """What a pass has found, and what is answered of any; `state` is None if there is no pass. `overwrite_mode` is the
    sync task's. `stood_still`: whether a standstill pass has seen since what the pass has judged; None if there was
    none."""

    tally: Tally
    answer: PassAnswer
    state: PassState | None = None
    overwrite_mode: str | None = None
    stood_still: bool | None = None

    @property
    def is_contradicted(self) -> bool:
        """True if a standstill pass found something else: then nothing is claimed by it."""
        return self.stood_still is False

    def to_json(self) -> dict[str, object]:
        """As the caller gets it: classes and folders are only known at the end."""
        is_compared = self.answer.finished and not (self.state and self.state.scope.standstill)
        return to_json(self.compared() if is_compared else CompareAnswer(**self._answer()))  # type: ignore[no-any-return]

    def compared(self) -> Compared:
        """What is found at the end."""
        return Compared(
            **self._answer(),
            **self.tally.shown(),
            adds_up=self.tally.adds_up(),
            remedies=self.remedies,
            watermark=self.watermark,
            differences=self.tally.parts,
        )

    def _answer(self) -> dict[str, Any]:
        """What is known of any pass, by the names of CompareAnswer."""
        state, tally, finished = self.state, self.tally, self.answer.finished
        is_standstill = state is not None and state.scope.standstill
        return {
            **vars(self.answer),
            "found_nothing": finished and not is_standstill and tally.has_no_objects,
            **{name: tally.counts.get(name, 0) for name in ("submitted", "accepted", "failed", "orphan_records")},
            "deep": self._deep(),
            "lag": tally.lags(),
            "standstill": is_standstill,
            "wishes": [name for name in _WISHES if state and getattr(state.scope, name)],
            "state": f"{tally.state:064x}" if finished else None,
            "twin": f"{tally.twin:064x}" if finished else None,
            "stood_still": self.stood_still,
            "amended": (state.amended or None) if state else None,
        }

    def _deep(self) -> Deep | None:
        """What reading showed, if anything was to be read."""
        counts = self.tally.counts
        shown = {name: counts.get(f"deep_{name}", 0) for name in (*(proof.value for proof in Proof), "bytes")}
        return Deep(**shown, keys=self.tally.unread) if any(shown.values()) else None

    @property
    def remedies(self) -> dict[ObjectClass, Text]:
        """What to do about what differs, or may."""
        scope = self.state.scope if self.state else None
        suffix, deep = (scope.key_filter.suffix, scope.deep) if scope else ("", False)
        return remedies(self.tally, self.overwrite_mode, suffix, deep=deep)

    @property
    def watermark(self) -> str | None:
        """All that was written before this time was in the destination; None before there is a pass."""
        began = parse_time(self.state.started) if self.state else None
        if began is None:
            return None
        oldest = self.tally.oldest_not_there
        return timestamp(began if oldest is None else min(began, from_epoch(oldest)))


def missing_rights(tally: Tally) -> list[Text]:
    """Which rights were missing to read objects, and what grants them."""
    counts = {name: tally.counts.get(f"deep_{name}", 0) for name in MISSING_RIGHTS}
    return [MISSING_RIGHTS[name].filled(number=number) for name, number in counts.items() if number]


def remedies(tally: Tally, overwrite_mode: str | None, suffix: str, *, deep: bool) -> dict[ObjectClass, Text]:
    """What to do about what is known or thought to differ, by its class; `overwrite_mode` is that of the sync task,
    None if OMS does not tell; `suffix` the project's. A comparison that was `deep` is not advised again, unless a
    permission was missing."""
    missing = missing_rights(tally)
    can_read = not deep or missing
    proven, in_vain = (getattr(tally.of(ObjectClass.OVERWRITTEN), one) for one in ("proven_different", "in_vain"))
    older = tally.of(ObjectClass.OLDER).in_vain
    suspicious = tally.objects(ObjectClass.SUSPICIOUS)
    overwrite, over_older = (
        _typed(overwriting(tally, overwrite_mode, suffix, object_class))
        for object_class in (ObjectClass.OVERWRITTEN, ObjectClass.OLDER)
    )
    heal = _heal(overwrite_mode, overwrite, is_in_vain=in_vain > 0)
    found = {}
    if older and overwrite_mode == "CRC64_COMPARISON_OVERWRITE":
        skipped = t(
            "OMS accepted {older:object|objects} of the same size once more, and did not copy them: they may be equal.",
            older=older,
        )
        read = t("To see it, read them: {deep}. What cannot be read: {otherwise}.", deep=_DEEP, otherwise=over_older)
        unread = t("Reading did not prove it: {otherwise}.", otherwise=over_older)
        found[ObjectClass.OLDER] = sentences(skipped, *missing, read if can_read else unread)
    if proven:
        found[ObjectClass.OVERWRITTEN] = t(
            "{proven:object of the same size was read and differs|objects of the same size were read and differ}. If"
            " OBS is to have what the source has: {heal}.",
            proven=proven,
            heal=heal,
        )
    if suspicious:
        if overwrite_mode == "FULL_OVERWRITE":
            heal = t("{heal}. If they cannot be read, {otherwise}", heal=heal, otherwise=overwrite)
        differ = t(
            "{suspicious:object|objects} of the same size, but with another MD5, or an ETag that is not one.",
            suspicious=suspicious,
        )
        read = t("To see which differ, read them: {deep}. If one does: {heal}.", deep=_DEEP, heal=heal)
        unread = t("Reading did not prove them: compare them by hand. If one differs: {heal}.", heal=heal)
        found[ObjectClass.SUSPICIOUS] = sentences(differ, *missing, read if can_read else unread)
    return found


def mend_missing(state: PassState) -> tuple[Text, Step]:
    """What to do about what is missing in OBS or older there, by a comparison that has ended; and the next one, or the
    migration that copies as many sooner."""
    scope, oldest, installed = state.scope, state.tally.oldest_not_there, parse_time(state.of.installed)
    if state.unsent:
        too_many = t(
            "Compare has not sent {n:object|objects}, because a migration copies as many sooner: let it, then compare"
            " again",
            n=state.unsent,
        )
        return too_many, state.of.migrations.step
    sent, begin = state.passed.counts.get("submitted", 0), scope.begin(installed) if installed else None
    # The oldest may be of a class that is not sent.
    is_left = sent < state.passed.objects(ObjectClass.MISSING, ObjectClass.OLDER)
    if begin and oldest is not None and oldest < begin.timestamp() and is_left:
        earlier = t(
            "Compare sends what was written since {since}, and some are older. Compare again since an earlier time",
            since=timestamp(begin),
        )
        return earlier, Step("compare", {"restart": True, "since": timestamp(from_epoch(oldest))})
    if state.amended or not sent:  # judging again sends each key once for a run of a cutover, and else nothing
        since = {"since": timestamp(scope.since)} if scope.since else {}
        return (_ANEW if state.amended else _NEVER_SENT), Step("compare", {"restart": True, **since})
    again = t("Compare has sent {sent:object|objects}. Some minutes later, judge them again", sent=sent)
    return again, Step("compare", {"again": True})


def overwriting(tally: Tally, overwrite_mode: str | None, suffix: str, of: ObjectClass) -> Step | None:
    """The migration that overwrites what is of a class, what may differ as that does or is older, and as little else as
    prefixes allow; the rest is as for `remedies`. None where there can be none: a task group takes no suffix, and none
    begins beside a sync task that overwrites nothing, which doctor refuses."""
    if suffix or overwrite_mode == "NO_OVERWRITE":
        return None
    also = (ObjectClass.SUSPICIOUS, ObjectClass.OLDER) if of is ObjectClass.OVERWRITTEN else ()
    prefixes = _narrowest_prefixes(tally, (of, *also))
    return Step("migrate", {"overwrite": True, **({"prefix": prefixes} if prefixes else {})})


def _narrowest_prefixes(tally: Tally, classes: Sequence[ObjectClass]) -> list[str]:
    """Return the narrowest prefixes of all objects of these classes, at most ten: their keys or the folders of these,
    if the tally has all keys; else their first-level folders. Empty if some cannot be named."""
    keys = sorted(key for object_class in classes for key in tally.of(object_class).keys)
    prefixes = [
        name
        for name, counts in tally.folders.items()
        if any(counts.get(object_class.title, [0])[0] for object_class in classes)
    ]
    if keys and len(keys) == tally.objects(*classes):
        prefixes = _without_nested(keys)
        if len(prefixes) > _MAX_PREFIXES:
            prefixes = _without_nested(sorted({key[: key.rfind("/") + 1] or key for key in keys}))
    can_be_named = all(
        prefix and prefix != OTHERS and prefix.isprintable() and not _NOT_QUOTABLE.search(prefix) for prefix in prefixes
    )
    return prefixes if len(prefixes) <= _MAX_PREFIXES and can_be_named else []


def _without_nested(prefixes: Sequence[str]) -> list[str]:
    return [
        prefix for prefix in prefixes if not any(prefix != other and prefix.startswith(other) for other in prefixes)
    ]


def remedy_of_key(
    entry: Entry, object_class: ObjectClass, overwrite_mode: str | None, suffix: str
) -> tuple[Text, Step]:
    """Return what puts the source's version of one key into OBS in the place of another, and the step for it."""
    wanted, resend = t("If OBS is to have the source's version, resend it:"), Step("replay", {"key": entry.key})
    mode = overwrite_mode or _USUAL_MODE
    takes_any = object_class is ObjectClass.OLDER or not are_same_size(entry) or mode == "FULL_OVERWRITE"
    if takes_any and mode != "NO_OVERWRITE":
        return wanted, resend
    tally = Tally(classes={object_class.title: ClassCount(Side(1), keys=[entry.key])})
    overwrite = overwriting(tally, mode, suffix, object_class)
    if overwrite is None:
        skips = t(
            "OMS skips a resend ({mode}). If OBS is to have the source's version: {remedy}", mode=mode, remedy=DELETE
        )
        return skips, Step("compare", {"restart": True})
    if mode == "CRC64_COMPARISON_OVERWRITE":
        otherwise = t("OMS skips it if one of both objects has no CRC64; then: {command}", command=typed(overwrite))
        return sentences(otherwise, wanted), resend
    return t("OMS skips a resend ({mode}). If OBS is to have the source's version:", mode=mode), overwrite


def _typed(migration: Step | None) -> Text:
    """What to do, with that migration or without any."""
    if migration is None:
        return DELETE
    return t(
        "have a task group of OMS overwrite them, whatever it finds ({command}), or delete each in OBS and compare"
        " again: what is missing is sent",
        command=typed(migration),
    )


def typed(step: Step) -> str:
    """A step as it is typed, where any shell takes all that it names as it stands or in single quotes."""
    words = [f"python3 ops.py {step.job}"]
    for name, value in step.options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}" if one is True else f"--{name} {_quoted(str(one))}" for one in values]
    return " ".join(words)


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f"'{value}'"


def _heal(overwrite_mode: str | None, overwrite: Text, *, is_in_vain: bool) -> Text:
    match overwrite_mode:
        case "FULL_OVERWRITE":
            return same(_SEND)
        case "CRC64_COMPARISON_OVERWRITE" if is_in_vain:
            return t(
                "OMS skipped what was sent again, because one of both objects has no CRC64, so {otherwise}",
                otherwise=overwrite,
            )
        case "CRC64_COMPARISON_OVERWRITE":
            return t(
                "{send}. OMS skips it if one of both objects has no CRC64; then {otherwise}",
                send=_SEND,
                otherwise=overwrite,
            )
        case "NO_OVERWRITE":
            return overwrite
    mode = overwrite_mode or _USUAL_MODE
    return t("OMS skips what is sent again ({mode}), so {otherwise}", mode=mode, otherwise=overwrite)
