"""Reads the command line, and says in one language what is wrong with it."""

from __future__ import annotations

import argparse
import locale
import os
import runpy
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

from ops.certificate.form import ACCEPTABLE
from ops.command_line.arguments import COMMANDS, Command, flag, option
from oss_oms_sync.answers.step import names_who_and_why
from oss_oms_sync.answers.text import Text, same, sentences, t

_Say = Callable[[Text], str]
_LANGUAGES = ("en", "zh")
# The least share of letters that a mistyped name has in common with the one that was meant.
_MIN_SIMILARITY = 0.75

_CODES = t(
    "Exit codes: 0 GO or OK; 1 NO-GO, an error, or not in step; 2 wrong use, or not wanted; 3 not proven, or to be"
    " continued; 4 a certificate that is not to be trusted; 130 stopped."
)
_ABOUT = t(
    "Operate the deployed project. Each command calls `s <function> invoke` in this folder, waits, and shows the"
    " answer."
)
_OF_ARGUMENT = t("argument %(argument_name)s: %(message)s")
# What argparse says itself, in its own phrases.
_OF_ARGPARSE = {
    text.phrase: text
    for text in (
        t("usage: "),
        t("positional arguments"),
        t("options"),
        t("show this help message and exit"),
        t("%(prog)s: error: %(message)s\n"),
        _OF_ARGUMENT,
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
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    say = _in_language_of(words)
    # It asks gettext for each of its phrases, by this name of its own.
    vars(argparse)["_"] = lambda phrase: say(_OF_ARGPARSE.get(phrase, same(phrase)))
    _in_its_errors(say)
    parser = argparse.ArgumentParser(prog="ops.py", description=say(sentences(_ABOUT, _CODES)), allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help=say(t("show the version of this project")))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        _add(commands, name, command, say, is_asked=name in words)
    if not words:
        parser.print_help()
        parser.exit(2)
    if not words[0].startswith("-") and words[0] not in COMMANDS:
        parser.error(say(_with_correction(t("there is no command {name!r}", name=words[0]), words[0], COMMANDS)))
    options, unknown = parser.parse_known_args(words)
    if unknown:
        asked = commands.choices[options.command]
        asked.error(say(_unknown_option(options.command, unknown[0], asked._option_string_actions)))
    if options.command == "cutover":
        _check_cutover(parser, options, say)
    return options


# argparse has no public name for its action.
def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Command,
    say: _Say,
    *,
    is_asked: bool,
) -> None:
    short = say(command.about)
    long = say(t("{about}. {codes}", about=f"{short[0].upper()}{short[1:]}", codes=_CODES))
    parser = commands.add_parser(name, help=short, description=long, allow_abbrev=False)
    if not is_asked:  # then its options are nobody's business, and to add those of all takes a while
        return
    parser.set_defaults(html=None, template=None)
    shared = [
        flag("--json", t("print the answer as JSON")),
        option(
            "--lang", t("language of the output (default: that of your locale)"), choices=_LANGUAGES, default=usual()
        ),
    ]
    if command.page:
        shared.append(option("--html", t("also write a web page, in one file"), metavar="FILE", type=Path))
    if command.asks:
        shared.append(option("-t --template", t("use this file instead of s.yaml"), metavar="FILE", type=Path))
    for one in (*shared, *command.options):
        into = parser.add_mutually_exclusive_group() if isinstance(one, list) else parser
        for each in one if isinstance(one, list) else [one]:
            how = {**each.how, "type": _told(each.how["type"], say)} if "type" in each.how else each.how
            into.add_argument(*each.names, help=say(each.help), **how)


def _told(read: Callable[[str], Any], say: _Say) -> Callable[[str], Any]:
    """A reader of values, as argparse wants it."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            # Python itself has no Text for a number with more digits than it reads.
            raise argparse.ArgumentTypeError(
                say(error.args[0] if isinstance(error.args[0], Text) else t("{text!r} is too large", text=text))
            ) from None

    return convert


def _in_its_errors(say: _Say) -> None:
    """Python 3.10 asks for none of the words that an error has for an option."""

    def said(error: Any) -> str:
        return say(_OF_ARGUMENT) % vars(error) if error.argument_name else str(error.message)

    argparse.ArgumentError.__str__ = said  # type: ignore[method-assign]


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """The version of the code beside this, which is deployed from here."""
        code = Path(__file__).parents[2] / "code" / "oss_oms_sync" / "__init__.py"
        sys.stdout.write(f"oss-oms-sync {runpy.run_path(str(code))['VERSION']}\n")
        parser.exit()


def _unknown_option(command: str, word: str, names: Iterable[str]) -> Text:
    """Return the error for an option that a command does not take: a mistyped one, or one of other commands."""
    option = word.partition("=")[0]
    wrong = t("{command} takes no {name!r}", command=command, name=option)
    others = [name for name, other in COMMANDS.items() if option in _option_names(other)]
    if others:
        wrong = t("{wrong}, which is an option of {others:and}", wrong=wrong, others=others)
    return _with_correction(wrong, option, () if others else names)


def _option_names(command: Command) -> set[str]:
    groups = [group if isinstance(group, list) else [group] for group in command.options]
    return {name for group in groups for each in group for name in each.names} | ({"--html"} if command.page else set())


def _with_correction(wrong: Text, word: str, names: Iterable[str]) -> Text:
    """Return the error with the name that was probably meant: a similar one that begins with the same letter."""
    initial = word.lstrip("-")[:1]
    near = get_close_matches(word, [name for name in names if name.lstrip("-")[:1] == initial], 1, _MIN_SIMILARITY)
    if near:
        return t("{wrong}: did you mean {near!r}?", wrong=wrong, near=near[0])
    return t("{wrong}. --help says what there is", wrong=wrong)


def usual() -> str:
    """The language that this machine speaks, "zh" or "en": as the environment says, or else the system."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), None)
    known = named or locale.getlocale()[0] or ""
    return "zh" if known.lower().startswith(("zh", "chinese")) else "en"


def _in_language_of(words: Sequence[str]) -> _Say:
    """How a text is said before anybody has read the command line."""
    asked = [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    asked += [word for option, word in pairwise(words) if option == "--lang"]
    language = asked[-1] if asked and asked[-1] in _LANGUAGES else usual()
    return lambda text: text.of(language)


def _check_cutover(parser: argparse.ArgumentParser, options: argparse.Namespace, say: _Say) -> None:
    if options.rehearse and options.close:
        parser.error(say(t("a rehearsal closes nothing: leave --close out")))
    accepted = {}
    for acceptance in options.accept:
        name, _, why = acceptance.partition("=")
        if name not in ACCEPTABLE:
            classes = [*ACCEPTABLE]
            parser.error(
                say(t("--accept: {name!r} cannot be accepted. Give one of {classes}", name=name, classes=classes))
            )
        if not names_who_and_why(why):
            wanted = t(
                'say who accepts it, a comma, and why, such as --accept {name}="the owner, compared by hand"', name=name
            )
            parser.error(say(t("--accept {acceptance!r}: {wanted}", acceptance=acceptance, wanted=wanted)))
        accepted[name] = why.strip()
    options.accept = accepted
