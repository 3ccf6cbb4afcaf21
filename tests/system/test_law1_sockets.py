"""Law 1 (no key is dropped) over sockets, under generated schedules of faults.

A schedule takes seconds, so the tests run only some. The function's timeouts are shortened, and its code is unchanged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds import calls, oms, oss
from oss_oms_sync.delivery.batches import submit
from oss_oms_sync.errors import OmsSyncError
from oss_oms_sync.jobs import forward
from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.instance import Instance
from support.law import SOCKET_SCHEDULES, check, object_keys
from support.world import DRIP, DROP_AFTER, DROP_BEFORE, HANG, PAGE, payload

TIMEOUT = 0.7
# Seconds that a busy machine can add.
LENIENCY = 5.0
network = [
    *(DROP_BEFORE, DROP_AFTER, HANG, DRIP, Fault.silence(), Fault.slow(0.02)),
    *(Fault.status(302, headers={"Location": "http://127.0.0.1:1/"}), PAGE),
]
oms_faults = [*network, *[Fault.status(status) for status in (400, 401, 403, 404, 429, 500, 502, 503, 504)]]
oss_faults = [*network, *[Fault.status(status) for status in (403, 404, 500, 503)]]
seeds = st.integers(0, 2**32)
numbers = itertools.count()


@pytest.fixture(scope="module")
def instance() -> Iterator[tuple[Sandbox, Instance]]:
    """Yield the sandbox with an instance of the function, which handles the schedules one after the other."""
    with Sandbox(forks=True) as box, pytest.MonkeyPatch.context() as patch:
        for module, name, value in [
            (oms, "_CONNECT_SECONDS", 0.1),
            (oms, "_READ_SECONDS", 0.1),
            (oms, "MAX_CALL_SECONDS", 0.2),
            (oss, "_CALL_SECONDS", 0.1),
            (calls, "_FIRST_BACKOFF_SECONDS", 0.01),
        ]:
            patch.setattr(module, name, value)
        yield box, Instance(box)


# A late call of the previous schedule draws pauses while this schedule draws.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.law
@settings(max_examples=SOCKET_SCHEDULES)
@given(keys=object_keys, refused=st.integers(0, 40), trouble=st.sampled_from([0.1, 0.5, 0.9]), seed=seeds)
def test_forward_drops_no_key_over_sockets_for_any_fault(count_schedule, instance, keys, refused, trouble, seed):
    # GIVEN two clouds that fail at random, and perhaps a key that OMS always refuses
    box, function = instance
    # Unique keys, because a call of the previous schedule can arrive late.
    number = next(numbers)
    keys = [f"{number}/{key}" for key in keys]
    box.oms.faults.random(trouble, oms_faults, seed)
    box.oss.faults.random(trouble / 2, oss_faults, seed)
    box.oms.refuse(lambda key: key in keys[refused : refused + 1])

    # WHEN an event of all keys is handled
    started = monotonic()
    outcome = None
    with suppress(OmsSyncError):
        outcome = forward.run(payload(*keys), function.invocation(TIMEOUT))
    took = monotonic() - started

    # THEN each key is in one of the three states, and in time
    stored = box.oss.objects(box.log_bucket)
    state = check(outcome, keys, box.oms.accepted, lambda state, key: record_name(box.task_id, state, key) in stored)
    assert took < TIMEOUT + LENIENCY
    count_schedule("over sockets", state)


def test_a_submission_retries_a_silent_connection_on_a_new_connection(monkeypatch):
    monkeypatch.setattr(oms, "_READ_SECONDS", 0.2)
    with Sandbox(forks=True) as box:
        invocation = Instance(box).invocation()
        submit(invocation, ["a"], invocation.deadline)
        box.oms.silence_connections()
        submission = submit(invocation, ["b"], invocation.deadline)
        assert submission.outcomes == {"b": None}
        assert submission.calls == 2
