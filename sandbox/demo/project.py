"""The user's project in the demo, and the commands `setup` and `migrate` of its `ops.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from sandbox import Sandbox
from sandbox.control import VARIABLE, serve_control
from sandbox.demo.inventory import EXISTING_KEYS
from sandbox.demo.language import LANGUAGE, choose, print_line, print_result
from tools.package import build
from tools.render import render
from tools.serverless import Tool, is_installed

# A permission that setup does not grant: reading the copied objects, for the sample of a certificate.
_READ_POLICY = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": ["obs:object:GetObject"]}]}


def make_project(box: Sandbox, folder: Path, console: Console, runtime: str = "python3.12") -> Path:
    """Create a project from the package, by `s init` if it is installed, otherwise by Jinja2; return its folder."""
    package, project, answers = build(folder), folder / "project", box.answers() | {"runtime": runtime}
    if is_installed():
        process = Tool(folder / "home").init(package, project, answers)
        if process.returncode:
            raise SystemExit(process.stdout)
        print_line(
            console,
            choose(
                f"`s init` created the project from {package.name}.\n", f"`s init` 已用 {package.name} 生成项目。\n"
            ),
        )
    else:
        render(answers, project)
        print_line(
            console,
            choose(
                "Jinja2 created the project: `s init` needs Node.js, which is not installed.\n",
                "项目由 Jinja2 生成：`s init` 需要 Node.js，而本机未安装。\n",
            ),
        )
    return project


def set_up(box: Sandbox, project: Path, console: Console) -> None:
    print_line(
        console,
        choose(
            "Only the source bucket exists. `python3 ops.py setup` creates the other resources:",
            "目前只有源 Bucket。`python3 ops.py setup` 创建其余资源：",
        ),
    )
    plan = json.loads(_run_ops(box, project, "setup", "--plan", "--json"))
    for step in plan["steps"]:
        if step["state"] in ("create", "change"):
            state = {"create": choose("create", "创建"), "change": choose("change", "修改")}[step["state"]]
            detail = f"{choose(': ', '：')}{step['detail'][LANGUAGE]}" if step["detail"] else ""
            console.out(f"  {state} {step['what'][LANGUAGE]}{detail}")
    _run_ops(box, project, "setup", "--yes", plan["plan"], "--agree")
    (box.task,) = box.oms.tasks
    (user_id,) = (
        identifier for identifier, user in box.iam.users.items() if user["fields"]["user_name"].endswith("-functions")
    )
    box.iam.grant(user_id, json.dumps(_READ_POLICY))
    print_line(
        console,
        choose(
            "An administrator adds the permission to read copied objects, for the certificate's sample.",
            "管理员另行授予读取目的端对象的权限，供证书抽样使用。",
        ),
    )
    print_result(
        console,
        "One command sets up both clouds, and shows its plan first.\n",
        "一条命令即可设置两家云，并先显示计划。\n",
    )


def migrate(box: Sandbox, project: Path, console: Console) -> None:
    print_line(
        console,
        choose(
            f"{len(EXISTING_KEYS)} objects existed before the project. `python3 ops.py migrate` lets OMS copy these"
            " objects:",
            f"项目部署之前已有 {len(EXISTING_KEYS)} 个对象。`python3 ops.py migrate` 让 OMS 复制这些对象：",
        ),
    )
    lines = _run_ops(box, project, "migrate", "--yes").partition("-> ")[0].splitlines()
    for line in lines[-2:]:
        console.out(f"  {line.strip()}")
    print_result(
        console,
        "The existing objects are in OBS. From now on, the project submits each object written to OSS.\n",
        "存量对象已在 OBS 中。从现在起，写入 OSS 的每个对象都会提交给 OMS。\n",
    )


def _run_ops(box: Sandbox, project: Path, *words: str) -> str:
    with serve_control(box) as address:
        process = subprocess.run(
            [sys.executable, "ops.py", *words, "--lang", LANGUAGE],
            cwd=project,
            env={**os.environ, **box.administrators(), VARIABLE: address},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    if process.returncode:
        raise SystemExit(process.stdout + process.stderr)
    return process.stdout
