"""Renders a project as `s init` does, with Jinja2: for machines without Node.js, and to compare the two."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path

import jinja2

from .package import contents, manifest


@cache
def environment() -> jinja2.Environment:
    """Jinja2 with the one filter that s.yaml uses, meaning what hooks/filter.js means by it."""
    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    jinja.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return jinja


def defaults() -> dict[str, str]:
    """The answers that need not be given; the function's name without the tool's random end."""
    properties = manifest()["Parameters"]["properties"]
    return {
        name: question["default"].replace("-${default-suffix}", "")
        for name, question in properties.items()
        if "default" in question
    }


def render(answers: dict[str, str], folder: Path) -> None:
    """Writes the project into `folder`. `answers` are those to the questions of publish.yaml, and what the hook adds:
    `access`.

    Raises ValueError for an answer that has not the form that its question asks for.
    """
    given = _given(answers)
    files = {name.removeprefix("src/"): data for name, data in _contents().items() if name.startswith("src/")}
    for parent in sorted({(folder / name).parent for name in files}):
        parent.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        templated = name == "s.yaml" or name.endswith(".stpl")
        made = _template(data).render(given).encode() if templated else data
        (folder / name.removesuffix(".stpl")).write_bytes(made)


def settings(answers: dict[str, str]) -> str:
    """The project's s.yaml alone."""
    return _template(_contents()["src/s.yaml"]).render(_given(answers))


def _given(answers: dict[str, str]) -> dict[str, str]:
    given = {**defaults(), "HW_AK": "", "HW_SK": "", "access": "default", **answers}
    for name, question in manifest()["Parameters"]["properties"].items():
        if "pattern" in question and not re.fullmatch(question["pattern"], given[name]):
            raise ValueError(f"{name} is not as its question asks for: {question['description']}")
    # As the hook writes them.
    for name, secret in (("accessKey", "HW_AK"), ("secretKey", "HW_SK")):
        given[name] = f"${{secret('{given['functionName']}_{secret}')}}" if given[secret] else ""
    return given


@cache
def _contents() -> dict[str, bytes]:
    """The package's files, read once: to read them takes longer than to write a project."""
    return contents()


@lru_cache
def _template(data: bytes) -> jinja2.Template:
    return environment().from_string(data.decode())
