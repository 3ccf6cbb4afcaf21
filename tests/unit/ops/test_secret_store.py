"""`ops.py secrets`: what s.yaml names goes into the tool's store, whole or not at all, and is shown nowhere."""

from __future__ import annotations

import stat
from argparse import Namespace

import pytest

from ops.call import Tool
from ops.clouds import keys
from ops.errors import ToolError, UsageError
from support.ops import Seen, StandInTool

S_YAML = """vars:
  region: cn-hangzhou
  HW_AK: ${secret('sync_HW_AK')}
  HW_SK: "${secret('sync_HW_SK')}"
  ALERT_WEBHOOK: ${secret('sync_ALERT_WEBHOOK')}
resources: {}
"""
VALUES = {"HW_AK": "AK0001", "HW_SK": "SK0002", "ALERT_WEBHOOK": "https://example.com/hook?x=3"}


class Store:
    """A caller that keeps secrets."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def keep_secret(self, key: str, value: str) -> None:
        self.kept[key] = value


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in VALUES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def keep(tmp_path):
    """Runs the command; gives what is stored, and what is shown."""
    (tmp_path / "s.yaml").write_text(S_YAML)

    def keep(*names: str, typed: str | None = None, template=None) -> tuple[dict[str, str], str]:
        store = Store()
        seen = Seen(store, typed=typed)
        keys.keep(seen.session, Namespace(name=list(names), template=template), tmp_path)
        return store.kept, seen.out.getvalue() + seen.said

    return keep


def test_the_environments_values_are_stored_under_the_names_of_s_yaml(keep, monkeypatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    kept, shown = keep()
    assert kept == {f"sync_{name}": value for name, value in VALUES.items()}
    assert not [value for value in VALUES.values() if value in shown]
    assert shown.endswith("s deploy -y\n")


def test_one_can_be_stored_alone(keep, monkeypatch):
    monkeypatch.setenv("ALERT_WEBHOOK", VALUES["ALERT_WEBHOOK"])
    assert keep("ALERT_WEBHOOK")[0] == {"sync_ALERT_WEBHOOK": VALUES["ALERT_WEBHOOK"]}


def test_in_a_terminal_it_asks_for_what_is_not_set_and_shows_nothing_of_it(keep, monkeypatch):
    monkeypatch.setenv("HW_AK", VALUES["HW_AK"])
    asked = []
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: asked.append(prompt) or " SK0002\n")
    kept, shown = keep("HW_AK", "HW_SK", typed="")
    assert kept == {"sync_HW_AK": "AK0001", "sync_HW_SK": "SK0002"}
    assert len(asked) == 1
    assert asked[0].startswith("HW_SK ")
    assert "SK0002" not in shown


@pytest.mark.parametrize("typed", [None, ""])
def test_of_two_keys_none_is_stored_if_one_is_missing(keep, monkeypatch, typed):
    def ended(prompt, stream):
        raise EOFError

    monkeypatch.setenv("HW_AK", "AK0001")
    monkeypatch.setattr("getpass.getpass", ended)
    with pytest.raises(UsageError, match="HW_SK is empty") as raised:
        keep("HW_AK", "HW_SK", typed=typed)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("value", ["two words", "a\x00b", "锁匙", "a\nb"])
def test_what_cannot_be_a_key_is_refused_and_not_repeated(keep, monkeypatch, value):
    monkeypatch.setattr("os.environ", {"HW_AK": value})
    with pytest.raises(UsageError, match="HW_AK has blanks") as raised:
        keep("HW_AK")
    assert value not in raised.value.happened.en + raised.value.happened.zh


@pytest.mark.parametrize("value", ["oapi.dingtalk.com/robot/send?access_token=x", "http://example.com/hook"])
def test_an_address_that_the_functions_would_refuse_is_not_stored_nor_repeated(keep, monkeypatch, value):
    monkeypatch.setenv("ALERT_WEBHOOK", value)
    with pytest.raises(UsageError, match="ALERT_WEBHOOK does not start with https://") as raised:
        keep("ALERT_WEBHOOK")
    assert value not in raised.value.happened.en + raised.value.happened.zh


def test_a_file_that_does_not_name_the_keys_is_refused(keep, tmp_path):
    (tmp_path / "s.yaml").write_text(S_YAML.replace("secret(", "env("))
    with pytest.raises(UsageError, match=r"s\.yaml says no HW_AK"):
        keep()
    with pytest.raises(UsageError, match=r"nothing\.yaml cannot be read"):
        keep(template=tmp_path / "nothing.yaml")
    (tmp_path / "s.yaml").write_bytes(f"# 照片\n{S_YAML}".encode("gb18030"))
    with pytest.raises(UsageError, match=r"s\.yaml is not UTF-8"):
        keep()


def test_the_tool_gets_a_value_by_its_environment_and_never_as_an_argument(tmp_path, monkeypatch):
    program = StandInTool(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(program.folder))
    home = tmp_path / "home"
    home.mkdir()
    store = home / "secrets.yaml"
    store.write_text("{}")
    store.chmod(0o644)
    program.plan({"-v": {"out": f"s-home: {home}, x"}, "*": {"out": "Secret [sync_HW_SK] has been added"}})
    Tool(None, tmp_path).keep_secret("sync_HW_SK", "SK0002")
    assert program.calls == [[], ["-v"]]
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_a_tool_that_does_not_take_it_is_an_error_that_does_not_repeat_it(tmp_path, monkeypatch):
    program = StandInTool(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(program.folder))
    program.plan({"*": {"out": "unknown option SK0002", "err": "SK0002", "code": 1}})
    with pytest.raises(ToolError) as raised:
        Tool(None, tmp_path).keep_secret("sync_HW_SK", "SK0002")
    assert "SK0002" not in "".join([raised.value.happened.en, *raised.value.said])
