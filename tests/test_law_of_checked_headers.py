"""The law of headers: if the check METADATA passed in a GO, each object in OBS has the headers of its source.

Objects that others wrote to OBS after the beginning of the standstill pass are an exception. A change of headers never
changes contents, and no headers change later than two minutes after the close. The oracle reads only the buckets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import requests

from ops.clock import parse_timestamp, timestamp
from sandbox.obs.objects import ObsObject
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.law import EXTRAS, PlayedMigration, choose_seeds, play_migrations
from support.log_bucket import LogBucket
from support.migration import CONTENTS, MINUTE, MODES, CutoverOptions, Migration, set_copy_behaviour

LAW = "headers of a GO are the source's"
# Each is a whole migration.
MIGRATIONS = int(os.environ.get("SCHEDULES", "300" if EXTRAS else "60")) // 15
AFTER_CLOSE = 120
# OMS copies no value with an equals sign.
HEADERS = ({"cache-control": "max-age=60"}, {"x-oss-meta-a": "b=c"}, {"content-disposition": "no-cache"}, {})


class HeadersMigration(Migration):
    """A migration of objects with headers; OMS loses some headers, while other writers change objects in OBS."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, mode=MODES[0 if seed % 3 else 2])
        self.wrong: list[str] = []
        self.last_write: dict[str, float] = {}
        self.closed_at: float | None = None

    def _set_up(self) -> None:
        super()._set_up()
        self.task.copies_metadata = True
        self.there = self.obs.bucket(self.destination_bucket)
        self.moves = self.there.headers_update_time = self.dice.random() < 0.5
        measurements = {
            "url": "yes",
            "expired_url": "no",
            "moves_etag": "no",
            "moves_time": "yes" if self.moves else "no",
        }
        measurements["replaces"] = "yes" if self.dice.random() < 0.8 else "no"
        LogBucket(self).add_canary_result({"in_place": measurements})
        self.change, self.there.change_headers = self.there.change_headers, self.check_change  # type: ignore[method-assign]
        self.platform.network.after_response = self.record_close

    def upload(self, key: str, contents: bytes | None = None) -> None:
        """Write an object to the source with random headers; without `contents`, the contents stay unchanged."""
        old_contents = self.in_source(key)
        data = contents or old_contents or CONTENTS["A"]
        self.write(key, data)
        objects: Any = self.oss._buckets[self.source_bucket].objects
        new_headers = {"content-type": "text/html", **self.dice.choice(HEADERS)}
        objects[key] = replace(objects[key], headers=new_headers)
        self.log("headers", key, new_headers)

    def rewrite_in_obs(self, key: str) -> None:
        """Write the same contents with other headers to OBS, like a late copy by OMS, or like an application."""
        if (data := self.in_obs(key)) is not None:
            other_headers = {"x-obs-meta-app": "1", "content-language": "de"} if self.dice.random() < 0.3 else {}
            self.log("OBS", key, "written again", other_headers)
            self.there.put(key, data, headers={"content-type": "text/html", **other_headers})
            self.last_write[key] = self.seconds

    def check_change(self, key: str, stored: ObsObject, headers: Mapping[str, str]) -> None:
        """Check a change of headers in OBS; after some changes, let another writer replace the object soon."""
        if self.closed_at is not None and self.seconds > self.closed_at + AFTER_CLOSE:
            self.wrong.append(f"{key}: headers changed {self.seconds - self.closed_at:.0f} s after the close")
        self.log("OBS", key, "headers change")
        self.change(key, stored, headers)
        if self.there.objects[key].data != stored.data or self.there.objects[key].etag != stored.etag:
            self.wrong.append(f"{key}: a change of headers changed the contents")
        if self.dice.random() < 0.2:
            self.at(self.seconds + self.dice.choice([0.01, 0.5, 3, 60]) * self.dice.random(), self.rewrite_in_obs, key)

    def record_close(self, request: requests.PreparedRequest) -> None:
        """Record the time of the close; in some worlds, let another writer change an object in OBS after the close."""
        if request.method == "PUT" and "/closed-" in str(request.url):
            is_closed = '"closed": true' in str(request.body)
            if is_closed and self.closed_at is None and self.dice.random() < 0.4:
                self.at(
                    self.seconds + self.dice.uniform(1, 700), self.rewrite_in_obs, self.dice.choice([*self.written])
                )
            self.closed_at = (self.closed_at or self.seconds) if is_closed else None

    def add_faults(self, until: float) -> None:
        """Let some requests that change headers fail, arrive late or lose their response, until a time."""
        faults = [Fault.drop_before(), Fault.drop_after(), Fault.hang(), *map(Fault.lands_late, (2, 9, 200))]
        if self.dice.random() < 0.6:
            share = self.dice.choice([0.1, 0.5])
            self.obs.faults.random(share, faults, self.dice.randrange(9999), where=_changes_headers)
            self.at(until, self.obs.faults.clear)

    def list_differing_keys(self, began: float) -> list[str]:
        """Return the keys whose headers differ, except keys that others wrote to OBS since `began`."""
        keys = [key for key in self.written if self.last_write.get(key, 0) < began]
        sources = {key: self.oss.objects(self.source_bucket)[key].headers for key in keys}
        expected_headers = {
            key: {n.replace("x-oss-", "x-obs-"): value for n, value in sources[key].items()} for key in keys
        }
        return [key for key in keys if expected_headers[key] != dict(self.there.objects[key].headers)]


