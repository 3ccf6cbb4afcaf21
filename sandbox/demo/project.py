"""The project of a user, and the resources that `ops.py setup` creates for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from sandbox import Sandbox
from sandbox.control import VARIABLE, serve_control
from sandbox.demo.books import OLD
from tools.package import build
from tools.render import render
from tools.serverless import Tool, available

# A right that setup does not grant: to read copied objects, for a certificate's sample.
_READS = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": ["obs:object:GetObject"]}]}


def make_project(box: Sandbox, folder: Path, console: Console, runtime: str = "python3.12") -> Path:
    """Make a user's project from the package, through `s init` if the tool is installed."""
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


def set_up(box: Sandbox, project: Path, console: Console) -> None:
    """Run `ops.py setup` to create the missing resources in both accounts; print them without each permission."""
    console.print("There is only the source bucket. `python3 ops.py setup` makes the rest:")
    plan = json.loads(_ops(box, project, "setup", "--plan", "--json"))
    for step in plan["steps"]:
        if step["state"] in ("create", "change"):
            present = f": {step['detail']['en']}" if step["detail"] else ""
            console.out(f"  {step['state']} {step['what']['en']}{present}")
    _ops(box, project, "setup", "--yes", plan["plan"], "--agree")
    (box.task,) = box.oms.tasks
    (functions,) = (
        number for number, user in box.iam.users.items() if user["fields"]["user_name"].endswith("-functions")
    )
    box.iam.grant(functions, json.dumps(_READS))
    console.print("For the certificate's sample an administrator adds the right to read what was copied.\n")


def migrate(box: Sandbox, project: Path, console: Console) -> None:
    """Let `ops.py migrate` have OMS copy the existing objects, and print the outcome."""
    console.print(f"{len(OLD)} objects are older than the project. `python3 ops.py migrate` lets OMS copy them:")
    lines = _ops(box, project, "migrate", "--yes").partition("-> ")[0].splitlines()
    for line in lines[-2:]:
        console.out(f"  {line.strip()}")
    console.print()


def _ops(box: Sandbox, project: Path, *words: str) -> str:
    """Return the output of a command of the project for an administrator of both clouds."""
    with serve_control(box) as address:
        done = subprocess.run(
            [sys.executable, "ops.py", *words, "--lang", "en"],
            cwd=project,
            env={**os.environ, **box.administrators(), VARIABLE: address},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout
