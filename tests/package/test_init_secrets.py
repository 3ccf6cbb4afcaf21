"""`s init` gives the secrets to the tool's secret store, and to nothing else."""

import stat
import subprocess

import pytest

from package.tool import answer_prompts, assert_no_secret, deploy, init
from support.answers import ANSWERS, KEYLESS


@pytest.mark.parametrize(
    "way", ["prompts", *(pytest.param(place, marks=pytest.mark.extras) for place in ("parameters", "environment"))]
)
def test_no_secret_stands_in_anything_that_the_tool_writes_or_prints(tool, built, tmp_path, way):
    # GIVEN a project made in one of the ways there are
    project, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    tool.environment["TMPDIR"] = str(temporary)
    if way == "prompts":
        code, printed = answer_prompts(tool, built, project, ANSWERS)
        assert code == 0, printed
    else:
        parameters = ANSWERS if way == "parameters" else KEYLESS
        printed = init(tool, built, project, parameters, env={name: ANSWERS[name] for name in ("HW_AK", "HW_SK")})

    # WHEN it is looked at and deployed in every way of printing
    # What is printed does not depend on how it was made: once is enough for the other ways.
    for words in [[], ["-o", "json"], ["-o", "yaml"], ["--debug"]] if way == "prompts" else [["--debug"]]:
        done = tool.run("preview", *words, cwd=project)
        assert done.returncode == 0, done.stdout
        printed += done.stdout
    deployed, screen = deploy(tool, project)

    # THEN the secret reaches the functions, and nobody else: neither screen, nor project, nor the tool's logs
    assert {props["environmentVariables"]["HW_SK"] for props in deployed.values()} == {ANSWERS["HW_SK"]}
    assert (tool.home / ".s" / "logs").is_dir()
    assert_no_secret(printed, screen, project, tool.home, temporary)

    # AND what could tell it, or may come to do so, is for the user alone and not for git
    for file in (project / ".env", tool.home / ".s" / "secrets.yaml"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    git = ["git", "-C", str(project)]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in (".env", ".s/x"):
        subprocess.run([*git, "check-ignore", "-q", name], check=True)


@pytest.mark.extras
def test_secrets_that_are_in_the_store_stay_there_when_none_are_given_and_are_replaced_by_others(tool, built, tmp_path):
    for name in ("HW_AK", "HW_SK"):
        assert tool.run("secret", "add", "--key", f"my-sync_{name}", "--value", ANSWERS[name]).returncode == 0
    done = tool.init(built, tmp_path / "two", KEYLESS)
    assert "my-sync_HW_SK stays in the tool's secret store as it is" in done.stdout
    deployed, _ = deploy(tool, tmp_path / "two")
    assert deployed["forward"]["environmentVariables"]["HW_SK"] == ANSWERS["HW_SK"]

    # One that is given does not go with one that is stored.
    done = tool.init(built, tmp_path / "half", KEYLESS, env={"HW_AK": "NEW0000000000000001"})
    assert done.returncode == 1, done.stdout
    assert "HW_SK" in done.stdout

    # Another project's are not taken.
    done = tool.init(built, tmp_path / "three", {**KEYLESS, "functionName": "other"})
    assert "s.yaml has no HW_AK, HW_SK yet" in done.stdout
    assert 'HW_SK: "" # setup' in (tmp_path / "three" / "s.yaml").read_text()

    # Whoever gives another secret is told that it replaces the one of all projects of this function's name.
    done = tool.init(built, tmp_path / "four", {**ANSWERS, "HW_SK": "AnotherKey0000000001"})
    assert "my-sync_HW_SK was in the tool's secret store and is replaced" in done.stdout
    deployed, _ = deploy(tool, tmp_path / "two")
    assert deployed["forward"]["environmentVariables"]["HW_SK"] == "AnotherKey0000000001"


def test_a_store_that_takes_no_secret_is_named_and_the_keys_are_not(tool, built, tmp_path):
    (tool.home / ".s" / "secrets.yaml").mkdir()
    done = tool.init(built, tmp_path / "out", ANSWERS)
    assert done.returncode == 1
    assert "did not take HW_AK: can secrets.yaml in the folder that `s -v` names be written?" in done.stdout, (
        done.stdout
    )
    assert "s init --uri" in done.stdout
    assert_no_secret(done.stdout)
