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
    given = {**defaults(), "HW_AK": "", "HW_SK": "", "access": "default", **answers}
    for name, question in manifest()["Parameters"]["properties"].items():
        if "pattern" in question and not re.fullmatch(question["pattern"], given[name]):
            raise ValueError(f"{name} is not as its question asks for: {question['description']}")
    # As the hook writes them.
    for name, secret in (("accessKey", "HW_AK"), ("secretKey", "HW_SK")):
        given[name] = f"${{secret('{given['functionName']}_{secret}')}}" if given[secret] else ""
    for name, data in contents().items():
        if name.startswith("src/"):
            target = folder / name.removeprefix("src/").removesuffix(".stpl")
            target.parent.mkdir(parents=True, exist_ok=True)
            templated = name == "src/s.yaml" or name.endswith(".stpl")
            target.write_bytes(_template(data).render(given).encode() if templated else data)


@lru_cache
def _template(data: bytes) -> jinja2.Template:
    return environment().from_string(data.decode())
