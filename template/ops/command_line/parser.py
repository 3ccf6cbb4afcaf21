"""The parser of the command line, and its errors in the user's language."""

from __future__ import annotations

import argparse
import locale
import os
import re
import runpy
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

from ops.command_line.arguments import COMMANDS, Command, flag, option
from ops.exit_codes import list_exit_codes
from ops.terminal import wrap
from oss_oms_sync.answers.finding import has_name_and_reason
from oss_oms_sync.answers.text import Text, t, untranslated
from oss_oms_sync.rules.next_steps import ACCEPTABLE_NAMES

_Translate = Callable[[Text], str]
_LANGUAGES = ("en", "zh")
_LANGUAGE_HELP = t("language of the output (default: zh in a Chinese locale, otherwise en)")
_TEMPLATE_HELP = t("file with the project's settings, such as s.staging.yaml (default: s.yaml)")
# Minimum similarity, from 0 to 1, at which a name is suggested for a mistyped name.
_MIN_SIMILARITY = 0.75

_DESCRIPTION = t(
    "Migrate a live Alibaba Cloud OSS bucket to Huawei Cloud OBS: set up both clouds, follow the migration, and cut"
    " over. Most commands run a function of the deployed project with the Serverless Devs tool (s), wait for the"
    " function to end, and print its result."
)
_COMMAND_HELP_TEXT = t(
    "To learn when to run a command, and to see its options and exit codes:\n  {help}",
    help="python3 ops.py COMMAND --help",
)
_ARGUMENT_ERROR = t("argument %(argument_name)s: %(message)s")
# argparse's own phrases.
_ARGPARSE_TEXTS = {
    text.phrase: text
    for text in (
        t("usage: "),
        t("positional arguments"),
        t("options"),
        t("show this help message and exit"),
        t("%(prog)s: error: %(message)s\n"),
        _ARGUMENT_ERROR,
        t("the following arguments are required: %s"),
        t("expected one argument"),
        t("ignored explicit argument %r"),
        t("not allowed with argument %s"),
        t("invalid choice: %(value)r (choose from %(choices)s)"),
    )
}


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the command and its options; if they are invalid, print the error and exit."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    translate = _translator_for(words)
    # argparse translates its phrases with gettext, under this name.
    vars(argparse)["_"] = lambda phrase: translate(_ARGPARSE_TEXTS.get(phrase, untranslated(phrase)))
    _translate_option_errors(translate)
    description, epilog = translate(_DESCRIPTION), translate(_COMMAND_HELP_TEXT)
    parser = argparse.ArgumentParser(
        prog="ops.py", description=description, epilog=epilog, formatter_class=_HelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--version", action=_Version, nargs=0, help=translate(t("show the project's version and exit")))
    parser.add_argument("--lang", choices=_LANGUAGES, default=default_language(), help=translate(_LANGUAGE_HELP))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        _add_command(commands, name, command, translate, is_requested=name in words)
    if not words:
        parser.print_help()
        parser.exit(2)
    if not words[0].startswith("-") and words[0] not in COMMANDS:
        parser.error(translate(_suggest_name(t("there is no command {name!r}", name=words[0]), words[0], COMMANDS)))
    options, unknown_options = parser.parse_known_args(words)
    if unknown_options:
        command_parser = commands.choices[options.command]
        command_parser.error(
            translate(_unknown_option_error(options.command, unknown_options[0], command_parser._option_string_actions))
        )
    if options.command == "cutover":
        _check_cutover(parser, options, translate)
    return options


# argparse has no public name for its action.
def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Command,
    translate: _Translate,
    *,
    is_requested: bool,
) -> None:
    summary = translate(command.about)
    description = translate(
        t("{about}.\n\n{advice}", about=f"{summary[0].upper()}{summary[1:]}", advice=command.advice)
    )
    codes = "".join(f"\n  {code} {translate(meaning)}" for code, meaning in list_exit_codes(name))
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"{translate(t('exit codes'))}:{codes}",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    if not is_requested:  # adding the options of every command takes too long
        return
    parser.set_defaults(html=None, template=None)
    common_options = [
        flag("--json", t("print the result as JSON instead of text")),
        option(
            "--lang",
            _LANGUAGE_HELP,
            choices=_LANGUAGES,
            default=argparse.SUPPRESS,  # the option before the command has precedence
        ),
    ]
    if command.page_help is not None:
        common_options.append(option("--html", command.page_help, metavar="FILE", type=Path))
    if command.calls_function:
        common_options.append(option("-t --template", _TEMPLATE_HELP, metavar="FILE", type=Path))
    for group in (*common_options, *command.options):
        option_group = parser.add_mutually_exclusive_group() if isinstance(group, list) else parser
        for argument in group if isinstance(group, list) else [group]:
            settings = (
                {**argument.settings, "type": _make_converter(argument.settings["type"], translate)}
                if "type" in argument.settings
                else argument.settings
            )
            option_group.add_argument(*argument.names, help=translate(argument.help), **settings)


