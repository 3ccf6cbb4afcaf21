"""Answers that `s init` refuses: it creates no project, and prints the corrected command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from package.hook import run_hook
from package.tool import CHINESE, SECRETS, answer_prompts, assert_no_secret, commands_in
from support.answers import ANSWERS
from tools.serverless import serve_package

LEFT_OUT = object()


# A refused value of each answer, and words of its message. All messages are printed at once.
WRONG = [
    {
        "SYNC_URL": (ANSWERS["SYNC_URL"] + "/", "SYNC_URL"),
        "logBucket": ("photos", "logBucket is the source bucket"),
        "objectPrefix": ("${env('HOME')}", "objectPrefix"),
        "objectSuffix": (5, "objectSuffix"),
        "HW_SK": ("", "Set the environment variable HW_SK"),
        "destinationRegion": ("cn-east-2", "destinationRegion"),
        "destinationBucket": ("photos.obs", "destinationBucket"),
        "region": ("mars-1", "region"),
        "runtime": ("python2.7", "runtime"),
        "functionName": ("1x", "functionName"),
        "objectPrefx": ("a/", "objectPrefx is not a parameter. Did you mean objectPrefix?"),
        "syncurl": ("x", "syncurl is not a parameter."),
        "colour": ("red", "colour is not a parameter. The parameters are: region, sourceBucket, "),
    },
    {
        "sourceBucket": ("", "sourceBucket"),
        "HW_SK": (LEFT_OUT, "Set the environment variable HW_SK"),
        "objectPrefix": ("/photos/", "such as photos/"),
    },
    {
        "sourceBucket": (LEFT_OUT, "sourceBucket"),
        "destinationBucket": (LEFT_OUT, "is empty"),
        "logBucket": ("-x", "logBucket"),
        "objectPrefix": ("a\x85b", "objectPrefix"),
        "objectSuffix": ("<%= 1 %>", "objectSuffix"),
        "HW_AK": (123, "HW_AK"),
    },
    {"objectPrefix": (None, "null, not text"), "objectSuffix": ("a\u2028b", "objectSuffix")},
    {"objectPrefix": ("a\nb", "objectPrefix"), "objectSuffix": ("a\x1bb", "objectSuffix")},
    {"objectPrefix": ("a<%b", "objectPrefix (Object prefix) cannot be")},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: ", ".join(wrong))
def test_init_refuses_invalid_parameters_before_it_writes_a_file(tool, built, tmp_path, wrong):
    # GIVEN a folder with a file, which the tool would delete
    project = tmp_path / "out"
    project.mkdir()
    (project / "mine.txt").write_text("mine")

    # WHEN the answers are wrong (by the tool, once)
    answers = {**ANSWERS, **{name: value for name, (value, _) in wrong.items()}}
    parameters = {name: value for name, value in answers.items() if value is not LEFT_OUT}
    done = tool.init(built, project, parameters) if wrong is WRONG[0] else run_hook(built, project, parameters)

    # THEN all messages are in one language, the exit code is 1, and the file stays
    assert done.returncode == 1, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("  - ")]
    assert f"{project} is not empty, and the tool would delete its contents." in lines[0]
    assert len(lines) == 1 + len(wrong), lines
    for name, (_, text) in wrong.items():
        assert any(name in line and text in line for line in lines), name
    assert not CHINESE.search(done.stdout)
    assert [path.name for path in project.iterdir()] == ["mine.txt"]
    assert {path.name for path in tmp_path.iterdir()} == {"home", "out"}
    assert_no_secret(done.stdout, tool.home)


@pytest.mark.usefixtures("require_tool")
def test_init_refuses_a_folder_with_files_and_does_not_change_it(built, tmp_path):
    project = tmp_path / "out"
    (project / ".git").mkdir(parents=True)
    done = run_hook(built, project, ANSWERS)
    assert done.returncode == 1, done.stdout
    assert "--no-overwrite" not in done.stdout
    assert "Choose another folder with -d. To upgrade a project" in done.stdout
    assert [path.name for path in project.iterdir()] == [".git"]


@pytest.mark.usefixtures("require_tool")
def test_init_explains_a_refusal_in_chinese_to_a_chinese_user(built, tmp_path):
    answers = {**ANSWERS, "SYNC_URL": "x", "HW_SK": "", "objectPrefx": "a/", "colour": "red", "runtime": "x"}
    # Windows sets no LANG; Intl knows there.
    (tmp_path / "locale.js").write_text(
        "Intl.DateTimeFormat.prototype.resolvedOptions = () => ({ locale: 'zh-CN' });", encoding="utf-8"
    )
    done = run_hook(built, tmp_path / "out", answers, LANG="", NODE_OPTIONS=f"--require {tmp_path}/locale.js")
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("  - ")]
    assert len(lines) == 5
    for line in lines:
        assert CHINESE.search(line), line
        assert not re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", line), line
    for text in (
        "没有参数 objectPrefx。是否想写 objectPrefix？",
        "请设置环境变量 HW_SK。",
        "SYNC_URL（OMS 同步请求接收地址）",
    ):
        assert text in done.stdout, text


MARS = f"--parameters={json.dumps({'region': 'mars-1'})}"


@pytest.mark.usefixtures("require_tool")
@pytest.mark.parametrize(
    ("words", "language", "sentences"),
    [
        (["--parameters", "null"], "zh_CN.UTF-8", ["没有收到任何答案", "--parameters"]),
        ([MARS], "C", ['region (Region) cannot be "mars-1"']),
    ],
    ids=["null, in Chinese", "an option in one word"],
)
def test_init_refuses_the_option_yes_without_valid_parameters(built, tmp_path, words, language, sentences):
    call = f"process.argv.push('-y', ...{json.dumps(words)}); preInit(paths);"
    output = hook_alone(built, tmp_path / "project", call, tmp_path, LANG=language, HW_AK="x", HW_SK="y")
    assert [sentence for sentence in sentences if sentence not in output] == []


def test_the_corrected_command_that_init_prints_creates_the_project(tool, built, shell):
    # GIVEN answers with a mistake that no prompt detects
    project = shell.folder / "it's mine"
    answers = {**ANSWERS, "logBucket": "photos", "objectPrefix": 'it\'s "$HOME"/'}

    # WHEN they are refused
    code, screen = answer_prompts(tool, built, project, answers)
    assert code == 1, screen
    assert "logBucket is the source bucket" in screen
    assert list(project.iterdir()) == []
    read, command = commands_in(screen)

    # THEN the printed line, corrected and pasted, makes the project, and has no secret
    assert read == "read -rs HW_AK; read -rs HW_SK; export HW_AK HW_SK"
    assert_no_secret(screen)
    with serve_package(built) as url:
        command = re.sub(r"http://127\S+", url, command).replace('"logBucket":"photos"', '"logBucket":"photos-oms-log"')
        shell.run(f"{read}\n{command}", "\n".join([*SECRETS, ""]))
    kept = json.loads((project / "answers.json").read_text(encoding="utf-8"))
    right = {**answers, "logBucket": ANSWERS["logBucket"]}
    assert kept == {name: value for name, value in right.items() if name not in ("HW_AK", "HW_SK")}


def hook_alone(built: Path, project: Path, call: str, current: Path, **environment: str) -> str:
    """Run a JavaScript call of the hook in the folder `current`, without Serverless Devs; return the output.

    The hook has to refuse, so that its process ends with exit code 1.
    """
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
    assert done.returncode == 1
    assert done.stderr == ""
    return done.stdout


@pytest.mark.usefixtures("require_tool")
def test_the_corrected_command_of_init_names_template_folder_and_alias(built, tmp_path):
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
def test_an_error_of_the_hook_ends_init_with_exit_code_1(built, tmp_path, call):
    questions = tmp_path / "project" / "hook" / "questions.json"
    questions.parent.mkdir(parents=True)
    questions.write_text("?")
    for name in ("src", ".git"):
        (tmp_path / "project" / name).mkdir()
    output = hook_alone(built, tmp_path / "project", f"process.argv.push('-y', '--no-overwrite'); {call};", tmp_path)
    assert "is not valid JSON" in output or "Unexpected token" in output
    assert "`git reset --hard` restores them" in output


@pytest.mark.usefixtures("require_tool")
def test_init_refuses_a_folder_whose_files_the_package_would_replace(built, tmp_path):
    project = tmp_path / "project"
    zipfile.ZipFile(built).extractall(project)
    (project / "code").mkdir()
    words = ["-y", "--no-overwrite", "--parameters", json.dumps(ANSWERS)]
    call = f"process.argv.push(...{json.dumps(words)}); preInit(paths);"
    (project / "code" / "index.py").write_text("mine")
    output = hook_alone(built, project, call, tmp_path)
    assert (
        f"{project} already has code/index.py, and the tool would replace the file, even with --no-overwrite." in output
    )
    assert (project / "code" / "index.py").read_text() == "mine"
