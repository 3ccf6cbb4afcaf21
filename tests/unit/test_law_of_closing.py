"""Law 1 while a project is closed and opened at any call, and that nothing is sent by an instance that knows better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.errors import OmsSyncError
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import record_name
from support.fake_clouds import DROP_AFTER, HANG, OK, PAGE, TASK, World, payload
from support.law import SCHEDULES, check

MINUTE = 60


class ClosingWorld(World):
    """An instance in whose project somebody turns the mark, also in the middle of an event."""

    def __init__(self) -> None:
        super().__init__()
        self.closed_at: float | None = None
        # Since when the instance has had the answer that the project is closed.
        self.knows_at: float | None = None
        self.turn_at_call: int | None = None
        self.number = 0
        # Whether it was frozen, or has handled no event yet.
        self.has_not_asked = True
        self._watch(self.oms, self._submitted)
        self._watch(self.oss, self._answered)

    def _watch(self, cloud: Any, seen: Callable[[requests.PreparedRequest, float, Any], None]) -> None:
        send = type(cloud).send

        def watched(request: requests.PreparedRequest, **options: Any) -> Any:
            began = self.clock.seconds
            if self.turn_at_call is not None:
                self.turn_at_call -= 1
                if self.turn_at_call < 0:
                    self.turn_at_call = None
                    self.turn()
            try:
                answer = send(cloud, request, **options)
            except requests.RequestException:
                answer = None
            seen(request, began, answer)
            if answer is None:
                raise requests.ConnectionError("Connection aborted.")
            return answer

        cloud.send = watched

    def _submitted(self, request: requests.PreparedRequest, began: float, answer: Any) -> None:
        is_retry = self.oms.calls[-1] in self.oms.calls[:-1]
        assert self.knows_at is None or began <= self.knows_at or is_retry, "sent after it knew"

    def _answered(self, request: requests.PreparedRequest, began: float, answer: Any) -> None:
        if self.oss._is_look(request) and answer is not None and answer.status_code in (200, 404):
            says_closed = b'"closed":true' in answer.raw._fp.getvalue().replace(b" ", b"")
            self.knows_at = self.clock.seconds if says_closed else None

    def turn(self) -> None:
        """The project is closed, or opened again. The clock stands still for this, and nothing fails."""
        schedules = self.oss.schedule, self.oss.look_schedule
        self.oss.schedule, self.oss.look_schedule = [], []
        known, now = self.knows_at, self.clock.seconds
        closing = Closing(self.invocation())
        if self.closed_at is None:
            closing.close()
            self.closed_at = now
        else:
            closing.open()
            self.closed_at = None
        self.knows_at, self.clock.seconds = known, now
        self.oss.schedule, self.oss.look_schedule = schedules

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def freeze(self, seconds: float) -> None:
        """Its monotonic clock stands still."""
        self.clock.ahead += timedelta(seconds=seconds)
        self.has_not_asked = True

    def start_anew(self) -> None:
        self._oss = replace(self._oss, remembered={})
        self.has_not_asked = True

    def turn_within(self, call: int) -> None:
        self.turn_at_call = call

    def reading(self, faults: list[Any]) -> None:
        self.oss.look_schedule = list(faults)

    def oms_fails(self, faults: list[Any]) -> None:
        self.oms.schedule = list(faults)

    def event(self, number: int) -> str:
        """An event of so many keys; the state that they are in."""
        keys = [f"{self.number}/{one:02}" for one in range(number)]
        self.number += 1
        closed_at, began, calls = self.closed_at, self.clock.seconds, len(self.oms.calls)
        try:
            outcome = self.forward(payload(*keys))
        except OmsSyncError:
            outcome = None
        self.turn_at_call = None
        was_sent = len(self.oms.calls) > calls
        if closed_at is not None and self.closed_at == closed_at:
            assert not (was_sent and self.has_not_asked), "it sent without asking"
            assert not (was_sent and began - closed_at >= MINUTE), "it sent later than a minute after the closing"
        self.has_not_asked = False
        return check(
            outcome, keys, self.oms.accepted, lambda state, key: record_name(TASK, state, key) in self.oss.objects
        )


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from([1, 1, 10, 25])),
        st.tuples(st.just("event"), st.sampled_from([1, 1, 10, 25])),
        st.tuples(st.just("turn")),
        st.tuples(st.just("turn_within"), st.integers(0, 8)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 61, 3600])),
        st.tuples(st.just("freeze"), st.sampled_from([60, 3600])),
        st.tuples(st.just("start_anew")),
        st.tuples(st.just("reading"), st.lists(st.sampled_from([403, 500, HANG, DROP_AFTER, PAGE, OK]), max_size=6)),
        st.tuples(st.just("oms_fails"), st.lists(st.sampled_from([401, 400, 503, HANG, DROP_AFTER, OK]), max_size=6)),
    ),
    max_size=14,
)


@settings(max_examples=SCHEDULES // 2)
@given(happenings)
def test_law1_closing_and_opening_at_any_call_loses_no_key_and_nothing_is_sent_by_who_knows(count_schedule, happenings):
    world, state = ClosingWorld(), "no event"
    for what, *details in happenings:
        state = getattr(world, what)(*details) or state
    count_schedule("of closings and openings", state)
