"""Fixtures that deploy functions from a text in the test, and read the outcomes of their invocations."""

import textwrap
from pathlib import Path

import pytest


@pytest.fixture
def create(box, tmp_path):
    """Return a function that deploys a function from the text of its index.py, and returns the folder of its code."""

    def create_function(source, name="f", **details):
        code = tmp_path / name
        code.mkdir()
        (code / "index.py").write_text(textwrap.dedent(source))
        settings = {"environment": {}, "credentials": box.function_credentials, "retry_delay": 0.001, **details}
        box.fc.create_function(name, code, **settings)
        return code

    return create_function


@pytest.fixture
def outcomes(box):
    """Return a function that lists each finished attempt as its function, its number and its outcome."""
    return lambda: [(invocation.function, invocation.attempt, invocation.outcome) for invocation in box.fc.invocations]


@pytest.fixture
def process_state():
    """Return a function that reads a process's state as a letter of proc(5), such as T for stopped or Z for ended."""

    def state(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return "Z"

    return state
