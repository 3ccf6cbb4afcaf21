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

    - `has_page` is True if the command can write a web page.
    - `calls_function` is True if the command calls a function of the project.
    """

    about: Text
    options: Sequence[Option | list[Option]] = ()
    has_page: bool = False
    calls_function: bool = True


def _price_option(name: str, usual_price: float | None, traffic: Text) -> Option:
    price_text = t("unknown") if usual_price is None else f"{usual_price:.4f}"
    text = t("dollars per gigabyte of {traffic} (default: {price})", traffic=traffic, price=price_text)
    return option(name, text, metavar="DOLLARS", type=quantities.parse_dollars, default=usual_price)


def _listing_option(name: str, side: Text) -> Option:
    text = t(
        'all objects of the {side}: output of `rclone lsjson -R --files-only`, JSON lines {{"key": ...,'
        ' "size": ...}}, or lines with size, tab and key',
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
_DEEP_OPTION = flag("--deep", t("read unproven objects from the source bucket"))
_PASS_OPTIONS = (
    _PREFIX_OPTION,
    option(
        "--since",
        t("include objects written since this time, even before the installation"),
        metavar="TIME",
        type=quantities.parse_start_time,
    ),
    flag("--restart", t("abandon the open pass and start over")),
    flag("--dry-run", t("only count, in a single call; submit nothing")),
    flag("--look", t("show only the progress of the newest pass")),
)
COMMANDS = {
    "doctor": Command(t("check the setup and show remedies")),
    "status": Command(
        t("show progress, backlog and failure reasons"),
        (
            option("--all", t("show all lines, not only the first 20"), action="store_true", dest="in_full"),
            option(
                "--hours",
                t("hours of OMS's statistics to show (default: 24)"),
                type=quantities.whole_number_parser(1, 744),
                metavar="N",
            ),
            _PROMETHEUS_OPTION,
            flag(
                "--acknowledge",
                t(
                    "mark all copy failures up to now as resolved; in a closed project, acknowledge only"
                    " changes after the close"
                ),
            ),
        ),
        has_page=True,
    ),
    "fleet": Command(
        t("show the status of several projects, worst first"),
        (option("folders", t("project folders"), metavar="FOLDER", nargs="+", type=Path), _PROMETHEUS_OPTION),
        has_page=True,
        calls_function=False,
    ),
    "story": Command(
        t("show the history of an object"),
        (option("key", t("the object key, unencoded"), metavar="KEY"),),
    ),
    "replay": Command(
        t("resend failed objects now, instead of within a minute"),
        (
            option(
                "--key",
                t("only this object key, failed or not (repeatable)"),
                action="append",
                dest="keys",
                metavar="KEY",
            ),
            _PREFIX_OPTION,
            option(
                "--escaped-key",
                t("like --key, but with JSON escapes for characters that cannot be typed"),
                action="append",
                type=quantities.unescape_key,
                dest="keys",
                metavar="KEY",
            ),
            option("--reason", t("only objects that failed for this reason"), metavar="REASON", choices=REASONS),
            option("--limit", t("resend at most N objects"), type=quantities.whole_number_parser(0), metavar="N"),
            flag("--dry-run", t("only count; resend nothing")),
        ),
    ),
    "close": Command(t("close the project: two minutes later, nothing more is submitted")),
    "open": Command(
        t("open the project again and submit the writes made while it was closed"),
        (flag("--after-go", t("open the project even after a GO, without asking")),),
    ),
    "show": Command(
        t("show a result from standard input, such as a certificate"),
        has_page=True,
        calls_function=False,
    ),
    "reconcile": Command(
        t("find and submit objects whose events were lost"),
        (
            flag("--all", t("submit all objects, regardless of their records")),
            option(
                "--limit",
                t("submit at most N objects, in a single call"),
                type=quantities.whole_number_parser(0),
                metavar="N",
            ),
            *_PASS_OPTIONS,
        ),
    ),
    "compare": Command(
        t("compare both buckets and submit objects that are missing or older in OBS"),
        (
            _DEEP_OPTION,
            flag("--overwrite", t("also submit objects overwritten in OBS")),
            flag("--again", t("recheck the differences of the last pass")),
            flag("--standstill", t("only list both buckets and compute their digests")),
            *_PASS_OPTIONS,
        ),
    ),
    "headers": Command(
        t("copy to OBS the source headers that OMS does not copy"),
        (
            [
                flag("--dry-run", t("only compare headers and record equal objects")),
                flag("--undo", t("restore the headers that the objects had in OBS before the change")),
            ],
            _PREFIX_OPTION,
            flag("--restart", t("abandon the open pass and start over")),
            flag("--look", t("show only the progress of the newest pass")),
        ),
    ),
    "cutover": Command(
        t("perform or rehearse a cutover; the result is GO, NO-GO or NOT PROVEN"),
        (
            [
                flag("--rehearse", t("forecast the duration and the checks that would fail")),
                option(
                    "--frozen-since",
                    t("start of the freeze: now, or a UTC time such as 2026-01-31T08:00:00Z"),
                    metavar="TIME",
                ),
            ],
            option(
                "--sample",
                t("read N objects on both sides, at most 300"),
                type=quantities.whole_number_parser(0, 300),
                metavar="N",
            ),
            option(
                "--accept",
                t("accept an unproven class (repeatable): {classes}", classes=list(ACCEPTABLE_NAMES)),
                action="append",
                default=[],
                metavar='CLASS="who, why"',
            ),
            _DEEP_OPTION,
            flag("--restart", t("compare again, even if a comparison since the freeze exists")),
            flag("--close", t("close the project without asking when nothing is left to submit")),
            option("--out", t("certificate file (default: named after its time)"), metavar="FILE", type=Path),
        ),
        has_page=True,
    ),
    "check": Command(
        t("verify a certificate, and compare listings of the buckets with it"),
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
                t("rate of new objects, such as 1M/day or 50/s"),
                metavar="N",
                type=quantities.parse_daily_rate,
                default=0,
            ),
            option(
                "--lanes",
                t("key ranges read in parallel, as in s.yaml (default: {n})", n=MAX_LANES),
                type=quantities.whole_number_parser(1, 64),
                metavar="N",
                default=MAX_LANES,
            ),
            option(
                "--sample",
                t("objects in the cutover's sample (default: 100)"),
                type=quantities.whole_number_parser(0, 300),
                metavar="N",
                default=100,
            ),
            _price_option("--egress-price", Prices().egress, t("traffic out of OSS")),
            option(
                "--night-price",
                t(
                    "dollars per gigabyte of traffic out of OSS from 00:00 to 08:00 China time (default: half the usual"
                    " price, or the value of --egress-price if you pass it)"
                ),
                metavar="DOLLARS",
                type=quantities.parse_dollars,
            ),
            _price_option("--obs-egress-price", Prices().obs_egress, t("traffic out of OBS")),
            _price_option("--oms-price", None, t("OMS's copies")),
        ),
        calls_function=False,
    ),
    "secrets": Command(
        t(
            "store the secrets of s.yaml in the secret store of Serverless Devs; the values come from environment"
            " variables of the same names, or you type them"
        ),
        (option("name", t("names of secrets, such as ALERT_WEBHOOK (default: all)"), metavar="NAME", nargs="*"),),
    ),
    "canary": Command(
        t("test the project in your accounts: write a few objects, follow them into OBS, compare and delete them"),
        (
            flag("--remove", t("delete objects left by earlier canary runs on any machine")),
            option(
                "--report",
                t("write a report on the test (field report), without identifying data"),
                metavar="FILE",
                type=Path,
            ),
        ),
    ),
    "setup": Command(
        t("create the project's resources in both clouds: buckets, roles, users, the sync task"),
        (
            flag("--plan", t("only show which resources exist, and which setup would create")),
            flag(
                "--remove",
                t("remove the resources created by setup, except the buckets; first remove the functions: s remove -y"),
            ),
            flag(
                "--new-key",
                t(
                    "create a new key for the functions on this machine; when the new key is in use, run"
                    " this again to delete the older key"
                ),
            ),
            option(
                "--only",
                t("set up only this cloud, with its administrator's key"),
                choices=("alibaba", "huawei"),
                default="",
            ),
            flag("--keep-storage-class", t("for a new sync task: write objects in the source's storage class")),
            option("--yes", t("execute the plan with this hash without asking"), metavar="HASH"),
            flag("--agree", t("agree to OMS's privacy statement without being asked")),
        ),
        has_page=True,
    ),
    "migrate": Command(
        t("copy the existing objects once, with an OMS task group"),
        (
            [
                flag("--look", t("show only the progress")),
                flag("--pause", t("pause: finish the objects in progress, and start no others")),
                flag("--go-on", t("continue after a pause, with new access keys")),
                flag("--retry", t("retry failed objects, with new access keys")),
                flag("--remove", t("end the migration and keep copied objects")),
                flag("--nights", t("copy at full speed from 00:00 to 08:00 China time, and at 1 MB/s otherwise")),
                flag("--day-and-night", t("remove the bandwidth limits")),
                option(
                    "--bandwidth",
                    t("limit the bandwidth in these hours, such as 08:00-19:59=5MB/s (repeatable, at most five)"),
                    metavar="HOURS=SPEED",
                    action="append",
                    default=[],
                    type=quantities.parse_window,
                ),
            ],
            flag("--overwrite", t("also copy objects that OBS already has, for example for their headers")),
            flag("--restore", t("also restore archived objects (charged), without asking")),
            flag("--keep-storage-class", t("write objects in the source's storage class, instead of Standard")),
            option(
                "--prefix",
                t("only keys with this prefix, instead of the project's whole scope (repeatable)"),
                metavar="PREFIX",
                action="append",
                default=[],
                type=quantities.parse_prefix,
            ),
            flag("--yes", t("do not ask")),
        ),
    ),
    "deletions": Command(
        t("list the objects that were deleted at the source and are still in OBS; delete nothing"),
        (
            option(
                "--list", t("output file for the object keys, one per line"), metavar="FILE", type=Path, required=True
            ),
            option(
                "--max",
                t("permit a list of up to N keys (default: 1,000 keys, or a hundredth of the objects if that is less)"),
                metavar="N",
                type=quantities.whole_number_parser(0),
            ),
        ),
    ),
    "checklist": Command(
        t("compare the settings of both buckets and list those to move by hand"),
        has_page=True,
    ),
}
