"""What `s init` prints once a project is made: what comes next, and what to look at."""

import json
import subprocess

import pytest
import yaml

from package.hook import run_hook
from package.tool import commands_in, init
from support.answers import ANSWERS, KEYLESS
from tools.serverless import served


def test_what_comes_next_is_printed_for_the_shell(tool, built, shell):
    # GIVEN a project in a folder whose name is not a plain word
    change, git, roles, *deploy = commands_in(init(tool, built, shell.folder / "it's mine", ANSWERS))
    assert deploy == ["s deploy -y", "python3 ops.py doctor"]

    # WHEN the lines up to the deployment are pasted
    printed = shell.run("\n".join([change, git, roles]))

    # THEN the project is in git, ready for an upgrade, and the commands for the roles are there
    assert "aliyun ram CreateRole" in printed
    assert shell.run("git branch --format='%(refname:short)'").split() == ["main", "template"]


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
    assert [line.split()[0] for line in commands_in(done.stdout)] == ["python3", "s", "python3"]
    assert (tmp_path / "out" / ".gitignore").read_text() == "mine\n.env\n.s/\n__pycache__/\n*.before-setup\n"
    assert 'access: "default"\n' in (tmp_path / "out" / "s.yaml").read_text()


NOTE = "is not known to offer sync tasks"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("oms.cn-east-2.myhuaweicloud.com", f"Note: cn-east-2 {NOTE}"),
        ("example.com", f"Note: the host of SYNC_URL {NOTE}"),
        ("oms.cn-east-3.myhuaweicloud.com", ""),
    ],
    ids=["the other Shanghai", "a host", "the Shanghai that has them"],
)
@pytest.mark.usefixtures("require_tool")
def test_an_unknown_region_of_oms_is_a_warning_and_who_submits_what_is_told(built, tmp_path, host, note):
    url = ANSWERS["SYNC_URL"].replace("oms.cn-north-4.myhuaweicloud.com", host)
    done = run_hook(built, tmp_path / "out", {**KEYLESS, "SYNC_URL": url})
    assert done.returncode == 0
    assert note in done.stdout
    assert [NOTE in done.stdout, "CN East-Shanghai1 (cn-east-3)" in done.stdout] == [bool(note)] * 2
    assert "no two of them may overlap in both prefix and suffix" in done.stdout
    assert 'This one submits "*" of photos' in done.stdout


def test_the_hook_speaks_chinese_where_the_user_does_and_so_will_the_alarms_of_an_upgrade(tool, built, tmp_path):
    url = ANSWERS["SYNC_URL"].replace("cn-north-4", "cn-south-1")
    answers = {name: value for name, value in KEYLESS.items() if name != "alertLanguage"} | {"SYNC_URL": url}
    printed = init(tool, built, tmp_path / "out", answers, env={"LANG": "zh_CN.UTF-8"})
    sentences = ("项目已生成，位置：out。", "华东-上海一（cn-east-3）", "各项目的前缀和后缀不能同时重叠", "接下来执行")
    assert [sentence for sentence in sentences if sentence not in printed] == []
    # And so will the alarms, for the functions cannot know; and an upgrade keeps that, whoever runs it.
    made = yaml.safe_load((tmp_path / "out" / "s.yaml").read_text(encoding="utf-8"))
    assert made["vars"]["alertLanguage"] == "zh"
    kept = json.loads((tmp_path / "out" / "answers.json").read_text(encoding="utf-8"))
    assert kept["alertLanguage"] == "zh"
    init(tool, built, tmp_path / "upgraded", kept, env={"LANG": "C"})
    assert 'alertLanguage: "zh"' in (tmp_path / "upgraded" / "s.yaml").read_text(encoding="utf-8")
