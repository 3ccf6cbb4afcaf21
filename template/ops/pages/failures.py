"""What became of the objects that OMS failed to copy: parts that add up to the number that OMS counts."""

from __future__ import annotations

from datetime import datetime

from ops.pages import html, units
from ops.pages.answers import Answer, fields, part, text, whole
from ops.pages.causes import Cause, tables
from ops.pages.figures import Part, bar
from ops.pages.html import Markup, element, join
from ops.pages.layout import Column, facts, number, swatch, table, time
from ops.pages.words import Words

# In the order in which a bar shows them.
_PARTS = {"done": "good", "waiting": "way", "stuck": "bad", "unknown": "open", "outside": "calm"}


def failures(answer: Answer, now: datetime | None, say: Words) -> Markup:
    """The section's contents; `answer` is that of status."""
    given = fields(answer, "copying", "failures")
    counted, parts = whole(given, "counted"), {name: whole(given, name) for name in _PARTS}
    acknowledged = part(answer, "copying", "acknowledged")
    since = facts([(say("counted since"), time(acknowledged, now, say))]) if acknowledged else None
    known = {name: objects for name, objects in parts.items() if objects is not None}
    if counted is None or len(known) < len(_PARTS):
        return join((since, element("p", say("not known"), class_="open")))
    if not counted and not any(known.values()):
        return join((since, element("p", say("nothing failed"))))
    return join((since, *_parts(counted, known, say), *_codes(given, say)))


def _parts(counted: int, parts: dict[str, int], say: Words) -> list[Markup]:
    """A bar of the parts, and a table that says what they are."""
    total = units.count(counted, say)
    said = say("comma").join(
        say("bar part", name=say(f"failure {name}"), number=units.count(objects, say))
        for name, objects in parts.items()
        if objects
    )
    caption = element("figcaption", element("span", say("counted by OMS")), element("span", total))
    label = say("bar", side=say("counted by OMS"), total=total, parts=said)
    picture = bar([Part(objects, _PARTS[name]) for name, objects in parts.items()], label)
    body = [
        (
            join(
                (
                    swatch(_PARTS[name]),
                    say(f"failure {name}"),
                    element("span", say(f"means {name} failure"), class_="note"),
                )
            ),
            number(objects, say, _PARTS[name] if name in ("stuck", "unknown") else ""),
        )
        for name, objects in parts.items()
    ]
    shown = [
        element("figure", caption, picture),
        table(
            [Column(say("what became of them")), Column(say("objects"), "n")], body, [(say("counted by OMS"), total)]
        ),
    ]
    if sum(parts.values()) != counted:
        shown.append(element("p", say("failures do not add up"), class_="open"))
    return shown


def _codes(given: Answer, say: Words) -> list[Markup]:
    """What OMS says of those that are still to be copied, by its codes."""
    causes = []
    for code in fields(given, "codes"):
        objects, passes = whole(given, "codes", code, "objects") or 0, part(given, "codes", code, "passes")
        group = ("passing" if passes else "lasting") if isinstance(passes, bool) else "unknown"
        fix = text(given, "codes", code, "fix", say.language) if code else say("no code")
        causes.append(Cause(html.code(code or "–"), objects, fix, group))
    if not causes:
        return []
    return [element("p", say("by code"), class_="note"), *tables(say("code"), causes, say)]
