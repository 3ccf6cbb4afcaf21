"""A renderer of projects by Jinja2, for machines without Node.js, on which `s init` cannot run.

Tests compare the rendered projects with those of `s init`.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path

import jinja2

from .package import contents, manifest


@cache
def environment() -> jinja2.Environment:
    """Return the Jinja2 environment with the filter `tojson` of s.yaml, which works as in hooks/filter.js."""
    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    jinja.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return jinja


def defaults() -> dict[str, str]:
    """Return the default answers. The function's name lacks the random suffix that Serverless Devs adds."""
    properties = manifest()["Parameters"]["properties"]
    return {
        name: question["default"].replace("-${default-suffix}", "")
        for name, question in properties.items()
        if "default" in question
    }


def render(answers: dict[str, str], folder: Path) -> None:
    """Write the project into `folder`.

    `answers` has the answers to the questions in publish.yaml, by name. It can also have `access`, the alias of an
    account, which the hook adds. Raises ValueError for an answer that does not match the pattern of its question.
    """
    variables = _variables(answers)
    files = {name.removeprefix("src/"): data for name, data in _contents().items() if name.startswith("src/")}
    for parent in sorted({(folder / name).parent for name in files}):
        parent.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        is_template = name == "s.yaml" or name.endswith(".stpl")
        rendered = _template(data).render(variables).encode() if is_template else data
        (folder / name.removesuffix(".stpl")).write_bytes(rendered)


def settings(answers: dict[str, str]) -> str:
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
    """Return the contents of the package's files by name, cached because reading them takes longer than rendering."""
    return contents()


@lru_cache
def _template(data: bytes) -> jinja2.Template:
    return environment().from_string(data.decode())
