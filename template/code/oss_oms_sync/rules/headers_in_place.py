"""The effect of changing headers in OBS in place, as a canary measured it, and the permission that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oss_oms_sync.answers.text import Text, t

# Answers of a canary's field report.
YES, NO = "yes", "no"
_MEASURED = ("moves_time", "moves_etag", "url", "expired_url")


@dataclass(frozen=True)
class InPlace:
    """The effect of a change of headers in OBS.

    `moves_time`: it moves LastModified. `may_replace`: OBS removes unnamed headers without another effect.
    """

    moves_time: bool
    may_replace: bool


def effect_of(report: Mapping[str, object]) -> InPlace | Text:
    """Return the effect by a canary's field report, or the reason why no header may be changed."""
    match report.get("in_place"):
        case {**answers} if all(answers.get(name) in (YES, NO) for name in _MEASURED):
            if answers["moves_etag"] == YES:
                return t("a change of headers changes the ETag in OBS, so equal contents could no longer be proven")
            if answers["url"] == NO or answers["expired_url"] == YES:
                return t("OBS does not enforce the expiry of a signed URL, so a late change could not be prevented")
            return InPlace(answers["moves_time"] == YES, answers.get("replaces") == YES)
    return t("no canary has measured the effect of a change of headers in this OBS bucket")


# The name of doctor's check that the functions' key can change headers.
PERMISSION_CHECK = t("permission to change headers")
MOVES_TIME = t(
    "a change of headers changes LastModified in OBS, so only the cutover changes headers, between"
    " the freeze and the close"
)
