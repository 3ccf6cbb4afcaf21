"""The package, and the real Serverless Devs tool to feed it to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from package.tool import Fc3, Shell, standing_in
from sandbox import Sandbox
from support.machine import lack
from tools import package, serverless
from tools.package import ROOT
from tools.serverless import Tool, served


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package; return its zip."""
    return package.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cache the compiled tool, and skip its own root certificates: both take most of the time of each command."""
    hook = ROOT / "tests" / "support" / "compiled.js"
    Tool.also = {
        "NODE_OPTIONS": f"--use-openssl-ca --require {hook}",
        "COMPILED": str(tmp_path_factory.mktemp("compiled")),
    }


@pytest.fixture(scope="session", autouse=True)
def _stumbles(count: Callable[[str, str], None]) -> Iterator[None]:
    """Print the number of repeated `s init` in the summary of the tests."""
    yield
    for _ in range(Tool.stumbles):
        count("the Serverless Devs tool", "times `s init` listed a folder that was not there yet, and was tried again")


@pytest.fixture(scope="session")
def require_tool() -> None:
    if not serverless.available():
        lack("the Serverless Devs tool is missing: `make setup` installs it where Node.js and npm are")


@pytest.fixture(scope="session")
def tool_home(require_tool: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of the tool for copies: the tool takes a second to make its own."""
    return Tool(tmp_path_factory.mktemp("tool") / "home").home


@pytest.fixture
def tool(tool_home: Path, tmp_path: Path) -> Tool:
    """Return the tool with a home of its own that has only the credential alias `default`."""
    return Tool(shutil.copytree(tool_home, tmp_path / "home"))


@pytest.fixture
def fc3(tool: Tool, box: Sandbox) -> Iterator[Fc3]:
    """Return the stand-in for the tool's component, which deploys into the sandbox."""
    with standing_in(tool, box) as component:
        yield component


@pytest.fixture
def shell(tool: Tool, built: Path, tmp_path: Path) -> Iterator[Shell]:
    """Return bash in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    with served(built) as url:
        yield Shell(tool, folder, url)
