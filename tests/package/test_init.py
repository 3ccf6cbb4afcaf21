"""`s init` through the real tool: with --parameters, and answered at the prompts in a terminal."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pexpect
import pytest
import yaml

from answers import ANSWERS
from sandbox.project import resources
from standin import COMPONENT, standing_in
from tools import render
from tools.package import ROOT, manifest
from tools.serverless import Tool, served

SCHEMA = json.loads((COMPONENT / "fc3-schema.json").read_text())
SECRETS = [ANSWERS["HW_AK"], ANSWERS["HW_SK"]]
HOSTILE = [
    "a: \"b\" # {{ 山 }}'c'",
    "- [x]: {y, z} & * ! | > %",
    "{{ HW_SK }}",
    "\\n\\ $HOME `id` $(id)",
    " true ",
    "🎉 <%= 1 %>",
]
ENTER = "\r"


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def answer_prompts(
    tool: Tool, package: Path, folder: Path, answers: Mapping[str, str], wrong: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Answers the questions one by one, after `wrong` answers where given; gives the exit code and the screen."""
    with served(package) as url:
        words = tool.command("init", "--uri", url, "-d", folder.name, "-a", "default")
        screen = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(folder.parent),
            env=tool.environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(60, 400),
        )
        shown: list[str] = []
        screen.logfile_read = type(
            "Log", (), {"write": staticmethod(shown.append), "flush": staticmethod(lambda: None)}
        )
        for name, question in manifest()["Parameters"]["properties"].items():
            screen.expect_exact(question["title"])
            if wrong and name in wrong:
                screen.send(wrong[name] + ENTER)
                english = question["description"].split(". ")[0][-30:]
                screen.expect_exact(english)
                screen.send("\x15")
            if "enum" in question:
                down = question["enum"].index(answers[name]) - question["enum"].index(question["default"])
                screen.send("\x1b[B" * down + ENTER)
            else:
                screen.send(answers[name] + ENTER)
        screen.expect(pexpect.EOF)
        screen.close()
    return screen.exitstatus, plain("".join(shown))


def deploy(tool: Tool, folder: Path) -> tuple[dict[str, Any], str]:
    """What the fc3 component is handed by `s deploy` for each function, and what the tool prints."""
    with standing_in(tool) as fc3:
        done = tool.run("deploy", "-y", cwd=folder)
    assert done.returncode == 0, done.stdout
    return fc3.deployed, done.stdout


def assert_no_secret(*places: Path | str) -> None:
    """Neither in texts nor in any file below the folders."""
    for place in places:
        texts = (
            [(place, place)]
            if isinstance(place, str)
            else [(path, path.read_bytes().decode("utf-8", "replace")) for path in place.rglob("*") if path.is_file()]
        )
        for where, text in texts:
            assert not [secret for secret in SECRETS if secret in text], where


def check_props(props: dict[str, Any], answers: Mapping[str, str]) -> None:
    """The resolved properties say what was answered."""
    account = props["triggers"][0]["sourceArn"].split(":")[3]
    assert props["environmentVariables"] == {
        "SYNC_URL": answers["SYNC_URL"],
        "HW_AK": answers["HW_AK"],
        "HW_SK": answers["HW_SK"],
        "LOG_BUCKET": answers["logBucket"],
        "SOURCE_BUCKET": answers["sourceBucket"],
        "OBJECT_PREFIX": answers["objectPrefix"],
        "OBJECT_SUFFIX": answers["objectSuffix"],
        "OSS_ENDPOINT": f"https://oss-{answers['region']}-internal.aliyuncs.com",
    }
    (trigger,) = props["triggers"]
    assert trigger["triggerConfig"]["filter"]["key"] == {
        "prefix": answers["objectPrefix"],
        "suffix": answers["objectSuffix"],
    }
    assert trigger["sourceArn"] == f"acs:oss:{answers['region']}:{account}:{answers['sourceBucket']}"
    assert trigger["invocationRole"] == f"acs:ram::{account}:role/{answers['triggerRole']}"
    assert (props["region"], props["functionName"], props["runtime"], props["role"]) == (
        answers["region"],
        answers["functionName"],
        answers["runtime"],
        answers["functionRole"],
    )
    replay = f"acs:fc:{answers['region']}::functions/{answers['functionName']}-replay"
    assert props["asyncInvokeConfig"] == {
        "maxAsyncRetryAttempts": 8,
        "maxAsyncEventAgeInSeconds": 86400,
        "destinationConfig": {"onFailure": {"destination": replay}},
    }


