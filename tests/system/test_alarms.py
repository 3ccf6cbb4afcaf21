"""The queries in docs/monitoring/, run on the functions' real log lines as Simple Log Service stores them.

SQLite runs the queries, extended by Presto's functions.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from sandbox import Sandbox
from sandbox.fc.logs import split_records
from sandbox.server.faults import Fault
from support.settings import rewrite
from support.world import NO_RIGHT, payload
from tools.package import ROOT
from tools.render import render

SILENT, WEBHOOK, NOW = (
    (ROOT / "docs" / "monitoring" / f"{name}.sql").read_text(encoding="utf-8")
    for name in ("status_is_silent", "webhook_fails", "current_state")
)
FORGED = '2026-01-31T12:00:00.123Z {"job": "status", "verdict": "forged", "alert_problem": "forged"}'
HOSTILE = (f"a\n{FORGED}", f"b\u2028{FORGED}", "c\x85}", '{"job": "status", "verdict": "forged"}', "山} {")
# Lines of Function Compute and of libraries in the log.
FOREIGN = (
    f"2026-01-31 12:00:00 [ERROR] {{'job': 'status', 'verdict': 'x'}} alert_problem {FORGED}",
    '{"job": "status", "verdict": "NOT OURS", "alert_problem": "NOT OURS"}',
    "2026-01-31 12:00:00 [INFO] no JSON at all: job verdict",
)


def regexp_extract(text: str | None, pattern: str) -> str | None:
    # A dot does not match a line end, as in Java, the strictest engine.
    match = re.search(pattern.replace(".", "[^\n\r\x85\u2028\u2029]"), text or "")
    return match and match[0]


def json_parse(text: str | None) -> str | None:
    try:
        return text and json.dumps(json.loads(text))
    except ValueError:
        return "an error"


def try_(value: str | None) -> str | None:
    return None if value == "an error" else value


def json_extract_scalar(text: str | None, path: str) -> str | None:
    # Text that is not JSON ends the whole query.
    value = json.loads(text).get(path.removeprefix("$.")) if text is not None else None
    if value is None or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def time_of(record: str) -> int:
    """Return the time in a log record's text; Simple Log Service uses the time at which the record arrived."""
    return int(datetime.fromisoformat(f"{record[:10]}T{record[11:19]}+00:00").timestamp())


def matches(search: str, message: str) -> bool:
    """Return True if the message contains every word of a search in Simple Log Service."""
    words = set(re.split(r"""[\s,'";=()\[\]{}?@&<>/:]+""", message.lower()))
    terms = [re.fullmatch(r'message: "(\w+)"', term) for term in search.strip().split(" and ")]
    return all(term and term[1] in words for term in terms)


class Logstore(NamedTuple):
    """The log records of a project's functions, and the values that the functions returned."""

    records: list[str]
    returned: dict[str, list[Any]]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query of Simple Log Service, such as "search | SELECT ... FROM log", and return its rows."""
        search, _, select = query.partition("|")
        matching = (record for record in self.records if matches(search, record))
        # Records of the same second keep their order: calls of status are minutes apart in the cloud, seconds here.
        timed = [(record, time_of(record) + at / 1e6) for at, record in enumerate(matching)]
        with closing(sqlite3.connect(":memory:")) as database:
            for function in (regexp_extract, json_parse, try_, json_extract_scalar):
                database.create_function(function.__name__.rstrip("_"), function.__code__.co_argcount, function)
            database.execute("CREATE TABLE log (message TEXT, __time__ REAL)")
            database.executemany("INSERT INTO log VALUES (?, ?)", timed)
            return list(database.execute(select))


@pytest.fixture(scope="module")
def logstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logstore]:
    """Yield the log of a project after a day with many failures."""
    folder = tmp_path_factory.mktemp("project")
    with Sandbox(forks=True) as box:
        render(box.answers(), folder)
        # No server listens at this address.
        rewrite(folder / "s.yaml", {'ALERT_WEBHOOK: ""': "ALERT_WEBHOOK: http://127.0.0.1:1/hook"})
        box.deploy_project(folder, max_retries=0)
        call_functions(box)
        done = box.fc.invocations
        names = ("forward", "replay", "reconcile", "doctor", "status")
        output = {
            name: [line for invocation in done if invocation.function == name for line in lines(invocation)]
            for name in names
        }
        yield Logstore(
            [record for name in names for record in split_records([*output[name], *FOREIGN])],
            {
                name: [invocation.value for invocation in done if invocation.function == name and not invocation.failed]
                for name in names
            },
        )


def lines(invocation) -> Iterator[str]:
    """Yield the output lines of an invocation, between the lines that Function Compute adds."""
    yield f"FC Invoke Start RequestId: {invocation.request_id}"
    yield from invocation.logs
    yield f"FC Invoke End RequestId: {invocation.request_id}"


def call_functions(box: Sandbox) -> None:
    """Call the functions so that each succeeds, fails, times out or raises an error."""
    box.fc.invoke("forward", payload("well"))
    box.fc.invoke("replay", b"{}")
    box.fc.invoke("forward", b"no event")
    box.fc.invoke("forward", payload("\ud800"))

    # OMS refuses the account: hostile keys, and a key too long for its line.
    box.oms.faults.add(Fault.status(401))
    box.fc.invoke("forward", payload(*HOSTILE))
    box.fc.invoke("forward", payload("x" * 140_000))
    box.fc.invoke("replay", b"{}")
    box.tick("status")
    box.oms.faults.clear()

    # OMS has no task for one call, and the log bucket refuses its record.
    box.oms.faults.add(Fault.status(404), times=1)
    box.oss.faults.add(
        NO_RIGHT,
        times=1,
        where=lambda request: request.method == "PUT" and "failed_object" in request.raw_path,
    )
    box.fc.invoke("forward", payload("raises"))

    box.fc.invoke("replay", b"{}")
    for name in ("doctor", "status"):
        box.fc.invoke(name, b"{}")


def test_the_queries_of_monitoring_count_each_call_of_status(logstore):
    assert logstore.rows(SILENT) == [(2,)]


def test_the_queries_of_monitoring_name_a_failing_webhook(logstore):
    ((webhook, problem, times),) = logstore.rows(WEBHOOK)
    assert webhook == "JSON"
    assert times == 1
    assert "refused" in problem


def test_the_dashboard_of_monitoring_shows_the_last_answer_of_status(logstore):
    looks = logstore.returned["status"]
    waiting = [look["backlog"]["failed"] + look["backlog"]["in_run_files"] for look in looks]
    verdicts = [look["verdict"]["state"] for look in looks]
    ((verdict, alarm, shown, _, _, lag, text),) = logstore.rows(NOW)
    assert verdict == verdicts[-1]
    assert int(shown) == waiting[-1]
    assert lag is None
    assert text == looks[-1]["verdict"]["text"]
    assert alarm == json.dumps(looks[-1]["verdict"]["alarm"])
