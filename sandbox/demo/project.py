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
            "Only the source bucket exists. `python3 ops.py setup` creates the other resources, except the functions"
            " and triggers:",
            "目前只有源 Bucket。`python3 ops.py setup` 创建其余资源（函数和触发器除外）：",
        ),
    )
    plan = json.loads(_run_ops(box, project, "setup", "--plan", "--json"))
    for step in plan["steps"]:
        if step["state"] in ("create", "change"):
            state = {"create": choose("create", "创建"), "change": choose("change", "修改")}[step["state"]]
            detail = f"{choose(': ', '：')}{step['detail'][LANGUAGE]}" if step["detail"] else ""
            what = step["what"][LANGUAGE]
            space = " " if what[0].isascii() else ""  # no space between two Chinese words
            console.out(f"  {state}{space}{what}{detail}")
    _run_ops(box, project, "setup", "--yes", plan["plan"], "--agree")
    (box.task,) = box.oms.tasks
    print_line(
        console,
        choose(
            "Setup also lets the functions read objects on both sides, for the certificate's sample (readObjects in"
            " s.yaml).",
            "setup 还授予函数读取两侧对象的权限，供证书抽样使用（s.yaml 中的 readObjects）。",
        ),
    )
    print_result(
        console,
        "One command prepares both clouds, and shows its plan first.\n",
        "一条命令即可完成两家云的准备工作，并先显示计划。\n",
    )


def deploy(box: Sandbox, project: Path, console: Console) -> None:
    box.deploy_project(project, instances=8, retry_delay=0.01)
    print_line(
        console,
        choose(
            "The sandbox deploys the seven functions and their triggers, as `s deploy` does. From now on, each"
            " object written to OSS is submitted to OMS, which copies the object to OBS.",
            "沙箱部署七个函数及其触发器，相当于执行 `s deploy`。"
            "从现在起，写入 OSS 的每个对象都会提交给 OMS，由 OMS 复制到 OBS。",
        ),
    )


def migrate(box: Sandbox, project: Path, console: Console) -> None:
    print_line(
        console,
        choose(
            f"{len(EXISTING_KEYS)} objects existed before the project was deployed. `python3 ops.py migrate` has OMS"
            " copy these objects:",
            f"项目部署之前已有 {len(EXISTING_KEYS)} 个对象。`python3 ops.py migrate` 让 OMS 复制这些对象：",
        ),
    )
    lines = _run_ops(box, project, "migrate", "--yes").partition("-> ")[0].splitlines()
    for line in lines[-2:]:
        console.out(f"  {line.strip()}")
    print_result(
        console,
        "The existing objects are in OBS. The functions were deployed first, so they also submit objects that are"
        " written during a migration.\n",
        "存量对象已在 OBS 中。函数在迁移之前已部署，因此迁移期间写入 OSS 的对象也会提交给 OMS。\n",
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
