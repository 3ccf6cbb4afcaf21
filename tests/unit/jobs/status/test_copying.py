"""The verdict of status, from OMS's counters, the records and the passes: without sockets, at one fixed moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from oss_oms_sync.clock import Deadline, timestamp
from oss_oms_sync.clouds.oms import STATISTICS
from oss_oms_sync.clouds.oss import StorageFailure, StoredObject, etag_of
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs.reconcile import reconcile
from oss_oms_sync.jobs.status import status
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Passes
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import MemoryBucket
from support.fake_clouds import TASK, World

ROOT = f"oms_source_record/{TASK}/"
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
CHINA = timezone(timedelta(hours=8))
NO_RIGHT = StorageFailure("no", answered=True, code="AccessDenied")
USUAL, BACKFILL = (
    Scope(KeyFilter(), None, everything=False),
    Scope(KeyFilter(), datetime(1970, 1, 1, tzinfo=timezone.utc), False),
)


class Counters:
    """What OMS counts, in objects. `months`: "2026-03" to (requests, copied, failed, skipped); `series`: a name to how
    many minutes ago a step of `minutes` began, and its number."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.months: dict[str, tuple[object, ...]] = {}
        self.series: dict[str, dict[int, object]] = {}
        self.minutes = 5
        self.answers: dict[str, Any] = {}

    def task(self, deadline: Deadline, at: datetime | None = None) -> Any:
        month = (at or self._world.clock.now()).astimezone(CHINA).strftime("%Y-%m")
        names = ("acceptance_request", "success_object", "failure_object", "skip_object")
        numbers = self.months.get(month, (0, 0, 0, 0))
        counts = {f"monthly_{name}": number for name, number in zip(names, numbers, strict=True)}
        return self.answers.get(month, {"status": "SYNCHRONIZING", "monthly_size": 0, **counts})

    def statistics(self, start: datetime, end: datetime, deadline: Deadline) -> Any:
        def begin(minutes_ago: int) -> int:
            return int((end - timedelta(minutes=minutes_ago)).timestamp() * 1000)

        datas = [
            {
                "data_type": name,
                "data": [
                    {"time_stamp": begin(ago), "statistic_num": number}
                    for ago, number in self.series.get(name, {}).items()
                ],
            }
            for name in STATISTICS
        ]
        step = {5: "FIVE_MINUTES", 60: "ONE_HOUR"}[self.minutes]
        return self.answers.get("statistics", {"statistic_time_type": step, "statistic_datas": datas})


class Looks(World):
    """A world whose buckets are in memory and whose OMS is its counters; installed four days ago."""

    def __init__(self, **environment: str) -> None:
        super().__init__(OMS_RATE="1000", **environment)
        self.clock.ahead = NOW - self.clock.now()
        self.bucket, self.source = MemoryBucket(self.clock), MemoryBucket(self.clock)
        self.counters = Counters(self)
        self.install(NOW - timedelta(days=4))

    def install(self, at: datetime) -> None:
        body = json.dumps({"at": timestamp(at)}).encode()
        self.bucket.add(StoredObject(f"{ROOT}state/installed.json", body))

    def go_to(self, now: datetime) -> None:
        self.clock.ahead += now - self.clock.now()

    def passed(self, scope: Scope = USUAL, *, limited: bool = False, ended: bool = True, **counts: int) -> None:
        passes, deadline = Passes(self.settings, self.bucket, self.clock), Deadline(60, self.clock)
        one = passes.new(scope, limited, deadline)
        one.counts.update(counts)  # type: ignore[attr-defined]
        (passes.finish if ended else passes.save)(one, deadline)

    def upload(self, key: str, minutes_ago: int, *, accepted: bool = True) -> None:
        self.source.add(StoredObject(key, key.encode()))
        self.source.modified[key] -= minutes_ago * 60
        if accepted:
            record = success_record(TASK, ObjectChange(key, etag=etag_of(key)))
            self.bucket.add(record)
            self.bucket.modified[record.name] -= minutes_ago * 60

    def reconcile(self, **asked: object) -> dict[str, object]:
        deadline = Deadline(570, self.clock)
        payload = json.dumps(asked)
        return reconcile(payload, self.settings, self.client, self.bucket, self.source, deadline, self.clock)

    def status(self, *, timeout: float = 60, **asked: object) -> dict[str, Any]:
        deadline = Deadline(timeout, self.clock)
        payload = json.dumps(asked)
        return status(payload, self.settings, self.counters, self.bucket, self.source, deadline, self.clock)

    def verdict(self, **asked: object) -> tuple[str, str]:
        told = self.status(**asked)["verdict"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in told["text_zh"])
        return told["state"], told["text"]


