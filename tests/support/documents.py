"""A parser of Markdown documents, for the tests that read the documents."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.package import ROOT

_MARKDOWN = MarkdownIt("commonmark").enable("table")
# First words of commands in backticks.
TOOLS = ("s", "make", "python3", "git", "bash", "npm", "aliyun", "ossutil")
# The targets of make.
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@dataclass(frozen=True)
class Document:
    """A Markdown document and its parts."""

    text: str

    @classmethod
    @cache
    def read(cls, path: Path) -> Document:
        return cls(path.read_text(encoding="utf-8"))

    @cached_property
    def _tokens(self) -> list[Token]:
        return _MARKDOWN.parse(self.text)

    def _inline(self) -> Iterator[Token]:
        for token in self._tokens:
            yield from token.children or ()

    @property
    def headings(self) -> list[tuple[int, str]]:
        pairs = zip(self._tokens, self._tokens[1:], strict=False)
        return [(int(token.tag[1]), following.content) for token, following in pairs if token.type == "heading_open"]

    @property
    def anchors(self) -> set[str]:
        """The anchors of the headings, as the sites that show the document write them."""
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in self.headings}

    @property
    def links(self) -> list[str]:
        targets = [token.attrs.get("href") or token.attrs.get("src") for token in self._inline()]
        return [unquote(str(target)) for target in targets if target]

    @property
    def prose(self) -> list[str]:
        """The texts of paragraphs, headings and cells, without code."""
        return [extract_prose(token) for token in self._tokens if token.children]

    @property
    def blocks(self) -> list[tuple[str, str]]:
        return [(token.info, token.content) for token in self._tokens if token.type == "fence"]

    def blocks_under(self, heading: str, language: str = "sh") -> list[str]:
        """Return the code blocks of a language in the section under a heading."""
        level, texts = 0, []
        for token, following in zip(self._tokens, [*self._tokens[1:], None], strict=True):
            if token.type == "heading_open":
                if level and int(token.tag[1]) <= level:
                    break
                if following and following.content == heading:
                    level = int(token.tag[1])
            elif level and token.type == "fence" and token.info == language:
                texts.append(token.content)
        return texts

    @property
    def tables(self) -> list[list[list[Token]]]:
        tables: list[list[list[Token]]] = []
        for token, following in zip(self._tokens, self._tokens[1:], strict=False):
            if token.type == "table_open":
                tables.append([])
            elif token.type == "tr_open":
                tables[-1].append([])
            elif token.type in ("td_open", "th_open"):
                tables[-1][-1].append(following)
        return tables

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, from shell blocks and from text in backticks."""
        inline = [token.content for token in self._inline() if token.type == "code_inline"]
        texts = [text for info, text in self.blocks if info == "sh"]
        # Text in backticks is a command only if it begins with a tool and has a second word.
        texts += [text for text in inline if text.split(" ")[0] in TOOLS and " " in text]
        return [words for text in texts for words in split_commands(text)]


def extract_prose(token: Token) -> str:
    return "".join({"text": child.content, "softbreak": " "}.get(child.type, "") for child in token.children or ())


def split_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in shell lines, at `|`, `;` and `&&` as well.

    Raises ValueError for a quotation mark without a counterpart.
    """
    line = ""
    for piece in text.splitlines():
        line += piece
        try:
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
            lexer.whitespace_split, lexer.commenters = True, ""
            words = list(lexer)
        except ValueError:  # a quotation that continues in the next line
            line += "\n"
            continue
        line = ""
        yield from _split(words)
    if line:
        raise ValueError(f"a quote is not closed in {line!r}")


def _split(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("|;&"):
            if command:
                yield command
            command = []
        else:
            command.append(word)
