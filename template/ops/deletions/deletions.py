"""The command `ops.py deletions`, which lists the objects that the source has deleted but OBS still has.

The command deletes nothing: the user deletes with a tool of the cloud, by the list. FILE has a key on each line, and
FILE.json the details of each object.
"""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from ops.clock import timestamp
from ops.deletions.pages import Pages
from ops.errors import UsageError
from ops.exit_codes import ExitCode
from ops.report.deletions import Summary, report
from ops.session import Session, check_writable, unwritable
from oss_oms_sync.answers.deletions import DeletionsAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.deletions import max_default_deletions, refusal


def deletions(session: Session, options: Namespace) -> ExitCode:
    """Write the list, and show its summary with the steps that delete the objects; return the exit code.

    Raises UsageError if the files exist, if no list can be made, or if the list is longer than permitted.
    """
    file: Path = options.list
    details = file.with_name(f"{file.name}.json")
    for path in (file, details):
        if path.exists():
            raise UsageError(
                t("{file} exists, and an old list would name objects that exist again", file=path),
                t("Delete the file, or choose another name"),
            )
        check_writable(path)
    pages = Pages(file.with_name(f"{file.name}.part"), session.clock.now())
    session.hint = t(
        "The results of checked objects are kept for an hour. To continue: {step}",
        step=Step("deletions", {"list": str(file)}),
    )
    summary = _collect(session, pages)
    limit = max_default_deletions(summary.facts.source_objects) if options.max is None else options.max
    if summary.objects > limit:
        raise UsageError(
            t("The list has {n:key|keys}, and without --max it may have {limit}", n=summary.objects, limit=limit)
            if options.max is None
            else t("The list has {n:key|keys}, and --max permits {limit}", n=summary.objects, limit=limit),
            t(
                "Find out why the source deleted so many objects. If it should have, run this within an hour: {step}",
                step=Step("deletions", {"list": str(file), "max": summary.objects}),
            ),
        )
    if summary.objects:
        _write(session, pages, summary, file, details)
    session.show(options, report(summary, file, session.lang), summary.to_json())
    pages.remove()
    return ExitCode.OK


def _collect(session: Session, pages: Pages) -> Summary:
    """Request the pages that are missing, and return the summary of all pages.

    Raises UsageError if no list can be made.
    """
    objects = 0
    while pages.after is not None:
        page = session.ask(DeletionsAnswer, "certify", {"deletions_after": pages.after})
        if reason := refusal(page.facts):
            pages.remove()
            raise UsageError(t("No list of deletions was made"), reason)
        if not pages.add(page, session.clock.now()):
            session.print_text(t("A newer comparison has finished: the list starts over"))
            objects = 0
        else:
            objects += len(page.deletions)
        if pages.after:
            session.progress(t("{n:key|keys} on the list, up to {key!r}", n=objects, key=pages.after))
    session.screen.begin()
    summary = Summary(pages.begun)
    for page in pages:
        summary.add(page)
    return summary


def _write(session: Session, pages: Pages, summary: Summary, file: Path, details: Path) -> None:
    facts = {
        "comparison": summary.facts.comparison,
        "destination_bucket": summary.facts.destination_bucket,
        "listed": pages.begun,
        "valid_until": timestamp(summary.valid_until),
    }
    try:
        with file.open("w", encoding="utf-8", newline="\n") as keys, details.open("w", encoding="utf-8") as objects:
            objects.write(f'{json.dumps(facts)[:-1]}, "objects": [')
            separator = "\n"
            for page in pages:
                for deletion in page.deletions:
                    keys.write(f"{deletion.key}\n")
                    objects.write(f"{separator}{json.dumps(asdict(deletion))}")
                    separator = ",\n"
            objects.write("\n]}\n")
    except OSError as error:
        raise unwritable(error) from None
    session.print_text(t("Written: {file}", file=file))
    session.print_text(t("Written: {file}", file=details))
