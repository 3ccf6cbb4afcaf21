"""The command line: which commands there are, and what each takes."""

from __future__ import annotations

import argparse
import math
import runpy
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

from ops import quantities
from ops.certificates import ACCEPTABLE
from ops.language import usual
from ops.prices import Prices

_CODES = (
    "Exit code 0: well; 1: not, or there was no answer; 2: the command cannot be run so; 3: not proven; 4: not to be"
    " trusted."
)
_ABOUT = (
    "Everything there is to do with the deployed project. Each command calls `s <function> invoke` in this folder,"
    f" waits, and shows the answer. {_CODES}"
)
# argparse has no public name for it.
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command and its options; ends the program where they are not as they should be."""
    words = sys.argv[1:] if words is None else words
    parser = argparse.ArgumentParser(prog="ops.py", description=_ABOUT, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version of the project this is")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _simple(commands)
    _passes(commands)
    _cutover(commands)
    _check(commands)
    _cost(commands)
    _secrets(commands)
    _canary(commands)
    if words and not words[0].startswith("-") and words[0] not in commands.choices:
        parser.error(f"there is no command {words[0]!r}{_meant(words[0], commands.choices)}")
    options, unknown = parser.parse_known_args(words)
    if unknown:
        command = commands.choices[options.command]
        names = command._option_string_actions
        command.error(f"{options.command} takes no {unknown[0]!r}{_meant(unknown[0], names)}")
    if options.command == "cutover":
        _check_cutover(parser, options)
    return options


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """The version of the code beside this, which is deployed from here."""
        code = Path(__file__).parents[1] / "code" / "oss_oms_sync" / "__init__.py"
        sys.stdout.write(f"oss-oms-sync {runpy.run_path(str(code))['VERSION']}\n")
        parser.exit()


def _meant(word: str, known: Iterable[str]) -> str:
    """What somebody probably wanted to type."""
    near = get_close_matches(word.partition("=")[0], list(known), 1)
    return f": did you mean {near[0]!r}?" if near else ". --help says what there is"


def _add(
    commands: _Commands, name: str, about: str, *, page: bool = False, asks: bool = True
) -> argparse.ArgumentParser:
    """A command; `page`: it makes a web page, `asks`: it calls a function."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}. {_CODES}", allow_abbrev=False
    )
    parser.set_defaults(html=None, template=None)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument("--lang", choices=["en", "zh"], default=usual(), help="default: your locale's")
    if page:
        parser.add_argument("--html", metavar="FILE", type=Path, help="write a web page as well, in one file")
    if asks:
        parser.add_argument("-t", "--template", metavar="FILE", type=Path, help="another file than s.yaml")
    return parser


def _simple(commands: _Commands) -> None:
    _add(commands, "doctor", "what is set up wrong, and what to do about it")
    status = _add(commands, "status", "how far it is, what is stuck and why", page=True)
    status.add_argument("--hours", type=_whole(1, 744), metavar="N", help="how far back OMS's statistics go (24)")
    status.add_argument("--acknowledge", action="store_true", help="what OMS failed to copy until now is seen to")
    story = _add(commands, "story", "what became of one object")
    story.add_argument("key", metavar="KEY", help="the object's key, as it is")
    replay = _add(commands, "replay", "send again what failed, instead of in a few minutes")
    replay.add_argument("--key", action="append", metavar="KEY", help="just this key, whether it failed or not")
    replay.add_argument("--prefix", metavar="PREFIX", type=_prefix, help="only keys that begin so")
    replay.add_argument("--reason", metavar="REASON", help="only what failed for this reason")
    replay.add_argument("--limit", type=_whole(0), metavar="N", help="at most so many")
    replay.add_argument("--dry-run", action="store_true", help="only count")
    _add(commands, "close", "close the project: two minutes later nothing is sent any more, by anything")
    _add(commands, "open", "open the project again, and begin to send what was written meanwhile")
    _add(
        commands, "show", "show an answer that is given on standard input, such as a certificate", page=True, asks=False
    )


def _passes(commands: _Commands) -> None:
    reconcile = _add(commands, "reconcile", "find what no event told of, and send it")
    reconcile.add_argument("--all", action="store_true", help="send all, whatever their records say")
    reconcile.add_argument("--limit", type=_whole(0), metavar="N", help="send at most so many, in one call")
    compare = _add(commands, "compare", "compare both buckets, and send what is missing or older in OBS")
    compare.add_argument("--deep", action="store_true", help="read at the source what is not proven to be equal")
    compare.add_argument("--overwrite", action="store_true", help="send also what somebody overwrote in OBS")
    compare.add_argument("--again", action="store_true", help="judge what differed in the last pass once more")
    compare.add_argument("--standstill", action="store_true", help="only list both buckets, and make their digests")
    for parser in (reconcile, compare):
        parser.add_argument("--prefix", metavar="PREFIX", type=_prefix, help="only keys that begin so")
        parser.add_argument("--since", metavar="TIME", help="also what was written before the installation, since then")
        parser.add_argument("--restart", action="store_true", help="give the open pass up, and begin anew")
        parser.add_argument("--dry-run", action="store_true", help="send nothing, in one call")
        parser.add_argument("--look", action="store_true", help="only say how far the newest pass is")


