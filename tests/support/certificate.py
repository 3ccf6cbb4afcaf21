"""Readers of a certificate's checks."""

from __future__ import annotations

from typing import Any


def results(document: dict[str, Any]) -> dict[str, str]:
    """Return the results of the checks that affect the verdict and did not pass, by the checks' ids."""
    return {
        finding["id"]: finding["result"]
        for finding in document["checks"]
        if finding["gates"] and finding["result"] != "passed"
    }


def verdict(document: dict[str, Any]) -> tuple[str, dict[str, str]]:
    return document["verdict"], results(document)


def check(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(finding for finding in document["checks"] if finding["id"] == name)
