"""A world for the tests of headers: objects with headers in both buckets, and a canary's measurements of OBS."""

from __future__ import annotations

from typing import Any

from oss_oms_sync.answers.layout import canary_result_name, record_name
from oss_oms_sync.clouds.objects import StoredObject
from support.reconcile_world import ReconcileWorld
from support.world import HOUR, TASK, World

Headers = dict[str, str]


def measured(world: World, *, moves: bool = False, replaces: bool = True) -> None:
    """OBS `moves` LastModified when it changes headers, or not, and a canary has measured that."""
    world.obs.bucket(world.destination_bucket).headers_move_time = moves
    answers = {"url": "yes", "expired_url": "no", "moves_etag": "no", "moves_time": "yes" if moves else "no"}
    add_result(world, **answers, replaces="yes" if replaces else "no")


def add_result(world: World, **answers: str) -> None:
    """Store the result of a canary run; `answers` are its answers about changing headers in place."""
    result = {"at": "2026-01-01T00:00:00Z", "report": {"in_place": answers}}
    world.bucket.add(StoredObject.of_json(canary_result_name(TASK, world.settings.project), result))


class HeadersWorld(ReconcileWorld):
    """A world for passes of headers.

    `moves`: True if OBS updates LastModified when it changes headers. `replaces`: True if OBS is known to remove
    headers.
    """

    def __init__(self, *, moves: bool = False, replaces: bool = True, **environment: str) -> None:
        super().__init__(**environment)
        self.obs.round_trip = 0.001
        self.obs_bucket = self.obs.bucket(self.destination_bucket)
        self.moves = moves
        measured(self, moves=moves, replaces=replaces)

    def measured(self, **answers: str) -> None:
        """Store these results as those of a canary."""
        add_result(self, **answers)

    def both(self, key: str, source: Headers, there: Headers, data: str = "A", later: bool = False) -> None:
        """Store an object in both buckets, with these headers by their HTTP names."""
        self.source.add(StoredObject(key, data.encode(), source))
        self.obs_bucket.put(key, data.encode(), headers={name.lower(): value for name, value in there.items()})
        if later:
            self.advance(HOUR)

    def headers(self, work: str = "mend", **options: object) -> dict[str, Any]:
        """Run a pass of headers and return its answer; if OBS updates LastModified, the source is frozen."""
        frozen = {"cutover": True} if self.moves and work != "look" else {}
        return self.ask("compare", {"headers": work, **frozen, **options})

    def there_now(self, key: str) -> Headers:
        return dict(self.obs_bucket.objects[key].headers)

    def record(self, key: str) -> StoredObject | None:
        return self.bucket.objects.get(record_name(TASK, "mended", key))

    def changes(self) -> int:
        """Return the number of changes of headers that OBS has accepted."""
        return sum(
            (name, status) == ("obs:object:ModifyObjectMetaData", 200) for name, _, _, status in self.obs.actions
        )