def _changes_headers(request: Request) -> bool:
    return request.method == "PUT" and "metadata" in request.params


def play(seed: int) -> PlayedMigration:
    with HeadersMigration(seed) as world:
        dice, result = world.dice, PlayedMigration(world.story, world.wrong)
        keys = [f"k{number}" for number in range(dice.choice([1, 2, 3]))]
        freeze = dice.uniform(40, 60) * MINUTE
        set_copy_behaviour(world, freeze, loses=False)
        world.add_faults(freeze + dice.uniform(600, 3000))
        for key in keys:
            world.at(dice.uniform(0, 300), world.upload, key, CONTENTS[dice.choice("ABCD")])
            for _ in range(dice.choice([0, 1, 2])):
                contents = CONTENTS[dice.choice("ABCD")] if dice.random() < 0.4 else None
                world.at(dice.uniform(300, freeze), world.upload, key, contents)
        world.advance(dice.uniform(0.5, 0.95) * freeze)
        if dice.random() < 0.85:
            world.ops("headers", *(["--dry-run"] if world.moves or dice.random() < 0.4 else []))
            result.marks.add("headers ran")
        world.advance(max(0, freeze - world.seconds) + dice.uniform(1, 120))
        if document := cut_over(world, timestamp(world.moment(freeze)), result):
            check(world, document, result)
    return result


def cut_over(world: HeadersMigration, frozen: str, result: PlayedMigration) -> Any:
    """Follow the printed steps like a user; return the certificate, or None without a GO."""
    options = CutoverOptions(frozen)

    def runs_step(check: Any) -> bool:
        is_run = check["step"]["job"] in ("open", "compare")
        result.marks |= {f"{check['id']}: {check['step']['job']}"} if is_run else set()
        return is_run

    last = world.cut_over(options, runs_step=runs_step)[-1]
    if last.code != 0:
        return None
    result.marks |= {"go"} | ({"accepted"} if "metadata" in options.accept else set())
    return last.answer


def check(world: HeadersMigration, document: Any, result: PlayedMigration) -> None:
    standstill = document["passes"]["standstill"]
    began = (parse_timestamp(standstill["started"]) - world.moment(0)).total_seconds()
    (metadata,) = (check for check in document["checks"] if check["id"] == "METADATA")
    if standstill["headers"]:
        result.marks.add("by records")
        result.marks |= {"read"} if standstill["headers"]["outcomes"].get("equal") else set()
        if (
            metadata["result"] == "passed"
            and "accepted" not in result.marks
            and (lost := world.list_differing_keys(began))
        ):
            world.wrong.append(f"LIE: METADATA passed, and headers differ: {lost}")
    elif "headers ran" in result.marks:
        world.wrong.append("headers were in hand, and METADATA is not about all objects")
    differing_keys = [key for key in world.written if world.in_source(key) != world.in_obs(key)]
    if differing_keys and not document["accepted"]:
        world.wrong.append(f"LIE: contents differ: {differing_keys}")


@pytest.mark.part
@pytest.mark.law
@pytest.mark.parametrize("block", range(4))
def test_a_go_with_the_check_metadata_means_equal_headers_in_obs(block, count):
    play_migrations(play, choose_seeds(block, MIGRATIONS), partial(count, LAW))
