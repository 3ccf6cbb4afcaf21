"""The printed outcome of a canary: the times of each object's copy to OBS, OMS's counts and lists, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.canary import hops
from ops.canary.hops import Trace, Watch
from ops.canary.in_place import InPlaceEffect
from ops.canary.objects import CanaryObject
from ops.canary.permission import ANOTHER_POLICY, IDENTITY_POLICY, UNKNOWN_POLICY
from ops.exit_codes import ExitCode
from ops.shell import sentence
from ops.terminal import Line, MarkedLine, width
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.rules.headers_in_place import NO, YES

_HOP_TITLES = {
    "event": t("event"),
    "accepted": t("acceptance by OMS"),
    "in_obs": t("copy in OBS"),
    "counted": t("OMS's counts"),
    "listed": t("OMS's lists"),
    "change": t("event for the header change in OSS"),
}
_COLUMNS = 21
_MISSING_TEXT = t("still missing: {what}")
_STEP_TEXTS = {
    "FIVE_MINUTES": t("five-minute intervals"),
    "ONE_HOUR": t("hourly intervals"),
}
_DOUBLE_TEXTS = {"each counted": t("counted twice"), "merged": t("counted once")}
_UNKNOWN_TEXT = t("unknown")
_ANSWER_TEXTS = {YES: t("yes"), NO: t("no")}
_POLICY_TEXTS = {
    IDENTITY_POLICY: t("the identity policy that setup creates"),
    ANOTHER_POLICY: t("a policy that setup did not create"),
    UNKNOWN_POLICY: t("a policy that IAM did not return"),
}
_NO_EVENT_TEXT = t("no: OSS sends either no event, or UpdateObjectMeta, to which the trigger does not subscribe")


def exit_code(watch: Watch) -> ExitCode:
    """Return 1 if an object differs in OBS, 3 if an object has not arrived, otherwise 0."""
    if any(trace.differences for trace in watch.traces):
        return ExitCode.FAILED
    return ExitCode.NOT_PROVEN if watch.list_incomplete_hops() else ExitCode.OK


def describe_outcome(watch: Watch, in_place: InPlaceEffect, policy: str, lang: str) -> Iterator[Line]:
    """Yield the printed lines on a run's outcome, the verdict last.

    `policy` is the kind of policy that permits header changes in OBS, or empty.
    """
    missing_hops, code = watch.list_incomplete_hops(), exit_code(watch)
    for trace in watch.traces:
        yield _object_line(trace, lang)
    first_acceptance, counts = hops.find_first_acceptance(watch.traces), watch.counts
    if counts:
        yield t(
            "Delay of OMS's counts ({step}): {shown_after}; a key submitted twice: {doubles}",
            step=_STEP_TEXTS.get(counts.step, _UNKNOWN_TEXT),
            shown_after=format_delay(
                watch.last_acceptance_time, watch.count_time if watch.are_counts_exclusive else None
            ),
            doubles=_DOUBLE_TEXTS.get(watch.double_counting, _UNKNOWN_TEXT),
        ).of(lang)
    yield t(
        "Delay of OMS's lists: {since}",
        since=format_delay(first_acceptance, watch.lists[0].write_time if watch.lists else None),
    ).of(lang)
    if watch.change:
        delay = format_delay(watch.change.write_time, watch.change.record_time)
        yield t(
            "forward received an event for the header change in OSS: {answer}",
            answer=t("yes, {after}", after=delay) if watch.change_event == YES else _NO_EVENT_TEXT,
        ).of(lang)
    time, etag, url, expired_url, replaces = (_ANSWER_TEXTS.get(answer, _UNKNOWN_TEXT) for answer in in_place)
    yield t(
        "header change in OBS: new LastModified: {time}; new ETag: {etag}; URL with an expiry time"
        " accepted: {url}; accepted after the expiry: {late}; header removable without side effects:"
        " {replaces}",
        time=time,
        etag=etag,
        url=url,
        late=expired_url,
        replaces=replaces,
    ).of(lang)
    if policy:
        yield t(
            "the functions' access key can change headers in OBS, through {policy}", policy=_POLICY_TEXTS[policy]
        ).of(lang)
    if watch.unfinished_key_count:
        yield sentence(
            t(
                "OMS may never finish {unfinished} of the canary's keys. OMS's counts then keep showing"
                " these keys as accepted but unfinished, and do not distinguish them from other keys: status"
                " ({command}) and a cutover (OMS_FINISHED) report them",
                command=Step("status", {"acknowledge": True}),
                unfinished=watch.unfinished_key_count,
            ),
            lang,
        )
    if missing_hops:
        yield MarkedLine("", _MISSING_TEXT.filled(what=hop_titles(missing_hops, lang)).of(lang), "open")
    lost_headers = sorted({name for trace in watch.traces for name in _lost_headers(trace)})
    success_text = t("The project works: all objects arrived with equal contents and headers.")
    if lost_headers:
        success_text = t(
            "The project works: all objects arrived with equal contents. OMS did not copy these headers: {names}.",
            names=lost_headers,
        )
    text = {
        ExitCode.OK: success_text,
        ExitCode.FAILED: t("Some arrived objects differ from the written objects."),
        ExitCode.NOT_PROVEN: t(
            "Some objects have not arrived within twice the documented time. To find the cause of the"
            " missing steps above: {command}",
            command=Step("doctor"),
        ),
    }[code]
    yield MarkedLine("", sentence(text, lang), {ExitCode.OK: "good", ExitCode.FAILED: "bad"}.get(code, "open"))


def hop_titles(missing_hops: Mapping[str, list[CanaryObject]], lang: str) -> list[Text]:
    """List the steps from OSS to OBS that objects have not passed, each with these objects, as printed texts."""
    return [
        t(
            "{hop} ({objects})",
            hop=_HOP_TITLES[hop],
            objects=[object_title(canary_object, lang) for canary_object in originals],
        )
        if originals
        else _HOP_TITLES[hop]
        for hop, originals in missing_hops.items()
    ]


def object_title(canary_object: CanaryObject, lang: str) -> str:
    return canary_object.title_zh if lang == "zh" else canary_object.title


def _object_line(trace: Trace, lang: str) -> Line:
    title = object_title(trace.original, lang)
    text = t(
        "{title} event {event}, accepted {accepted}, in OBS {in_obs}",
        title=title + " " * (_COLUMNS - width(title)),
        event=format_delay(trace.write_time, trace.record_time),
        accepted=format_delay(trace.write_time, trace.acceptance_time),
        in_obs=format_delay(trace.acceptance_time, trace.copy_time),
    ).of(lang)
    if trace.differences:
        return MarkedLine(f"{text}  ", t("differs: {names}", names=trace.differences).of(lang), "bad")
    if trace.copy_time:
        lost_count = len(_lost_headers(trace))
        equal_text = t("equal except for {n:header|headers}", n=lost_count) if lost_count else t("equal")
        return MarkedLine(f"{text}  ", equal_text.of(lang), "good")
    hop = "event" if not trace.record_time else "in_obs" if trace.acceptance_time else "accepted"
    state = t("failed: {reason}", reason=trace.reason) if trace.reason else _MISSING_TEXT.filled(what=_HOP_TITLES[hop])
    return MarkedLine(f"{text}  ", state.of(lang), "open")


def _lost_headers(trace: Trace) -> list[str]:
    """Return the names of headers that differ in OBS, or are missing."""
    return [name for name, outcome in trace.headers.items() if outcome != "kept"]


def format_delay(start: Any, end: Any) -> str:
    """Return the time between two moments in seconds, such as "+3 s", or "-" if either is unknown."""
    # The times come from the clocks of two clouds, one of which may be a few seconds behind.
    return "-" if start is None or end is None else f"+{max(0.0, (end - start).total_seconds()):.0f} s"
