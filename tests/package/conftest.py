"""Fixtures with the built package and the real Serverless Devs tool."""

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
    """Let Node.js cache the compiled tool and skip the tool's own root certificates, which would slow each command."""
    hook = ROOT / "tests" / "support" / "compiled.js"
    Tool.also = {
        "NODE_OPTIONS": f"--use-openssl-ca --require {hook}",
        "COMPILED": str(tmp_path_factory.mktemp("compiled")),
    }


@pytest.fixture(scope="session", autouse=True)
def _stumbles(count: Callable[[str, str], None]) -> Iterator[None]:
    """Print in the tests' summary how often `s init` had to be repeated."""
    yield
    for _ in range(Tool.stumbles):
        count("the Serverless Devs tool", "times `s init` listed a folder that was not there yet, and was tried again")


@pytest.fixture(scope="session")
def require_tool() -> None:
    if not serverless.available():
        lack("the Serverless Devs tool is missing: `make setup` installs it where Node.js and npm are")


@pytest.fixture(scope="session")
def tool_home(require_tool: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home folder of the tool, which tests copy: the tool takes a second to create another."""
    return Tool(tmp_path_factory.mktemp("tool") / "home").home


@pytest.fixture
def tool(tool_home: Path, tmp_path: Path) -> Tool:
    """Return the tool with its own home folder, in which only the credential alias `default` is configured."""
    return Tool(shutil.copytree(tool_home, tmp_path / "home"))


@pytest.fixture
def fc3(tool: Tool, box: Sandbox) -> Iterator[Fc3]:
    """Yield a stand-in for the tool's fc3 component, which deploys into the sandbox."""
    with standing_in(tool, box) as component:
        yield component


@pytest.fixture
def shell(tool: Tool, built: Path, tmp_path: Path) -> Iterator[Shell]:
    """Yield a bash shell in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    with served(built) as url:
        yield Shell(tool, folder, url)