def test_init_with_parameters_gives_a_project_that_deploys(tool, built, tmp_path):
    # GIVEN all answers on the command line
    project = tmp_path / "out"

    # WHEN the project is made
    done = tool.init(built, project, ANSWERS)

    # THEN it is whole, says what comes next, and is the same as what Jinja2 renders
    assert done.returncode == 0, done.stdout
    assert "s deploy" in done.stdout
    assert 'This one forwards "*" of photos' in done.stdout
    rendered = tmp_path / "rendered"
    render.render(ANSWERS, rendered)
    for path in rendered.rglob("*"):
        if path.is_file():
            name = path.relative_to(rendered)
            assert (project / name).read_bytes() == path.read_bytes(), name
    assert {path.relative_to(project) for path in project.rglob("*") if path.is_file()} - {
        path.relative_to(rendered) for path in rendered.rglob("*")
    } == {Path(".env"), Path(".gitignore"), Path("answers.json")}
    for path in project.rglob("*.*"):
        if path.is_file() and path.suffix in (".yaml", ".json"):
            text = path.read_text(encoding="utf-8")
            assert "undefined" not in text
            assert "{{" not in text

    # AND the code is the repository's, byte for byte
    code = ROOT / "template" / "code"
    for path in code.rglob("*.py"):
        assert (project / "code" / path.relative_to(code)).read_bytes() == path.read_bytes()

    # AND what the tool hands to a component at deploy is what was answered, secrets included, which it never shows
    ours = resources(project, lambda name: {"my-sync_HW_AK": ANSWERS["HW_AK"], "my-sync_HW_SK": ANSWERS["HW_SK"]}[name])
    deployed, printed = deploy(tool, project)
    props = deployed["forward"]
    check_props(props, ANSWERS)
    account = props["triggers"][0]["sourceArn"].split(":")[3]
    assert json.loads(json.dumps(ours).replace("1000000000000001", account)) == deployed
    assert_no_secret(printed)


def test_init_at_the_prompts_gives_the_same(tool, built, tmp_path):
    project = tmp_path / "out"
    answers = {**ANSWERS, "region": "cn-shenzhen", "runtime": "python3.10", "objectPrefix": HOSTILE[0]}
    code, screen = answer_prompts(tool, built, project, answers)
    assert code == 0, screen
    deployed, _ = deploy(tool, project)
    check_props(deployed["forward"], answers)
    assert (project / ".env").read_text().split("\n")[1:] == ["", "HW_AK=", "HW_SK="]


def test_the_project_satisfies_the_fc3_components_schema(tmp_path):
    # (`s init` renders the same, as the first test shows.)
    render.render(ANSWERS, tmp_path)
    kinds = {"oss": "IOssTriggerConfig", "timer": "ITimerTriggerConfig"}
    for props in resources(tmp_path, lambda name: name).values():
        # The schema lets a property pass that it does not know; ours has those that are used.
        assert props.keys() <= SCHEMA["properties"].keys()
        jsonschema.Draft7Validator(SCHEMA).validate(props)
        # As a whole it lets almost anything pass as a trigger.
        for trigger in props.get("triggers", []):
            kind = SCHEMA["definitions"][kinds[trigger["triggerType"]]]
            jsonschema.Draft7Validator(kind).validate(trigger["triggerConfig"])


if (original := ROOT.parent / "shared" / "fc3-schema.json").exists():  # on its authors' machines

    def test_the_schema_that_is_kept_here_is_a_part_of_the_components_own():
        whole = json.loads(original.read_text())
        for name, part in SCHEMA.items():
            if name in ("properties", "definitions"):
                assert part.items() <= whole[name].items(), name
            elif name != "$comment":
                assert part == whole[name], name