@pytest.fixture
def world() -> Looks:
    """In step, if OMS is."""
    one = Looks()
    one.passed(scanned=7)
    return one


IN_STEP, BEHIND = "in step", "behind"
EMPTY = [{"data_type": name, "data": []} for name in STATISTICS]
# What OMS counted, what of it is unfinished and overdue, and the verdict.
COUNTED: dict[str, tuple[dict[str, Any], tuple[int, int | None] | None, str, str]] = {
    "nothing": ({}, (0, 0), IN_STEP, ""),
    "all is done": (
        {"REQUEST": {40: 10}, "SUCCESS": {40: 4, 35: 3}, "FAILURE": {}, "SKIP": {20: 3}, "2026-03": (10, 7, 0, 3)},
        (0, 0),
        IN_STEP,
        "",
    ),
    "some are on their way": (
        {"REQUEST": {5: 10}, "SUCCESS": {5: 4}, "2026-03": (10, 4, 0, 0)},
        (6, 0),
        IN_STEP,
        "yet to work on 6 objects",
    ),
    "some may be younger than 15 minutes": (
        {"REQUEST": {19: 10}, "2026-03": (10, 0, 0, 0)},
        (10, 0),
        IN_STEP,
        "yet to work on 10 objects",
    ),
    "some are older than 15 minutes": (
        {"REQUEST": {20: 10, 5: 2}, "SUCCESS": {5: 4}, "2026-03": (12, 4, 0, 0)},
        (8, 6),
        BEHIND,
        "not worked on 8 objects that it accepted (over 15 minutes ago: 6)",
    ),
    "what is done may be of the older ones": (
        {"REQUEST": {40: 10, 5: 10}, "SUCCESS": {5: 10}, "2026-03": (20, 10, 0, 0)},
        (10, 0),
        IN_STEP,
        "",
    ),
    "what was done at the beginning was accepted before it": (
        {"REQUEST": {40: 10}, "SUCCESS": {1435: 100}, "2026-03": (500, 500, 0, 0)},
        (10, 10),
        BEHIND,
        "over 15 minutes ago: 10",
    ),
    "what waits was accepted before the statistics begin": (
        {"2026-03": (15, 10, 0, 0)},
        (5, 5),
        BEHIND,
        "over 15 minutes ago: 5",
    ),
    "last month's objects are done in this one": (
        {"2026-02": (10, 5, 0, 0), "2026-03": (20, 25, 0, 0)},
        (0, 0),
        IN_STEP,
        "",
    ),
    "last month's objects, which are done, hide none of this month's": (
        {"2026-02": (500, 400, 0, 0), "2026-03": (10, 60, 0, 40), "REQUEST": {40: 10}},
        (10, 10),
        BEHIND,
        "over 15 minutes ago: 10",
    ),
    "last month's objects still wait": (
        {"2026-02": (10, 5, 0, 0), "2026-03": (20, 20, 0, 0)},
        (5, 5),
        BEHIND,
        "over 15 minutes ago: 5",
    ),
    "by the hour, all is done": ({"minutes": 60, "REQUEST": {90: 10}, "SUCCESS": {90: 10}}, (0, 0), IN_STEP, ""),
    "by the hour, some are left of the last": (
        {"minutes": 60, "REQUEST": {59: 10}, "SUCCESS": {59: 4}},
        (6, None),
        BEHIND,
        "counts by the hour",
    ),
    "by the hour, some are left of long before": (
        {"minutes": 60, "REQUEST": {120: 10}, "SUCCESS": {120: 4}},
        (6, 6),
        BEHIND,
        "over 15 minutes ago: 6",
    ),
    "numbers as text": (
        {"2026-03": ("10", "10", "0", "0"), "REQUEST": {40: "10"}, "SUCCESS": {40: "9"}},
        (1, 1),
        BEHIND,
        "over 15 minutes ago: 1",
    ),
    "a counter is missing": ({"2026-03": (0, None, 0, 0)}, None, BEHIND, "lacks some"),
    "an earlier month's counter is missing": ({"2026-02": (None, 0, 0, 0)}, None, BEHIND, "lacks some"),
    "a counter is no number": ({"2026-03": (0, 0, 0, "many")}, None, BEHIND, "lacks some"),
    "a counter is negative": ({"2026-03": (-1, 0, 0, 0)}, None, BEHIND, "lacks some"),
    "the failures are missing": ({"2026-03": (0, 0, None, 0)}, None, BEHIND, "lacks some"),
    "a point is no number": ({"REQUEST": {40: None}}, None, BEHIND, "lacks some"),
    "a point is none": (
        {"statistics": {"statistic_datas": [*EMPTY, {"data_type": "SKIP", "data": [7]}]}},
        None,
        BEHIND,
        "lacks some",
    ),
    "the statistics are none": ({"statistics": {}}, None, BEHIND, "lacks some"),
    "one of them is none": (
        {"statistics": {"statistic_datas": [*EMPTY, {"data_type": "SKIP"}]}},
        None,
        BEHIND,
        "lacks some",
    ),
    "no statistics came": (
        {"statistics": {"statistic_datas": []}, "2026-03": (500, 500, 0, 0)},
        None,
        BEHIND,
        "lacks some",
    ),
    "one of them did not come": ({"statistics": {"statistic_datas": EMPTY[1:]}}, None, BEHIND, "lacks some"),
    "what nobody asked for is no matter": (
        {"statistics": {"statistic_datas": [*EMPTY, {"data_type": "NEW", "data": 7}]}},
        (0, 0),
        IN_STEP,
        "",
    ),
    "the statistics are refused": (
        {"statistics": Failure(Reason.FORBIDDEN, 403)},
        None,
        BEHIND,
        "does not say how long it has had what it still has to copy, FORBIDDEN: Grant the IAM user behind HW_AK the"
        " action oms:synctask:statistics",
    ),
    "an earlier month is not told": (
        {"answers": {"2026-02": Failure(Reason.UNAVAILABLE, 503)}},
        None,
        BEHIND,
        "does not say what it copied, UNAVAILABLE",
    ),
}


