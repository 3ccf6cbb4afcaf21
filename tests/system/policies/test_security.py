"""SECURITY.md says what each function may do, as its policy does, and which names of objects stand in the logs."""

from __future__ import annotations

import json
import re

from ops.setup.statements import FUNCTIONS
from sandbox.server.faults import Fault
from support.documents import Document
from support.policies import Right, rights
from tools.package import ROOT
from tools.render import render


def table(first: str) -> list[list[str]]:
    """The rows of the table of SECURITY.md whose second column is called so, without its head."""
    tables = Document.read(ROOT / "SECURITY.md").tables
    ((_, *rows),) = (one for one in tables if one[0][1].content == first)
    return [[cell.content for cell in row] for row in rows]


def told(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def held(right: Right) -> str:
    return right.action.partition(":")[2]


def test_the_table_of_rights_is_what_the_policies_give(project):
    rows = {told(row[0]).pop(): row for row in table("source bucket")}
    assert set(rows) == {*FUNCTIONS, "trigger"}
    for name, (_, source, log, other, _) in rows.items():
        oss = rights(project, name, "oss")
        in_log = [one for one in oss if "-oms-log" in one.resource]
        assert told(log) == {held(one) for one in in_log}, name
        assert told(source) == {held(one) for one in oss if one not in in_log}, name
        assert told(other) == {held(one) for one in rights(project, name, "fc")}, name
        # Only under oms_source_record/, whether by name or by prefix.
        assert all("oms_source_record/" in one.resource + one.prefix for one in in_log), name


def test_names_of_objects_stand_in_the_logs_of_those_functions_that_it_names(box, tmp_path):
    # GIVEN objects that go well, fail, and of which no event tells
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    box.oss.lose_events(lambda key: key.startswith("private/lost"))
    for key, faults in {"private/good": 0, "private/failed": 1, "private/lost": 0}.items():
        if faults:
            box.oms.faults.add(Fault.status(401), times=faults)
        box.oss.put(box.source_bucket, key, b"x")
        box.wait_idle(60)
    box.later(3600)

    # WHEN all jobs have run, and somebody has asked for one object's story
    for job in ("replay", "reconcile", "compare"):
        box.tick(job)
        box.wait_idle(60)
    for job, payload in {"status": {"key": "private/good"}, "doctor": {}, "certify": {}}.items():
        box.fc.invoke(job, json.dumps(payload).encode())
    box.fc.invoke("status", b"{}")
    box.wait_idle(60)
    assert {one.function for one in box.fc.invocations} == set(FUNCTIONS)

    # THEN names stand in the logs of the two that the document names, and of no other
    named = {one.function for one in box.fc.invocations if any("private/" in line for line in one.logs)}
    assert named == {told(row[0]).pop() for row in table("which") if told(row[0])}
