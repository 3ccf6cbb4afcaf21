"""Law 1: every key is accepted by OMS, recorded as failed, or still queued by Function Compute."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

# `make test` tries a part of the cases that take seconds each, such as whole migrations and deaths at each request.
# A test that depends on EXTRAS, `schedules` or `sweep` is marked `part`.
EXTRAS = bool(os.environ.get("EXTRAS"))
# The number of fault schedules in virtual time, and over sockets. `make fuzz` asks for more.
SCHEDULES = int(os.environ.get("SCHEDULES", "600"))
SOCKET_SCHEDULES = max(20, SCHEDULES // 20)
# `make test` interrupts a run at every third of its requests.
SWEEP = int(os.environ.get("SWEEP", "1" if EXTRAS else "3"))


def schedules(share: int, few: int = 25) -> int:
    """Return the number of random cases to try: `few` in `make test`, otherwise SCHEDULES divided by `share`.

    A law whose cases take a fifth of a second each tries fewer of them.
    """
    return SCHEDULES // share if EXTRAS or "SCHEDULES" in os.environ else few


def sweep(cases: Iterable[T]) -> Iterator[T]:
    """Yield every SWEEP-th case, such as a step at which to interrupt a run, from a random first case on.

    The number of the first case is printed.
    """
    start = random.Random().randrange(SWEEP)
    print(f"every {SWEEP}. case, from case {start}")
    return islice(cases, start, None, SWEEP)


def choose_seeds(block: int, number: int) -> Sequence[int]:
    """Return every fourth seed below `number`, from `block` on, or the seeds in the environment variable SEEDS."""
    named = os.environ.get("SEEDS")
    return [int(part) for part in named.split(",")] if named else range(block, number, 4)


RETURNED_TRUE, RETURNED_FALSE, RAISED = "all accepted", "some recorded as failed", "raised, so Function Compute's"


class PlayedMigration:
    """The result of a simulated migration.

    `marks` has labels of what happened, such as "go"; they select the rules of the law, and are counted in the summary.
    `wrong` has a sentence for each violation of the law, and `story` a line for each event.
    """

    def __init__(self, story: list[str], wrong: list[str]) -> None:
        self.story, self.wrong, self.marks = story, wrong, set[str]()


def play_migrations(
    play: Callable[[int], PlayedMigration], seeds: Sequence[int], count_mark: Callable[[str], None]
) -> None:
    """Assert that no migration violates its law, and that more than half of the migrations end with a GO."""
    number = 0
    for seed in seeds:
        played = play(seed)
        assert not played.wrong, f"seed {seed}: {played.wrong}\n" + "\n".join(played.story)
        number += "go" in played.marks
        for mark in played.marks or {"never GO"}:
            count_mark(mark)
    assert number > 0.5 * len(seeds)


def check(
    outcome: bool | None,
    keys: Collection[str],
    accepted: Collection[str],
    has_record: Callable[[str, str], bool],
) -> str:
    """Assert law 1 for an invocation, and return the state of its keys.

    - `outcome` is the function's return value, or None if it raised an exception.
    - `accepted` has the keys that OMS accepted.
    - `has_record(state, key)` returns True if the log bucket has this record.
    """
    for key in keys:
        assert key in accepted or not has_record("success", key), f"{key!r} is recorded as accepted, but is not"
    if outcome is None:
        return RAISED
    if outcome:
        assert set(keys) <= set(accepted), "returned True for keys that OMS does not have"
        return RETURNED_TRUE
    for key in keys:
        assert key in accepted or has_record("failed", key), f"{key!r} is dropped"
    assert any(has_record("failed", key) for key in keys), "returned False, but no failed record stands"
    return RETURNED_FALSE


# Texts that have caused defects: characters special to URLs, XML, JSON, SQL and shells, and long texts.
HOSTILE = [
    "a b",
    "a+b",
    "100%",
    "a%2Fb",
    "a&b=c?d#e",
    "'\"`<>\\",
    "tab\tline\nreturn\r",
    "\x01\x7f",
    "山海/照片.jpg",
    "🎉/👩‍👩‍👧.png",
    "../..//./x",
    "k" * 900,
    "海" * 341,
]
object_keys = st.lists(
    st.sampled_from(HOSTILE)
    | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
        lambda key: not key.startswith("oms_source_record/")
    ),
    min_size=1,
    max_size=25,
    unique=True,
)