def count(counters: Counters, counted: Mapping[str, Any]) -> None:
    """Sets what OMS counts as COUNTED writes it."""
    for name, value in counted.items():
        if name.startswith("2026"):
            counters.months[name] = value
        elif name == "minutes":
            counters.minutes = value
        elif name == "statistics":
            counters.answers[name] = value
        elif name == "answers":
            counters.answers.update(value)
        else:
            counters.series[name] = value


@pytest.mark.parametrize("what", COUNTED)
def test_the_verdict_is_made_of_how_old_what_oms_has_not_finished_is(world, what):
    # GIVEN a project that was installed last month, and what OMS counted in objects
    counted, left, state, words = COUNTED[what]
    world.install(datetime(2026, 2, 20, tzinfo=timezone.utc))
    count(world.counters, counted)

    # WHEN status is asked, THEN nothing is green that is overdue or not known, nor red that is on its way
    report = world.status()
    assert (report["verdict"]["state"], words in report["verdict"]["text"]) == (state, True), report["verdict"]
    unfinished = report["copying"]["unfinished"]
    assert (unfinished and (unfinished["objects"], unfinished["overdue"])) == left


def test_the_verdict_does_not_depend_on_the_hours_that_are_shown(world, mocker):
    count(world.counters, {"REQUEST": {600: 10}, "2026-03": (10, 0, 0, 0)})
    asked = mocker.spy(world.counters, "statistics")
    state, text = world.verdict(hours=1)
    assert (state, "over 15 minutes ago: 10" in text) == (BEHIND, True)
    windows = [end - start for start, end, _ in (call.args for call in asked.call_args_list)]
    assert windows == [timedelta(days=1), timedelta(hours=1)]


def test_failures_stay_until_they_are_acknowledged_and_new_ones_count(world):
    # GIVEN three objects that OMS failed to copy
    world.counters.months["2026-03"] = (10, 7, 3, 0)
    world.counters.series["FAILURE"] = {30: 3}
    state, text = world.verdict()
    assert (state, "OMS failed to copy 3 objects" in text) == (BEHIND, True)
    assert """s status invoke -e '{"acknowledge": true}'""" in text

    # WHEN they are acknowledged, THEN they count no more, in this answer and the next
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    report = world.status()
    assert (report["copying"]["failed"], report["copying"]["acknowledged"]) == (0, "2026-03-10T12:00:00Z")

    # AND a new one does, and is forgotten neither after a day nor on the first
    world.counters.months["2026-03"] = (11, 7, 4, 0)
    assert "OMS failed to copy 1 object." in world.verdict()[1]
    for day in (datetime(2026, 3, 20, tzinfo=timezone.utc), datetime(2026, 4, 1, tzinfo=timezone.utc)):
        world.go_to(day)
        world.passed()
        world.counters.series = {}
        assert "OMS failed to copy 1 object." in world.verdict()[1]

    # AND those of the months add up, until they are acknowledged
    world.counters.months["2026-04"] = (2, 0, 2, 0)
    assert "OMS failed to copy 3 objects" in world.verdict()[1]
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.go_to(datetime(2026, 6, 15, tzinfo=timezone.utc))
    world.passed()
    assert world.verdict()[0] == IN_STEP
    world.counters.months["2026-05"] = (1, 0, 1, 0)
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_last_months_failures_that_nobody_ever_looked_at_are_not_forgotten(world):
    world.install(datetime(2026, 1, 31, 17, tzinfo=timezone.utc))  # already February in China
    world.counters.months = {"2026-01": (9, 0, 9, 0), "2026-02": (4, 2, 2, 0)}
    assert "OMS failed to copy 2 objects" in world.verdict()[1]


