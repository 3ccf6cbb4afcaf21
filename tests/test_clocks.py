"""The rule that tests and the sandbox do not read the machine's clock, except in the files listed here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tools.package import ROOT

READINGS = {
    "time.time",
    "time.time_ns",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "ops.clock.Clock().now",
    "oss_oms_sync.clock.Clock().now",
}
# A source text that reads the clock names one of these modules.
MODULES = re.compile(r"\b(time|datetime|email|clock)\b")
# Functions that read the clock if they are called with fewer arguments than this.
WITHOUT_A_TIME = {
    "time.gmtime": 1,
    "time.localtime": 1,
    "time.ctime": 1,
    "time.asctime": 1,
    "time.strftime": 2,
    "email.utils.formatdate": 1,
    "email.utils.localtime": 1,
}
# Files that read it, each with the reason.
READERS = {
    "sandbox/fc/bootstrap.py": "makes the clock of an instance out of the machine's",
    "sandbox/server/certificate.py": "OpenSSL compares a certificate with the machine's clock",
    "sandbox/server/loop.py": "makes the sandbox's clock out of the machine's",
    "tests/package/tool.py": "the Serverless Devs tool compares the time of its last update check with the machine's",
}


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Return the full name of each import in a module, such as `time.time`, by the name that the module uses for it."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in imports
        for alias in node.names
    }


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """Return the full name of a name, attribute or call, such as `time.time` or `datetime.datetime.now`.

    `names` has the full names of imports. For any other expression, the result matches no reading of a clock.
    """
    match node:
        case ast.Name(id=name):
            return names.get(name, "")
        case ast.Attribute(value=value, attr=name):
            return f"{full_name(value, names)}.{name}"
        case ast.Call(func=function):
            return f"{full_name(function, names)}()"
    return ""


def readings(text: str) -> Iterator[tuple[int, str]]:
    """Yield each call in a source text that reads the machine's clock, as its line and its full name."""
    tree = ast.parse(text if MODULES.search(text) else "")
    names = imported_names(tree)
    for node in ast.walk(tree):
        name = full_name(node, names).removesuffix("()")
        if isinstance(node, ast.Call):
            if len(node.args) < WITHOUT_A_TIME.get(name, 0):
                yield node.lineno, name
        elif name in READINGS:
            yield node.lineno, name


def test_only_listed_test_files_read_the_machines_clock():
    files = [path for folder in ("tests", "sandbox") for path in sorted((ROOT / folder).rglob("*.py"))]
    places = {str(path.relative_to(ROOT)): [*readings(path.read_text())] for path in files}
    assert {name: lines for name, lines in places.items() if lines and name not in READERS} == {}
    assert [name for name in READERS if not places[name]] == [], "these read it no more"


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.time()",
        "from oss_oms_sync import (\n    clock,\n)\nclock.Clock().now()",
        "import time; world = World(time.time)",
        "import time as clock; clock.strftime('%Y', clock.gmtime())",
        "import time; time.strftime('%Y')",
        "from time import time; time()",
        "import datetime as dt; dt.datetime.now(dt.timezone.utc)",
        "from datetime import date, datetime; datetime.utcnow()",
        "from datetime import date, datetime; date.today()",
        "from oss_oms_sync.clock import Clock; Clock().now()",
        "from email.utils import formatdate; formatdate(usegmt=True)",
    ],
)
def test_this_check_detects_a_reading_of_the_clock_under_any_name(text):
    assert len([*readings(text)]) == 1


def test_this_check_allows_durations_and_times_in_arguments():
    text = "import time; from datetime import datetime; time.monotonic(), time.gmtime(0), datetime.fromtimestamp(0)"
    assert [*readings(text)] == []
