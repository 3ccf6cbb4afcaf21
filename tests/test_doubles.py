"""The rule that only the sandbox simulates the clouds: no class in tests/ has a method like a call to a cloud."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import OssBucket, OssClient

TESTS = Path(__file__).parent
CLIENTS = (OmsClient, OssClient, OssBucket, ObsClient, ObsBucket)
# Calls of a cloud by the code, without names that other classes have as well.
CALLS = {name for client in CLIENTS for name in vars(client) if not name.startswith("_")} - {
    *("attempt", "bucket", "get", "group", "put", "read", "session", "task", "within")
}
DEFINITION = re.compile(rf"def ({'|'.join(sorted(CALLS))})\(")


def find_doubles(source: str) -> Iterator[str]:
    """Yield the classes in a source text that have a method with the name of a call to a cloud."""
    for node in ast.walk(ast.parse(source)) if DEFINITION.search(source) else ():
        if isinstance(node, ast.ClassDef):
            methods = {stmt.name for stmt in node.body if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef)}
            if methods & CALLS:
                yield node.name


def test_no_class_in_tests_simulates_a_cloud():
    doubles_by_file = {
        f"{path.relative_to(TESTS)}: {name}" for path in TESTS.rglob("*.py") for name in find_doubles(path.read_text())
    }
    assert doubles_by_file == set()


def test_this_check_detects_a_class_that_simulates_a_cloud():
    assert list(find_doubles("class Fake:\n    def try_put_all(self, objects): return []")) == ["Fake"]
