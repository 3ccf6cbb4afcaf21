"""The one thing to do next, after a status."""

from __future__ import annotations

from ops.report.blocks import Step
from ops.report.parts import Answer, fields, part, rows, text, whole
from ops.report.words import Words

_OPEN = "python ops.py open"
_DEEP = "python ops.py compare --deep"
_AGAIN = "python ops.py compare --again"


def next_step(answer: Answer, say: Words) -> Step:
    """What to do after this answer of status, in the order in which its verdict looks at things."""
    name, command = _next(answer)
    return Step(say(f"advise {name}"), command)


def _next(answer: Answer) -> tuple[str, str]:
    state = text(answer, "verdict", "state")
    if state == "closed":
        return ("came after" if part(answer, "verdict", "alarm") is True else "open"), _OPEN
    if state not in ("in step", "behind", "broken", "not known"):
        return "setup", "python ops.py doctor"
    if state == "not known":
        return _next_unknown(answer)
    if state == "broken":
        return "doctor", "python ops.py doctor"
    if whole(answer, "copying", "failures", "stuck"):
        return "stuck", "python ops.py replay --key KEY"
    return _next_here(answer) or _next_at_oms(answer) or _next_look(answer)


def _next_unknown(answer: Answer) -> tuple[str, str]:
    """What makes it known again."""
    overdue = [job for job in ("reconcile", "compare") if job in rows(answer, "overdue")]
    return ("overdue", f"python ops.py {overdue[0]}") if overdue else ("setup", "python ops.py doctor")


def _next_here(answer: Answer) -> tuple[str, str] | None:
    """If something waits in the log bucket."""
    backlog = fields(answer, "backlog")
    if whole(backlog, "failed") or whole(backlog, "in_run_files") or part(backlog, "at_least"):
        return "replay", "python ops.py replay"
    if whole(backlog, "unreadable_run_files"):
        return "reconcile", "python ops.py reconcile"
    if rows(backlog, "left_behind"):
        return "left behind", "python ops.py compare"
    new, missing = (whole(answer, "reconcile", "last", name) or 0 for name in ("new", "new_missing"))
    return ("trigger", "python ops.py doctor") if 2 * missing > new else None


def _next_at_oms(answer: Answer) -> tuple[str, str] | None:
    """If OMS is silent, has failed at something unknown, is late, or has left something out."""
    if "problem" in fields(answer, "oms") or "problem" in fields(answer, "statistics"):
        return "doctor", "python ops.py doctor"
    if whole(answer, "copying", "failures", "unknown") != 0:
        return "failed", "python ops.py replay"
    if whole(answer, "copying", "unfinished", "overdue") != 0:
        return "wait", "python ops.py status"
    classes = fields(answer, "compare", "last", "classes")
    if any(whole(classes, name, "source", "objects") for name in ("missing", "older", "overwritten")):
        return "again", _AGAIN
    if whole(classes, "suspicious", "source", "objects"):
        return "differ", _DEEP
    return None


def _next_look(answer: Answer) -> tuple[str, str]:
    """If nothing is known to be wrong."""
    if text(answer, "verdict", "state") == "behind" or not part(answer, "reconcile", "last"):
        return "reconcile", "python ops.py reconcile"
    if not part(answer, "compare", "last"):
        return "compare", "python ops.py compare"
    return "rehearse", "python ops.py cutover"
