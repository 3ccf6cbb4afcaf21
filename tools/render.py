"""A renderer of a project, by Jinja2 as `s init` does it: for machines without Node.js, and for comparison."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path

import jinja2

from .package import contents, manifest


@cache
def environment() -> jinja2.Environment:
    """Return the Jinja2 environment with the only filter of s.yaml, which is equal to that of hooks/filter.js."""
    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    jinja.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return jinja


def defaults() -> dict[str, str]:
    """Return the default answers, in which the function's name lacks the random end that Serverless Devs adds."""
    properties = manifest()["Parameters"]["properties"]
    return {
        name: question["default"].replace("-${default-suffix}", "")
        for name, question in properties.items()
        if "default" in question
    }


def render(answers: dict[str, str], folder: Path) -> None:
    """Write the project into `folder`.

    `answers` are the answers to the questions in publish.yaml, and `access`, which the hook adds. Raises ValueError for
    an answer that does not match its question's pattern.
    """
    variables = _variables(answers)
    files = {name.removeprefix("src/"): data for name, data in _contents().items() if name.startswith("src/")}
    for parent in sorted({(folder / name).parent for name in files}):
        parent.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        templated = name == "s.yaml" or name.endswith(".stpl")
        made = _template(data).render(variables).encode() if templated else data
        (folder / name.removesuffix(".stpl")).write_bytes(made)


def settings(answers: dict[str, str]) -> str:
    """Return the text of the project's s.yaml."""
    return _template(_contents()["src/s.yaml"]).render(_variables(answers))


def _variables(answers: dict[str, str]) -> dict[str, str]:
    variables = {**defaults(), "HW_AK": "", "HW_SK": "", "access": "default", **answers}
    for name, question in manifest()["Parameters"]["properties"].items():
        if "pattern" in question and not re.fullmatch(question["pattern"], variables[name]):
            raise ValueError(f"{name} is not as its question asks for: {question['description']}")
    # The hook writes secrets in this form.
    for name, secret in (("accessKey", "HW_AK"), ("secretKey", "HW_SK")):
        variables[name] = f"${{secret('{variables['functionName']}_{secret}')}}" if variables[secret] else ""
    return variables


@cache
def _contents() -> dict[str, bytes]:
    """Return the files of the package; cached, because reading them takes longer than writing a project."""
    return contents()


@lru_cache
def _template(data: bytes) -> jinja2.Template:
    return environment().from_string(data.decode())
