"""The default language of ops.py."""

import pytest

from ops.command_line.parser import default_language


@pytest.mark.parametrize(
    ("environment", "system", "lang"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "de_DE", "zh"),
        ({"LANG": "de_DE.UTF-8"}, "zh_CN", "en"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, None, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "C"}, None, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, None, "zh"),
        ({}, "Chinese (Simplified)_China", "zh"),
        ({}, "zh_CN", "zh"),
        ({}, "English_United States", "en"),
        ({}, None, "en"),
    ],
)
def test_ops_takes_its_language_from_the_environment_or_the_system(monkeypatch, mocker, environment, system, lang):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    mocker.patch("locale.getlocale", return_value=(system, "UTF-8"))
    assert default_language() == lang
