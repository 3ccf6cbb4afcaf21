"""The commands that policies/show.py prints to create and to remove the roles and policies in RAM."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.accounts.statements import list_statements
from ops.project import variables
from support.answers import ANSWERS
from support.policies import run_script, show
from support.settings import rewrite
from tools.package import ROOT
from tools.render import render, settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a project's s.yaml, the only file that show.py reads."""
    (tmp_path / "s.yaml").write_text(settings(ANSWERS), encoding="utf-8")
    return tmp_path


def test_show_py_runs_on_python_without_packages(tmp_path):
    render(ANSWERS, tmp_path)
    words = [sys.executable, "-I", "-S", tmp_path / "policies" / "show.py"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == show(tmp_path)


def test_show_py_prints_all_permissions_as_commands_or_comments(project):
    granted, removed = show(project), show(project, "--remove")
    show(project, "--json", "console")
    for path in (project / "console").iterdir():
        for statement in json.loads(path.read_text())["Statement"]:
            assert f"{', '.join(statement['Action'])} on {', '.join(statement['Resource'])}" in granted
    assert "oms:synctask:createEvent" in granted
    script = r"( *|#.*|case .* esac|tolerate\(\) \{|  (if|elif|else) .*|\}|document=.*|tolerate .* aliyun ram \w+ .*)"
    assert [line for line in f"{granted}\n{removed}".splitlines() if not re.fullmatch(script, line)] == []


FUNCTION_ROLE = "functionRole: ${vars.functionName}-function"
LOG = 'logBucket: "photos-oms-log"'
REPLAY_ROLE = "replayRole: ${vars.functionRole}"
TRIGGER_ROLE = "triggerRole: acs:ram::${config('AccountID')}:role/${vars.functionName}-trigger"


class Aliyun:
    """A bash shell in a project's folder, in which the program `aliyun` calls a simulated RAM instead of the cloud."""

    def __init__(self, project: Path) -> None:
        self.project = project
        programs = project / "bin"
        programs.mkdir()
        shim = programs / "aliyun"
        shim.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -S -m sandbox.ram.aliyun "$@"\n')
        shim.chmod(0o755)
        (programs / "python3").symlink_to(sys.executable)
        self._state = project / "ram.json"
        self._environment = {"PATH": f"{programs}:{os.environ['PATH']}", "RAM_STATE": str(self._state)}
        self.state = {"users": {}, "roles": {}, "policies": {}, "denied": []}

    @property
    def state(self) -> dict[str, Any]:
        return json.loads(self._state.read_text())

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._state.write_text(json.dumps(state))

    def documents(self) -> dict[str, Any]:
        """Return the documents of the current policy versions, by the names of the policies."""
        policies = self.state["policies"].items()
        return {
            name: json.loads(policy["versions"][policy["fields"]["DefaultVersion"]]["document"])
            for name, policy in policies
        }

    def policies_by_role(self) -> dict[str, list[str]]:
        return {name: list(role["attached"]) for name, role in self.state["roles"].items()}

    def run(self, *options: str, shell: str = "bash") -> subprocess.CompletedProcess[str]:
        """Run `python3 policies/show.py` and pass its output to a shell, as the documents recommend."""
        line = f"set -o pipefail; python3 policies/show.py {' '.join(options)} | {shell}"
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.project,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def aliyun(tmp_path: Path) -> Aliyun:
    render(ANSWERS, tmp_path)
    return Aliyun(tmp_path)


def list_permissions(statements: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return each allowed action with each of its resources."""
    return {
        (action, resource)
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def test_the_policy_of_a_role_has_only_the_permissions_of_its_functions(project):
    # GIVEN a role for all functions
    show(project, "--json", "console")
    merged = json.loads((project / "console" / "my-sync-function.json").read_text())["Statement"]
    by_purpose = list_statements(variables((project / "s.yaml").read_text()))
    needed = [statement for purpose, allowed in by_purpose.items() if purpose != "trigger" for statement in allowed]

    # THEN few statements have the permissions of all functions, and no others
    assert len(merged) < len(needed) / 3
    assert list_permissions(merged) <= list_permissions(needed)
    for statement in needed:
        wide = [other for other in merged if other.get("Condition") == statement.get("Condition")]
        lacking = [
            (action, resource)
            for action, resource in list_permissions([statement])
            if not any(action == other and fnmatchcase(resource, pattern) for other, pattern in list_permissions(wide))
        ]
        assert lacking == []


def test_the_commands_that_show_py_prints_run_in_bash_repeatedly(aliyun):
    # GIVEN a RAM that refuses to create a policy, which ends the commands
    aliyun.state = aliyun.state | {"denied": ["CreatePolicy"]}
    done = aliyun.run()
    assert done.returncode == 1, done.stderr
    assert "ErrorCode: NoPermission" in done.stderr
    assert aliyun.state["policies"] == {}
    assert "trigger" not in done.stdout
    # A terminal continues with the pasted lines, and stays open.
    assert "my-sync-trigger" in aliyun.run(shell="bash --norc -i").stdout

    # GIVEN roles and policies that the commands made
    aliyun.state = aliyun.state | {"denied": []}
    done = aliyun.run()
    assert done.returncode == 0
    assert done.stderr == ""
    state = aliyun.state
    assert aliyun.policies_by_role() == {name: [name] for name in ("my-sync-function", "my-sync-trigger")}
    trusts = [json.loads(role["fields"]["AssumeRolePolicyDocument"]) for role in state["roles"].values()]
    services = [trust["Statement"][0]["Principal"]["Service"] for trust in trusts]
    assert services == [["fc.aliyuncs.com"], ["oss.aliyuncs.com"]]
    assert {len(policy["versions"]) for policy in state["policies"].values()} == {1}
    before = aliyun.documents()

    # WHEN s.yaml names another log bucket, and a policy has the maximum of five versions
    versions = state["policies"]["my-sync-function"]["versions"]
    versions |= {f"v{number}": versions["v1"] for number in (2, 3, 4, 5)}
    aliyun.state = state
    rewrite(aliyun.project / "s.yaml", {LOG: "logBucket: other-log # mine"})
    done = aliyun.run()

    # THEN the policies in force are new, and an old version is deleted
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.dumps(before).replace("photos-oms-log", "other-log") == json.dumps(aliyun.documents())
    assert list(aliyun.state["policies"]["my-sync-function"]["versions"]) == ["v1", "v3", "v4", "v5", "v6"]
    assert aliyun.state["roles"] == state["roles"]
    assert "CreateRole --RoleName my-sync-function: EntityAlreadyExists.Role" in done.stdout

    # AND the files for the console have the same documents
    assert "my-sync-trigger.json: for the role my-sync-trigger" in show(aliyun.project, "--json", "console")
    files = {path.stem: json.loads(path.read_text()) for path in (aliyun.project / "console").iterdir()}
    assert files == aliyun.documents()


def test_the_commands_that_show_py_prints_remove_all_but_a_role_in_use(aliyun):
    # GIVEN roles and policies; a refusal ends the commands. A policy has two versions, and a role another project's
    assert aliyun.run().returncode == 0
    aliyun.state = state = aliyun.state | {"denied": ["DeletePolicy"]}
    done = aliyun.run("--remove")
    assert done.returncode == 1, done.stderr
    assert "ErrorCode: NoPermission" in done.stderr
    assert len(aliyun.state["policies"]) == 2
    assert "trigger" not in done.stdout
    state["denied"] = []
    versions = state["policies"]["my-sync-function"]["versions"]
    versions["v2"] = versions["v1"]
    state["policies"]["other-forward"] = state["policies"]["my-sync-function"]
    state["roles"]["my-sync-function"]["attached"]["other-forward"] = 0
    aliyun.state = state

    # WHEN the commands run twice
    first, second = aliyun.run("--remove"), aliyun.run("--remove")

    # THEN only the role of the other project is left
    assert first.returncode == 0
    assert first.stderr == ""
    assert second.returncode == 0
    assert second.stderr == ""
    assert list(aliyun.state["policies"]) == ["other-forward"]
    assert aliyun.policies_by_role() == {"my-sync-function": ["other-forward"]}
    assert "DeleteRole --RoleName my-sync-function: DeleteConflict.Role.Policy" in first.stdout


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {FUNCTION_ROLE: "functionRole: acs:ram::1:role/one-for-all", REPLAY_ROLE: "replayRole: own # mine"},
            [
                "--PolicyName my-sync-replay --RoleName own",
                "--PolicyName my-sync-function --RoleName one-for-all",
                "CreateRole --RoleName my-sync-trigger",
            ],
        ),
        (
            {TRIGGER_ROLE: "triggerRole: my-sync-function"},
            ['{"Service": ["fc.aliyuncs.com", "oss.aliyuncs.com"]}'],
        ),
    ],
    ids=["separate roles, also as ARNs", "one role for functions and triggers"],
)
def test_show_py_uses_the_roles_that_s_yaml_names(project, changes, lines):
    rewrite(project / "s.yaml", changes)
    granted = show(project)
    assert [line for line in lines if line not in granted] == []


def test_show_py_reads_the_variables_of_s_yaml_in_each_form(project):
    # GIVEN vars in a person's style, and other variables with these names
    file = project / "s.yaml"
    rendered = file.read_text()
    head, _, tail = rendered.partition("vars:")
    written = """vars: # ours
    # where
    region: 'cn-hangzhou'

    destinationRegion: cn-north-4
    destinationBucket: "photos-obs"
    functionName: my-sync
    sourceBucket: photos
    logBucket: ${vars.sourceBucket}-oms-log
    functionRole: "r"
    replayRole: ${vars.reconcileRole}
    reconcileRole: ${vars.functionRole}
    compareRole: r
    certifyRole: r
    doctorRole: r
    statusRole: r
    triggerRole: "acs:ram::${config('AccountID')}:role/t"
"""
    file.write_text(f"{head}{written}\n{tail[tail.index('resources:') :]}\n  logBucket: wrong\n")
    shown = show(project)

    # THEN show prints the same as for the rendered form
    file.write_text(rendered)
    rewrite(file, {FUNCTION_ROLE: "functionRole: r", TRIGGER_ROLE: "triggerRole: t"})
    assert shown == show(project)


@pytest.mark.parametrize(
    "written",
    ["my photos/ # ours", "a#b/", "'it''s/' # it's", '"a # b/"', "a'b", "'a\\b'", '"a\\u0041/"', "\n    a: b"],
)
def test_show_py_reads_the_variables_of_s_yaml_like_a_yaml_parser(written):
    text = f"vars:\n  # ours\n  network: &network\n    region: other\n  objectPrefix: {written}\n  region: here\n"
    texts = {name: value for name, value in yaml.safe_load(text)["vars"].items() if isinstance(value, str)}
    assert variables(text) == texts


PREFIX = """vars.objectPrefix is '/photos/' in s.yaml, but no object key begins with "/": write "photos/\""""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("  replayRole:", "  # replayRole:", "vars.replayRole is missing"),
        ("vars:", "values:", "vars.functionName is missing"),
        (LOG, "logBucket: ${env('LOG')}", "vars.logBucket in s.yaml has an unusable value: ${env('LOG')}"),
        (
            REPLAY_ROLE,
            "replayRole: ${vars.nothing}",
            "vars.replayRole in s.yaml has an unusable value: ${vars.nothing}",
        ),
        ('objectPrefix: ""', "objectPrefix: /photos/", PREFIX),
        (LOG, r'logBucket: "photos\x0arm"', "vars.logBucket holds an escape"),
        *(
            (
                LOG,
                f"logBucket: {written}",
                "vars.logBucket in s.yaml is not read here as it is written: write it in quotes",
            )
            for written in (
                "&log touch",
                "*log",
                "!!str touch",
                ">-\n    touch",
                "\n    touch",
                "to\n    touch",
                "~",
                "NULL",
                "",
            )
        ),
        (LOG, '"logBucket": touch', "vars in s.yaml holds a line that is not read here"),
        (LOG, "<<: *touch", "vars in s.yaml holds a line that is not read here"),
        ("vars:", "vars: &touch", "vars in s.yaml holds a line that is not read here"),
        *(
            (f'object{end}: ""', f"object{end}: {written}", f"vars.object{end} is an expression in s.yaml")
            for end, written in (("Prefix", "${env('P', 'touch')}"), ("Suffix", "<%= touch %>"))
        ),
        # A command behind a character that can end a line or a comment.
        *(
            (LOG, f"logBucket: {written}", "vars.logBucket holds a control character")
            for written in (
                r'"log\ntouch taken #"',
                r'"log\ttouch taken #"',
                r'"log\u001btouch taken #"',
                r'"log\u0085touch taken #"',
                r'"log\u2028touch taken #"',
                "'log\n  touch taken #'",
                '"log\x85touch taken #"',
                "log\x85touch",
            )
        ),
    ],
    ids=ascii,
)
def test_show_py_prints_no_commands_for_an_unreadable_variable(project, before, after, message):
    rewrite(project / "s.yaml", {before: after})
    for options in ((), ("--remove",)):
        done = run_script("policies/show.py", project, *options)
        assert done.returncode == 1
        assert done.stdout == ""
        assert message in done.stderr
        assert "touch" not in done.stderr


