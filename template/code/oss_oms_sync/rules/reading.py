"""Texts about the permissions to read objects, which the options `--sample` and `--deep` need."""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated

READ_SOURCE, READ_DESTINATION = "oss:GetObject", "obs:object:GetObject"
GRANT_READING = t(
    'Set readObjects to "on" in s.yaml, then run {step}, which grants the missing permissions. To grant them'
    " by hand, use the policies that python3 policies/show.py prints. In OBS, a grant takes effect after 15"
    " to 30 minutes",
    step=Step("setup"),
)


def format_policy_lines(permissions: Sequence[str], source_bucket: str, destination_bucket: str) -> list[Text]:
    """Return the permissions to read objects as lines of a policy: an action, and the objects of its bucket."""
    resources = {
        READ_SOURCE: f"acs:oss:*:*:{source_bucket}/*",
        READ_DESTINATION: f"obs:*:*:object:{destination_bucket}/*",
    }
    return [
        t("{actions} on {places}", actions=untranslated(permission), places=untranslated(resources[permission]))
        for permission in permissions
    ]


def describe_unreadable_objects(permissions: Sequence[str], source_bucket: str, destination_bucket: str) -> Text:
    return t(
        "The functions cannot read objects, so a cutover with --sample or --deep ends in NOT PROVEN. Missing"
        " permissions: {missing:and}",
        missing=format_policy_lines(permissions, source_bucket, destination_bucket),
    )