def test_failures_that_only_the_statistics_tell_of_count(world):
    world.counters.series["FAILURE"] = {30: 2}
    assert "OMS failed to copy 2 objects" in world.verdict()[1]
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.counters.series["FAILURE"] = {-3: 2}  # where OMS names a step by its end
    assert world.verdict()[0] == IN_STEP
    world.go_to(NOW + timedelta(hours=1))
    world.counters.series["FAILURE"] = {90: 2, 30: 1}
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_a_counter_that_began_anew_is_not_taken_for_the_acknowledged_one(world):
    # GIVEN that OMS's month did not begin when it does in China
    world.counters.months["2026-03"] = (9, 4, 5, 0)
    world.verdict(acknowledge=True)
    world.counters.months["2026-03"] = (4, 0, 4, 0)
    assert "OMS failed to copy 4 objects" in world.verdict()[1]


def test_a_failure_in_the_step_in_which_the_statistics_begin_counts(world):
    # GIVEN a step that began three minutes before the last day
    world.counters.series["FAILURE"] = {24 * 60 + 3: 2}
    assert "OMS failed to copy 2 objects" in world.verdict()[1]


def test_times_in_seconds_are_understood(world):
    now = int(NOW.timestamp())
    requests = {"data_type": "REQUEST", "data": [{"time_stamp": now - 300, "statistic_num": 10}]}
    answer = {"statistic_time_type": "FIVE_MINUTES", "statistic_datas": [*EMPTY, requests]}
    world.counters.answers["statistics"] = answer
    report = world.status()
    assert report["copying"]["unfinished"] == {"objects": 10, "overdue": 0}
    assert report["statistics"]["series"]["REQUEST"] == [((now - 300) * 1000, 10)]


def test_what_waits_at_oms_is_not_forgotten_after_a_day_on_a_task_that_was_used_before(world):
    # GIVEN a task that worked this month on what it had accepted the month before, and ten objects that wait
    world.counters.months = {"2026-02": (500, 400, 0, 0), "2026-03": (110, 200, 0, 0)}
    world.counters.series = {"REQUEST": {40: 10}}
    assert "over 15 minutes ago: 10" in world.verdict()[1]

    # WHEN a day goes by, and nothing else happens, THEN they still wait
    world.go_to(NOW + timedelta(hours=25))
    world.passed(scanned=7)
    world.counters.series = {}
    assert "over 15 minutes ago: 10" in world.verdict()[1]


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.NO_TASK])
def test_before_the_installation_there_need_not_have_been_a_task(world, reason):
    world.counters.answers["2026-02"] = Failure(reason, 400)
    assert world.verdict()[0] == IN_STEP
    world.install(datetime(2026, 2, 20, tzinfo=timezone.utc))
    assert "does not say what it copied" in world.verdict()[1]


def test_a_month_before_the_installation_that_oms_merely_does_not_tell_now_is_not_known(world):
    world.counters.answers["2026-02"] = Failure(Reason.UNAVAILABLE, 503)
    assert "does not say what it copied" in world.verdict()[1]


NO_ANSWER = Failure(Reason.REFUSED, 400)


@pytest.mark.parametrize(
    ("early", "words"),
    [
        (
            {"months": {"2025-01": (1000, 999, 0, 0)}},
            "not worked on 1 object that it accepted (over 15 minutes ago: 1)",
        ),
        ({"answers": {"2025-09": NO_ANSWER}}, "does not say what it copied, REFUSED"),
        ({"months": {"2025-09": (9, None, 0, 0)}}, "lacks some of its counters"),
    ],
    ids=["unfinished", "refused", "lacking"],
)
def test_a_trouble_of_long_ago_counts_until_it_is_acknowledged(world, early, words):
    # GIVEN an early month that OMS did not finish, or does not tell
    world.install(datetime(2025, 4 if "answers" in early else 1, 10, tzinfo=timezone.utc))
    world.go_to(datetime(2025, 12, 20, tzinfo=timezone.utc))
    world.passed()
    world.counters.months.update(early.get("months", {}))
    world.counters.answers.update(early.get("answers", {}))
    state, text = world.verdict()
    assert (state, words in text) == (BEHIND, True), text

    # WHEN it is acknowledged, THEN it counts no more
    assert "acknowledge" in text or "lacks" in text
    assert world.verdict(acknowledge=True)[0] == IN_STEP

    # AND a new one does
    world.counters.months["2025-12"] = (1, 0, 0, 0)
    world.counters.series = {"REQUEST": {60: 1}}
    assert "over 15 minutes ago: 1" in world.verdict()[1]


