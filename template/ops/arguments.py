"""The command line: which commands there are, and what each takes."""

from __future__ import annotations

import argparse
import json
import math
import runpy
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ops import quantities
from ops.certificates import ACCEPTABLE
from ops.language import usual
from ops.prices import Prices
from oss_oms_sync.answers.text import Text, same, sentences, t

_Say = Callable[[Text], str]
_LANGUAGES = ("en", "zh")

_CODES = t("Exit codes: 0 OK; 1 a problem, or no result; 2 invalid command line; 3 not proven; 4 not to be trusted.")
_ABOUT = t(
    "Operate the deployed project. Each command calls `s <function> invoke` in this folder, waits, and shows the"
    " answer."
)
# What argparse says itself, in its own phrases.
_OF_ARGPARSE = {
    text.phrase: text
    for text in (
        t("usage: "),
        t("positional arguments"),
        t("options"),
        t("show this help message and exit"),
        t("%(prog)s: error: %(message)s\n"),
        t("argument %(argument_name)s: %(message)s"),
        t("the following arguments are required: %s"),
        t("expected one argument"),
        t("ignored explicit argument %r"),
        t("not allowed with argument %s"),
        t("invalid choice: %(value)r (choose from %(choices)s)"),
    )
}


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command and its options; ends the program where they are not as they should be."""
    words = sys.argv[1:] if words is None else words
    say = _in_language_of(words)
    # It asks gettext for each of its phrases, by this name of its own.
    vars(argparse)["_"] = lambda phrase: say(_OF_ARGPARSE.get(phrase, same(phrase)))
    parser = argparse.ArgumentParser(prog="ops.py", description=say(sentences(_ABOUT, _CODES)), allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help=say(t("show the version of this project")))
    commands = _Commands(parser.add_subparsers(dest="command", metavar="COMMAND", required=True), say)
    _simple(commands)
    _passes(commands)
    _cutover(commands)
    _check(commands)
    _cost(commands)
    _secrets(commands)
    _canary(commands)
    _setup(commands)
    _migrate(commands)
    _checklist(commands)
    known = commands.parsers.choices
    if words and not words[0].startswith("-") and words[0] not in known:
        missing = t("there is no command {name!r}", name=words[0])
        parser.error(say(_meant(missing, words[0], known)))
    options, unknown = parser.parse_known_args(words)
    if unknown:
        command = known[options.command]
        needless = t("{command} takes no {name!r}", command=options.command, name=unknown[0])
        command.error(say(_meant(needless, unknown[0], command._option_string_actions)))
    if options.command == "cutover":
        _check_cutover(parser, options, say)
    return options


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """The version of the code beside this, which is deployed from here."""
        code = Path(__file__).parents[1] / "code" / "oss_oms_sync" / "__init__.py"
        sys.stdout.write(f"oss-oms-sync {runpy.run_path(str(code))['VERSION']}\n")
        parser.exit()


def _meant(wrong: Text, word: str, known: Iterable[str]) -> Text:
    """What is wrong with a word, and what somebody probably wanted to type."""
    near = get_close_matches(word.partition("=")[0], list(known), 1)
    if near:
        return t("{wrong}: did you mean {near!r}?", wrong=wrong, near=near[0])
    return t("{wrong}. --help says what there is", wrong=wrong)


def _in_language_of(words: Sequence[str]) -> _Say:
    """How a text is said before anybody has read the command line."""
    asked = [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    asked += [word for option, word in pairwise(words) if option == "--lang"]
    language = asked[-1] if asked and asked[-1] in _LANGUAGES else usual()
    return lambda text: text.of(language)


class _Commands(NamedTuple):
    """All commands, and in which language they are told of."""

    # argparse has no public name for it.
    parsers: argparse._SubParsersAction[argparse.ArgumentParser]
    say: _Say

    def add(self, name: str, about: Text, *, page: bool = False, asks: bool = True) -> argparse.ArgumentParser:
        """A command; `page`: it makes a web page, `asks`: it calls a function."""
        say, short = self.say, self.say(about)
        long = say(t("{about}. {codes}", about=f"{short[0].upper()}{short[1:]}", codes=_CODES))
        parser = self.parsers.add_parser(name, help=short, description=long, allow_abbrev=False)
        parser.set_defaults(html=None, template=None)
        parser.add_argument("--json", action="store_true", help=say(t("print the answer as JSON")))
        told = say(t("language of the output (default: that of your locale)"))
        parser.add_argument("--lang", choices=_LANGUAGES, default=usual(), help=told)
        if page:
            told = say(t("also write a web page, in one file"))
            parser.add_argument("--html", metavar="FILE", type=Path, help=told)
        if asks:
            told = say(t("use this file instead of s.yaml"))
            parser.add_argument("-t", "--template", metavar="FILE", type=Path, help=told)
        return parser


def _simple(commands: _Commands) -> None:
    say = commands.say
    commands.add("doctor", t("check the setup, and show how to fix it"))
    status = commands.add("status", t("show progress, backlog and reasons"), page=True)
    status.add_argument(
        "--hours", type=_whole(say, 1, 744), metavar="N", help=say(t("how many hours OMS's statistics go back (24)"))
    )
    status.add_argument("--acknowledge", action="store_true", help=say(t("mark all copy failures so far as resolved")))
    story = commands.add("story", t("show one object's history"))
    story.add_argument("key", metavar="KEY", help=say(t("the object key, as it is")))
    replay = commands.add("replay", t("resend now what failed, instead of within a minute"))
    replay.add_argument(
        "--key",
        action="append",
        dest="keys",
        metavar="KEY",
        help=say(t("only this object key, whether it failed or not (repeatable)")),
    )
    replay.add_argument(
        "--prefix", metavar="PREFIX", type=_prefix(say), help=say(t("only object keys with this prefix"))
    )
    replay.add_argument(
        "--escaped-key",
        action="append",
        type=_unescaped(say),
        dest="keys",
        metavar="KEY",
        help=say(t("the same, escaped as in JSON, for what cannot be typed")),
    )
    replay.add_argument("--reason", metavar="REASON", help=say(t("only what failed for this reason")))
    replay.add_argument("--limit", type=_whole(say, 0), metavar="N", help=say(t("at most this many")))
    replay.add_argument("--dry-run", action="store_true", help=say(t("only count, resend nothing")))
    commands.add("close", t("close the project: after two minutes nothing is sent any more"))
    commands.add("open", t("open the project again, and start sending what was written meanwhile"))
    commands.add("show", t("show an answer from standard input, such as a certificate"), page=True, asks=False)


def _passes(commands: _Commands) -> None:
    say = commands.say
    reconcile = commands.add("reconcile", t("find objects whose events were lost, and submit them"))
    reconcile.add_argument("--all", action="store_true", help=say(t("submit all objects, whatever their records say")))
    reconcile.add_argument(
        "--limit", type=_whole(say, 0), metavar="N", help=say(t("submit at most this many, in one call"))
    )
    compare = commands.add("compare", t("compare both buckets, and submit what is missing or older in OBS"))
    compare.add_argument(
        "--deep", action="store_true", help=say(t("read objects at the source that are not proven equal"))
    )
    compare.add_argument("--overwrite", action="store_true", help=say(t("also submit what somebody overwrote in OBS")))
    compare.add_argument("--again", action="store_true", help=say(t("recheck what differed in the last pass")))
    compare.add_argument(
        "--standstill", action="store_true", help=say(t("only list both buckets, and compute their digests"))
    )
    for parser in (reconcile, compare):
        parser.add_argument(
            "--prefix", metavar="PREFIX", type=_prefix(say), help=say(t("only object keys with this prefix"))
        )
        parser.add_argument(
            "--since", metavar="TIME", help=say(t("also objects written before the installation, since this time"))
        )
        parser.add_argument("--restart", action="store_true", help=say(t("abandon the open pass, and start over")))
        parser.add_argument("--dry-run", action="store_true", help=say(t("submit nothing, in one call")))
        parser.add_argument("--look", action="store_true", help=say(t("only show the progress of the newest pass")))


def _cutover(commands: _Commands) -> None:
    say = commands.say
    cutover = commands.add(
        "cutover", t("perform or rehearse a cutover, until it says GO, NO-GO or NOT PROVEN"), page=True
    )
    when = cutover.add_mutually_exclusive_group()
    when.add_argument(
        "--rehearse", action="store_true", help=say(t("show how long it would take, and what would fail"))
    )
    when.add_argument(
        "--frozen-since",
        metavar="TIME",
        help=say(t("since when nobody writes to the source: now, or 2026-01-31T08:00:00Z")),
    )
    cutover.add_argument(
        "--sample", type=_whole(say, 0, 300), metavar="N", help=say(t("read N objects on both sides, at most 300"))
    )
    cutover.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar='CLASS="who, why"',
        help=say(t("accept an unproven class (repeatable): {classes}", classes=list(ACCEPTABLE))),
    )
    cutover.add_argument(
        "--deep", action="store_true", help=say(t("read objects at the source that are not proven equal"))
    )
    cutover.add_argument(
        "--restart", action="store_true", help=say(t("compare again, even if that was done since the freeze"))
    )
    cutover.add_argument(
        "--close", action="store_true", help=say(t("close the project without asking, when nothing is left to send"))
    )
    cutover.add_argument(
        "--out", metavar="FILE", type=Path, help=say(t("where the certificate goes (default: named by its time)"))
    )


def _check(commands: _Commands) -> None:
    say = commands.say
    check = commands.add("check", t("check a certificate, and listings of the buckets against it"), asks=False)
    check.add_argument("certificate", metavar="CERTIFICATE", type=Path, help=say(t("the JSON file")))
    for side, name in (("source", t("source bucket")), ("destination", t("destination bucket"))):
        check.add_argument(
            f"--{side}",
            metavar="LISTING",
            type=Path,
            help=say(
                t(
                    "all objects of the {side}: what `rclone lsjson -R --files-only` prints, JSON lines"
                    ' {{"key": ..., "size": ...}}, or lines of size, tab and key',
                    side=name,
                )
            ),
        )


def _cost(commands: _Commands) -> None:
    say = commands.say
    cost = commands.add("cost", t("estimate the cost of the migration, and the length of the freeze"), asks=False)
    objects, size, rate = (_quantity(say, read) for read in (quantities.count, quantities.size, quantities.a_day))
    cost.add_argument(
        "--objects", metavar="N", type=objects, required=True, help=say(t("number of objects, such as 10M"))
    )
    cost.add_argument(
        "--size", metavar="BYTES", type=size, required=True, help=say(t("their total size, such as 200TB"))
    )
    cost.add_argument(
        "--rate", metavar="N", type=rate, default=0, help=say(t("how many are written, such as 1M/day or 50/s"))
    )
    cost.add_argument("--lanes", type=_whole(say, 1, 64), metavar="N", default=16, help=say(t("as in s.yaml (16)")))
    cost.add_argument(
        "--sample", type=_whole(say, 0, 300), metavar="N", default=100, help=say(t("as in cutover (100)"))
    )
    for option, price, traffic in (
        ("--egress-price", Prices().egress, t("traffic out of OSS")),
        ("--obs-egress-price", Prices().obs_egress, t("traffic out of OBS")),
        ("--oms-price", None, t("what OMS copies")),
    ):
        usual_price = t("unknown") if price is None else f"{price:.4f}"
        told = say(t("dollars a gigabyte of {traffic} ({price})", traffic=traffic, price=usual_price))
        cost.add_argument(option, metavar="DOLLARS", type=_quantity(say, _dollars), default=price, help=told)


def _secrets(commands: _Commands) -> None:
    say = commands.say
    secrets = commands.add(
        "secrets",
        t(
            "put the secrets that s.yaml names into the tool's store: from environment variables of the same names, or"
            " typed"
        ),
    )
    secrets.add_argument("name", metavar="NAME", nargs="*", help=say(t("such as ALERT_WEBHOOK (default: all)")))


def _canary(commands: _Commands) -> None:
    say = commands.say
    canary = commands.add(
        "canary",
        t(
            "test whether it works in these accounts: write a few objects, follow them into OBS, compare and delete"
            " them"
        ),
    )
    canary.add_argument(
        "--remove", action="store_true", help=say(t("delete what canaries have left, from whatever machine"))
    )
    canary.add_argument(
        "--report", metavar="FILE", type=Path, help=say(t("write the field report, which names nobody"))
    )


def _setup(commands: _Commands) -> None:
    say = commands.say
    setup = commands.add(
        "setup", t("make what the project needs in both clouds: buckets, roles, users, the sync task"), page=True
    )
    setup.add_argument("--plan", action="store_true", help=say(t("only show what is there, and what would be made")))
    told = say(t("take away what setup made, but the buckets; first remove the functions: s remove -y"))
    setup.add_argument("--remove", action="store_true", help=told)
    told = say(t("make another key of the functions, for this machine; once it is used, delete the older one"))
    setup.add_argument("--new-key", action="store_true", help=told)
    told = say(t("set up one of both clouds, with the keys of its administrator alone"))
    setup.add_argument("--only", choices=("alibaba", "huawei"), default="", help=told)
    setup.add_argument("--yes", metavar="HASH", help=say(t("carry out the plan of this hash, and ask nothing")))
    setup.add_argument("--agree", action="store_true", help=say(t("agree to OMS's privacy statement")))


def _migrate(commands: _Commands) -> None:
    say = commands.say
    migrate = commands.add(
        "migrate", t("copy the objects that were there before the project, once, by a task group of OMS")
    )
    what = migrate.add_mutually_exclusive_group()
    what.add_argument("--look", action="store_true", help=say(t("only show how far it is")))
    what.add_argument("--pause", action="store_true", help=say(t("let it end what it has begun, and begin no more")))
    what.add_argument("--go-on", action="store_true", help=say(t("go on after a pause, with new keys")))
    what.add_argument("--retry", action="store_true", help=say(t("try again what failed, with new keys")))
    what.add_argument("--remove", action="store_true", help=say(t("end it, and leave what is copied")))
    told = t("copy what is in OBS once more, too, such as for its headers")
    migrate.add_argument("--overwrite", action="store_true", help=say(told))
    told = t("only what begins with this, in place of all that the project covers (repeat it for several)")
    migrate.add_argument("--prefix", metavar="PREFIX", action="append", default=[], type=_prefix(say), help=say(told))
    migrate.add_argument("--yes", action="store_true", help=say(t("ask nothing")))


def _checklist(commands: _Commands) -> None:
    commands.add(
        "checklist", t("compare the settings of both buckets, and say what has to be moved by hand"), page=True
    )


def _prefix(say: _Say) -> Callable[[str], str]:
    """As the functions take it (`prefix_problem`): said before anything is called."""

    def convert(text: str) -> str:
        if text.startswith("/"):
            told = t('{text!r}: no object key begins with "/". Give {better!r}', text=text, better=text.lstrip("/"))
            raise argparse.ArgumentTypeError(say(told))
        return text

    return convert


def _unescaped(say: _Say) -> Callable[[str], str]:
    r"""A key that is given as JSON has it, such as `a\u0000b`: what printed commands hold where a key has characters
    that nobody sees, or that a shell loses."""

    def convert(text: str) -> str:
        try:
            return str(json.loads(f'"{text}"'))
        except ValueError:
            raise argparse.ArgumentTypeError(say(t("{text!r} is not escaped as in JSON", text=text))) from None

    return convert


def _whole(say: _Say, least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number within limits, as argparse wants it."""

    def convert(text: str) -> int:
        number = int(text) if text.strip().isascii() and text.strip().isdigit() else -1
        if number < least or (most is not None and number > most):
            told = t("{text!r} is no whole number of {least} or more", text=text, least=least)
            if most is not None:
                told = t("{text!r} is no whole number from {least} to {most}", text=text, least=least, most=most)
            raise argparse.ArgumentTypeError(say(told))
        return number

    return convert


def _quantity(say: _Say, read: Callable[[str], float]) -> Callable[[str], float]:
    """`read`, as argparse wants it: its ValueError says in a Text what cannot be read."""

    def convert(text: str) -> float:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(say(error.args[0])) from None

    return convert


def _dollars(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf:
        raise ValueError(t("{text!r} is no price: give dollars, such as 0.09", text=text))
    return price


def _check_cutover(parser: argparse.ArgumentParser, options: argparse.Namespace, say: _Say) -> None:
    if options.rehearse and options.close:
        parser.error(say(t("a rehearsal closes nothing: leave --close out")))
    accepted = {}
    for given in options.accept:
        name, _, why = given.partition("=")
        if name not in ACCEPTABLE or not why.strip():
            wanted = t(
                '--accept {given!r}: give CLASS="who, why", with one of {classes}', given=given, classes=[*ACCEPTABLE]
            )
            parser.error(say(wanted))
        accepted[name] = why.strip()
    options.accept = accepted
