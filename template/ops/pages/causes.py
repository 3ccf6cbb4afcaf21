"""Why objects failed, as tables: what lasts apart from what passes by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ops.pages import html, units
from ops.pages.figures import track
from ops.pages.html import Markup, join
from ops.pages.layout import Column, mark, table
from ops.pages.words import Words

# Groups of causes, with their tones.
_GROUPS = {"lasting": "bad", "passing": "way", "unknown": "open"}


class Cause(NamedTuple):
    """A cause by its name, what to do about it, and of how many objects it is; `group` is "lasting", "passing" or
    "unknown"."""

    name: Markup
    objects: int
    fix: str | None
    group: str


def tables(title: str, causes: Iterable[Cause], say: Words) -> list[Markup]:
    """A table for each group that has causes, whose first column has this title; the most frequent first."""
    ordered = sorted(causes, key=lambda one: (-one.objects, one.name))
    grouped = {group: [one for one in ordered if one.group == group] for group in _GROUPS}
    return [_table(title, group, members, say) for group, members in grouped.items() if members]


def _table(title: str, group: str, causes: list[Cause], say: Words) -> Markup:
    # Each group has a scale of its own: a few that last are not to vanish beside many that pass.
    most, tone = causes[0].objects, _GROUPS[group]
    columns = [Column(title), Column(say("what to do"), "wide"), Column(say("objects"), "n")]
    body = [
        (
            join((one.name, track(one.objects, most, tone))),
            html.prose(one.fix) if one.fix else say("not known"),
            units.count(one.objects, say),
        )
        for one in causes
    ]
    total = (say("total"), "", units.count(sum(one.objects for one in causes), say))
    return table(columns, body, [total], mark(tone, say(f"group {group}")))