@pytest.mark.parametrize("way", ["parameters", "environment", "prompts"])
def test_no_secret_stands_in_anything_that_the_tool_writes_or_prints(tool, built, tmp_path, way):
    # GIVEN a project made in one of the ways there are
    project, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    tool.environment["TMPDIR"] = str(temporary)
    if way == "prompts":
        code, printed = answer_prompts(tool, built, project, ANSWERS)
    else:
        given = ANSWERS if way == "parameters" else {n: v for n, v in ANSWERS.items() if n not in ("HW_AK", "HW_SK")}
        done = tool.init(built, project, given, env={name: ANSWERS[name] for name in ("HW_AK", "HW_SK")})
        code, printed = done.returncode, done.stdout
    assert code == 0, printed

    # WHEN it is looked at and deployed in every way of printing
    for words in (["preview"], ["preview", "-o", "json"], ["preview", "-o", "yaml"], ["preview", "--debug"]):
        done = tool.run(*words, cwd=project)
        assert done.returncode == 0, done.stdout
        printed += done.stdout
    deployed, told = deploy(tool, project)

    # THEN the secret reaches the functions, and nobody else: neither screen, nor project, nor the tool's logs
    assert {props["environmentVariables"]["HW_SK"] for props in deployed.values()} == {ANSWERS["HW_SK"]}
    assert (tool.home / ".s" / "logs").is_dir()
    assert_no_secret(printed, told, project, tool.home, temporary)

    # AND what could tell it, or may come to do so, is for the user alone and not for git
    for file in (project / ".env", tool.home / ".s" / "secrets.yaml"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    git = ["git", "-C", str(project)]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in (".env", ".s/x"):
        subprocess.run([*git, "check-ignore", "-q", name], check=True)


@pytest.mark.parametrize("prefix", HOSTILE)
def test_hostile_answers_still_give_valid_yaml_with_exactly_that_value(prefix, tmp_path):
    # The tool renders the same (the test above compares the two), and takes seconds each.
    render.render({**ANSWERS, "objectPrefix": prefix, "objectSuffix": prefix}, tmp_path)
    document = yaml.safe_load((tmp_path / "s.yaml").read_text(encoding="utf-8"))
    assert document["vars"]["objectPrefix"] == document["vars"]["objectSuffix"] == prefix
    event = json.loads((tmp_path / "events" / "put-object.json").read_text(encoding="utf-8"))
    assert event["events"][0]["oss"]["object"]["key"] == f"{prefix}hello{prefix}"
    assert re.fullmatch(manifest()["Parameters"]["properties"]["objectPrefix"]["pattern"], prefix)


def test_hostile_answers_through_the_tool(tool, built, tmp_path):
    for number, (prefix, suffix) in enumerate(zip(HOSTILE[::2], HOSTILE[1::2], strict=True)):
        project, rendered = tmp_path / f"out{number}", tmp_path / f"rendered{number}"
        answers = {**ANSWERS, "objectPrefix": prefix, "objectSuffix": suffix}
        assert tool.init(built, project, answers).returncode == 0
        render.render(answers, rendered)
        for name in ("s.yaml", "events/put-object.json"):
            assert (project / name).read_text(encoding="utf-8") == (rendered / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SYNC_URL": ANSWERS["SYNC_URL"] + "/"}, "SYNC_URL"),
        ({"logBucket": "photos"}, "logBucket is the source bucket"),
        ({"sourceBucket": ""}, "sourceBucket"),
        ({"HW_SK": ""}, "HW_SK"),
        ({"HW_SK": None}, "HW_SK"),
        ({"objectPrefix": "${env('HOME')}"}, "objectPrefix"),
        ({"region": "mars-1", "runtime": "python2.7", "functionName": "1x"}, "runtime"),
        ({"objectSuffix": 5}, "objectSuffix"),
        ({"HW_AK": 123}, "HW_AK"),
    ],
    ids=[
        "url",
        "buckets",
        "empty",
        "no secret",
        "secret left out",
        "expression",
        "several",
        "number",
        "number as a secret",
    ],
)
def test_wrong_parameters_are_refused_with_what_to_do_and_exit_code_1(tool, built, tmp_path, changes, told):
    answers = {name: value for name, value in {**ANSWERS, **changes}.items() if value is not None}
    done = tool.init(built, tmp_path / "out", answers)
    assert done.returncode == 1, done.stdout
    for name in changes:
        assert name in done.stdout
    assert told in done.stdout
    assert_no_secret(done.stdout, tmp_path / "out", tool.home)