def test_what_is_unfinished_is_acknowledged_and_only_the_difference_counts(world):
    # GIVEN three objects that OMS leaves unfinished, and two that are on their way
    world.counters.months["2026-03"] = (15, 10, 0, 0)
    world.counters.series = {"REQUEST": {200: 3, 10: 2}}
    assert "not worked on 5 objects that it accepted (over 15 minutes ago: 3)" in world.verdict()[1]

    # WHEN they are acknowledged, THEN it is green, and those on their way are not acknowledged
    state, text = world.verdict(acknowledge=True)
    assert (state, "yet to work on 2 objects" in text) == (IN_STEP, True)
    world.go_to(NOW + timedelta(hours=1))
    world.counters.series = {"REQUEST": {260: 3, 70: 2}}
    assert "over 15 minutes ago: 2" in world.verdict()[1]

    # AND once OMS has worked on these it is green again, the next day too
    world.counters.months["2026-03"] = (15, 12, 0, 0)
    world.counters.series["SUCCESS"] = {65: 2}
    assert world.verdict()[0] == IN_STEP
    world.go_to(NOW + timedelta(days=2))
    world.passed()
    world.counters.series = {}
    assert world.verdict()[0] == IN_STEP

    # AND what it leaves unfinished then counts
    world.counters.months["2026-03"] = (16, 12, 0, 0)
    assert "not worked on 1 object that it accepted (over 15 minutes ago: 1)" in world.verdict()[1]


def test_what_was_done_just_before_the_acknowledgement_is_not_on_its_way(world):
    # GIVEN an object that OMS leaves unfinished, and others that it has just copied
    world.counters.months["2026-03"] = (13, 12, 0, 0)
    world.counters.series = {"REQUEST": {200: 1, 10: 2}, "SUCCESS": {5: 2}}
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.go_to(NOW + timedelta(hours=1))
    world.counters.series = {"REQUEST": {260: 1, 70: 2}, "SUCCESS": {65: 2}}
    assert world.verdict()[0] == IN_STEP


def test_an_acknowledgement_is_taken_from_no_other_month_than_its_own(world):
    # GIVEN one of more months ago than are asked for
    world.counters.months["2026-03"] = (3, 0, 3, 0)
    world.verdict(acknowledge=True)
    world.go_to(datetime(2027, 5, 10, tzinfo=timezone.utc))
    world.passed()

    # WHEN the first month that is asked for has failures
    world.counters.months["2026-05"] = (5, 0, 5, 0)

    # THEN all of them count
    assert "OMS failed to copy 5 objects" in world.verdict()[1]


def test_what_is_acknowledged_while_oms_tells_no_statistics_is_what_its_month_tells(world):
    world.counters.months["2026-03"] = (5, 2, 1, 0)
    world.counters.answers["statistics"] = Failure(Reason.FORBIDDEN, 403)
    assert world.status(acknowledge=True)["copying"]["failed"] == 0
    world.counters.answers.clear()
    assert world.verdict()[0] == IN_STEP


def test_no_more_than_thirteen_months_are_asked_and_what_lies_before_is_named(world, mocker):
    # GIVEN a project of 2021
    world.install(datetime(2021, 1, 10, tzinfo=timezone.utc))
    asked = mocker.spy(world.counters, "task")

    # WHEN status is asked, THEN it looks at a year, and says so
    state, text = world.verdict()
    assert (state, asked.call_count) == (IN_STEP, 13)
    assert "What OMS counted before 2025-03 was not looked at." in text

    # AND once that is acknowledged, it looks at what came since, and says nothing of it
    world.verdict(acknowledge=True)
    asked.reset_mock()
    state, text = world.verdict()
    assert (state, asked.call_count, "was not looked at" in text) == (IN_STEP, 1, False)


