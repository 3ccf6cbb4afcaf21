"""Secrets in the answers to `s init`, which only the secret store of Serverless Devs contains afterwards."""

import pytest

from package.hook import run_hook
from package.tool import assert_no_secret, deploy
from support.answers import ANSWERS, KEYLESS


@pytest.mark.extras
def test_init_keeps_stored_secrets_until_other_secrets_replace_them(tool, built, tmp_path):
    for name in ("HW_AK", "HW_SK"):
        assert tool.run("secret", "add", "--key", f"my-sync_{name}", "--value", ANSWERS[name]).returncode == 0
    done = tool.init(built, tmp_path / "two", KEYLESS)
    assert "my-sync_HW_SK in the tool's secret store is unchanged" in done.stdout
    deployed, _ = deploy(tool, tmp_path / "two")
    assert deployed["forward"]["environmentVariables"]["HW_SK"] == ANSWERS["HW_SK"]

    # A new key is not combined with a stored key.
    done = tool.init(built, tmp_path / "half", KEYLESS, env={"HW_AK": "NEW0000000000000001"})
    assert done.returncode == 1, done.stdout
    assert "HW_SK" in done.stdout

    # Keys of another project are not used.
    done = tool.init(built, tmp_path / "three", {**KEYLESS, "functionName": "other"})
    assert "s.yaml has no HW_AK, HW_SK yet" in done.stdout
    assert 'HW_SK: "" # setup' in (tmp_path / "three" / "s.yaml").read_text()

    # A new secret replaces the secret of all projects with this function name, with a message.
    done = tool.init(built, tmp_path / "four", {**ANSWERS, "HW_SK": "AnotherKey0000000001"})
    assert "the earlier my-sync_HW_SK in the tool's secret store is replaced" in done.stdout
    deployed, _ = deploy(tool, tmp_path / "two")
    assert deployed["forward"]["environmentVariables"]["HW_SK"] == "AnotherKey0000000001"


@pytest.mark.usefixtures("require_tool")
def test_init_reports_a_secret_store_that_refuses_the_access_keys(built, tmp_path):
    # GIVEN a store that stays empty
    done = run_hook(built, tmp_path / "out", ANSWERS)
    assert done.returncode == 1
    assert (
        "did not accept HW_AK: make sure that secrets.yaml in the folder shown by `s -v` is writable" in done.stdout
    ), done.stdout
    assert "s init oss-oms-sync -y" in done.stdout
    assert_no_secret(done.stdout)
