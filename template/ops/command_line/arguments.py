"""The commands and their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ops.cost import quantities
from ops.cost.effort import LANES
from ops.cost.prices import Prices
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.rules.next_steps import ACCEPTABLE


class Option(NamedTuple):
    """An option or a positional argument: argparse's settings, and its help as a Text."""

    names: Sequence[str]
    help: Text
    settings: Mapping[str, Any]


def option(names: str, text: Text, **settings: Any) -> Option:
    """Return an option with a value; `names` may have several names."""
    return Option(names.split(), text, settings)


def flag(name: str, text: Text) -> Option:
    """Return an option without a value."""
    return Option([name], text, {"action": "store_true"})


class Command(NamedTuple):
    """A command and its options; options in an inner list exclude each other.

    `page`: it can write a web page. `asks`: it calls a function.
    """

    about: Text
    options: Sequence[Option | list[Option]] = ()
    page: bool = False
    asks: bool = True


def _price(name: str, usual_price: float | None, traffic: Text) -> Option:
    shown = t("unknown") if usual_price is None else f"{usual_price:.4f}"
    text = t("dollars a gigabyte of {traffic} ({price})", traffic=traffic, price=shown)
    return option(name, text, metavar="DOLLARS", type=quantities.dollars, default=usual_price)


def _listing(name: str, side: Text) -> Option:
    text = t(
        "all objects of the {side}: what `rclone lsjson -R --files-only` prints, JSON lines"
        ' {{"key": ..., "size": ...}}, or lines of size, tab and key',
        side=side,
    )
    return option(name, text, metavar="LISTING", type=Path)


# The reasons of failed records (oss_oms_sync/errors.py, `Reason`; UNKNOWN for a record without one).
REASONS = (
    *("THROTTLED", "UNAVAILABLE", "UNREACHABLE", "TIMEOUT", "DEADLINE", "CREDENTIALS", "CLOCK", "FORBIDDEN", "ACCOUNT"),
    *("NO_TASK", "REJECTED", "REFUSED", "CLOSED", "MARK_UNREAD", "COPY_FAILED", "UNEXPECTED", "UNKNOWN"),
)