@pytest.mark.parametrize(
    ("day", "named"),
    [(datetime(2025, 3, 2, tzinfo=timezone.utc), False), (datetime(2025, 2, 20, tzinfo=timezone.utc), True)],
)
def test_months_that_are_all_asked_are_not_named(world, day, named):
    world.install(day)
    assert ("was not looked at" in world.verdict()[1]) == named


def test_without_statistics_the_failures_are_still_told(world):
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    world.counters.answers["statistics"] = Failure(Reason.FORBIDDEN, 403)
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_status_writes_nothing_but_what_is_acknowledged(world):
    # GIVEN a role that may not write
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" else None
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    before = world.bucket.calls["put"]

    # WHEN nothing is to be acknowledged, THEN it answers and does not try
    assert "OMS failed to copy 1 object." in world.verdict()[1]
    assert "OMS failed to copy 1 object." in world.verdict(acknowledge=False)[1]
    assert world.bucket.calls["put"] == before

    # AND it does not say that it has acknowledged what it could not keep
    with pytest.raises(StorageError):
        world.status(acknowledge=True)


@pytest.mark.parametrize("answer", [Failure(Reason.UNAVAILABLE, 503), {"status": "SYNCHRONIZING"}])
def test_what_oms_does_not_tell_cannot_be_acknowledged(world, answer):
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    world.counters.answers["2026-03"] = answer
    assert world.status(acknowledge=True)["copying"]["acknowledged"] is None
    world.counters.answers.clear()
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_an_acknowledgement_that_is_unreadable_is_none(world):
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    world.verdict(acknowledge=True)
    world.bucket.add(StoredObject(f"{ROOT}state/status.json", b'{"acknowledged": {"at": "once", "failed": 1}}'))
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_in_step_says_since_when_and_that_older_objects_were_not_looked_at(world):
    state, text = world.verdict()
    assert (state, text.startswith("In step since 2026-03-03T12:00:00Z: ")) == (IN_STEP, True)  # three days before
    assert text.endswith("found 0 of 7 objects to send. Older objects were not looked at.")


def test_after_a_backfill_in_step_has_no_beginning(world):
    world.passed(BACKFILL, scanned=100)
    state, text = world.verdict()
    assert (state, text.startswith("In step: "), "Older" in text) == (IN_STEP, True, False)


def test_a_backfill_from_some_day_on_is_the_beginning(world):
    since = datetime(2026, 1, 1, tzinfo=timezone.utc)
    world.passed(Scope(KeyFilter(), since, everything=False))
    assert world.verdict()[1].startswith("In step since 2026-01-01T00:00:00Z: ")


def test_a_pass_over_a_part_does_not_say_that_older_objects_elsewhere_were_looked_at(world):
    world.passed(Scope(KeyFilter("a/"), None, everything=True))
    assert world.verdict()[1].startswith("In step since 2026-03-03T12:00:00Z: ")


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (BACKFILL, "A backfill is under way: begun 2026-03-10T12:00:00Z, 40 objects so far."),
        (Scope(KeyFilter(), None, everything=True), "A backfill is under way"),
        (USUAL, "A pass is under way: begun 2026-03-10T12:00:00Z, 40 objects so far."),
        (Scope(KeyFilter("a/"), None, everything=False), "A pass is under way"),
    ],
    ids=["backfill", "all", "usual", "part"],
)
def test_an_open_pass_is_said_and_in_step_stays_limited(world, scope, words):
    world.passed(scope, ended=False, scanned=40)
    report = world.status()
    assert report["verdict"]["text"].startswith("In step since 2026-03-03T12:00:00Z: ")
    assert words in report["verdict"]["text"]
    assert len(report["reconcile"]["open"]) == 1
    assert report["reconcile"]["last"]["scanned"] == 7


def test_several_open_passes_are_counted(world):
    for prefix in ("a/", "b/", "c/"):
        world.passed(Scope(KeyFilter(prefix), None, everything=False), ended=False)
    assert ", and 2 more." in world.verdict()[1]


@pytest.mark.parametrize("scope", [BACKFILL, Scope(KeyFilter(), None, everything=True)], ids=["since", "all"])
def test_a_backfill_alone_does_not_tell_whether_events_come(scope):
    world = Looks()
    world.passed(scope)
    assert "whether events were lost is not known" in world.verdict()[1]


def lose(world: Looks, number: int, name: str = "lost") -> None:
    """Objects of an hour ago, of which no event told."""
    for count in range(number):
        world.upload(f"{name}/{count}", minutes_ago=60, accepted=False)