def _make_converter(parse_value: Callable[[str], Any], translate: _Translate) -> Callable[[str], Any]:
    """Return a function that parses a value of an option, and raises the errors that argparse expects."""

    def convert(text: str) -> Any:
        try:
            return parse_value(text)
        except (ValueError, OverflowError) as error:
            # Python's error for a number with too many digits has no Text.
            raise argparse.ArgumentTypeError(
                translate(error.args[0] if isinstance(error.args[0], Text) else t("{text!r} is too large", text=text))
            ) from None

    return convert


def _translate_option_errors(translate: _Translate) -> None:
    """Translate errors of options, which Python 3.10 does not pass to gettext."""

    def describe(error: Any) -> str:
        return translate(_ARGUMENT_ERROR) % vars(error) if error.argument_name else str(error.message)

    argparse.ArgumentError.__str__ = describe  # type: ignore[method-assign]


class _HelpFormatter(argparse.HelpFormatter):
    """A formatter of help that keeps line breaks, and ends Chinese headings with a full-width colon."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        columns = width - len(indent)
        return "\n".join(
            f"{indent}{part}"
            for line in text.splitlines()
            # The lines of exit codes are indented.
            for part in wrap(line, columns, hanging_indent=2 if line.startswith(" ") else 0)
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        return self._fill_text(text, width, "").splitlines()

    def _format_usage(self, *arguments: Any) -> str:
        """Return the usage; a group of options that is wider than the terminal continues on further lines."""
        lines = []
        for line in super()._format_usage(*arguments).split("\n"):
            indent = " " * (len(line) - len(line.lstrip()) + 1)
            remainder = line
            while len(remainder) > self._width and (end := remainder.rfind(" | ", 0, self._width - 1)) > 0:
                lines.append(remainder[: end + 2])
                remainder = indent + remainder[end + 3 :]
            lines.append(remainder)
        return "\n".join(lines)

    def format_help(self) -> str:
        return re.sub(r"^([\u4e00-\u9fff]+):$", "\\1：", super().format_help(), flags=re.MULTILINE)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version of the code in this folder, which is the version to be deployed, and exit."""
        version_file = Path(__file__).parents[2] / "code" / "oss_oms_sync" / "__init__.py"
        sys.stdout.write(f"oss-oms-sync {runpy.run_path(str(version_file))['VERSION']}\n")
        parser.exit()


def _unknown_option_error(command: str, word: str, names: Iterable[str]) -> Text:
    """Return the error for an unknown option, which may be mistyped or belong to other commands."""
    option = word.partition("=")[0]
    problem = t("{command} does not accept {name!r}", command=command, name=option)
    other_commands = [
        name for name, command_description in COMMANDS.items() if option in _list_option_names(command_description)
    ]
    if other_commands:
        problem = t("{wrong}: it is an option of {others:and}", wrong=problem, others=other_commands)
    return _suggest_name(problem, option, () if other_commands else names)


def _list_option_names(command: Command) -> set[str]:
    groups = [group if isinstance(group, list) else [group] for group in command.options]
    return {name for group in groups for argument in group for name in argument.names} | (
        {"--html"} if command.page_help is not None else set()
    )


def _suggest_name(problem: Text, word: str, names: Iterable[str]) -> Text:
    """Return the error `problem` with a suggestion.

    The suggestion is a name that is similar to `word` and begins with the same letter, if there is one, or `--help`.
    """
    initial = word.lstrip("-")[:1]
    similar_names = get_close_matches(
        word, [name for name in names if name.lstrip("-")[:1] == initial], 1, _MIN_SIMILARITY
    )
    if similar_names:
        return t("{wrong}: did you mean {near!r}?", wrong=problem, near=similar_names[0])
    return t("{wrong}. To list the commands or options: --help", wrong=problem)


def default_language() -> str:
    """Return the user's language, "zh" or "en": from the environment, otherwise from the operating system."""
    variable = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), None)
    locale_name = variable or locale.getlocale()[0] or ""
    return "zh" if locale_name.lower().startswith(("zh", "chinese")) else "en"


def _translator_for(words: Sequence[str]) -> _Translate:
    """Return the translator for the language in `words`, which is needed before the command line is parsed."""
    requested_languages = [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    requested_languages += [word for option, word in pairwise(words) if option == "--lang"]
    language = (
        requested_languages[-1] if requested_languages and requested_languages[-1] in _LANGUAGES else default_language()
    )
    return lambda text: text.of(language)


def _check_cutover(parser: argparse.ArgumentParser, options: argparse.Namespace, translate: _Translate) -> None:
    if options.rehearse and options.close:
        parser.error(translate(t("a rehearsal does not close the project: omit --close")))
    acceptances = {}
    for acceptance in options.accept:
        name, _, acceptance_text = acceptance.partition("=")
        if name not in ACCEPTABLE_NAMES:
            classes = [*ACCEPTABLE_NAMES]
            parser.error(
                translate(
                    t(
                        "--accept: {name!r} cannot be accepted by name. Names that can be accepted: {classes}",
                        name=name,
                        classes=classes,
                    )
                )
            )
        if not has_name_and_reason(acceptance_text):
            advice = t(
                'write who accepts {name}, a comma, and the reason, such as --accept {name}="the owner of the'
                ' bucket, compared by hand"',
                name=name,
            )
            parser.error(translate(t("--accept {acceptance!r}: {wanted}", acceptance=acceptance, wanted=advice)))
        acceptances[name] = acceptance_text.strip()
    options.accept = acceptances
