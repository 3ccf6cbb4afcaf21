"""The effect of a change of headers in OBS, as a canary measured it, and the decision to permit such changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oss_oms_sync.answers.text import Text, t

# Answers in a canary's field report.
YES, NO = "yes", "no"
_REQUIRED_ANSWERS = ("moves_time", "moves_etag", "url", "expired_url")
UNMEASURED_TEXT = t("no canary has measured the effect of changing headers in this OBS bucket")


@dataclass(frozen=True)
class HeaderChangeEffect:
    """The effect of a change of an object's headers in OBS.

    - `moves_time`: True if the change updates LastModified.
    - `may_replace`: True if OBS removes the headers that the change does not name, without any other effect.
    """

    moves_time: bool
    may_replace: bool


def parse_effect(report: Mapping[str, object]) -> HeaderChangeEffect | Text:
    """Return the effect that a canary's field report states, or the reason why headers must not be changed."""
    match report.get("in_place"):
        case {**answers} if all(answers.get(name) in (YES, NO) for name in _REQUIRED_ANSWERS):
            if answers["moves_etag"] == YES:
                return t(
                    "a change of headers in OBS also changes the ETag, so equal contents could no longer be proven"
                )
            if answers["url"] == NO or answers["expired_url"] == YES:
                return t("OBS does not enforce the expiry of a signed URL, so a delayed change could not be prevented")
            return HeaderChangeEffect(answers["moves_time"] == YES, answers.get("replaces") == YES)
    return UNMEASURED_TEXT


# The name of doctor's check that the functions' key can change headers.
PERMISSION_CHECK = t("permission to change headers")
MOVES_TIME_TEXT = t(
    "in this OBS bucket, a change of headers also changes LastModified, so only a cutover changes headers,"
    " between the freeze and the close, after a run of headers --dry-run without --prefix"
)
NO_UNDO_TEXT = t(
    "in this OBS bucket, a change of headers also changes LastModified, so the previous headers cannot be restored"
)