def test_a_dead_trigger_is_not_green_until_it_works_again():
    # GIVEN objects of this day, most of which no event told of
    world = Looks()
    lose(world, 6)
    for number in range(4):
        world.upload(f"told/{number}", minutes_ago=60)

    # WHEN passes have sent them, THEN it is not green, however often they look
    for sent in (6, 0, 0):
        assert world.reconcile()["submitted"] == sent
        state, text = world.verdict()
        assert (state, "None told of 6 new objects (of 10)" in text) == (BEHIND, True)

    # AND it is, once a pass finds that an event has come by itself
    world.go_to(NOW + timedelta(hours=1))
    world.upload("new", minutes_ago=30)
    world.reconcile()
    assert world.verdict()[0] == IN_STEP


@pytest.mark.parametrize("accepted", [True, False], ids=["by events", "by reconcile"])
def test_what_was_accepted_before_the_last_pass_does_not_hide_a_dead_trigger(accepted):
    # GIVEN ten objects that a pass has judged
    world = Looks()
    for number in range(10):
        world.upload(f"{number}", minutes_ago=60, accepted=accepted)
    world.reconcile()

    # WHEN another pass has to send nine of the nine objects that were written since
    world.go_to(NOW + timedelta(hours=12))
    lose(world, 9)
    assert world.reconcile()["submitted"] == 9

    # THEN it is not green
    state, text = world.verdict()
    assert (state, "None told of 9 new objects (of 9)" in text) == (BEHIND, True)


def test_a_pass_over_a_part_does_not_end_what_counts_as_new_for_all():
    # GIVEN objects that are lost, and a pass over a part that does not hold them
    world = Looks()
    lose(world, 3)
    world.go_to(NOW + timedelta(hours=2))
    world.reconcile(prefix="elsewhere/")
    world.go_to(NOW + timedelta(hours=4))
    world.upload("told", minutes_ago=60)
    world.reconcile()
    assert "None told of 3 new objects (of 4)" in world.verdict()[1]


def test_a_lost_object_counts_once_however_often_a_pass_is_held_back_by_it():
    # GIVEN a lost object that OMS refuses, and whose failed record the log bucket does not take
    world = Looks()
    lose(world, 1)
    world.oms.refused = {"lost/0"}
    world.bucket.problem = lambda kind, name: NO_RIGHT if "failed_object/lost" in name else None
    for _ in range(3):
        assert not world.reconcile()["finished"]

    # WHEN it does
    world.bucket.problem = lambda kind, name: None
    assert world.reconcile()["finished"]

    # THEN it is one
    last = world.status()["reconcile"]["last"]
    assert (last["new"], last["new_missing"]) == (1, 1)


@pytest.mark.parametrize("kind", ["success", "failed"])
@pytest.mark.parametrize(("minutes", "tells"), [(14, 1), (15, 0)])
def test_a_record_that_reconcile_may_have_made_does_not_tell_that_the_event_came(kind, minutes, tells):
    # GIVEN an object and its record of so many minutes later
    world = Looks()
    world.upload("a", minutes_ago=60, accepted=False)
    change = ObjectChange("a", etag=etag_of("a"))
    failure = Failure(Reason.UNAVAILABLE, 503)
    record = success_record(TASK, change) if kind == "success" else failed_record(TASK, FailedKey(change), failure, NOW)
    world.bucket.add(record)
    world.bucket.modified[record.name] -= (60 - minutes) * 60

    # WHEN a pass judges it, THEN it counts as new only if its event must have come
    assert world.reconcile()["submitted"] == 0
    last = world.status()["reconcile"]["last"]
    assert (last["new"], last["new_missing"]) == (tells, 0)


@pytest.mark.parametrize(
    ("accepted", "minutes_ago"),
    [(5, 60), (0, 5 * 24 * 60), (10, 60)],
    ids=["half of them had a record", "they were written before the installation", "all had one"],
)
def test_a_trigger_is_not_called_dead_for_what_it_could_not_know(accepted, minutes_ago):
    world = Looks()
    for number in range(10):
        world.upload(f"{number}", minutes_ago, accepted=number < accepted)
    assert world.reconcile()["submitted"] == 10 - accepted
    assert world.verdict()[0] == IN_STEP


def test_a_trigger_is_not_called_dead_for_what_was_written_just_before_the_installation():
    # GIVEN an object that was too young for the first pass, and older than the project
    world = Looks()
    world.install(NOW)
    world.upload("a", minutes_ago=5, accepted=False)
    assert world.reconcile()["pending"] == 1

    # WHEN the second pass sends it, THEN that says nothing of the trigger
    world.go_to(NOW + timedelta(minutes=20))
    assert world.reconcile()["submitted"] == 1
    assert world.verdict()[0] == IN_STEP