def _cutover(commands: _Commands) -> None:
    cutover = _add(
        commands, "cutover", "go through a cutover, or rehearse one, until it says GO, NO-GO or NOT PROVEN", page=True
    )
    when = cutover.add_mutually_exclusive_group()
    when.add_argument("--rehearse", action="store_true", help="say how long it will take, and what would fail")
    when.add_argument(
        "--frozen-since", metavar="TIME", help="since when nobody writes to the source: now, or 2026-01-31T08:00:00Z"
    )
    cutover.add_argument("--sample", type=_whole(0, 300), metavar="N", help="read N objects on both sides, at most 300")
    cutover.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar='CLASS="who, why"',
        help=f"take what is not proven for good, by name: {', '.join(ACCEPTABLE)}",
    )
    cutover.add_argument("--deep", action="store_true", help="read at the source what is not proven to be equal")
    cutover.add_argument("--restart", action="store_true", help="compare anew, even if that was done since the freeze")
    cutover.add_argument(
        "--close", action="store_true", help="close the project without asking, when nothing is left to send"
    )
    cutover.add_argument(
        "--out", metavar="FILE", type=Path, help="where the certificate goes (default: named by its time)"
    )


def _check(commands: _Commands) -> None:
    check = _add(commands, "check", "check a certificate, and listings of the buckets against it", asks=False)
    check.add_argument("certificate", metavar="CERTIFICATE", type=Path, help="the JSON file")
    for side in ("source", "destination"):
        check.add_argument(
            f"--{side}",
            metavar="LISTING",
            type=Path,
            help=f"all objects of the {side} bucket: what `rclone lsjson -R --files-only` prints, JSON lines"
            ' {"key": ..., "size": ...}, or lines of size, tab and key',
        )


def _cost(commands: _Commands) -> None:
    cost = _add(commands, "cost", "what the migration costs, and how long the freeze lasts", asks=False)
    objects, size, rate = (_quantity(read) for read in (quantities.count, quantities.size, quantities.a_day))
    cost.add_argument("--objects", metavar="N", type=objects, required=True, help="how many there are, such as 10M")
    cost.add_argument("--size", metavar="BYTES", type=size, required=True, help="how large they are, such as 200TB")
    cost.add_argument("--rate", metavar="N", type=rate, default=0, help="how many are written, such as 1M/day or 50/s")
    cost.add_argument("--lanes", type=_whole(1, 64), metavar="N", default=16, help="as in s.yaml (16)")
    cost.add_argument("--sample", type=_whole(0, 300), metavar="N", default=100, help="as in cutover (100)")
    for option, price, about in (
        ("--egress-price", Prices().egress, "traffic out of OSS"),
        ("--obs-egress-price", Prices().obs_egress, "traffic out of OBS"),
        ("--oms-price", None, "what OMS copies"),
    ):
        usual_price = "unknown" if price is None else f"{price:.4f}"
        about = f"dollars a gigabyte of {about} ({usual_price})"
        cost.add_argument(option, metavar="DOLLARS", type=_quantity(_dollars), default=price, help=about)


def _secrets(commands: _Commands) -> None:
    secrets = _add(
        commands,
        "secrets",
        "put what s.yaml names as secrets into the tool's store: from environment variables of their names, or typed",
    )
    secrets.add_argument("name", metavar="NAME", nargs="*", help="such as ALERT_WEBHOOK (all)")


def _canary(commands: _Commands) -> None:
    canary = _add(
        commands,
        "canary",
        "whether it works in these accounts: a few objects are written, followed into OBS, compared, and deleted again",
    )
    canary.add_argument("--remove", action="store_true", help="delete what canaries have left, from whatever machine")
    canary.add_argument("--report", metavar="FILE", type=Path, help="write the field report, which names nobody")


def _prefix(text: str) -> str:
    """As the functions take it (`prefix_problem`): said before anything is called."""
    if text.startswith("/"):
        raise argparse.ArgumentTypeError(f'{text!r}: no object key begins with "/". Give {text.lstrip("/")!r}')
    return text


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number within limits, as argparse wants it."""

    def convert(text: str) -> int:
        number = int(text) if text.strip().isascii() and text.strip().isdigit() else -1
        if number < least or (most is not None and number > most):
            limits = f"from {least} to {most}" if most is not None else f"of {least} or more"
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number {limits}")
        return number

    return convert


def _quantity(read: Callable[[str], float]) -> Callable[[str], float]:
    """`read`, as argparse wants it: it says for itself what cannot be read."""

    def convert(text: str) -> float:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _dollars(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf:
        raise ValueError(f"{text!r} is no price: give dollars, such as 0.09")
    return price


def _check_cutover(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.rehearse and options.close:
        parser.error("a rehearsal closes nothing: leave --close out")
    accepted = {}
    for given in options.accept:
        name, _, why = given.partition("=")
        if name not in ACCEPTABLE or not why.strip():
            parser.error(f'--accept {given!r}: give CLASS="who, why", with one of {", ".join(ACCEPTABLE)}')
        accepted[name] = why.strip()
    options.accept = accepted
