"""Law 1 (no object key is lost) while a project is closed and opened at any call.

An instance that has read the closed mark submits nothing.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oss_oms_sync.errors import OmsSyncError
from sandbox.inprocess.network import Adapter
from sandbox.server.faults import Fault
from support.law import check, schedules
from support.world import DROP_AFTER, HANG, OK, PAGE, World, oms_error, oss_error, payload

MINUTE = 60


class ClosingWorld(World):
    """A world whose project is closed or opened at any request, even while an instance handles an event."""

    def __init__(self) -> None:
        super().__init__()
        self.closed_at: float | None = None
        # The time of the response by which the instance knows that the project is closed.
        self.closed_answer_time: float | None = None
        self.toggle_at_call: int | None = None
        self.number = 0
        # True if the instance was frozen or started, and has not read the mark since.
        self.has_not_read_mark = True
        # The bodies of all calls to OMS, with any outcome.
        self.sent_bodies: list[Any] = []
        really_send = Adapter.send

        def send(adapter: Adapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            self._check_request(request)
            answer = really_send(adapter, request, **options)
            self._note_answer(request, answer)
            return answer

        self._patches.enter_context(patch.object(Adapter, "send", send))

    def _check_request(self, request: requests.PreparedRequest) -> None:
        if self.toggle_at_call is not None:
            self.toggle_at_call -= 1
            if self.toggle_at_call < 0:
                self.toggle_at_call = None
                self.toggle()
        if request.method == "POST":
            assert self.closed_answer_time is None or self.clock.seconds <= self.closed_answer_time, (
                "sent after it knew"
            )
            self.sent_bodies.append(request.body)

    def _note_answer(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        if "/state/closed" in str(request.url) and request.method == "GET" and answer.status_code in (200, 404):
            says_closed = b'"closed": true' in answer.raw._fp.getvalue()
            self.closed_answer_time = self.clock.seconds if says_closed else None

    def toggle(self) -> None:
        """Close the project if it is open; otherwise open it."""
        self.closed_at = self.clock.seconds if self.closed_at is None else None
        self.bucket.add_mark(closed=self.closed_at is not None)

    def freeze_instance(self, seconds: float) -> None:
        self.call_instance.freeze()
        self.advance(seconds)
        self.call_instance.thaw()
        self.has_not_read_mark = True

    def restart(self) -> None:
        self.start()
        self.has_not_read_mark = True

    def toggle_within(self, call: int) -> None:
        self.toggle_at_call = call

    def set_read_faults(self, faults: list[Fault | None]) -> None:
        self.oss.faults.clear()
        self.oss.faults.then(*faults, where=lambda request: request.method == "GET")

    def set_oms_faults(self, faults: list[Fault | None]) -> None:
        self.oms.faults.clear()
        self.oms.faults.then(*faults)

    def event(self, number: int) -> str:
        """Handle an event of `number` keys; return the state of the keys."""
        keys = [f"{self.number}/{place:02}" for place in range(number)]
        self.number += 1
        closed_at, began, bodies_before = self.closed_at, self.clock.seconds, len(self.sent_bodies)
        try:
            outcome = self.within(
                lambda: self.call_instance.load_module().handler(payload(*keys), self.call_instance.context())
            )
        except OmsSyncError:
            outcome = None
        self.toggle_at_call = None
        was_sent = len(self.sent_bodies) > bodies_before
        if closed_at is not None and self.closed_at == closed_at:
            assert not (was_sent and self.has_not_read_mark), "it sent without asking"
            assert not (was_sent and began - closed_at >= MINUTE), "it sent later than a minute after the closing"
        self.has_not_read_mark = False
        return check(
            outcome, keys, self.oms.accepted, lambda state, key: self.bucket.record_body(state, key) is not None
        )


looks = st.sampled_from([oss_error(403), oss_error(500), HANG, DROP_AFTER, PAGE, OK])
calls = st.sampled_from([*map(oms_error, (401, 400, 503)), HANG, DROP_AFTER, OK])
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from([1, 1, 10, 25])),
        st.tuples(st.just("event"), st.sampled_from([1, 1, 10, 25])),
        st.tuples(st.just("toggle")),
        st.tuples(st.just("toggle_within"), st.integers(0, 8)),
        st.tuples(st.just("advance"), st.sampled_from([1, 30, 61, 3600])),
        st.tuples(st.just("freeze_instance"), st.sampled_from([60, 3600])),
        st.tuples(st.just("restart")),
        st.tuples(st.just("set_read_faults"), st.lists(looks, max_size=6)),
        st.tuples(st.just("set_oms_faults"), st.lists(calls, max_size=6)),
    ),
    max_size=14,
)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(2))
@given(happenings)
# While an instance is frozen, its monotonic clock stands still.
@example([("event", 1), ("toggle",), ("freeze_instance", 3600), ("event", 1)])
def test_law1_closing_and_opening_at_any_call_loses_no_key(count_schedule, happenings):
    World.close_all()
    world, state = ClosingWorld(), "no event"
    for what, *details in happenings:
        state = getattr(world, what)(*details) or state
    count_schedule("of closings and openings", state)
