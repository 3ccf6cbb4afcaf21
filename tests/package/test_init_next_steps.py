"""The next steps and the notes that `s init` prints."""

import json
import subprocess

import pytest

from package.hook import run_hook
from package.tool import commands_in
from support.answers import ANSWERS, KEYLESS
from tools import render
from tools.serverless import serve_package


def test_the_next_steps_of_init_inside_a_repository_do_not_call_git(tool, built, tmp_path):
    # GIVEN a repository whose .gitignore does not end with a line end
    subprocess.run(["git", "init", "-q", tmp_path / "out"], check=True)
    (tmp_path / "out" / ".gitignore").write_text("mine\n.env")

    # WHEN the project is made there
    answers = {**ANSWERS, "objectPrefix": " true ", "objectSuffix": "🎉 %> < %"}
    with serve_package(built) as url:
        words = ["-y", "-d", ".", "--no-overwrite", "--parameters", json.dumps(answers)]
        done = tool.run("init", "--uri", url, *words, cwd=tmp_path / "out")

    # THEN the steps neither change the folder nor begin a repository, and .gitignore keeps its lines
    assert "The project is ready in this folder" in done.stdout
    assert [line.split()[0] for line in commands_in(done.stdout)] == ["python3", "s", "python3"]
    assert (tmp_path / "out" / ".gitignore").read_text() == "mine\n.env\n.s/\n__pycache__/\n*.before-setup\n"

    # AND the answers reach the project unchanged
    render.render(answers, tmp_path / "rendered")
    for name in ("s.yaml", "events/put-object.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "rendered" / name).read_bytes()


NOTE = "is not among the regions known to offer sync tasks"


@pytest.mark.parametrize(
    ("host", "note"),
    [
        ("oms.cn-east-2.myhuaweicloud.com", f"Note: cn-east-2 {NOTE}"),
        ("example.com", f"Note: the host of SYNC_URL {NOTE}"),
        ("oms.cn-east-3.myhuaweicloud.com", ""),
    ],
    ids=["cn-east-2", "another host", "cn-east-3"],
)
@pytest.mark.usefixtures("require_tool")
def test_init_prints_a_note_about_an_unknown_region_of_oms(built, tmp_path, host, note):
    url = ANSWERS["SYNC_URL"].replace("oms.cn-north-4.myhuaweicloud.com", host)
    done = run_hook(built, tmp_path / "out", {**KEYLESS, "SYNC_URL": url})
    assert done.returncode == 0
    assert note in done.stdout
    assert [NOTE in done.stdout, "CN East-Shanghai1 (cn-east-3)" in done.stdout] == [bool(note)] * 2
    assert "must not overlap in both prefix and suffix" in done.stdout
    assert 'This project submits "*" of photos' in done.stdout


@pytest.mark.usefixtures("require_tool")
def test_init_prints_its_steps_in_chinese_for_a_chinese_user(built, tmp_path):
    url = ANSWERS["SYNC_URL"].replace("cn-north-4", "cn-south-1")
    answers = {name: value for name, value in KEYLESS.items() if name != "alertLanguage"} | {"SYNC_URL": url}
    printed = run_hook(built, tmp_path / "out", answers, LANG="zh_CN.UTF-8").stdout
    sentences = ("项目已生成，位置：out。", "华东-上海一（cn-east-3）", "各项目的前缀和后缀不能同时重叠", "接下来执行")
    assert [sentence for sentence in sentences if sentence not in printed] == []
    # The functions cannot detect the language, so the project keeps it, also for upgrades on other machines.
    kept = json.loads((tmp_path / "out" / "answers.json").read_text(encoding="utf-8"))
    assert kept["alertLanguage"] == "zh"
    run_hook(built, tmp_path / "upgraded", kept, LANG="C")
    upgraded = json.loads((tmp_path / "upgraded" / "answers.json").read_text(encoding="utf-8"))
    assert upgraded["alertLanguage"] == "zh"
