"""Lists of what differs: rclone's form, any key, and none of it twice or lost."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.comparison import count
from oss_oms_sync.comparison.count import key_of, line
from support.compare_world import CompareWorld, once
from support.law import HOSTILE
from support.reconcile_world import refusing
from support.world import HOUR

keys = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(keys))
def test_each_key_is_read_as_it_was_written_whatever_is_in_it(some):
    text = "".join(line("+", key) for key in some)
    assert list(map(key_of, text.splitlines())) == some
    assert text.encode().decode() == text


def test_lines_are_those_of_rclone_and_plain_keys_are_plain():
    assert line("+", "a b/海.jpg") == "+ a b/海.jpg\n"
    assert line("*", "two\nlines") == '* "two\\nlines"\n'
    assert line("-", '"quoted"') == '- "\\"quoted\\""\n'


def lines(world: CompareWorld, answer: dict) -> list[str]:
    bodies = [world.bucket.objects[name].body.decode() for name in answer["differences"]]
    return "".join(bodies).splitlines()


def test_each_sign_is_where_it_belongs_and_what_is_equal_is_not_listed():
    world = CompareWorld(LANES="1")
    world.put("equal", "1", "md5", "copied")
    world.put("older", "1", "md5", "copied")
    world.put("link", "1", "Symlink")
    for key in ("overwritten", "missing"):
        world.put(key, "1", "md5", "lost")
    world.later(HOUR)
    world.put("older", "2", "md5", "lost")
    world.write("overwritten", "12")
    world.write("only there", "1")
    world.later(HOUR)
    world.put("young", "1", "md5", "lost")
    assert lines(world, world.compare()) == [
        "! link", "+ missing", "* older", "- only there", "* overwritten", "~ young",
    ]  # fmt: skip


def test_a_piece_ends_before_its_lists_are_too_large_and_the_next_goes_on():
    # GIVEN lists of at most a dozen bytes in a piece; the characters of these keys have three each
    world = CompareWorld(LANES="1")
    names = [f"海{number}" for number in range(9)]
    for key in names:
        world.put(key, "1", "md5", "lost")
    world.later(HOUR)
    with patch.object(count, "_MAX_LINES_BYTES", 12):
        answer = world.compare()
        for _ in range(9):
            if answer["finished"]:
                break
            world.later(HOUR)
            answer = world.compare()
    # THEN each key is in one list, and no list is longer than one key more than that
    assert lines(world, answer) == [f"+ {key}" for key in names]
    assert max(len(world.bucket.objects[name].body) for name in answer["differences"]) <= 24
    assert answer["classes"]["missing"]["source"]["objects"] == 9


def test_what_a_piece_holds_back_is_in_no_list_but_that_of_the_one_that_goes_on():
    # GIVEN an OMS that refuses keys, of which the log bucket takes no failed records
    world = CompareWorld(LANES="1")
    world.put("a link", "1", "Symlink")
    for key in "bcd":
        world.put(key, "1", "md5", "lost")
    world.later(HOUR)
    world.refuses = True
    with refusing(world.bucket, "put", lambda name: "failed_object" in name):
        assert not world.compare()["finished"]
    # WHEN both can be reached again, and the comparison goes on
    world.refuses = False
    world.later(HOUR)
    assert lines(world, world.compare()) == ["! a link", "+ b", "+ c", "+ d"]


def test_who_works_on_a_pass_that_was_cleared_away_meanwhile_leaves_no_list():
    # GIVEN a worker that does not go on before later passes have ended, which clear its own away
    world = CompareWorld(LANES="1")
    world.put("missing", "1", "md5", "lost")
    world.later(HOUR)

    def others() -> None:
        for _ in range(3):
            world.later(1)
            world.compare({"restart": True})

    world.there.before = once("list", others)
    world.compare()
    # THEN each list is that of a pass that is there
    passes = {name.split("/")[4] for name in world.bucket.names("oms_source_record/passes/")}
    assert {name.split("/")[4] for name in world.bucket.names("oms_source_record/differences/")} == passes
