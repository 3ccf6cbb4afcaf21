"""The outcome of a canary, line by line: each object's way, OMS's counts and lists, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.canary import hops
from ops.canary.hops import Followed, Watch
from ops.canary.in_place import NO, YES, InPlace
from ops.canary.objects import CanaryObject
from ops.shell import Typed
from ops.terminal import Line, Marked, width
from oss_oms_sync.answers.text import Text, t

# Exit codes.
EQUAL, DIFFERS, NOT_COME = 0, 1, 3

_HOPS = {
    "event": t("event"),
    "accepted": t("acceptance by OMS"),
    "in_obs": t("copy in OBS"),
    "counted": t("OMS's counts"),
    "listed": t("OMS's lists"),
}
_COLUMNS = 21
_NOT_THERE = t("not come: {what}")
_STEPS = {
    "FIVE_MINUTES": t("steps of five minutes"),
    "ONE_HOUR": t("steps of an hour"),
}
_DOUBLES = {"each counted": t("counted twice"), "merged": t("counted once")}
_UNKNOWN = t("unknown")
_ANSWERS = {YES: t("yes"), NO: t("no")}


def exit_code(watch: Watch) -> int:
    """Return the exit code of a run."""
    if any(followed.differs for followed in watch.followed):
        return DIFFERS
    return NOT_COME if watch.missing() else EQUAL


def outcome(watch: Watch, in_place: InPlace, lang: str) -> Iterator[Line]:
    """Yield what is shown of a run."""
    missing, code = watch.missing(), exit_code(watch)
    for followed in watch.followed:
        yield _row(followed, lang)
    first, counts = hops.first_accepted(watch.followed), watch.counts
    if counts:
        yield t(
            "OMS's counts ({step}): {shown_after}; a key sent twice: {doubles}",
            step=_STEPS.get(counts.step, _UNKNOWN),
            shown_after=since(first, watch.counted if watch.is_alone else None),
            doubles=_DOUBLES.get(watch.doubles, _UNKNOWN),
        ).of(lang)
    yield t("OMS's lists: {since}", since=since(first, watch.lists[0].written if watch.lists else None)).of(lang)
    time, etag, url, late = (_ANSWERS.get(answer, _UNKNOWN) for answer in in_place)
    yield t(
        "a change of headers in OBS moves LastModified: {time}, the ETag: {etag}; OBS honours a URL that expires:"
        " {url}, after it has expired: {late}",
        time=time,
        etag=etag,
        url=url,
        late=late,
    ).of(lang)
    if watch.unfinished:
        yield t(
            "Unless OMS still finishes them, it goes on counting {unfinished} of these keys as accepted and not"
            " finished, and nobody can tell them from others: status shows them ({command}), and so does a cutover"
            " (OMS_FINISHED)",
            command=Typed("status", acknowledge=True),
            unfinished=watch.unfinished,
        ).of(lang)
    if missing:
        yield Marked("", _NOT_THERE.filled(what=named(missing, lang)).of(lang), "open")
    lost = sorted({name for followed in watch.followed for name in _lost(followed)})
    works = t("It works: all objects came, with equal contents and headers.")
    if lost:
        works = t(
            "It works: all objects came, with equal contents. OMS did not carry these headers: {names}.",
            names=lost,
        )
    text = {
        EQUAL: works,
        DIFFERS: t("What came differs from what was written."),
        NOT_COME: t(
            "Not everything came, in twice the documented time. The hop above says where to look: {command}",
            command=Typed("doctor"),
        ),
    }[code]
    yield Marked("", text.of(lang), {EQUAL: "good", DIFFERS: "bad"}.get(code, "open"))


def named(missing: Mapping[str, list[CanaryObject]], lang: str) -> list[Text]:
    """Return the hops that something has not passed, each with its objects."""
    return [
        t("{hop} ({objects})", hop=_HOPS[hop], objects=[title_of(canary_object, lang) for canary_object in some])
        if some
        else _HOPS[hop]
        for hop, some in missing.items()
    ]


def title_of(item: CanaryObject, lang: str) -> str:
    """Return the name of an object in reports."""
    return item.title_zh if lang == "zh" else item.title


def _row(followed: Followed, lang: str) -> Line:
    title = title_of(followed.item, lang)
    text = t(
        "{title} event {event}, accepted {accepted}, in OBS {in_obs}",
        title=title + " " * (_COLUMNS - width(title)),
        event=since(followed.written, followed.recorded),
        accepted=since(followed.written, followed.accepted),
        in_obs=since(followed.accepted, followed.in_obs),
    ).of(lang)
    if followed.differs:
        return Marked(f"{text}  ", t("differs: {names}", names=followed.differs).of(lang), "bad")
    if followed.in_obs:
        lost = len(_lost(followed))
        equal = t("equal but for {n:header|headers}", n=lost) if lost else t("equal")
        return Marked(f"{text}  ", equal.of(lang), "good")
    hop = "event" if not followed.recorded else "in_obs" if followed.accepted else "accepted"
    said = t("failed: {reason}", reason=followed.reason) if followed.reason else _NOT_THERE.filled(what=_HOPS[hop])
    return Marked(f"{text}  ", said.of(lang), "open")


def _lost(followed: Followed) -> list[str]:
    """The headers that are not in OBS as they were written."""
    return [name for name, became in followed.headers.items() if became != "kept"]


def since(one: Any, other: Any) -> str:
    """Return how long after another moment one was; `-` if either is unknown."""
    # By the clocks of two clouds, of which one may be some seconds behind.
    return "-" if one is None or other is None else f"+{max(0.0, (other - one).total_seconds()):.0f} s"
