"""What may happen to a world of compare, for property tests: worlds that were lived in, and what moves meanwhile."""

from __future__ import annotations

from hypothesis import strategies as st

from support.compare_world import DAY

LONG = "海" * 330
# What the order of UTF-16 would turn round, what is no file's name, OMS's own folder, and a record that has no room.
KEYS = ["a b", "a/x", "oms/sync_task/x", "oms/x", "\uffff", "🎉", LONG, "z\n+%2F"]

numbers = st.integers(0, 3)
data = st.sampled_from(["", "A", "AB", "BA", "AAAA", "AABB", "ABAB"])
kinds = st.sampled_from(["md5", "md5", "md5", "form", "Multipart", "Multipart", "Appendable", "Symlink"])
fates = st.sampled_from(["copied", "copied", "accepted", "refused", "comes", "lost"])
pauses = st.tuples(st.just("pause"), st.sampled_from([0, 0, 1, 70, 1000, 4000, DAY]))
short_pauses = st.tuples(st.just("pause"), st.sampled_from([1, 5, 20]))
jobs = st.one_of(
    st.tuples(st.sampled_from(["oms_refuses", "shut"]), st.booleans()),
    st.tuples(st.just("reconcile_all")),
    st.tuples(st.sampled_from(["compare", "compare_deep"])),
)


def moves(some: list[str]) -> st.SearchStrategy[tuple]:
    """What users, events and OMS do to these keys."""
    keys = st.sampled_from(some)
    return st.one_of(
        st.tuples(st.just("put"), keys, data, kinds, fates),
        st.tuples(st.just("put"), keys, data, kinds, fates),
        st.tuples(st.just("write"), keys, data),
        st.tuples(st.just("write"), keys, data),
        st.tuples(st.sampled_from(["delete", "remove"]), keys),
        st.tuples(st.sampled_from(["deliver", "lose", "begin_copy", "begin_copy", "end_copy", "fail_copy"]), numbers),
        st.tuples(st.just("encrypt"), st.booleans()),
        st.tuples(st.sampled_from(["copy_all", "replay"])),
    )


def tales(some: list[str]) -> st.SearchStrategy[tuple[list[str], list[tuple], list[tuple]]]:
    """Keys, what happened to them, and what happens while they are compared."""
    written = st.tuples(*(st.tuples(st.just("put"), st.just(key), data, kinds, fates) for key in some))
    # Without time in between, most of what happens is too young to be judged.
    later = st.lists(st.tuples(pauses, st.one_of(moves(some), moves(some), moves(some), jobs)), min_size=3, max_size=12)
    during = st.lists(st.one_of(moves(some), moves(some), short_pauses), max_size=12)
    return st.tuples(st.just(some), st.tuples(written, later).map(_in_order), during)


def _in_order(parts: tuple[tuple[tuple, ...], list[tuple[tuple, tuple]]]) -> list[tuple]:
    written, later = parts
    return [*written, *(one for both in later for one in both)]


worlds = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True).flatmap(tales)
