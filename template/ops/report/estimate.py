"""What a migration costs, section by section, and how long the freeze lasts."""

from __future__ import annotations

from ops.cost import Estimate, Item, Plan, known
from ops.quantities import in_bytes
from ops.report.blocks import Block, Column, Hero, Paragraph, Phrase, Report, Table
from ops.report.words import Words

# Only if it is asked for.
_OPTIONAL = "deep"


def report(plan: Plan, found: Estimate, language: str) -> Report:
    """The costs, and the freeze."""
    say, size = Words(language), in_bytes(plan.size)
    asked = say("estimate", objects=plan.objects, size=size, a_day=plan.a_day, lanes=plan.lanes)
    *steps, total = ((name, f"{minutes:,}") for name, minutes in found.freeze_minutes.items())
    blocks: list[Block] = [
        _costs("once", found.once, say),
        Paragraph(say("old objects", **found.old_seconds)),
        Paragraph(say("old requests", **found.old_requests)),
        _costs("month", found.month, say),
        _costs("cutover", found.cutover, say),
        Table(
            [Column(say("step")), Column(say("in minutes"), "n")],
            [(say(f"step {name}"), minutes) for name, minutes in steps],
            [(say("total"), total[1])],
            say("the freeze"),
        ),
        Paragraph(say("with deep", hours=f"{found.deep_hours:,.1f}")),
        Paragraph(say("estimate note")),
    ]
    return Report(Hero("", "", asked, None), language, blocks)


def copying(items: list[Item], about: str, language: str) -> Report:
    """What it costs to copy something once."""
    return Report(Hero("", "", about, None), language, [_costs("once", items, Words(language))])


def _costs(name: str, items: list[Item], say: Words) -> Table:
    columns = [Column(say("item")), Column(say("amount")), Column(say("dollars"), "n")]
    total = f"{known([item for item in items if item.name != _OPTIONAL]):,.2f}"
    return Table(columns, [_row(item, say) for item in items], [(say("known total"), "", total)], say(f"cost {name}"))


def _row(item: Item, say: Words) -> tuple[Phrase, ...]:
    objects = say("of objects", number=f"{item.objects:,.0f}") if item.objects else None
    amount = say("pause").join(filter(None, (objects, in_bytes(item.size) if item.size else None)))
    return say(f"item {item.name}"), amount, say("not known") if item.dollars is None else f"{item.dollars:,.2f}"