_PROMETHEUS = option(
    "--prometheus", t("also write metrics for node_exporter's textfile collector (*.prom)"), metavar="FILE", type=Path
)
_PREFIX = option("--prefix", t("only object keys with this prefix"), metavar="PREFIX", type=quantities.prefix)
_DEEP = flag("--deep", t("read objects at the source that are not proven equal"))
_OF_PASSES = (
    _PREFIX,
    option(
        "--since",
        t("also objects written before the installation, since this time"),
        metavar="TIME",
        type=quantities.since,
    ),
    flag("--restart", t("abandon the open pass, and start over")),
    flag("--dry-run", t("submit nothing, in one call")),
    flag("--look", t("only show the progress of the newest pass")),
)
COMMANDS = {
    "doctor": Command(t("check the setup, and show how to fix it")),
    "status": Command(
        t("show progress, backlog and reasons"),
        (
            option("--all", t("show all lines, not only the first 20"), action="store_true", dest="in_full"),
            option(
                "--hours", t("how many hours OMS's statistics go back (24)"), type=quantities.whole(1, 744), metavar="N"
            ),
            _PROMETHEUS,
            flag(
                "--acknowledge",
                t("mark all copy failures so far as resolved; in a closed project, only what came after the close"),
            ),
        ),
        page=True,
    ),
    "fleet": Command(
        t("show the status of several projects, the worst first"),
        (option("folders", t("folders of projects"), metavar="FOLDER", nargs="+", type=Path), _PROMETHEUS),
        page=True,
        asks=False,
    ),
    "story": Command(t("show one object's history"), (option("key", t("the object key, as it is"), metavar="KEY"),)),
    "replay": Command(
        t("resend now what failed, instead of within a minute"),
        (
            option(
                "--key",
                t("only this object key, whether it failed or not (repeatable)"),
                action="append",
                dest="keys",
                metavar="KEY",
            ),
            _PREFIX,
            option(
                "--escaped-key",
                t("the same, escaped as in JSON, for what cannot be typed"),
                action="append",
                type=quantities.unescaped,
                dest="keys",
                metavar="KEY",
            ),
            option("--reason", t("only what failed for this reason"), metavar="REASON", choices=REASONS),
            option("--limit", t("at most this many"), type=quantities.whole(0), metavar="N"),
            flag("--dry-run", t("only count, resend nothing")),
        ),
    ),
    "close": Command(t("close the project: after two minutes nothing is sent any more")),
    "open": Command(
        t("open the project again, and start sending what was written meanwhile"),
        (flag("--after-go", t("open it although a GO stands, without asking")),),
    ),
    "show": Command(t("show an answer from standard input, such as a certificate"), page=True, asks=False),
    "reconcile": Command(
        t("find objects whose events were lost, and submit them"),
        (
            flag("--all", t("submit all objects, whatever their records say")),
            option("--limit", t("submit at most this many, in one call"), type=quantities.whole(0), metavar="N"),
            *_OF_PASSES,
        ),
    ),
    "compare": Command(
        t("compare both buckets, and submit what is missing or older in OBS"),
        (
            _DEEP,
            flag("--overwrite", t("also submit what somebody overwrote in OBS")),
            flag("--again", t("recheck what differed in the last pass")),
            flag("--standstill", t("only list both buckets, and compute their digests")),
            *_OF_PASSES,
        ),
    ),
    "cutover": Command(
        t("perform or rehearse a cutover, until it says GO, NO-GO or NOT PROVEN"),
        (
            [
                flag("--rehearse", t("show how long it would take, and what would fail")),
                option(
                    "--frozen-since",
                    t("since when nobody writes to the source: now, or 2026-01-31T08:00:00Z"),
                    metavar="TIME",
                ),
            ],
            option(
                "--sample", t("read N objects on both sides, at most 300"), type=quantities.whole(0, 300), metavar="N"
            ),
            option(
                "--accept",
                t("accept an unproven class (repeatable): {classes}", classes=list(ACCEPTABLE)),
                action="append",
                default=[],
                metavar='CLASS="who, why"',
            ),
            _DEEP,
            flag("--restart", t("compare again, even if that was done since the freeze")),
            flag("--close", t("close the project without asking, when nothing is left to send")),
            option("--out", t("where the certificate goes (default: named by its time)"), metavar="FILE", type=Path),
        ),
        page=True,
    ),
    "check": Command(
        t("check a certificate, and listings of the buckets against it"),
        (
            option("certificate", t("the JSON file"), metavar="CERTIFICATE", type=Path),
            _listing("--source", t("source bucket")),
            _listing("--destination", t("destination bucket")),
        ),
        asks=False,
    ),
    "cost": Command(
        t("estimate the cost of the migration, and the length of the freeze"),
        (
            option(
                "--objects",
                t("number of objects, such as 10M"),
                metavar="N",
                type=quantities.count,
                required=True,
            ),
            option(
                "--size",
                t("their total size, such as 200TB"),
                metavar="BYTES",
                type=quantities.size,
                required=True,
            ),
            option(
                "--rate",
                t("how many are written, such as 1M/day or 50/s"),
                metavar="N",
                type=quantities.a_day,
                default=0,
            ),
            option(
                "--lanes", t("as in s.yaml ({n})", n=LANES), type=quantities.whole(1, 64), metavar="N", default=LANES
            ),
            option("--sample", t("as in cutover (100)"), type=quantities.whole(0, 300), metavar="N", default=100),
            _price("--egress-price", Prices().egress, t("traffic out of OSS")),
            option(
                "--night-price",
                t("dollars a gigabyte of traffic out of OSS from 0 to 8 o'clock (half in mainland China)"),
                metavar="DOLLARS",
                type=quantities.dollars,
            ),
            _price("--obs-egress-price", Prices().obs_egress, t("traffic out of OBS")),
            _price("--oms-price", None, t("what OMS copies")),
        ),
        asks=False,
    ),
    "secrets": Command(
        t(
            "put the secrets that s.yaml names into the tool's store: from environment variables of the same names, or"
            " typed"
        ),
        (option("name", t("such as ALERT_WEBHOOK (default: all)"), metavar="NAME", nargs="*"),),
    ),
    "canary": Command(
        t(
            "test whether it works in these accounts: write a few objects, follow them into OBS, compare and delete"
            " them"
        ),
        (
            flag("--remove", t("delete what canaries have left, from whatever machine")),
            option("--report", t("write the field report, which names nobody"), metavar="FILE", type=Path),
        ),
    ),
    "setup": Command(
        t("make what the project needs in both clouds: buckets, roles, users, the sync task"),
        (
            flag("--plan", t("only show what is there, and what would be made")),
            flag("--remove", t("take away what setup made, but the buckets; first remove the functions: s remove -y")),
            flag(
                "--new-key",
                t("make another key of the functions, for this machine; once it is used, delete the older one"),
            ),
            option(
                "--only",
                t("set up one of both clouds, with the keys of its administrator alone"),
                choices=("alibaba", "huawei"),
                default="",
            ),
            option("--yes", t("carry out the plan of this hash, and ask nothing"), metavar="HASH"),
            flag("--agree", t("agree to OMS's privacy statement")),
        ),
        page=True,
    ),
    "migrate": Command(
        t("copy the objects that were there before the project, once, by a task group of OMS"),
        (
            [
                flag("--look", t("only show how far it is")),
                flag("--pause", t("let it end what it has begun, and begin no more")),
                flag("--go-on", t("go on after a pause, with new keys")),
                flag("--retry", t("try again what failed, with new keys")),
                flag("--remove", t("end it, and leave what is copied")),
                flag("--nights", t("copy at full speed from 0 to 8 o'clock in China, and at 1 MB/s by day")),
                flag("--day-and-night", t("copy without a limit of the bandwidth again")),
                option(
                    "--bandwidth",
                    t("limit the bandwidth in these hours, such as 08:00-19:59=5MB/s (repeat it for up to five)"),
                    metavar="HOURS=SPEED",
                    action="append",
                    default=[],
                    type=quantities.window,
                ),
            ],
            flag("--overwrite", t("copy what is in OBS once more, too, such as for its headers")),
            flag("--restore", t("restore archived objects, too, which costs, without asking")),
            option(
                "--prefix",
                t("only what begins with this, in place of all that the project covers (repeat it for several)"),
                metavar="PREFIX",
                action="append",
                default=[],
                type=quantities.prefix,
            ),
            flag("--yes", t("ask nothing")),
        ),
    ),
    "checklist": Command(t("compare the settings of both buckets, and say what has to be moved by hand"), page=True),
}
