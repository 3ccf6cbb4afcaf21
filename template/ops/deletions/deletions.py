"""The command `ops.py deletions`, which lists the objects that the source has deleted but OBS still has.

The command deletes nothing: the user deletes the listed objects with a tool of the cloud. FILE has a key on each line,
and FILE.json has the details of each object.
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
from ops.session import Session, check_writable, unwritable_error
from oss_oms_sync.answers.deletions import DeletionsAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.deletions import find_reason_against_list, max_default_deletions


def deletions(session: Session, options: Namespace) -> ExitCode:
    """Write the list, and print its summary with the steps that delete the objects; return the exit code.

    Raises UsageError if an output file exists, if no list can be made, or if the list is longer than permitted.
    """
    file: Path = options.list
    details_file = file.with_name(f"{file.name}.json")
    for path in (file, details_file):
        if path.exists():
            raise UsageError(
                t("{file} exists already; an old list can name objects that exist at the source again", file=path),
                t("Delete the file, or choose another file name"),
            )
        check_writable(path)
    stored_pages = Pages(file.with_name(f"{file.name}.part"), session.clock.now())
    session.hint = t(
        "The results for the objects checked so far are kept for an hour. To continue the list: {step}",
        step=Step("deletions", {"list": str(file)}),
    )
    summary = _collect_pages(session, stored_pages)
    limit = max_default_deletions(summary.facts.source_objects) if options.max is None else options.max
    if summary.objects > limit:
        raise UsageError(
            t(
                "The list of deletions has {n:key|keys}, but the limit without --max is {limit}",
                n=summary.objects,
                limit=limit,
            )
            if options.max is None
            else t(
                "The list of deletions has {n:key|keys}, but --max permits only {limit}", n=summary.objects, limit=limit
            ),
            t(
                "Find out why so many objects were deleted at the source. If the deletions are intended, run this"
                " within an hour: {step}",
                step=Step("deletions", {"list": str(file), "max": summary.objects}),
            ),
        )
    if summary.objects:
        _write_lists(session, stored_pages, summary, file, details_file)
    session.show(options, report(summary, file, session.lang), summary.to_json())
    stored_pages.remove()
    return ExitCode.OK


def _collect_pages(session: Session, stored_pages: Pages) -> Summary:
    listed_count = 0
    while stored_pages.after is not None:
        page = session.ask(DeletionsAnswer, "certify", {"deletions_after": stored_pages.after})
        if reason := find_reason_against_list(page.facts):
            stored_pages.remove()
            raise UsageError(t("No list of deleted objects was made"), reason)
        if not stored_pages.add(page, session.clock.now()):
            session.print_text(t("A newer comparison has finished: the list of deletions starts over"))
            listed_count = 0
        else:
            listed_count += len(page.deletions)
        if stored_pages.after:
            session.progress(
                t("{n:key|keys} on the list so far, up to {key!r}", n=listed_count, key=stored_pages.after)
            )
    session.screen.begin()
    summary = Summary(stored_pages.request_time)
    for page in stored_pages:
        summary.add(page)
    return summary


def _write_lists(session: Session, stored_pages: Pages, summary: Summary, file: Path, details_file: Path) -> None:
    facts = {
        "comparison": summary.facts.comparison,
        "destination_bucket": summary.facts.destination_bucket,
        "listed": stored_pages.request_time,
        "valid_until": timestamp(summary.valid_until),
    }
    try:
        with (
            file.open("w", encoding="utf-8", newline="\n") as key_stream,
            details_file.open("w", encoding="utf-8") as details_stream,
        ):
            details_stream.write(f'{json.dumps(facts)[:-1]}, "objects": [')
            separator = "\n"
            for page in stored_pages:
                for deletion in page.deletions:
                    key_stream.write(f"{deletion.key}\n")
                    details_stream.write(f"{separator}{json.dumps(asdict(deletion))}")
                    separator = ",\n"
            details_stream.write("\n]}\n")
    except OSError as error:
        raise unwritable_error(error) from None
    session.print_text(t("Written: {file}", file=file))
    session.print_text(t("Written: {file}", file=details_file))
