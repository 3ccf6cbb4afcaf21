"""The change of headers that makes an object in OBS equal to its source, or the reason for no change."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.comparison.headers import Change, Obstacle, find_different_headers, plan_change

PLAIN = {"content-type": "text/html", "cache-control": "max-age=60", "meta-team": "a b"}
SET = {"content-type": "text/html", "cache-control": "max-age=60", "x-obs-meta-team": "a b"}


def plan_for(source, there, storage_class="", *, may_replace=True):
    head = ObjectHead(1, "E", 0, "", metadata=there, storage_class=storage_class)
    return plan_change(source, head, may_replace=may_replace)


@pytest.mark.parametrize(
    ("there", "replaces"),
    [
        ({"content-type": "text/plain"}, False),
        ({"meta-team": "other", "meta-old": "1"}, False),
        ({"content-type": "text/plain", "content-language": "de"}, True),
    ],
)
def test_a_header_change_uses_the_directive_replace_only_for_removals(there, replaces):
    assert plan_for(PLAIN, there) == Change(SET, replaces)


def test_a_header_change_removes_the_last_user_metadata_only_by_replace():
    source, there = {"content-type": "text/html"}, {"content-type": "text/html", "meta-old": "1"}
    assert plan_for(source, there) == Change(source, replaces=True)
    assert plan_for(source, there, may_replace=False) is Obstacle.REMOVAL


@pytest.mark.parametrize(
    ("source", "storage_class", "obstacle"),
    [
        (PLAIN, "COLD", Obstacle.ARCHIVED),
        ({"meta-team": "山"}, "", Obstacle.NOT_ASCII),
        ({"content-disposition": "é"}, "", Obstacle.NOT_ASCII),
        ({"meta-a": "x" * 8191}, "", Change({"x-obs-meta-a": "x" * 8191}, replaces=False)),
        ({"meta-a": "x" * 8192}, "", Obstacle.TOO_LARGE),
    ],
)
def test_a_header_change_is_not_made_if_obs_cannot_store_the_headers(source, storage_class, obstacle):
    assert plan_for(source, {}, storage_class) == obstacle


def test_a_header_change_treats_a_percent_encoded_user_header_as_equal():
    source, there = {"meta-team": "山", "meta-a": "new"}, {"meta-team": "%E5%B1%B1", "meta-a": "old"}
    assert list(find_different_headers(source, there)) == ["meta-a"]
    assert plan_for(source, there) == Change({"x-obs-meta-team": "%E5%B1%B1", "x-obs-meta-a": "new"}, replaces=False)
    assert list(find_different_headers({"expires": "山"}, {"expires": "%E5%B1%B1"})) == ["expires"]