def test_an_object_that_was_too_young_for_the_last_pass_is_new():
    world = Looks()
    world.upload("a", minutes_ago=5, accepted=False)
    assert world.reconcile()["pending"] == 1
    world.go_to(NOW + timedelta(minutes=20))
    assert world.reconcile()["submitted"] == 1
    assert "None told of 1 new object (of 1)" in world.verdict()[1]


def test_years_of_records_do_not_hide_a_trigger_that_died_yesterday():
    world = Looks(RECONCILE_PERIOD="1d")
    world.install(NOW - timedelta(days=400))
    for number in range(50):
        world.upload(f"old/{number}", minutes_ago=300 * 24 * 60)
    world.reconcile()
    world.go_to(NOW + timedelta(days=1))
    lose(world, 1)
    world.reconcile()
    assert "None told of 1 new object (of 1)" in world.verdict()[1]


def test_an_idle_bucket_is_green():
    world = Looks()
    world.reconcile()
    assert world.verdict()[0] == IN_STEP


def test_a_folders_marker_among_the_failed_is_the_record_of_no_key(world):
    # GIVEN the objects that consoles make for folders
    for name in ("failed_object/", "failed_object_long/"):
        world.bucket.add(StoredObject(f"{ROOT}{name}", b""))

    # WHEN status is asked, THEN nothing waits
    report = world.status()
    assert (report["backlog"]["failed"], report["backlog"]["outside"], report["verdict"]["state"]) == (0, 0, IN_STEP)


def test_a_folders_marker_is_not_outside_of_a_part_either():
    world = Looks(OBJECT_PREFIX="a/")
    world.bucket.add(StoredObject(f"{ROOT}failed_object/", b""))
    assert world.status()["backlog"]["outside"] == 0


def test_where_nothing_is_known_of_the_oldest_none_is_named(mocker):
    mocker.patch("oss_oms_sync.jobs.status._RECORDS_COUNTED", 1)
    world = Looks(OBJECT_SUFFIX=".png")
    for name in "ab":
        world.bucket.add(StoredObject(f"{ROOT}failed_object/{name}", b""))
    assert world.verdict() == (BEHIND, "Behind by at least 0: replay sends them again.")


def test_chinese_verdicts_are_chinese(world):
    for number in range(3):
        world.bucket.add(StoredObject(f"{ROOT}failed_object/{number}", b'{"first_failure": "2026-03-10T10:00:00Z"}'))
    chinese = world.status()["verdict"]["text_zh"]
    assert chinese == "有 3 个对象待重发，最早失败于 2026-03-10T10:00:00Z（UTC）。replay 会自动重发。"


def run_file(world: Looks, name: str, body: bytes) -> None:
    world.bucket.add(StoredObject(f"{ROOT}replay/{name}.json", body))


UNKNOWN = "Whether replay has it in hand is not known: not all of replay's run files could be read."


@pytest.mark.parametrize("there", [True, False], ids=["object", "no object"])
def test_a_story_does_not_deny_what_an_unreadable_run_file_may_hold(world, there):
    # GIVEN a key without a record, and a run file that cannot be read
    if there:
        world.upload("a", minutes_ago=60, accepted=False)
    run_file(world, "1", b"?")

    # WHEN its story is told, THEN it does not say that there is no record
    told = world.status(key="a")
    assert UNKNOWN in told["story"]
    assert "log" in told["next"]

    # AND what another run file says is still found
    entry = {"key": "a", "held": False}
    run_file(world, "2", json.dumps({"busy_until": "", "keys": [entry]}).encode())
    assert world.status(key="a")["story"] == "It failed, and replay has it in hand."


def test_a_story_without_the_time_to_read_run_files_says_so(world):
    world.upload("a", minutes_ago=60, accepted=False)
    run_file(world, "1", json.dumps({"busy_until": "", "keys": [{"key": "a", "held": False}]}).encode())
    late = StorageFailure("the invocation's time was up", answered=True)
    world.bucket.problem = lambda kind, name: late if kind == "get" and "/replay/" in name else None
    assert UNKNOWN in world.status(key="a")["story"]


def test_what_oms_accepted_is_told_whatever_run_files_say(world):
    world.upload("a", minutes_ago=60)
    run_file(world, "1", b"?")
    assert world.status(key="a")["story"] == "OMS accepted this version."


def test_the_sums_are_of_objects(world):
    world.counters.months["2026-03"] = (12, 8, 1, 2)
    *_, one = world.status()["sums"]
    assert one["claim"] == "objects that OMS accepted this month <= copied + failed + skipped"
    assert (one["left"], one["right"], one["holds"]) == (12, [8, 1, 2], False)
