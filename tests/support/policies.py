"""The output of a project's policies/show.py, and the permissions that its policies grant."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from ops.accounts.statements import list_statements
from ops.project import variables
from sandbox.oss.store import Action
from sandbox.policy import find_denial
from tools.package import ROOT


def show(project: Path, *arguments: str) -> str:
    done = run_script("policies/show.py", project, *arguments)
    done.check_returncode()
    return done.stdout


class Permission(NamedTuple):
    """A permission: an action and a resource, with a prefix of keys if the action is a listing."""

    action: str
    resource: str
    prefix: str

    def allows(self, call: Action) -> bool:
        statement = {"Effect": "Allow", "Action": self.action, "Resource": self.resource}
        place, about = f"acs:oss:*:*:{call.bucket}/{call.key}", {}
        if call.name == "oss:ListObjects":
            statement["Condition"] = {"StringLike": {"oss:Prefix": self.prefix}}
            place, about = f"acs:oss:*:*:{call.bucket}", {"oss:Prefix": call.key}
        return not find_denial([{"Version": "1", "Statement": [statement]}], call.name, place, about)


def list_permissions(project: Path, name: str, service: str, *, reads: bool = True) -> list[Permission]:
    """Return the permissions of a function, or of the triggers, at a service; `reads` adds the reading of objects."""
    answers = {**variables((project / "s.yaml").read_text(encoding="utf-8")), "readObjects": "on" if reads else "off"}
    return [
        Permission(action, resource, prefix)
        for statement in list_statements(answers)[name]
        for action in statement["Action"]
        for resource in statement["Resource"]
        for prefix in statement.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", ["*"])
        if action.startswith(f"{service}:")
    ]


def run_script(name: str, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the template for a project in this process, so that coverage is counted."""
    source, out, err = ROOT / "template" / name, io.StringIO(), io.StringIO()
    code = compile(source.read_bytes(), str(source), "exec")
    status: object = 0
    with chdir(project), redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", [name, *arguments]):
        try:
            exec(code, {"__name__": "__main__", "__file__": str(project / name)})
        except SystemExit as ended:
            status = ended.code or 0
    if isinstance(status, str):  # as Python does when it exits
        err.write(f"{status}\n")
        status = 1
    return subprocess.CompletedProcess([name, *arguments], int(status), out.getvalue(), err.getvalue())
