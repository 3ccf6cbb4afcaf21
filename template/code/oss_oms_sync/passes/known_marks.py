"""Where the keys of a pass lie, by what earlier passes left: of its own scope, or else of the other job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.passes.marks import Mark
from oss_oms_sync.passes.states import Pass, PassState
from oss_oms_sync.passes.store import PassStore

# Both walk through the same objects, so the marks of one serve the other.
_OTHER = {"reconcile": "compare", "compare": "reconcile"}


def known_marks(invocation: Invocation, store: PassStore, one: Pass) -> Sequence[Mark]:
    """The marks for a pass of `store`; none if no pass over its keys has ended yet.

    Raises StorageError.
    """
    before = store.state(one.before) if one.before else None
    beside = before or max(_of_other(invocation, store, one), key=lambda each: each.started, default=None)
    return beside.tally.marks if beside else ()


def _of_other(invocation: Invocation, store: PassStore, one: Pass) -> Iterator[PassState]:
    """The passes of the other job that ended and walked through the same keys."""
    other = PassStore(invocation, _OTHER[store.job])
    for state in filter(None, map(other.ended, list(other.names()))):
        walked = state.of.source_bucket, state.scope.key_filter.prefix
        if walked == (one.source_bucket, one.scope.key_filter.prefix):
            yield state
