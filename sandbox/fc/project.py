"""The s.yaml of a rendered project, with its expressions replaced as the Serverless Devs tool replaces them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sandbox.account import ACCOUNT_ID

_EXPRESSION = re.compile(r"\$\{(vars|secret|config)(?:\.(\w+)|\('([^']+)'\))\}")


def read_resources(folder: Path, find_secret: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """Return the props of each resource in s.yaml, by resource name; `find_secret` returns a stored secret by name."""
    document = _load_yaml((folder / "s.yaml").read_text(encoding="utf-8"))

    def expand(match: re.Match[str]) -> str:
        kind, variable, name = match.groups()
        if kind == "vars":
            return str(resolve(document["vars"][variable]))
        return find_secret(name) if kind == "secret" else {"AccountID": ACCOUNT_ID}[name]

    def resolve(node: Any) -> Any:
        if isinstance(node, str):
            return _EXPRESSION.sub(expand, node)
        if isinstance(node, Mapping):
            return {name: resolve(inner) for name, inner in node.items()}
        return [resolve(inner) for inner in node] if isinstance(node, list) else node

    return {name: resolve(resource["props"]) for name, resource in document["resources"].items()}


@lru_cache
def _load_yaml(text: str) -> Any:
    return yaml.safe_load(text)
