"""The project as a user gets it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from sandbox import Sandbox
from tools.package import build
from tools.render import render
from tools.serverless import Tool, available


def make_project(box: Sandbox, folder: Path, console: Console, runtime: str = "python3.12") -> Path:
    """The project as a user gets it: from the package, through `s init` where the tool is here."""
    package, project, answers = build(folder), folder / "project", box.answers() | {"runtime": runtime}
    if available():
        done = Tool(folder / "home").init(package, project, answers)
        if done.returncode:
            raise SystemExit(done.stdout)
        console.print(f"The function's project was made from {package.name} by `s init`.\n")
    else:
        render(answers, project)
        console.print("The function's project was rendered by Jinja2: `s init` needs Node.js, which is not here.\n")
    return project
