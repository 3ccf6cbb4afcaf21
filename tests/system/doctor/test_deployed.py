"""Checks of doctor as a deployed function: its libraries, and the triggers on the log bucket."""

from __future__ import annotations

from textwrap import dedent

from support.doctor import invoke_doctor, states, verify_check
from tools.render import render

OLD_OSS2 = """
    from pathlib import Path
    import sys
    folder = next(Path(path) / "oss2" for path in sys.path[1:] if (Path(path) / "oss2").is_dir())
    __path__ = [str(folder)]
    exec(compile((folder / "__init__.py").read_text(), "oss2", "exec"))
    __version__ = "2.15.0"
"""


def test_doctor_names_an_oss2_without_v4_signatures(box, tmp_path):
    render(box.answers(), tmp_path)
    (tmp_path / "code" / "oss2").mkdir()
    (tmp_path / "code" / "oss2" / "__init__.py").write_text(dedent(OLD_OSS2))
    box.deploy_project(tmp_path)
    assert states(invoke_doctor(box), "fault") == ["libraries"]


def test_the_triggers_on_the_log_bucket_invoke_reconcile_and_compare(deployed):
    verify_check(invoke_doctor(deployed), "pass triggers", "ok")
    deployed.wait_idle(60)
    assert not [name for name in deployed.oss.objects(deployed.log_bucket) if "/ping-" in name]