def test_yes_without_parameters_is_refused_for_it_would_render_nothing(tool, built, tmp_path):
    with served(built) as url:
        done = tool.run("init", "--uri", url, "-d", "out", "-y", "-a", "default", cwd=tmp_path)
    assert done.returncode == 1
    assert "--parameters" in done.stdout


def test_secrets_that_are_in_the_store_stay_there_when_none_are_given(tool, built, tmp_path):
    answers = {name: value for name, value in ANSWERS.items() if name not in ("HW_AK", "HW_SK")}
    assert tool.init(built, tmp_path / "one", ANSWERS).returncode == 0
    done = tool.init(built, tmp_path / "two", answers)
    assert "my-sync_HW_SK stays in the tool's secret store as it is" in done.stdout
    deployed, _ = deploy(tool, tmp_path / "two")
    assert deployed["forward"]["environmentVariables"]["HW_SK"] == ANSWERS["HW_SK"]

    # One that is given does not go with one that is stored.
    done = tool.init(built, tmp_path / "half", answers, env={"HW_AK": "NEW0000000000000001"})
    assert done.returncode == 1
    assert "HW_SK" in done.stdout

    # Another project's are not taken.
    done = tool.init(built, tmp_path / "three", {**answers, "functionName": "other"})
    assert done.returncode == 1
    assert "HW_SK" in done.stdout


def test_the_answers_are_kept_for_an_upgrade_but_for_the_secrets(tool, built, tmp_path):
    assert tool.init(built, tmp_path / "out", ANSWERS).returncode == 0
    kept = json.loads((tmp_path / "out" / "answers.json").read_text(encoding="utf-8"))
    assert kept == {name: value for name, value in ANSWERS.items() if name not in ("HW_AK", "HW_SK")}


def test_wrong_answers_at_the_prompts_are_asked_again(tool, built, tmp_path):
    wrong = {
        "SYNC_URL": ANSWERS["SYNC_URL"] + "?x=1",
        "sourceBucket": "",
        "objectPrefix": "${x}",
        "logBucket": "Photos",
    }
    code, screen = answer_prompts(tool, built, tmp_path / "out", ANSWERS, wrong)
    assert code == 0, screen
    document = yaml.safe_load((tmp_path / "out" / "s.yaml").read_text(encoding="utf-8"))
    assert document["vars"]["SYNC_URL"] == ANSWERS["SYNC_URL"]


def test_equal_buckets_at_the_prompts_end_with_1(tool, built, tmp_path):
    code, screen = answer_prompts(tool, built, tmp_path / "out", {**ANSWERS, "logBucket": "photos"})
    assert code == 1
    assert "logBucket is the source bucket" in screen


def test_an_unknown_region_of_oms_is_a_warning(tool, built, tmp_path):
    url = ANSWERS["SYNC_URL"].replace("cn-north-4", "cn-south-1")
    done = tool.init(built, tmp_path / "out", {**ANSWERS, "SYNC_URL": url})
    assert done.returncode == 0
    assert "cn-south-1 is not known to offer sync tasks" in done.stdout


def test_a_trigger_role_may_be_an_arn(tool, built, tmp_path):
    arn = "acs:ram::1234567890:role/mine"
    assert tool.init(built, tmp_path / "out", {**ANSWERS, "triggerRole": arn}).returncode == 0
    assert yaml.safe_load((tmp_path / "out" / "s.yaml").read_text())["vars"]["triggerRole"] == arn


def test_a_second_project_of_the_same_function_name_is_told_that_it_replaces_the_secrets(tool, built, tmp_path):
    first = tool.init(built, tmp_path / "one", ANSWERS)
    assert "is replaced" not in first.stdout
    second = tool.init(built, tmp_path / "two", {**ANSWERS, "HW_SK": "AnotherKey0000000001"})
    assert "my-sync_HW_SK was in the tool's secret store and is replaced" in second.stdout
    deployed, _ = deploy(tool, tmp_path / "two")
    assert deployed["forward"]["environmentVariables"]["HW_SK"] == "AnotherKey0000000001"


def test_the_hook_speaks_chinese_where_the_user_does(tool, built, tmp_path):
    done = tool.init(built, tmp_path / "out", ANSWERS, env={"LANG": "zh_CN.UTF-8"})
    assert "然后执行" in done.stdout
    assert done.returncode == 0
