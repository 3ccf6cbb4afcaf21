"""The commands of ops.py and their options, with the help text of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ops.cost import quantities
from ops.cost.effort import MAX_LANES
from ops.cost.prices import Prices
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t


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

    - `about` is the command's purpose, in a few words; `advice` says when to run the command, and with which needs.
    - `page_help` is the help of the option --html, or None if the command cannot write a web page.
    - `calls_function` is True if the command calls a function of the project.
    """

    about: Text
    advice: Text
    options: Sequence[Option | list[Option]] = ()
    page_help: Text | None = None
    calls_function: bool = True


def _price_option(name: str, usual_price: float, traffic: Text) -> Option:
    text = t(
        "price of {traffic}, in dollars per GB (default: {price}, the list price in mainland China)",
        traffic=traffic,
        price=f"{usual_price:.4f}",
    )
    return option(name, text, metavar="DOLLARS", type=quantities.parse_dollars, default=usual_price)


def _listing_option(name: str, file_text: Text) -> Option:
    text = t(
        "{file}: the output of `rclone lsjson -R --files-only --no-modtime --no-mimetype` (rclone omits empty objects"
        ' whose keys end with "/": if there are any, use another format), lines such as'
        ' {{"key":"a.txt","size":5}}, or lines of size, tab and key',
        file=file_text,
    )
    return option(name, text, metavar="LISTING", type=Path)


# The reasons of failed records (oss_oms_sync/errors.py, `Reason`; UNKNOWN for a record without one).
REASONS = (
    *("THROTTLED", "UNAVAILABLE", "UNREACHABLE", "TIMEOUT", "DEADLINE", "CREDENTIALS", "CLOCK", "FORBIDDEN", "ACCOUNT"),
    *("NO_TASK", "REJECTED", "REFUSED", "CLOSED", "MARK_UNREAD", "COPY_FAILED", "UNEXPECTED", "UNKNOWN"),
)


_PROMETHEUS_OPTION = option(
    "--prometheus",
    t("also write Prometheus metrics to this file (*.prom), for the textfile collector of node_exporter"),
    metavar="FILE",
    type=Path,
)
_PREFIX_OPTION = option(
    "--prefix",
    t("process only objects whose keys begin with this prefix (default: all objects of the project)"),
    metavar="PREFIX",
    type=quantities.parse_prefix,
)
_PAGE_HELP = t("also write the result to this file, as a self-contained web page")
_DEEP_OPTION = flag(
    "--deep",
    t(
        "also read the contents of source objects whose ETags alone do not prove that the objects in OBS"
        " are equal, such as objects over 50 MB"
    ),
)
_RESTART_OPTION = flag(
    "--restart",
    t(
        "abandon an unfinished pass, and start over (default: continue the unfinished pass if it has the same"
        " options; with other options, a new pass replaces it; with another --prefix, both passes continue)"
    ),
)
_LOOK_OPTION = flag(
    "--look",
    t(
        "only show the progress of the newest pass over all objects of the project (with --prefix: of the newest pass"
        " with the same prefix)"
    ),
)


def _pass_options(since_help: Text) -> tuple[Option, ...]:
    """Return the options of a command that begins a pass; `since_help` is the help of the option --since."""
    return (
        _PREFIX_OPTION,
        option("--since", since_help, metavar="TIME", type=quantities.parse_start_time),
        _RESTART_OPTION,
        flag(
            "--dry-run",
            t("submit nothing, and only count objects, for at most 9 minutes"),
        ),
        _LOOK_OPTION,
    )