def test_a_hostile_variable_reaches_the_aliyun_command_as_a_single_word(aliyun):
    # GIVEN a name with all special characters of a shell
    name = """-a'b"$(touch taken)`touch taken`;touch taken|touch taken&#c  !! ~/*?[x] {y,z}\\"""
    rewrite(aliyun.project / "s.yaml", {LOG: f"logBucket: {json.dumps(name)}"})

    # WHEN bash runs the output of show, THEN the name is unchanged
    done = aliyun.run()
    assert done.returncode == 0
    assert done.stderr == ""
    assert aliyun.documents()["my-sync-function"]["Statement"][0]["Resource"] == [
        f"acs:oss:*:*:{name}/oms_source_record/*"
    ]

    # AND RAM refuses it as the name of a role
    rewrite(aliyun.project / "s.yaml", {FUNCTION_ROLE: f"functionRole: {json.dumps(name)}"})
    done = aliyun.run()
    assert done.returncode == 1
    assert "InvalidParameter.RoleName.InvalidChars" in done.stderr
    assert not (aliyun.project / "taken").exists()


def test_s_yaml_names_no_command_with_a_secret_on_its_line(project):
    settings = (project / "s.yaml").read_text(encoding="utf-8")
    assert "s secret add" not in settings
    assert "python3 ops.py secrets ALERT_WEBHOOK" in settings


def test_show_py_outside_of_a_project_names_the_missing_file(tmp_path):
    done = run_script("policies/show.py", tmp_path)
    assert done.returncode == 2, done.stderr
    assert "s.yaml is missing" in done.stderr


def test_show_py_prints_no_traceback_for_an_existing_file_or_closed_pipe(aliyun):
    done = run_script("policies/show.py", aliyun.project, "--json", "s.yaml")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("[Errno 17] File exists")
    assert aliyun.run(shell=":").stderr == ""


def test_s_yaml_can_omit_the_permission_to_read_objects(project):
    right, in_obs = "oss:GetObject on acs:oss:*:*:photos/*", "object:photos-obs/*"

    def granted() -> tuple[int, bool]:
        shown = show(project)
        return shown.count(right), in_obs in shown

    assert granted() == (1, True)
    for word, before in {"off": "on", " Off ": "off"}.items():
        rewrite(project / "s.yaml", {f'readObjects: "{before}"': f'readObjects: "{word}"'})
        assert granted() == (0, False)
