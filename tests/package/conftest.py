"""Fixtures with the built package and the real Serverless Devs, the program `s`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from package.tool import Fc3, Shell, standing_in
from sandbox import Sandbox
from support.machine import skip_or_fail
from tools import package, serverless
from tools.package import ROOT
from tools.serverless import Tool, serve_package


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package for the registry, and return its zip file."""
    return package.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let Node.js cache the compiled Serverless Devs and skip its root certificates, to save time in each command."""
    hook = ROOT / "tests" / "support" / "compiled.js"
    Tool.extra_environment = {
        "NODE_OPTIONS": f"--use-openssl-ca --require {hook}",
        "COMPILED": str(tmp_path_factory.mktemp("compiled")),
    }


@pytest.fixture(scope="session", autouse=True)
def _stumbles(count: Callable[[str, str], None]) -> Iterator[None]:
    """Add to the summary of the test run how often a failed `s init` was repeated."""
    yield
    for _ in range(Tool.repeated_inits):
        count("the Serverless Devs tool", "times `s init` listed a folder that was not there yet, and was tried again")


@pytest.fixture(scope="session")
def require_tool() -> None:
    if not serverless.is_installed():
        skip_or_fail("the Serverless Devs tool is missing: `make setup` installs it where Node.js and npm are")


@pytest.fixture(scope="session")
def tool_home(require_tool: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home folder of Serverless Devs for tests to copy, because its creation takes a second."""
    return Tool(tmp_path_factory.mktemp("tool") / "home").home


@pytest.fixture
def tool(tool_home: Path, tmp_path: Path) -> Tool:
    """Return Serverless Devs with its own home folder, which has only the credential alias `default`."""
    return Tool(shutil.copytree(tool_home, tmp_path / "home"))


@pytest.fixture
def fc3(tool: Tool, box: Sandbox) -> Iterator[Fc3]:
    """Yield a stand-in for the component fc3 of Serverless Devs, which deploys into the sandbox."""
    with standing_in(tool, box) as component:
        yield component


@pytest.fixture
def shell(tool: Tool, built: Path, tmp_path: Path) -> Iterator[Shell]:
    """Yield a bash shell in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    with serve_package(built) as url:
        yield Shell(tool, folder, url)
