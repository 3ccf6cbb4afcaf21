"""The rules of a certificate, compared with a second, independent set of rules on random facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.rules.cutover import CHECKS, judge
from support import certificate_oracle as oracle
from support.answers import answer
from support.law import EXTRAS

NAMES = ("certificate-go", "certificate-no-go", "certificate-not-proven", "certificate-rehearsal")
WORLDS, BLOCKS = 1200 if EXTRAS else 600, 4
ACCEPTABLE_NAMES = ("suspicious", "equal_version", "equal_size", "impossible", "unknown", "oms_unfinished", "metadata")
# Times around those of the examples: before and after the freeze, the comparison, the close and the standstill pass.
TIMES = [f"2026-01-31T{hour:02}:{minute:02}:{second:02}Z" for hour in (7, 8, 9) for minute in (0, 1, 46, 50, 59)
         for second in (0, 2, 59)]  # fmt: skip
TIMES += ["2026-01-30T08:00:00Z", "2026-02-01T08:46:02Z", "2026-02-01T08:46:03Z"]
CLASSES = [*answer("certificate-go")["classes"]]
# Headers of a standstill pass.
OUTCOMES = [{"recorded": 9}, {"recorded": 9, "equal": 2}, {"recorded": 9, "differs": 1, "unread": 1}]
OUTCOMES += [{name: 1} for name in ("equal", "differs", "not_ascii", "other_class", "unreadable", "unread", "changed")]
CHECKED = [None, *({"outcomes": outcomes, "differing": {}, "examples": {}} for outcomes in OUTCOMES)]
Change = Callable[[dict[str, Any], Random], None]


def set_times(document: dict[str, Any], random: Random) -> None:
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    places = [(document, "made"), (compared, "started"), (compared, "ended")]
    places += [(still, "began")] if still else []
    places += [(document["closed"], "written")] if document["closed"] else []
    places += [(document, "frozen_since")] if document["frozen_since"] else []
    places += [(written, "at") for written in document["last_written"][:1]]
    place, name = random.choice([*places, (document["oms"], "busy")])
    place[name] = random.choice(TIMES)
    # A listing reports the newest object first.
    document["last_written"].sort(key=lambda written: written["at"], reverse=True)


def set_class(document: dict[str, Any], random: Random) -> None:
    title = random.choice(CLASSES)
    counts, number = document["classes"][title], random.choice([0, 0, 1, 5])
    for side in ("source", "destination"):
        counts[side] = {"objects": number, "bytes": 10 * number} if random.random() < 0.8 else counts[side]
    if random.random() < 0.7:
        numbers = [counts[side][unit] for side in ("source", "destination") for unit in ("objects", "bytes")]
        for folder in document["folders"].values():
            folder.pop(title, None)
        document["folders"].setdefault("random/", {})[title] = numbers
        compared = document["passes"]["compare"]
        for side in ("source", "destination"):
            every = [counts[side] for counts in document["classes"].values()]
            compared[f"{side}_listed"] = {unit: sum(size[unit] for size in every) for unit in ("objects", "bytes")}


def set_waiting(document: dict[str, Any], random: Random) -> None:
    flags = ("is_same_size", "was_tried", "is_refused")
    groups = [
        {
            "reason": random.choice(["REFUSED", "ACCOUNT"]),
            "object_class": random.choice([None, "missing", "suspicious", "equal_version", "equal_size"]),
            **{flag: random.random() < 0.7 for flag in flags},
            "number": random.randint(1, 3),
            "keys": ["k"],
        }
        for _ in range(random.choice([0, 1, 1, 2]))
    ]
    number = sum(group["number"] for group in groups) + random.choice([0, 2])
    has_more, are_more = random.random() < 0.3, random.random() < 0.3
    document["waiting"] |= {"number": number, "groups": groups, "unread": random.choice([0, 0, 0, 1])}
    document["waiting"] |= {"are_more": are_more, "has_more_records": has_more}


def set_value(document: dict[str, Any], random: Random) -> None:
    compared, closed = document["passes"]["compare"], document["closed"]
    choices: list[tuple[dict[str, Any], str, list[Any]]] = [
        (document["lists"], "looked", ["", *TIMES]),
        (document["lists"], "is_refused", [True, False]),
        (document["clocks"], random.choice(["oms", "oss", "obs"]), [None, 0, 60, 61, 900]),
        (document["oms"], "left", [None, 0, 0, 3]),
        (document["oms"], "recorded", [None, 0, 410]),
        (document["oms"], "may_finish", [True, False]),
        (document["oms"], "busy", [None, *TIMES]),
        (document["headers"], "migrated", [None, True, False]),
        (document["headers"], "drawn", [0, 100]),
        (document["headers"], "unexpected", [{}, {"expires": {"objects": 1, "keys": ["a"]}}]),
        (document["headers"], "documented", [{}, {"expires": {"objects": 1, "keys": ["a"]}}]),
        (document, "open_projects", [[], ["other"]]),
        (document, "migration", [None, {"begun": "", "group": None}]),
        (document, "go_stands", [True, False]),
        (document, "closed", [None, closed]),
        (document, "run", ["", "run-2", document["run"]]),
        (document, "last_written", [[], document["last_written"]]),
        (document, "accepted", [dict.fromkeys(random.sample(ACCEPTABLE_NAMES, 3), "who, why")]),
        (document, "oms_failure", [None, None, {"reason": "FORBIDDEN", "status": 403}]),
        (compared, "walked", [compared["walked"], compared["walked"] + 1]),
        (compared, "state", [compared["state"], "0" * 64]),
        (compared, "deep", [True, False]),
    ]
    if document["sync_task"]:
        choices += [
            (document["sync_task"], "status", [None, "STOPPED", "SYNCHRONIZING"]),
            (document["sync_task"], "src_bucket", [None, "other", document["source_bucket"]]),
            (document, "sync_task", [None, document["sync_task"]]),
        ]
    if closed:
        choices.append((closed, "run", ["", document["run"]]))
    if document["passes"]["standstill"]:
        choices += [(document["passes"]["standstill"], "headers", CHECKED)] * 3
    place, name, values = random.choice(choices)
    place[name] = random.choice(values)


def set_sample(document: dict[str, Any], random: Random) -> None:
    if document["sample"] is None or random.random() < 0.2:
        document["sample"] = None
        return
    name, values = random.choice(
        [
            ("asked", [0, 10, 100, 300]),
            ("read", [0, 10, 100]),
            ("unread", [[], ["a"]]),
            ("differing", [[], ["a"]]),
            ("seed", ["", "0" * 32]),
            ("population", [0, 10, 4_598_210]),
        ]
    )
    document["sample"][name] = random.choice(values)


def forget_losses(document: dict[str, Any]) -> None:
    """Remove the lost headers if no headers were compared, because then none can be lost."""
    headers = document["headers"]
    if not headers["drawn"] + len(headers["more"]):
        headers |= {"documented": {}, "unexpected": {}}


def forget_comparison(document: dict[str, Any], random: Random) -> None:
    if random.random() < 0.1:
        document["passes"] = {"compare": None, "standstill": None}
        document |= dict.fromkeys(("as_of", "source", "destination", "last_written", "classes", "folders"))


CHANGES: list[Change] = [set_times, set_class, set_waiting, set_value, set_value, set_value, set_sample]


def random_facts(seed: int) -> dict[str, Any]:
    """Return the facts of an example certificate, with up to six random changes."""
    random = Random(seed)
    document = json.loads(json.dumps(answer(random.choice(NAMES))))
    for _ in range(random.randint(0, 6)):
        random.choice(CHANGES)(document, random)
    forget_losses(document)
    forget_comparison(document, random)
    return document


@pytest.mark.part
@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_rules_of_a_certificate_and_an_oracle_agree_on_random_facts(block):
    outcomes: dict[str, set[str]] = {name: set() for name in CHECKS}
    for seed in range(block, WORLDS, BLOCKS):
        document = random_facts(seed)
        judgement = judge(from_json(CutoverFacts, document))
        results = [(check.id, check.result.value, check.gates) for check in judgement.checks]
        assert results == oracle.checks(document), f"seed {seed}"
        verdict = judgement.rehearsal.would_be if judgement.rehearsal else judgement.verdict
        assert verdict.value == oracle.verdict(document), f"seed {seed}"
        assert (judgement.rehearsal.failing if judgement.rehearsal else []) == (
            oracle.failing(document) if document["frozen_since"] is None else []
        ), f"seed {seed}"
        for check in judgement.checks:
            outcomes[check.id].add(check.result.value)
            # A check that does not pass has a step that can be printed, or none.
            assert check.step is None or isinstance(check.step, Step)
    # The facts decide each check in more than one way: for a new check, vary its facts in `set_value`.
    assert {name for name, results in outcomes.items() if len(results) < 2} == set()
