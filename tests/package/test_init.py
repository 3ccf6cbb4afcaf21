"""`s init` through the real tool: with --parameters, and answered at the prompts in a terminal."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pexpect
import pytest
import yaml

from sandbox.fc.project import resources
from support.component import COMPONENT, standing_in
from support.init_answers import ANSWERS
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
LEFT_OUT = object()
CHINESE = re.compile(r"[\u4e00-\u9fff]")


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
        ({"HW_SK": ""}, "Set the environment variable HW_SK"),
        ({"HW_SK": LEFT_OUT}, "Set the environment variable HW_SK"),
        ({"sourceBucket": LEFT_OUT, "logBucket": LEFT_OUT}, "is empty"),
        ({"objectPrefix": "${env('HOME')}"}, "objectPrefix"),
        ({"objectPrefix": None}, "null, not text"),
        ({"region": "mars-1", "runtime": "python2.7", "functionName": "1x"}, "runtime"),
        ({"objectSuffix": 5}, "objectSuffix"),
        ({"HW_AK": 123}, "HW_AK"),
        ({"objectPrefx": "a/", "syncurl": "x"}, "objectPrefx is not a parameter. Did you mean objectPrefix?"),
        ({"colour": "red"}, "colour is not a parameter. They are: region, sourceBucket, "),
    ],
    ids=[
        "url",
        "buckets",
        "empty",
        "no secret",
        "secret left out",
        "several left out",
        "expression",
        "null",
        "several",
        "number",
        "number as a secret",
        "misspelt names",
        "unknown name",
    ],
)
def test_wrong_parameters_are_refused_with_what_to_do_before_anything_is_made(tool, built, tmp_path, changes, told):
    # GIVEN a folder with something in it, which the tool would empty
    project = tmp_path / "out"
    project.mkdir()
    (project / "mine.txt").write_text("mine")

    # WHEN answers are given that cannot be right
    answers = {name: value for name, value in {**ANSWERS, **changes}.items() if value is not LEFT_OUT}
    done = tool.init(built, project, answers)

    # THEN it says so in one language, ends with 1, and nothing is touched
    assert done.returncode == 1, done.stdout
    for name in changes:
        assert name in done.stdout
    assert told in done.stdout
    assert not CHINESE.search(done.stdout)
    assert [path.name for path in project.iterdir()] == ["mine.txt"]
    assert {path.name for path in tmp_path.iterdir()} == {"home", "out"}
    assert_no_secret(done.stdout, tool.home)


def test_a_refusal_is_in_chinese_where_the_user_is(tool, built, tmp_path):
    answers = {**ANSWERS, "SYNC_URL": "x", "HW_SK": "", "objectPrefx": "a/", "colour": "red", "runtime": "x"}
    # Windows sets no LANG; Intl knows there.
    (tmp_path / "locale.js").write_text(
        "Intl.DateTimeFormat.prototype.resolvedOptions = () => ({ locale: 'zh-CN' });", encoding="utf-8"
    )
    environment = {"LANG": "", "NODE_OPTIONS": f"--require {tmp_path}/locale.js"}
    done = tool.init(built, tmp_path / "out", answers, env=environment)
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if line.startswith("  - ")]
    assert len(told) == 5
    for line in told:
        assert CHINESE.search(line), line
        assert not re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", line), line
    assert "没有参数 objectPrefx。是否想写 objectPrefix？" in done.stdout
    assert "请设置环境变量 HW_SK。" in done.stdout
    assert "SYNC_URL（OMS 同步请求接收地址）" in done.stdout


def test_parameters_are_seen_however_they_are_written(tool, built, tmp_path):
    with served(built) as url:
        words = ["--uri", url, "-d", "out", "-y", "-a", "default", f"--parameters={json.dumps({'region': 'mars-1'})}"]
        done = tool.run("init", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert 'region (Region) cannot be "mars-1"' in done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "language", "told"),
    [([], "C", "There are no answers"), (["--parameters", "null"], "zh_CN.UTF-8", "没有收到任何答案")],
    ids=["none, in English", "null, in Chinese"],
)
def test_yes_without_parameters_is_refused_for_it_would_render_nothing(tool, built, tmp_path, words, language, told):
    with served(built) as url:
        done = tool.run(
            "init", "--uri", url, "-d", "out", "-y", "-a", "default", *words, cwd=tmp_path, env={"LANG": language}
        )
    assert done.returncode == 1
    assert told in done.stdout
    assert "--parameters" in done.stdout
    assert not (tmp_path / "out").exists()


def test_a_store_that_takes_no_secret_is_named_with_the_command_to_try(tool, built, tmp_path):
    (tool.home / ".s" / "secrets.yaml").mkdir()
    done = tool.init(built, tmp_path / "out", ANSWERS)
    assert done.returncode == 1
    assert "did not take HW_AK. Try: s secret add --key my-sync_HW_AK" in done.stdout
    assert "s init --uri" in done.stdout
    assert_no_secret(done.stdout)


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


def commands_in(text: str) -> list[str]:
    """The lines of shell in what the hook printed."""
    return [line.strip() for line in text.splitlines() if re.match(r"  (cd|git|read|python|s) ", line)]


def test_what_was_answered_at_the_prompts_is_not_lost_by_a_refusal(tool, built, tmp_path):
    # GIVEN answers with a mistake that no prompt can see
    project = tmp_path / "it's mine"
    answers = {**ANSWERS, "logBucket": "photos", "objectPrefix": 'it\'s "$HOME"/'}

    # WHEN they are refused
    code, screen = answer_prompts(tool, built, project, answers)
    assert code == 1
    assert "logBucket is the source bucket" in screen
    read, command = commands_in(screen)

    # THEN the line that is printed, corrected and pasted, makes the project; no secret is in it
    assert read == "read -rs HW_AK; read -rs HW_SK; export HW_AK HW_SK"
    assert_no_secret(screen)
    with served(built) as url:
        command = re.sub(r"http://127\S+", url, command).replace('"logBucket":"photos"', '"logBucket":"photos-oms-log"')
        done = subprocess.run(
            ["bash", "-euc", f"{read}\n{command}"],
            cwd=tmp_path,
            env={**tool.environment, "PATH": f"{Path(tool.command()[0]).parent}:{tool.environment['PATH']}"},
            input="\n".join([*SECRETS, ""]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    kept = json.loads((project / "answers.json").read_text(encoding="utf-8"))
    right = {**answers, "logBucket": ANSWERS["logBucket"]}
    assert kept == {name: value for name, value in right.items() if name not in ("HW_AK", "HW_SK")}


def hook_alone(built: Path, project: Path, call: str, current: Path, **environment: str) -> str:
    """What the hook prints that refuses in `call`, in a process of its own and in the folder `current`."""
    with zipfile.ZipFile(built) as package:
        for name in ("hook/index.js", "hook/questions.json"):
            if not (project / name).exists():
                package.extract(name, project)
    script = f"""
        const project = {json.dumps(str(project))};
        const {{ preInit, postInit }} = require(project + "/hook");
        const answers = {json.dumps({**ANSWERS, "access": "mine", "logBucket": "photos"})};
        const artTemplate = (name) => require("fs").writeFileSync(project + "/" + name, JSON.stringify(answers));
        const paths = {{ appPath: project, tempAppPath: project + "_1" }};
        {call}"""
    environment["PATH"] = os.environ["PATH"]
    done = subprocess.run(
        ["node", "-e", script], cwd=current, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    return done.stdout


@pytest.mark.usefixtures("require_tool")
def test_the_line_of_a_refusal_names_template_folder_and_alias_as_they_were(built, tmp_path):
    project = tmp_path / "project"

    def lines(*words: str, current: Path, **environment: str) -> list[str]:
        call = f"process.argv.splice(1, 9, 's', 'init', ...{json.dumps(words)}); postInit({{ ...paths, artTemplate }});"
        return commands_in(hook_alone(built, project, call, current, **environment))

    # Keys that the environment has are not asked for.
    (command,) = lines("oss-oms-sync", current=tmp_path, HW_AK="x", HW_SK="y")
    assert command.startswith("s init oss-oms-sync -y -d project -a mine --parameters '{")
    _, command = lines("--uri=x.zip", "--no-overwrite", current=project)
    assert command.startswith("s init --uri x.zip -y -d . --no-overwrite -a mine --parameters '{")
    _, command = lines("--uri", "x.zip", current=Path("/"))
    assert command.startswith(f"s init --uri x.zip -y -d {project} -a mine --parameters '{{")


@pytest.mark.usefixtures("require_tool")
@pytest.mark.parametrize("call", ["preInit(paths)", "postInit({ ...paths, artTemplate })"])
def test_a_fault_of_the_hook_itself_ends_with_1_for_the_tool_would_go_on(built, tmp_path, call):
    questions = tmp_path / "project" / "hook" / "questions.json"
    questions.parent.mkdir(parents=True)
    questions.write_text("?")
    (tmp_path / "project" / ".git").mkdir()
    said = hook_alone(built, tmp_path / "project", f"process.argv.push('-y'); {call};", tmp_path)
    assert "is not valid JSON" in said or "Unexpected token" in said
    assert "`git reset --hard` brings back what was" in said


def test_what_comes_next_is_printed_for_the_shell(tool, built, tmp_path):
    # GIVEN a project in a folder whose name is not a plain word
    done = tool.init(built, tmp_path / "it's mine", ANSWERS)
    assert done.returncode == 0, done.stdout
    change, git, roles, *deploy = commands_in(done.stdout)
    assert deploy == ["s deploy -y", "s doctor invoke | python status.py"]

    # WHEN the lines up to the deployment are pasted
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    author = {f"GIT_{who}_{what}": "you@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    printed = subprocess.run(
        ["bash", "-euc", "\n".join([change, git, roles])],
        cwd=tmp_path,
        env={**tool.environment, **author, "PATH": f"{programs}:{tool.environment['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    # THEN the project is in git, ready for an upgrade, and the commands for the roles are there
    assert "aliyun ram CreateRole" in printed
    branches = subprocess.run(
        ["git", "-C", tmp_path / "it's mine", "branch", "--format=%(refname:short)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert branches.stdout.split() == ["main", "template"]


def test_what_comes_next_has_no_git_where_git_is(tool, built, tmp_path):
    # GIVEN a repository with a .gitignore of its own, which does not end in a line's end
    subprocess.run(["git", "init", "-q", tmp_path / "out"], check=True)
    (tmp_path / "out" / ".gitignore").write_text("mine\n.env")

    # WHEN the project is made there
    with served(built) as url:
        words = ["-y", "-d", ".", "--no-overwrite", "--parameters", json.dumps(ANSWERS)]
        done = tool.run("init", "--uri", url, *words, cwd=tmp_path / "out")

    # THEN nobody is told to go there or to begin a repository, and what was ignored still is
    assert "Ready in this folder" in done.stdout
    assert [line.split()[0] for line in commands_in(done.stdout)] == ["python", "s", "s"]
    assert (tmp_path / "out" / ".gitignore").read_text() == "mine\n.env\n.s/\n__pycache__/\n"
    assert 'access: "default"\n' in (tmp_path / "out" / "s.yaml").read_text()


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("oms.cn-south-1.myhuaweicloud.com", "cn-south-1"),
        ("oms.cn-east-2.myhuaweicloud.com", "cn-east-2"),
        ("example.com", "the host of SYNC_URL"),
    ],
    ids=["a region", "the other Shanghai", "a host"],
)
def test_an_unknown_region_of_oms_is_a_warning(tool, built, tmp_path, host, told):
    url = ANSWERS["SYNC_URL"].replace("oms.cn-north-4.myhuaweicloud.com", host)
    done = tool.init(built, tmp_path / "out", {**ANSWERS, "SYNC_URL": url})
    assert done.returncode == 0
    assert f"Note: {told} is not known to offer sync tasks" in done.stdout
    assert "CN East-Shanghai1 (cn-east-3)" in done.stdout


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
    url = ANSWERS["SYNC_URL"].replace("cn-north-4", "cn-south-1")
    done = tool.init(built, tmp_path / "out", {**ANSWERS, "SYNC_URL": url}, env={"LANG": "zh_CN.UTF-8"})
    assert done.returncode == 0
    assert "项目已生成，位置：out。" in done.stdout
    assert "华东-上海一（cn-east-3）" in done.stdout
    assert "各项目的前缀和后缀不能同时重叠" in done.stdout
    assert "接下来执行" in done.stdout


def test_the_region_of_shanghai_that_has_sync_tasks_is_not_warned_of(tool, built, tmp_path):
    url = ANSWERS["SYNC_URL"].replace("cn-north-4", "cn-east-3")
    done = tool.init(built, tmp_path / "out", {**ANSWERS, "SYNC_URL": url})
    assert done.returncode == 0
    assert "not known to offer" not in done.stdout
    assert "no two of them may overlap in both prefix and suffix" in done.stdout