COMMANDS = {
    "doctor": Command(
        t("check the setup of the deployed project, and name the remedy for each fault"),
        t("Run doctor after each deployment, and whenever you suspect a fault."),
    ),
    "status": Command(
        t("show the state of the migration: verdict, backlog, failures and the next step"),
        t(
            'Run status daily, and before a cutover. The verdict is "in step", "behind", "broken" or "unknown";'
            ' for a closed project, "closed".'
        ),
        (
            option("--all", t("print all lines (default: the first 20 lines)"), action="store_true", dest="in_full"),
            option(
                "--hours",
                t("show OMS's statistics for the last N hours, from 1 to 744 (default: 24)"),
                type=quantities.whole_number_parser(1, 744),
                metavar="N",
            ),
            _PROMETHEUS_OPTION,
            flag(
                "--acknowledge",
                t(
                    "no longer report the objects that OMS has failed to copy up to now, nor those that OMS"
                    " accepted over 15 minutes ago and has not finished, after you have resolved them all; in a"
                    " closed project, instead no longer report the changes at the source since the project was"
                    " closed, because OBS does not need them"
                ),
            ),
        ),
        page_help=_PAGE_HELP,
    ),
    "fleet": Command(
        t("show the status of several projects, worst first"),
        t("Run fleet if you have more than one project: the command runs status in the folder of each project."),
        (
            option("folders", t("folder of a project"), metavar="FOLDER", nargs="+", type=Path),
            _PROMETHEUS_OPTION,
        ),
        page_help=t(
            "also write an overview to this file, as a web page, and a web page for each project to the same folder"
        ),
        calls_function=False,
    ),
    "story": Command(
        t("show the history of an object"),
        t(
            "Run story if an object is missing or outdated in OBS. The command shows the object in both"
            " buckets, OMS's answer, the reason for a failure and the next step."
        ),
        (option("key", t("the object key, without URL encoding"), metavar="KEY"),),
    ),
    "replay": Command(
        t("resend failed objects now, without waiting for replay's timer"),
        t(
            "Run replay after you have removed the cause of the failures. Without options, the command"
            " resends all failed objects."
        ),
        (
            option(
                "--key",
                t("resend the object with this key, even if it has not failed (repeatable)"),
                action="append",
                dest="keys",
                metavar="KEY",
            ),
            option(
                "--prefix",
                t("resend only objects whose keys begin with this prefix (default: all failed objects)"),
                metavar="PREFIX",
                type=quantities.parse_prefix,
            ),
            option(
                "--escaped-key",
                t(
                    "like --key, for a key with characters that you cannot type: write these as JSON escapes, and"
                    " put the key in quotation marks, such as 'a\\u0001b'"
                ),
                action="append",
                type=quantities.unescape_key,
                dest="keys",
                metavar="KEY",
            ),
            option(
                "--reason",
                t("resend only objects that failed for this reason, such as THROTTLED; status lists the reasons"),
                metavar="REASON",
                choices=REASONS,
            ),
            option(
                "--limit",
                t("resend at most N objects (default: all)"),
                type=quantities.whole_number_parser(0),
                metavar="N",
            ),
            flag("--dry-run", t("only count the objects; resend nothing")),
        ),
    ),
    "close": Command(
        t("close the project, so that it submits no more objects to OMS (takes two minutes)"),
        t(
            "A cutover closes the project itself, after you agree. Run close only to stop submissions by hand,"
            " for example for the cutover of another project with the same sync task. Afterwards, check in the OMS"
            " console that OMS has finished. While the project is closed, the functions record the objects"
            " written to the source; to submit these objects later, run open."
        ),
    ),
    "open": Command(
        t("open a closed project, and submit the objects written while it was closed"),
        t(
            "Run open to give up a cutover, to roll back to OSS, or to undo the command close."
            " If a GO is in effect, the command asks you to confirm, because once the project is open, OMS"
            " can overwrite objects that applications wrote to OBS."
        ),
        (flag("--after-go", t("open the project without asking, even if a GO is in effect")),),
    ),
    "show": Command(
        t("read a certificate or a JSON result from standard input, and print it as text"),
        t(
            "Run show to read a saved result, for example:\n  {command} < certificate.json\nThe command"
            " accepts certificates, the output of `s <function> invoke`, and the JSON results of doctor,"
            " status, story, replay, close, open, reconcile, compare and headers. The exit code of show is"
            " that of the command that produced the result.",
            command=Step("show"),
        ),
        page_help=t(
            "also write the certificate or status to this file, as a self-contained web page; other results have no"
            " page"
        ),
        calls_function=False,
    ),
    "reconcile": Command(
        t("find objects that OMS has not accepted, such as objects whose events were lost, and submit them"),
        t(
            "By default, a pass over the source bucket begins every day (reconcilePeriod in s.yaml). Run"
            " reconcile to begin a pass now, for example after you have restored the trigger. In a closed"
            " project, reconcile begins no pass, and shows the result of an earlier pass; --dry-run still counts"
            " objects. Ctrl-C stops the command, but not the pass."
        ),
        (
            flag(
                "--all",
                t("submit all objects of any age, even those that OMS has accepted"),
            ),
            option(
                "--limit",
                t("submit at most N objects, in at most 9 minutes (default: run a whole pass)"),
                type=quantities.whole_number_parser(0),
                metavar="N",
            ),
            *_pass_options(
                t(
                    "process only objects written since this time in UTC, such as 2026-01-31 (default:"
                    " three days before the first deployment; with --all: no limit)"
                )
            ),
        ),
    ),
    "compare": Command(
        t("compare both buckets, and submit objects that are missing or older in OBS"),
        t(
            "By default, a pass over both buckets begins every week (comparePeriod in s.yaml). Run"
            " compare to begin a pass now, for example after a migration. Objects written before the time"
            " in --since are compared, but not submitted. In a closed project, compare submits nothing."
            " Ctrl-C stops the command, but not the pass."
        ),
        (
            _DEEP_OPTION,
            flag(
                "--overwrite",
                t(
                    "also submit objects that are newer in OBS and differ in size or (with --deep) in contents, for"
                    " example after an application changed them; OMS then overwrites these changes. Objects that OMS"
                    " would skip because of their equal size are not submitted: use migrate --overwrite"
                ),
            ),
            flag(
                "--again",
                t("submit nothing, and only recheck the objects that differed in the last comparison (at most 10,000)"),
            ),
            flag(
                "--standstill",
                t(
                    "only list both buckets and compute digests; if the source is unchanged, status then reports"
                    " changes in OBS since the last comparison"
                ),
            ),
            *_pass_options(
                t(
                    "submit only objects written since this time in UTC, such as 2026-01-31 (default:"
                    " three days before the first deployment; for objects newer in OBS: no limit)"
                )
            ),
        ),
    ),
    "headers": Command(
        t("copy to OBS the object headers that OMS does not copy"),
        t(
            "Run this command before the cutover if applications need headers such as Cache-Control:"
            ' max-age=60. First set changeHeaders to "on" in s.yaml, run setup, deploy, and run canary. If'
            " canary reports a new LastModified, headers can be changed only during a cutover: run headers"
            " --dry-run without --prefix, and the cutover then sets the headers. The command runs one pass"
            " over all objects. Only objects whose contents are proven equal get headers; contents are never"
            " changed. In a closed project, headers changes nothing. Ctrl-C stops the command, but not the pass."
        ),
        (
            [
                flag(
                    "--dry-run",
                    t(
                        "change nothing in OBS now: count the objects by header and result, and record which"
                        " objects already have equal headers, so that later passes skip them. After a run without"
                        " --prefix, even with --dry-run, later cutovers change the headers in OBS without asking"
                    ),
                ),
                flag(
                    "--undo",
                    t(
                        "restore the headers that OBS had before this command changed them; impossible if a change"
                        " of headers also changes LastModified"
                    ),
                ),
            ],
            _PREFIX_OPTION,
            _RESTART_OPTION,
            _LOOK_OPTION,
        ),
    ),
    "cutover": Command(
        t("perform a cutover or rehearse it, and write a certificate: GO, NO-GO or NOT PROVEN"),
        t(
            "A week before the cutover, rehearse it:\n  {rehearse}\nOn the day of the cutover, stop all"
            " writes to the source, then run:\n  {command}\nTo continue after an interruption, run the"
            " command again, but replace 'now' with the time at which the freeze began.",
            rehearse=Step("cutover", {"rehearse": True}),
            command=Step("cutover", {"frozen_since": "now"}),
        ),
        (
            [
                flag(
                    "--rehearse",
                    t(
                        "forecast the duration of a cutover and the checks that would fail; the project stays open,"
                        " and applications can keep writing"
                    ),
                ),
                option(
                    "--frozen-since",
                    t(
                        "start of the freeze (the time from which no application writes to the source): now, or a UTC"
                        " time such as 2026-01-31T08:00:00Z (default: the command asks; without a terminal, it fails)"
                    ),
                    metavar="TIME",
                ),
            ],
            option(
                "--sample",
                t(
                    "also compare N random objects by reading their contents and headers on both sides; at most 300"
                    " (default: 0)"
                ),
                type=quantities.whole_number_parser(0, 300),
                metavar="N",
            ),
            option(
                "--accept",
                t(
                    "accept a finding that would otherwise prevent a GO; write who accepts the finding,"
                    " and why (repeatable). CLASS is an object class that compare prints ({classes}), or"
                    " oms_unfinished (OMS has not finished all objects), or metadata (headers differ or"
                    " are unknown)",
                    classes=[object_class.title for object_class in ObjectClass if object_class.can_be_accepted],
                ),
                action="append",
                default=[],
                metavar='CLASS="who, why"',
            ),
            _DEEP_OPTION,
            flag(
                "--restart",
                t(
                    "compare again (default: use a comparison that began after the start of the freeze, if there"
                    " is one)"
                ),
            ),
            flag(
                "--close",
                t(
                    "close the project without asking (default: the command asks; without a terminal, the project"
                    " stays open, and the result is NOT PROVEN)"
                ),
            ),
            option(
                "--out",
                t("file for the certificate (default: in the current folder, named after the certificate's time)"),
                metavar="FILE",
                type=Path,
            ),
        ),
        page_help=_PAGE_HELP,
    ),
    "check": Command(
        t("verify a certificate, and optionally compare it with listings of both buckets"),
        t(
            "Run check before you rely on a certificate. You need neither access keys nor a deployed"
            " project. For the comparison, list both buckets with a tool of your own during the freeze,"
            " before applications write to OBS, and pass both listings. With only the source's listing, check"
            " does not verify OBS; with only the destination's listing, check does not verify the source. In both"
            " cases, check can miss that OBS lacks an object."
        ),
        (
            option("certificate", t("JSON file of the certificate"), metavar="CERTIFICATE", type=Path),
            _listing_option("--source", t("file that lists all objects of the source bucket")),
            _listing_option("--destination", t("file that lists all objects of the destination bucket")),
        ),
        calls_function=False,
    ),
    "cost": Command(
        t("estimate the cost of the migration and the length of the freeze"),
        t(
            "Run cost before you deploy; you need no access keys. The freeze is the time in which"
            " applications must not write to the source. If your source bucket is outside mainland China, pass"
            " the price of traffic there with --egress-price. Example:\n  {command}",
            command=Step("cost", {"objects": "100M", "size": "200TB", "rate": "1M/day"}),
        ),
        (
            option(
                "--objects",
                t("number of existing objects, such as 10M"),
                metavar="N",
                type=quantities.parse_count,
                required=True,
            ),
            option(
                "--size",
                t("total size of the existing objects, such as 200TB (powers of 1000) or 180TiB (powers of 1024)"),
                metavar="BYTES",
                type=quantities.parse_size,
                required=True,
            ),
            option(
                "--rate",
                t("number of objects that applications write per day or second, such as 1M/day or 50/s (default: 0)"),
                metavar="N",
                type=quantities.parse_daily_rate,
                default=0,
            ),
            option(
                "--lanes",
                t(
                    "number of key ranges that a pass over the buckets processes in parallel, from 1 to"
                    " 64; pass the value of `lanes` in s.yaml (default: {n})",
                    n=MAX_LANES,
                ),
                type=quantities.whole_number_parser(1, 64),
                metavar="N",
                default=MAX_LANES,
            ),
            option(
                "--sample",
                t(
                    "the value that you will pass to cutover as --sample, at most 300; pass 0 if you will"
                    " not use that option (default: 100)"
                ),
                type=quantities.whole_number_parser(0, 300),
                metavar="N",
                default=100,
            ),
            _price_option("--egress-price", Prices().egress, t("traffic out of OSS")),
            option(
                "--night-price",
                t(
                    "price of traffic out of OSS from 00:00 to 08:00 China Standard Time, in dollars per GB"
                    " (default: {price}, the list price in mainland China; if you pass --egress-price, that price)",
                    price=f"{Prices().night_egress:.4f}",
                ),
                metavar="DOLLARS",
                type=quantities.parse_dollars,
            ),
            _price_option("--obs-egress-price", Prices().obs_egress, t("traffic out of OBS")),
            option(
                "--oms-price",
                t("OMS's fee for copied data, in dollars per GB (default: unknown, not part of the estimate)"),
                metavar="DOLLARS",
                type=quantities.parse_dollars,
            ),
        ),
        calls_function=False,
    ),
    "secrets": Command(
        t("store the secrets named in s.yaml, such as HW_AK, in the secret store of Serverless Devs"),
        t(
            "Setup creates the access key of the functions (HW_AK and HW_SK in s.yaml), and stores it in the"
            " secret store of the machine on which setup runs. On another machine, setup creates and stores a second"
            " access key. Run secrets to store an access key that you created yourself, or other secrets such as"
            " ALERT_WEBHOOK; then deploy. The command takes each secret from the environment variable of the same"
            " name, or asks you for the secret."
        ),
        (
            option(
                "name",
                t("name of a secret, such as ALERT_WEBHOOK (default: all secrets in s.yaml)"),
                metavar="NAME",
                nargs="*",
            ),
        ),
    ),
    "canary": Command(
        t("test the project in your accounts: write a few objects, follow them into OBS, compare and delete them"),
        t(
            "Run canary after the first deployment and before you run headers, but not in the hour before a cutover."
            " The command takes about 15 minutes. You need an administrator's access key for each cloud."
        ),
        (
            flag(
                "--remove",
                t("only delete the objects that earlier canaries, on any machine, left in the buckets"),
            ),
            option(
                "--report",
                t(
                    "write the measurements to this file, without data that identifies you (default: the command asks"
                    " whether to write field-report.json)"
                ),
                metavar="FILE",
                type=Path,
            ),
        ),
    ),
    "setup": Command(
        t("create the project's resources in both clouds: buckets, roles, users and the sync task"),
        t(
            "Run setup before the first deployment, and again after you upgrade the project or change"
            " s.yaml. The command shows a plan, and changes nothing until you confirm the plan. You need an"
            " administrator's access key for each cloud (with --only: only for that cloud)."
        ),
        (
            flag(
                "--plan", t("only show the plan: the existing resources, and those that setup would create or change")
            ),
            flag(
                "--remove",
                t(
                    "remove the resources that setup created, except the buckets; before that, remove the"
                    " functions yourself:\n{command}",
                    command=Step("remove"),
                ),
            ),
            flag(
                "--new-key",
                t(
                    "create a new access key for the functions, and store the key on this machine."
                    " Afterwards, deploy the project yourself:\n{command}\nMore than a day later, run setup"
                    " --new-key again: this second run creates no key, but deletes the old key",
                    command=Step("deploy"),
                ),
            ),
            option(
                "--only",
                t(
                    "create or remove resources only in this cloud, with the access key of its administrator"
                    " (default: in both clouds)"
                ),
                choices=("alibaba", "huawei"),
                default="",
            ),
            flag(
                "--keep-storage-class",
                t("for a new sync task: write objects in the storage class of the source object (default: Standard)"),
            ),
            option(
                "--yes",
                t("execute the plan without asking, if the plan still has this hash, which --plan prints"),
                metavar="HASH",
            ),
            flag(
                "--agree",
                t("agree to OMS's privacy statement, which a new sync task requires (default: the command asks)"),
            ),
        ),
        page_help=t("also write the plan to this file, as a self-contained web page"),
    ),
    "migrate": Command(
        t("copy the existing objects once, with a migration task group of OMS"),
        t(
            "Run migrate once, after the first deployment and a run of compare. The command shows a plan"
            " with the cost, asks you to confirm, starts the migration and follows its progress. Ctrl-C"
            " stops only the command: run it again to follow the migration. You need an administrator's"
            " access key for each cloud. --overwrite, --restore, --keep-storage-class and --prefix apply"
            " to a new migration only; --nights, --day-and-night and --bandwidth also change the speed of"
            " a running migration."
        ),
        (
            [
                flag("--look", t("only show the progress")),
                flag(
                    "--pause",
                    t("pause the migration: OMS finishes the objects in progress, and starts no further objects"),
                ),
                flag("--go-on", t("continue the migration after a pause; the command creates new access keys for OMS")),
                flag(
                    "--retry",
                    t("retry the objects that OMS failed to copy; the command creates new access keys for OMS"),
                ),
                flag(
                    "--remove",
                    t("end the migration, and delete its task group and access keys; copied objects stay in OBS"),
                ),
                flag(
                    "--nights",
                    t(
                        "copy at full speed from 00:00 to 08:00 China Standard Time, when traffic out of OSS is"
                        " cheaper in mainland China, and at 1 MB/s otherwise"
                    ),
                ),
                flag("--day-and-night", t("remove the bandwidth limits: copy at full speed at all hours")),
                option(
                    "--bandwidth",
                    t(
                        "limit the bandwidth at these times of day to a value from 1 to 200 MB/s, such as"
                        " 08:00-19:59=5MB/s (repeatable; at most five limits). OMS is assumed to use China"
                        " Standard Time; after a day, --look reports if OMS uses other hours"
                    ),
                    metavar="HOURS=SPEED",
                    action="append",
                    default=[],
                    type=quantities.parse_window,
                ),
            ],
            flag(
                "--overwrite",
                t(
                    "also copy objects that OMS would otherwise skip because it considers the objects in OBS equal,"
                    " although contents or headers can differ"
                ),
            ),
            flag(
                "--restore",
                t(
                    "also restore and copy archived objects; restoring is charged. First grant the permission"
                    " oss:RestoreObject to OMS's RAM user (<functionName>-oms): setup does not (default: the command"
                    " asks; with --yes, archived objects are not copied)"
                ),
            ),
            flag(
                "--keep-storage-class",
                t("write objects in the storage class of the source object (default: Standard)"),
            ),
            option(
                "--prefix",
                t(
                    "copy only objects whose keys begin with this prefix (repeatable; default: all objects of the"
                    " project)"
                ),
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
        t(
            "Neither OMS nor this project deletes your objects in OBS. The list contains only objects that this"
            " project copied, and that two comparisons, more than a day apart, did not find at the source. So run"
            " compare without --prefix, and again more than a day later (the weekly passes count). Also run"
            " checklist once. Then run deletions, before the cutover: after a GO, no list can be made. Delete the"
            " listed objects within an hour, before the list is outdated, with a tool of your own such as rclone."
        ),
        (
            option(
                "--list",
                t("new file for the object keys, one per line; their sizes, ETags and times are written to FILE.json"),
                metavar="FILE",
                type=Path,
                required=True,
            ),
            option(
                "--max",
                t(
                    "maximum number of keys in the list; with more keys, no list is written (default: 1,000, but at"
                    " most a hundredth of the source's objects)"
                ),
                metavar="N",
                type=quantities.whole_number_parser(0),
            ),
        ),
    ),
    "checklist": Command(
        t("compare the settings of both buckets, and list the settings that you must move by hand"),
        t(
            "Run checklist before a cutover, because OMS does not copy settings such as lifecycle rules. The command"
            " changes no setting. You need an administrator's access key for each cloud."
        ),
        page_help=_PAGE_HELP,
    ),
}
