"""The commands of ops.py and their options, with the help text of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ops.cost import quantities
from ops.cost.effort import MAX_LANES
from ops.cost.prices import Prices
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.rules.next_steps import ACCEPTABLE_NAMES


class Option(NamedTuple):
    """An option or a positional argument: its names, its help, and further arguments for argparse."""

    names: Sequence[str]
    help: Text
    settings: Mapping[str, Any]


def option(names: str, text: Text, **settings: Any) -> Option:
    """Return an option with a value; `names` are separated by spaces."""
    return Option(names.split(), text, settings)


def flag(name: str, text: Text) -> Option:
    """Return an option without a value."""
    return Option([name], text, {"action": "store_true"})


class Command(NamedTuple):
    """A command and its options; options in an inner list exclude each other.

    - `page_help` is the help of the option --html, or None if the command cannot write a web page.
    - `calls_function` is True if the command calls a function of the project.
    """

    about: Text
    options: Sequence[Option | list[Option]] = ()
    page_help: Text | None = None
    calls_function: bool = True


def _price_option(name: str, usual_price: float | None, traffic: Text) -> Option:
    price_text = t("unknown") if usual_price is None else f"{usual_price:.4f}"
    text = t("price of {traffic}, in dollars per GB (default: {price})", traffic=traffic, price=price_text)
    return option(name, text, metavar="DOLLARS", type=quantities.parse_dollars, default=usual_price)


def _listing_option(name: str, side: Text) -> Option:
    text = t(
        "file that lists all objects of the {side}: output of `rclone lsjson -R --files-only`, JSON lines"
        ' {{"key": ..., "size": ...}}, or lines with size, tab and key',
        side=side,
    )
    return option(name, text, metavar="LISTING", type=Path)


# The reasons of failed records (oss_oms_sync/errors.py, `Reason`; UNKNOWN for a record without one).
REASONS = (
    *("THROTTLED", "UNAVAILABLE", "UNREACHABLE", "TIMEOUT", "DEADLINE", "CREDENTIALS", "CLOCK", "FORBIDDEN", "ACCOUNT"),
    *("NO_TASK", "REJECTED", "REFUSED", "CLOSED", "MARK_UNREAD", "COPY_FAILED", "UNEXPECTED", "UNKNOWN"),
)


_PROMETHEUS_OPTION = option(
    "--prometheus", t("also write metrics for node_exporter's textfile collector (*.prom)"), metavar="FILE", type=Path
)
_PREFIX_OPTION = option(
    "--prefix", t("only object keys with this prefix"), metavar="PREFIX", type=quantities.parse_prefix
)
_PAGE_HELP = t("also write a single-file web page")
_DEEP_OPTION = flag("--deep", t("read the contents of source objects that are not proven equal otherwise"))
_PASS_OPTIONS = (
    _PREFIX_OPTION,
    option(
        "--since",
        t(
            "submit objects written since this time in UTC, such as 2026-01-31 (default: three days before"
            " the installation); compare also compares older objects"
        ),
        metavar="TIME",
        type=quantities.parse_start_time,
    ),
    flag("--restart", t("abandon the unfinished pass, and start over")),
    flag("--dry-run", t("only count the objects, in a single run of the function; submit nothing")),
    flag("--look", t("show only the progress of the newest pass")),
)
COMMANDS = {
    "doctor": Command(t("check the setup for faults, and show remedies")),
    "status": Command(
        t("show progress, backlog and failure reasons"),
        (
            option("--all", t("show all lines, not only the first 20"), action="store_true", dest="in_full"),
            option(
                "--hours",
                t("show OMS's statistics of the last N hours (default: 24)"),
                type=quantities.whole_number_parser(1, 744),
                metavar="N",
            ),
            _PROMETHEUS_OPTION,
            flag(
                "--acknowledge",
                t(
                    "mark all copy failures so far as resolved; in a closed project: acknowledge the"
                    " changes at the source since the close instead"
                ),
            ),
        ),
        page_help=_PAGE_HELP,
    ),
    "fleet": Command(
        t("show the status of several projects, worst first"),
        (option("folders", t("the projects' folders"), metavar="FOLDER", nargs="+", type=Path), _PROMETHEUS_OPTION),
        page_help=t("also write a web page on all projects, and beside it one for each project"),
        calls_function=False,
    ),
    "story": Command(
        t("show the history of an object"),
        (option("key", t("the object key, without URL encoding"), metavar="KEY"),),
    ),
    "replay": Command(
        t("resend failed objects now, without waiting for replay's timer"),
        (
            option(
                "--key",
                t("resend only this object, even if it has not failed (repeatable)"),
                action="append",
                dest="keys",
                metavar="KEY",
            ),
            _PREFIX_OPTION,
            option(
                "--escaped-key",
                t("like --key, with JSON escapes for characters that you cannot type"),
                action="append",
                type=quantities.unescape_key,
                dest="keys",
                metavar="KEY",
            ),
            option(
                "--reason",
                t("only objects that failed for this reason, such as THROTTLED"),
                metavar="REASON",
                choices=REASONS,
            ),
            option("--limit", t("resend at most N objects"), type=quantities.whole_number_parser(0), metavar="N"),
            flag("--dry-run", t("only count the objects; resend nothing")),
        ),
    ),
    "close": Command(t("close the project: after two minutes, it submits no more objects")),
    "open": Command(
        t("open the project again, and submit the objects written while it was closed"),
        (flag("--after-go", t("open the project without asking, even if a GO is in effect")),),
    ),
    "show": Command(
        t("read the JSON result of a command or function, or a certificate, from standard input, and print it as text"),
        page_help=_PAGE_HELP,
        calls_function=False,
    ),
    "reconcile": Command(
        t("find objects whose events were lost, and submit them"),
        (
            flag(
                "--all",
                t("submit all objects in scope, even objects that have a record; without --since, objects of any age"),
            ),
            option(
                "--limit",
                t("submit at most N objects, in a single run of the function"),
                type=quantities.whole_number_parser(0),
                metavar="N",
            ),
            *_PASS_OPTIONS,
        ),
    ),
    "compare": Command(
        t("compare both buckets, and submit objects that are missing or older in OBS"),
        (
            _DEEP_OPTION,
            flag(
                "--overwrite",
                t(
                    "also submit objects of which OBS has a newer, different version, for example from another"
                    " application: OMS may then overwrite that version"
                ),
            ),
            flag("--again", t("recheck only the differences that the last pass found")),
            flag("--standstill", t("only list both buckets and compute their digests")),
            *_PASS_OPTIONS,
        ),
    ),
    "headers": Command(
        t("set in OBS the object headers that OMS does not copy from the source"),
        (
            [
                flag(
                    "--dry-run",
                    t("only compare headers, and record which objects have equal headers; change none in OBS"),
                ),
                flag("--undo", t("restore the headers that the objects in OBS had before this command changed them")),
            ],
            _PREFIX_OPTION,
            flag("--restart", t("abandon the unfinished pass, and start over")),
            flag("--look", t("show only the progress of the newest pass")),
        ),
    ),
    "cutover": Command(
        t("perform a cutover (--frozen-since) or rehearse it (--rehearse); the result is GO, NO-GO or NOT PROVEN"),
        (
            [
                flag(
                    "--rehearse",
                    t("without closing the project, forecast the duration of a cutover and the checks that would fail"),
                ),
                option(
                    "--frozen-since",
                    t(
                        "start of the freeze: now, or a UTC time such as 2026-01-31T08:00:00Z. Without this"
                        " option and --rehearse, the command asks for the time; without a terminal, it fails"
                    ),
                    metavar="TIME",
                ),
            ],
            option(
                "--sample",
                t("read a sample of N objects on both sides, at most 300 (default: 0)"),
                type=quantities.whole_number_parser(0, 300),
                metavar="N",
            ),
            option(
                "--accept",
                t(
                    "allow GO although objects of this class are not proven equal, or their metadata"
                    " differs or is unknown; name who accepts this and why (repeatable). Classes: {classes}",
                    classes=list(ACCEPTABLE_NAMES),
                ),
                action="append",
                default=[],
                metavar='CLASS="who, why"',
            ),
            _DEEP_OPTION,
            flag("--restart", t("compare again, even if a comparison since the freeze exists")),
            flag("--close", t("when nothing is left to submit, close the project without asking")),
            option(
                "--out",
                t("file for the certificate (default: named after the certificate's time)"),
                metavar="FILE",
                type=Path,
            ),
        ),
        page_help=_PAGE_HELP,
    ),
    "check": Command(
        t("verify a certificate, and optionally compare it with listings of both buckets"),
        (
            option("certificate", t("the certificate, a JSON file"), metavar="CERTIFICATE", type=Path),
            _listing_option("--source", t("source bucket")),
            _listing_option("--destination", t("destination bucket")),
        ),
        calls_function=False,
    ),
    "cost": Command(
        t("estimate the cost of the migration and the length of the freeze"),
        (
            option(
                "--objects",
                t("number of objects, such as 10M"),
                metavar="N",
                type=quantities.parse_count,
                required=True,
            ),
            option(
                "--size",
                t("total size of the objects, such as 200TB"),
                metavar="BYTES",
                type=quantities.parse_size,
                required=True,
            ),
            option(
                "--rate",
                t("number of objects written per day or second, such as 1M/day or 50/s (default: 0)"),
                metavar="N",
                type=quantities.parse_daily_rate,
                default=0,
            ),
            option(
                "--lanes",
                t("number of key ranges processed in parallel, as `lanes` in s.yaml (default: {n})", n=MAX_LANES),
                type=quantities.whole_number_parser(1, 64),
                metavar="N",
                default=MAX_LANES,
            ),
            option(
                "--sample",
                t(
                    "number of objects that you will pass to cutover as --sample (default: 100; cutover's own"
                    " default is 0)"
                ),
                type=quantities.whole_number_parser(0, 300),
                metavar="N",
                default=100,
            ),
            _price_option("--egress-price", Prices().egress, t("traffic out of OSS")),
            option(
                "--night-price",
                t(
                    "price of traffic out of OSS from 00:00 to 08:00 China time, in dollars per GB"
                    " (default: {price}; if you pass --egress-price, that price)",
                    price=f"{Prices().night_egress:.4f}",
                ),
                metavar="DOLLARS",
                type=quantities.parse_dollars,
            ),
            _price_option("--obs-egress-price", Prices().obs_egress, t("traffic out of OBS")),
            _price_option("--oms-price", None, t("data that OMS copies")),
        ),
        calls_function=False,
    ),
    "secrets": Command(
        t(
            "store the secrets of s.yaml in the secret store of Serverless Devs, from environment"
            " variables of the same names or from your input"
        ),
        (option("name", t("names of secrets, such as ALERT_WEBHOOK (default: all)"), metavar="NAME", nargs="*"),),
    ),
    "canary": Command(
        t("test the project in your accounts: write a few objects, follow them into OBS, compare and delete them"),
        (
            flag(
                "--remove",
                t(
                    "delete the objects that earlier canaries left in the buckets, including canaries run on"
                    " other machines"
                ),
            ),
            option(
                "--report",
                t("write a field report: the measurements of the test, without data that identifies you"),
                metavar="FILE",
                type=Path,
            ),
        ),
    ),
    "setup": Command(
        t("create the project's resources in both clouds: buckets, roles, users and the sync task"),
        (
            flag("--plan", t("only show which resources exist, and which resources setup would create or change")),
            flag(
                "--remove",
                t(
                    "remove the resources that setup created, except the buckets. Before that, remove the"
                    " functions yourself: s remove -y"
                ),
            ),
            flag(
                "--new-key",
                t(
                    "create a new access key for the functions, and store it on this machine. Deploy it;"
                    " more than a day later, run setup with this option again: that run deletes the old key"
                ),
            ),
            option(
                "--only",
                t("set up only this cloud, with the access key of its administrator"),
                choices=("alibaba", "huawei"),
                default="",
            ),
            flag(
                "--keep-storage-class",
                t("for a new sync task: write objects in the storage class that they have at the source"),
            ),
            option("--yes", t("execute the plan without asking, if it has this hash"), metavar="HASH"),
            flag("--agree", t("agree to OMS's privacy statement in advance")),
        ),
        page_help=_PAGE_HELP,
    ),
    "migrate": Command(
        t("copy the existing objects once, with a task group of OMS"),
        (
            [
                flag("--look", t("show only the progress")),
                flag(
                    "--pause",
                    t("pause the migration: OMS finishes the objects in progress, and starts no further objects"),
                ),
                flag("--go-on", t("continue after a pause; the command creates new access keys for OMS")),
                flag("--retry", t("retry failed objects; the command creates new access keys for OMS")),
                flag("--remove", t("end the migration, and keep the copied objects")),
                flag("--nights", t("copy at full speed from 00:00 to 08:00 China time, and at 1 MB/s otherwise")),
                flag("--day-and-night", t("remove the bandwidth limits")),
                option(
                    "--bandwidth",
                    t(
                        "limit the bandwidth at these times of day, such as 08:00-19:59=5MB/s (repeatable"
                        " up to five times); OMS is assumed to use China time, and --look measures the"
                        " time zone that OMS really uses"
                    ),
                    metavar="HOURS=SPEED",
                    action="append",
                    default=[],
                    type=quantities.parse_window,
                ),
            ],
            flag("--overwrite", t("also copy objects that OBS already has, for example to set their headers")),
            flag("--restore", t("also restore and copy archived objects, without asking; restoring is charged")),
            flag(
                "--keep-storage-class",
                t("write objects in the storage class that they have at the source, instead of Standard"),
            ),
            option(
                "--prefix",
                t("copy only object keys with this prefix, instead of all that the project covers (repeatable)"),
                metavar="PREFIX",
                action="append",
                default=[],
                type=quantities.parse_prefix,
            ),
            flag("--yes", t("begin or end the migration without asking")),
        ),
    ),
    "deletions": Command(
        t("list the objects that were deleted at the source but are still in OBS, without deleting them"),
        (
            option(
                "--list", t("output file for the object keys, one per line"), metavar="FILE", type=Path, required=True
            ),
            option(
                "--max",
                t(
                    "permit a list of up to N keys (default: 1,000, or a hundredth of the source's"
                    " objects if that is less)"
                ),
                metavar="N",
                type=quantities.whole_number_parser(0),
            ),
        ),
    ),
    "checklist": Command(
        t("compare the settings of both buckets, and list the settings that you must move by hand"),
        page_help=_PAGE_HELP,
    ),
}
