"""Each cloud has one double, the sandbox: nothing in tests/ answers in its place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import OssBucket, OssClient

TESTS = Path(__file__).parent
CLIENTS = (OmsClient, OssClient, OssBucket, ObsClient, ObsBucket)
# What the code asks a cloud for. Words that much else is called as well do not tell a double.
CALLS = {name for client in CLIENTS for name in vars(client) if not name.startswith("_")} - {
    *("attempt", "bucket", "get", "group", "put", "read", "session", "task", "within")
}
# Stands where an algorithm asks whether a name is there, 2,304 times over.
NO_CLOUDS = {"unit/comparison/test_file_system.py: Files"}


def doubles(source: str) -> Iterator[str]:
    """Classes with methods by which the code asks a cloud for something."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            methods = {stmt.name for stmt in node.body if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef)}
            if methods & CALLS:
                yield node.name


def test_no_class_in_tests_answers_as_a_cloud():
    doubles_by_file = {
        f"{path.relative_to(TESTS)}: {name}" for path in TESTS.rglob("*.py") for name in doubles(path.read_text())
    }
    assert doubles_by_file - NO_CLOUDS == set()


def test_one_that_does_would_be_noticed():
    assert list(doubles("class Fake:\n    def try_put_all(self, objects): return []")) == ["Fake"]
