"""The command `s init` of the real Serverless Devs, with the option --parameters and with prompts on a terminal."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from oss_oms_sync.settings_table import SETTINGS
from package.tool import COMPONENT, answer_prompts, assert_no_secret, commands_in, deploy, init
from sandbox.account import ACCOUNT_ID
from sandbox.fc.project import read_resources
from support.answers import ANSWERS
from support.documents import Document
from support.settings import rewrite
from tools import render
from tools.package import ROOT, manifest
from tools.serverless import Tool

SCHEMA = json.loads((COMPONENT / "fc3-schema.json").read_text())
HOSTILE = [
    "a: \"b\" # {{ 山 }}'c'",
    "- [x]: {y, z} & * ! | > %",
    "{{ HW_SK }}",
    "\\n\\ $HOME `id` $(id)",
    " true ",
    "🎉 %> < %",
]


def check_props(deployed: Mapping[str, dict[str, Any]], answers: Mapping[str, str]) -> None:
    """Check that the properties of the deployed functions follow from the answers to `s init`."""
    props, region, name = deployed["forward"], answers["region"], answers["functionName"]
    expected = {
        "region": region,
        "functionName": name,
        "runtime": answers["runtime"],
        "role": f"{name}-function",
        "environmentVariables": {
            "PROJECT": name,
            "SYNC_URL": answers["SYNC_URL"],
            "HW_AK": answers["HW_AK"],
            "HW_SK": answers["HW_SK"],
            "LOG_BUCKET": answers["logBucket"],
            "SOURCE_BUCKET": answers["sourceBucket"],
            "OBJECT_PREFIX": answers["objectPrefix"],
            "OBJECT_SUFFIX": answers["objectSuffix"],
            "OSS_ENDPOINT": f"https://oss-{region}-internal.aliyuncs.com",
            "LANES": SETTINGS["LANES"].default,
        },
        "asyncInvokeConfig": {
            "maxAsyncRetryAttempts": 8,
            "maxAsyncEventAgeInSeconds": 86400,
            "destinationConfig": {"onFailure": {"destination": f"acs:fc:{region}::functions/{name}-replay"}},
        },
    }
    assert {prop: props[prop] for prop in expected} == expected
    (trigger,) = props["triggers"]
    (pieces,) = (wake for wake in deployed["reconcile"]["triggers"] if wake["triggerType"] == "oss")
    account = trigger["sourceArn"].split(":")[3]
    for source, bucket in ((trigger, "sourceBucket"), (pieces, "logBucket")):
        assert source["sourceArn"] == f"acs:oss:{region}:{account}:{answers[bucket]}"
        assert source["invocationRole"] == f"acs:ram::{account}:role/{name}-trigger"
    scope = {"prefix": answers["objectPrefix"], "suffix": answers["objectSuffix"]}
    assert trigger["triggerConfig"]["filter"]["key"] == scope
    assert pieces["triggerConfig"] == {
        "events": ["oss:ObjectCreated:PutObject"],
        "filter": {"key": {"prefix": f"oms_source_record/passes/{name}-reconcile/", "suffix": ""}},
    }


def read_props(project: Path) -> dict[str, dict[str, Any]]:
    """Return the properties of a project's functions as the sandbox reads them from s.yaml, for the tool's account."""
    secrets = {f"my-sync_{name}": ANSWERS[name] for name in ("HW_AK", "HW_SK")}
    props = json.dumps(read_resources(project, secrets.__getitem__))
    return dict(json.loads(props.replace(ACCOUNT_ID, "1234567890")))


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files below a folder, by their relative paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_with_parameters_creates_a_project_that_deploys(tool, built, shell, tmp_path):
    # GIVEN all answers on the command line, some of them hostile
    project = shell.folder / "it's mine"
    answers = {**ANSWERS, "objectPrefix": HOSTILE[2], "objectSuffix": HOSTILE[3]}

    # WHEN the project is made in a folder with a quote in its name
    printed = init(tool, built, project, answers)

    # THEN its files are those that Jinja2 renders, and the next steps are printed
    change, git, roles, *steps = commands_in(printed)
    assert steps == ["s deploy -y", "python3 ops.py doctor"]
    assert "is replaced" not in printed
    rendered = tmp_path / "rendered"
    render.render(answers, rendered)
    made, own = files(project), {".env", ".gitignore", "answers.json"}
    assert {name: data for name, data in made.items() if name not in own} == files(rendered)
    assert own <= made.keys()
    kept = json.loads(made["answers.json"])
    assert kept == {name: value for name, value in answers.items() if name not in ("HW_AK", "HW_SK")}
    for name in ("s.yaml", "events/put-object.json", "answers.json"):
        text = made[name].decode()
        assert "undefined" not in text
        assert "{{" not in text.replace(HOSTILE[2], "")

    # AND the code is the repository's, byte for byte
    code = ROOT / "template" / "code"
    for path in code.rglob("*.py"):
        assert (project / "code" / path.relative_to(code)).read_bytes() == path.read_bytes()

    # AND the component gets the answers with the secrets, which the tool does not show
    deployed, output = deploy(tool, project)
    check_props(deployed, answers)
    assert deployed == read_props(project)
    assert_no_secret(printed, output, project, tool.home)

    # AND the printed lines put the project into git, ready for an upgrade, and print the commands for the roles
    assert "aliyun ram CreateRole" in shell.run("\n".join([change, git, roles]))
    assert shell.run("git branch --format='%(refname:short)'").split() == ["main", "template"]


def test_init_with_prompts_creates_a_project_that_contains_no_secret(tool, built, tmp_path):
    # GIVEN answers at the prompts, some of them after wrong answers
    project, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    tool.environment["TMPDIR"] = str(temporary)
    answers = {**ANSWERS, "region": "ap-southeast-1", "destinationRegion": "cn-east-3"}
    answers |= {"objectPrefix": HOSTILE[0], "objectSuffix": HOSTILE[1]}
    wrong = {
        "SYNC_URL": ANSWERS["SYNC_URL"] + "?x=1",
        "sourceBucket": "",
        "objectPrefix": "${x}",
        "logBucket": "Photos",
    }
    # The regions of a project in a neighbouring folder are the defaults.
    proposed = {"region": "cn-shanghai", "destinationRegion": "cn-east-3"}
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "answers.json").write_text(json.dumps(proposed))
    (tmp_path / "beside" / "s.yaml").write_text('edition: 3.0.0\naccess: "work"\n')
    code, screen = answer_prompts(tool, built, project, answers, wrong, proposed)
    assert code == 0, screen
    assert "are proposed: cn-shanghai and cn-east-3." in screen
    assert "-a work" in screen

    # WHEN the project is deployed
    deployed, output = deploy(tool, project)

    # THEN the functions have the answers. Singapore has no python3.12, and no question about it
    assert deployed == read_props(project)
    kept = json.loads((project / "answers.json").read_text())
    assert answers.items() - kept.items() == {(name, ANSWERS[name]) for name in ("runtime", "HW_AK", "HW_SK")}
    assert kept["runtime"] == deployed["forward"]["runtime"] == "python3.10"
    assert (project / ".env").read_text().split("\n")[1:] == ["", "HW_AK=", "HW_SK="]

    # AND neither screen, project, nor the tool's logs show a secret; only the user can read its files, and git cannot
    assert (tool.home / ".s" / "logs").is_dir()
    assert_no_secret(screen, output, project, tool.home, temporary)
    for file in (project / ".env", tool.home / ".s" / "secrets.yaml"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    git = ["git", "-C", str(project)]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in (".env", ".s/x"):
        subprocess.run([*git, "check-ignore", "-q", name], check=True)


def test_a_created_project_satisfies_the_schema_of_the_component_fc3(tmp_path):
    # `s init` renders the same: see the first test.
    render.render(ANSWERS, tmp_path)
    kinds = {"oss": "IOssTriggerConfig", "timer": "ITimerTriggerConfig"}
    for props in read_resources(tmp_path, lambda name: name).values():
        # The schema allows unknown properties; this part of it has the properties in use.
        assert props.keys() <= SCHEMA["properties"].keys()
        jsonschema.Draft7Validator(SCHEMA).validate(props)
        # The whole schema allows almost any trigger.
        for trigger in props.get("triggers", []):
            kind = SCHEMA["definitions"][kinds[trigger["triggerType"]]]
            jsonschema.Draft7Validator(kind).validate(trigger["triggerConfig"])


def test_the_component_fc3_accepts_a_network_with_a_fixed_address(tmp_path):
    # GIVEN a project with the document's lines in s.yaml
    render.render(ANSWERS, tmp_path)
    (lines,) = Document.read(ROOT / "docs" / "lifecycle.md").blocks_under("A fixed address", "yaml")
    usual = "  network: &network\n    internetAccess: true\n"
    rewrite(tmp_path / "s.yaml", {usual: lines})

    # WHEN it is deployed (the component gets these properties: see the first test)
    deployed = read_resources(tmp_path, lambda name: name)

    # THEN functions reach the internet only through the VPC
    network = yaml.safe_load(lines)["network"]
    for name, props in deployed.items():
        assert not props["internetAccess"], name
        assert props["vpcConfig"] == network["vpcConfig"]
        jsonschema.Draft7Validator(SCHEMA).validate(props)


if (original := ROOT.parent / "shared" / "fc3-schema.json").exists():  # on its authors' machines

    def test_the_stored_schema_is_a_part_of_the_schema_of_the_component_fc3():
        whole = json.loads(original.read_text())
        for name, part in SCHEMA.items():
            if name in ("properties", "definitions"):
                assert part.items() <= whole[name].items(), name
            elif name != "$comment":
                assert part == whole[name], name


@pytest.mark.parametrize("prefix", HOSTILE)
def test_init_writes_hostile_answers_as_values_of_valid_yaml(prefix, tmp_path):
    # The tool renders the same: see the first test.
    render.render({**ANSWERS, "objectPrefix": prefix, "objectSuffix": prefix}, tmp_path)
    document = yaml.safe_load((tmp_path / "s.yaml").read_text(encoding="utf-8"))
    assert document["vars"]["objectPrefix"] == document["vars"]["objectSuffix"] == prefix
    event = json.loads((tmp_path / "events" / "put-object.json").read_text(encoding="utf-8"))
    assert event["events"][0]["oss"]["object"]["key"] == f"{prefix}hello{prefix}"
    assert re.fullmatch(manifest()["Parameters"]["properties"]["objectPrefix"]["pattern"], prefix)


@pytest.mark.parametrize(
    ("message", "times"),
    [
        ("ENOENT: no such file or directory, scandir '$PWD/out'", 2),
        ("ENOENT: no such file or directory, scandir '$PWD/other'", 1),
        ("ENOENT: no such file or directory, open '$PWD/out'", 1),
    ],
)
def test_these_tests_repeat_an_init_that_lists_its_folder_too_early_once(
    tool, built, tmp_path, monkeypatch, message, times
):
    # GIVEN a tool that always fails and leaves a folder
    monkeypatch.setattr(Tool, "repeated_inits", 0)
    stumbling = tmp_path / "s"
    stumbling.write_text(f'#!/bin/sh\necho try >> tries; mkdir out || exit 5\necho "Message: {message}"; exit 101\n')
    stumbling.chmod(0o755)
    monkeypatch.setattr("tools.serverless._COMMAND", stumbling)

    # THEN the call is repeated once, only after this message, and without the folder
    assert tool.init(built, tmp_path / "out", ANSWERS).returncode == 101
    assert (tmp_path / "tries").read_text().count("try") == times
    assert Tool.repeated_inits == times - 1
