"""GO only where an oracle that sees everything says that the buckets are equal, whatever happened before and meanwhile.

The oracle knows the contents of every object, and what there was at the end of the comparison. What is not proven by
contents has to be accepted by name: then it must be of equal size, and no more is asked for.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import event, given, settings
from hypothesis import strategies as st

from ops.check import findings
from support.certify_world import CertifyWorld
from support.compare_tales import data, fates, kinds, worlds
from support.compare_world import HOUR, MINUTE, Seen
from support.law import SCHEDULES

ACCEPTED = dict.fromkeys(("suspicious", "equal_version", "equal_size", "impossible", "unknown"), "a test")
# What the day of a cutover is made of; each may be forgotten, or come in another order.
STEPS = ("freeze", "compare", "again", "deep", "reconcile", "replay", "copy_all", "pause")
steps = st.lists(st.sampled_from(STEPS), max_size=6)


def do(world: CertifyWorld, step: str) -> None:
    asked = {"again": {"again": True}, "deep": {"deep": True, "restart": True}, "compare": {"restart": True}}
    if step in asked:
        world.compare(asked[step])
    elif step == "reconcile":
        world.later(1)
        world.reconcile({"restart": True})
    elif step == "pause":
        world.pause(HOUR)
    elif step == "replay":
        world.tick_replay()
    else:
        getattr(world, step)()


def equal(world: CertifyWorld, document: dict[str, Any]) -> bool:
    """Whether the buckets are equal now, within what the document says was accepted."""
    return all(_is_equal(key, seen, document) for key, seen in world.snapshot().items())


def _is_equal(key: str, seen: Seen, document: dict[str, Any]) -> bool:
    source, there = seen.source, seen.there
    found = next((name for name, count in document["classes"].items() if key in count["keys"]), None)
    if source is None:
        is_known = there is None or key.startswith("oms/sync_task/") or seen.accepted is not None
        return is_known or found in document["accepted"]
    if there and there.data == source.data:
        return True
    has_room_for_doubt = source.is_link or (there is not None and len(there.data) == len(source.data))
    return has_room_for_doubt and found in document["accepted"]


@settings(max_examples=SCHEDULES // 6)
@given(
    tale=worlds,
    before=steps,
    after=st.lists(st.sampled_from(STEPS), max_size=3),
    accepted=st.sets(st.sampled_from(sorted(ACCEPTED))),
    sample=st.sampled_from([0, 0, 3]),
)
def test_law1_go_only_where_the_buckets_are_equal(tale, before, after, accepted, sample, count_schedule):
    keys, happenings, _ = tale
    with patch("support.fake_bucket.PAGE_SIZE", 2):
        world = CertifyWorld(keys)
        with patch("oss_oms_sync.jobs.certify.evidence.date_at", world.date_at):
            world.later(HOUR)
            world.play(happenings)
            world.oms_refuses(False)
            world.close(False)
            # Most worlds come to rest, or nothing would ever be a go.
            for step in (*before, "freeze", "replay", "copy_all", "pause", "compare", "copy_all", "pause", *after):
                do(world, step)
            world.compare({"restart": True})
            do(world, "reconcile")
            document = world.certify(accept=dict.fromkeys(accepted, "a test"), sample=sample)
    event(document["verdict"])
    # A stranger who checks the document finds nothing wrong with it, whatever it says.
    assert [one for one in findings(document) if not one.holds] == []
    assert document["verdict"] != "GO" or equal(world, document), (document["text"], world.snapshot())
    count_schedule("of certify", "a GO is true")


# What users do at the source; a certificate says nothing of what somebody does in OBS after it was looked at.
some_keys = st.sampled_from(["a/x", "b"])
of_users = st.one_of(
    st.tuples(st.just("put"), some_keys, data, kinds, fates),
    st.tuples(st.just("delete"), some_keys),
)


@settings(max_examples=SCHEDULES // 6)
@given(tale=worlds, moving=st.lists(of_users, min_size=1, max_size=3), when=st.sampled_from(["during", "after"]))
def test_interleaving_what_moves_at_the_source_is_never_a_go(tale, moving, when, count_schedule):
    keys, happenings, _ = tale
    with patch("support.fake_bucket.PAGE_SIZE", 2):
        world = CertifyWorld([*dict.fromkeys([*keys, "a/x", "b"])])
        with patch("oss_oms_sync.jobs.certify.evidence.date_at", world.date_at):
            world.later(HOUR)
            world.play(happenings)
            world.oms_refuses(False)
            world.close(False)
            world.freeze()
            before = {key: seen.source for key, seen in world.snapshot().items()}
            if when == "during":
                world.compared({"restart": True}, during=moving)
            else:
                world.compare({"restart": True})
                world.play(moving)
            world.later(MINUTE)
            world.reconcile({"restart": True})
            changed = {key: seen.source for key, seen in world.snapshot().items()} != before
            document = world.certify(accept=ACCEPTED)
    if changed and when == "after":
        assert document["verdict"] != "GO", document["text"]
    if changed and document["verdict"] == "GO":
        # What moved before its page was read was compared as it is now.
        assert equal(world, document), (document["text"], world.snapshot())
    count_schedule("of certify", "what moves is never a GO")
