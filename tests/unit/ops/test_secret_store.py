"""The command `ops.py secrets`, which puts the secrets of s.yaml into the store of Serverless Devs, and shows none."""

from __future__ import annotations

import stat
from argparse import Namespace
from types import SimpleNamespace

import pytest

from ops.clouds import keys
from ops.errors import ToolError, UsageError
from ops.functions.call import Tool
from support.ops import Console, missing_parts

S_YAML = """vars:
  region: cn-hangzhou
  HW_AK: ${secret('sync_HW_AK')}
  HW_SK: "${secret('sync_HW_SK')}"
  ALERT_WEBHOOK: ${secret('sync_ALERT_WEBHOOK')}
resources: {}
"""
VALUES = {"HW_AK": "AK0001", "HW_SK": "SK0002", "ALERT_WEBHOOK": "https://example.com/hook?x=3"}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in VALUES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run_secrets(tmp_path):
    """Return a function that runs `ops.py secrets`, and returns the stored secrets and the output."""
    (tmp_path / "s.yaml").write_text(S_YAML)

    def run_secrets(
        *names: str, typed: str | None = None, template=None, as_json: bool = False
    ) -> tuple[dict[str, str], str]:
        stored_secrets: dict[str, str] = {}
        store = SimpleNamespace(
            keep_secret=stored_secrets.__setitem__, forget_secret=stored_secrets.pop, secrets=stored_secrets.keys
        )
        console = Console(store, typed=typed)
        keys.store_secrets(console.session, Namespace(name=list(names), template=template, json=as_json), tmp_path)
        return stored_secrets, console.out.getvalue() + console.messages

    return run_secrets


def test_the_command_secrets_stores_values_of_the_environment(run_secrets, monkeypatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    stored_secrets, output = run_secrets()
    assert stored_secrets == {f"sync_{name}": value for name, value in VALUES.items()}
    assert output.endswith("s deploy -y\n")
    assert missing_parts(output, *VALUES.values()) == [*VALUES.values()]


def test_the_command_secrets_prints_the_names_of_stored_secrets_as_json(run_secrets, monkeypatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    assert run_secrets("HW_AK", "HW_SK", as_json=True)[1] == '{"stored": ["HW_AK", "HW_SK"]}\n'


def test_the_command_secrets_asks_for_missing_secrets_without_echo(run_secrets, monkeypatch):
    monkeypatch.setenv("HW_AK", VALUES["HW_AK"])
    prompts = []
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: prompts.append(prompt) or " SK0002\n")
    stored_secrets, output = run_secrets("HW_AK", "HW_SK", typed="")
    assert "SK0002" not in output
    assert stored_secrets == {"sync_HW_AK": "AK0001", "sync_HW_SK": "SK0002"}
    assert [prompt.partition(" ")[0] for prompt in prompts] == ["HW_SK"]


@pytest.mark.parametrize("typed", [None, ""])
def test_the_command_secrets_stores_no_secret_if_another_is_missing(run_secrets, monkeypatch, mocker, typed):
    monkeypatch.setenv("HW_AK", "AK0001")
    mocker.patch("getpass.getpass", side_effect=EOFError)
    with pytest.raises(UsageError, match="HW_SK is empty") as raised:
        run_secrets("HW_AK", "HW_SK", typed=typed)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        *(("HW_AK", value, "HW_AK contains blanks") for value in ("two words", "a\x00b", "锁匙", "a\nb")),
        # Addresses that the functions would refuse.
        ("ALERT_WEBHOOK", "http://example.com/hook", "ALERT_WEBHOOK does not start with https://"),
        ("ALERT_WEBHOOK", "oapi.dingtalk.com/robot/send?access_token=x", "ALERT_WEBHOOK does not start with https://"),
    ],
)
def test_the_command_secrets_refuses_and_does_not_show_an_invalid_secret(
    run_secrets, monkeypatch, name, value, problem
):
    monkeypatch.setattr("os.environ", {name: value})
    with pytest.raises(UsageError, match=problem) as raised:
        run_secrets(name)
    assert value not in raised.value.problem.en + raised.value.problem.zh


@pytest.mark.parametrize(
    ("data", "file", "problem"),
    [
        (S_YAML.replace("secret(", "env(").encode(), "s.yaml", r"s\.yaml has no HW_AK"),
        (b"", "nothing.yaml", r"nothing\.yaml cannot be read"),
        (f"# 照片\n{S_YAML}".encode("gb18030"), "s.yaml", r"s\.yaml is not UTF-8"),
    ],
)
def test_the_command_secrets_refuses_a_file_without_names_of_secrets(run_secrets, tmp_path, data, file, problem):
    (tmp_path / "s.yaml").write_bytes(data)
    with pytest.raises(UsageError, match=problem):
        run_secrets(template=tmp_path / file)


def test_serverless_devs_receives_a_secret_only_in_its_environment(stand_in, tmp_path):
    store = tmp_path / "secrets.yaml"
    store.write_text("{}")
    store.chmod(0o644)
    stand_in.plan({"-v": {"out": f"s-home: {tmp_path}, x"}, "*": {"out": "Secret [sync_HW_SK] has been added"}})
    Tool(None, tmp_path).keep_secret("sync_HW_SK", "SK0002")
    assert stand_in.calls == [[], ["-v"]]
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_an_error_about_a_refused_secret_does_not_show_the_secret(stand_in, tmp_path):
    stand_in.plan({"*": {"out": "unknown option SK0002", "err": "SK0002", "code": 1}})
    with pytest.raises(ToolError) as raised:
        Tool(None, tmp_path).keep_secret("sync_HW_SK", "SK0002")
    assert "SK0002" not in "".join([raised.value.problem.en, *raised.value.output])
