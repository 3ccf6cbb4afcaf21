"""Commands of ops.py that call functions in the sandbox, whose address is in an environment variable."""

from __future__ import annotations

import json

import pytest

from ops.errors import FunctionError
from ops.functions.call import caller
from sandbox import Sandbox
from support.uploads import PATIENCE, upload

HOUR = 3600


@pytest.fixture
def deployed(box: Sandbox, deploy) -> Sandbox:
    """Return a project on a single runtime, because these commands do not depend on the runtime."""
    deploy(instances=2)
    return box


def wait_and_advance(box: Sandbox) -> None:
    box.wait_idle(PATIENCE)
    box.advance(HOUR)


@pytest.fixture
def project_with_copies(deployed: Sandbox) -> Sandbox:
    """Return a project whose objects were copied an hour ago; replay has read OMS's lists since then."""
    upload(deployed, "a/1", "a/2", "山/3")
    wait_and_advance(deployed)
    deployed.tick("replay")
    return deployed


# In an order in which no command changes the output of the next.
SHOWN = [
    ("doctor", 0, "Setup OK: "),
    ("status", 1, "Unknown\n  Nothing is waiting to be resent, but no full reconcile"),
    ("story a/1", 0, "'a/1': The object is in OBS with equal contents."),
    ("story nowhere", 1, "'nowhere': The object does not exist"),
    ("replay", 0, "No object has to be resent."),
    ("reconcile --look", 1, "No pass over this scope has started yet."),
    ("reconcile --dry-run", 0, "This was a single call, which started no pass"),
    ("reconcile --limit 1 --all", 0, "This was a single call, which started no pass"),
    ("compare --look", 1, "No pass over this scope has started yet."),
    ("compare --dry-run", 0, "All objects are in OBS with equal contents."),
    ("reconcile", 0, "The pass is finished."),
    ("compare --deep --prefix a/", 0, "All objects are in OBS with equal contents."),
    ("compare", 0, "All objects are in OBS with equal contents."),
    ("cutover --rehearse", 0, "REHEARSAL"),
    ("replay --key a/1", 0, "None of the requested objects still has to be resent."),
]


def test_ops_prints_the_answer_of_each_function(ops, project_with_copies):
    for words, code, first in SHOWN:
        done, out, _ = ops(*words.split())
        assert done == code
        assert out[: len(first)] == first


def test_ops_and_each_function_refuse_an_impossible_prefix(ops, deployed, capsys, tmp_path):
    for job in ("replay", "reconcile", "compare"):
        before = len(deployed.fc.invocations)
        with pytest.raises(SystemExit) as ended:
            ops(job, "--prefix", "/a/")
        assert ended.value.code == 2
        assert len(deployed.fc.invocations) == before
        assert "Write 'a/'" in capsys.readouterr().err
        with pytest.raises(FunctionError, match="Set it to 'a/'") as raised:
            caller(None, tmp_path).ask(job, {"prefix": "/a/"})
        assert raised.value.error_type == "PayloadError"


def test_ops_names_a_function_that_is_not_deployed(ops, deployed):
    deployed.remove_function("doctor")
    code, _, messages = ops("doctor")
    assert code == 1
    assert "The sandbox does not support this request" in messages


def asked_functions(box: Sandbox, calls_before: int) -> set[str]:
    return {invocation.function for invocation in box.fc.invocations[calls_before:]}


def test_a_cutover_closes_the_project_after_the_remedy_of_a_no_go(ops, project_with_copies, tmp_path):
    # GIVEN an object that was overwritten in OBS
    project_with_copies.obs.put(project_with_copies.destination_bucket, "a/2", b"somebody else's")

    # THEN a cutover ends with NO-GO and the remedy, and closes nothing
    code, out, messages = ops("cutover", "--frozen-since", "now", "--close")
    assert code == 1, out
    assert out.splitlines()[0] == "NO-GO"
    assert "OVERWRITTEN failed: 1 object newer and different in OBS" in out
    assert "      'a/2'\n" in out
    assert "-> python3 ops.py compare --overwrite --restart" in out
    assert "The project is not closed: some objects must first be" in messages

    # AND after the remedy it closes the project, says GO, and writes a certificate that passes its check
    assert ops("compare", "--overwrite", "--restart")[0] == 1
    wait_and_advance(project_with_copies)
    project_with_copies.tick_all()
    # Passes differ in the second of their start.
    project_with_copies.advance(1)
    code, out, messages = ops("cutover", "--frozen-since", "now", "--sample", "3", "--close", "--out", "go.json")
    assert code == 0, messages + out
    assert out.splitlines()[0] == "GO"
    assert "6. Close the project …\n   done" in messages
    listing = "".join(
        json.dumps({"key": key, "size": len(stored.data)}) + "\n"
        for key, stored in project_with_copies.oss.objects(project_with_copies.source_bucket).items()
    )
    (tmp_path / "listing").write_text(listing)
    code, out, _ = ops("check", "go.json", "--source", "listing", "--destination", "listing")
    assert code == 0
    assert out.splitlines()[-1] == "The certificate is sound. Verdict: GO."

    # AND a late write calls no function, and the same command gives the same certificate
    before = len(project_with_copies.fc.invocations)
    project_with_copies.bucket(project_with_copies.source_bucket).put_object("late", b"1")
    project_with_copies.wait_idle(PATIENCE)
    assert asked_functions(project_with_copies, before) == set()
    assert ops("status")[1].startswith("Closed\n  The project has been closed")
    frozen = json.loads((tmp_path / "go.json").read_text())["frozen_since"]
    code, _, messages = ops("cutover", "--frozen-since", frozen, "--out", "again.json")
    assert code == 0
    assert "A GO is in effect" in messages
    assert (tmp_path / "again.json").read_text() == (tmp_path / "go.json").read_text()

    # AND after opening, reconcile submits the late object
    assert ops("open", "--after-go")[0] == 0
    wait_and_advance(project_with_copies)
    ops("reconcile", "--restart")
    project_with_copies.wait_idle(PATIENCE)
    assert "late" in project_with_copies.task.destination
