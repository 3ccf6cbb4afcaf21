"""A bucket in memory that behaves like OSS, with a hook before and after each call: for replay and reconcile.

As with the real one, nothing is done any more once the invocation's time is up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from itertools import islice

from sortedcontainers import SortedDict

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.oss import PAGE, Bucket, Listed, Object, Page, Trouble
from oss_oms_sync.errors import StorageError


class Died(BaseException):
    """The process was killed."""


def _late(deadline: Deadline) -> Trouble | None:
    return Trouble("the invocation's time was up", answered=True) if deadline.passed() else None


class MemoryBucket(Bucket):
    """`calls` counts requests by kind. `before` and `after` see each (kind, names) and may raise Died."""

    def __init__(self, clock: Clock) -> None:
        self.name = "log"
        self.objects: SortedDict = SortedDict()  # str compares as OSS lists: by code point, the byte order of UTF-8
        self.modified: dict[str, int] = {}
        self.calls: Counter[str] = Counter()
        self.clock = clock
        self.before: Callable[[str, Sequence[str]], None] = lambda kind, names: None
        self.after: Callable[[str, Sequence[str]], None] = lambda kind, names: None
        self.trouble: Callable[[str, str], Trouble | None] = lambda kind, name: None
        self.late_deletes: list[str] = []
        self.seconds_a_page = 0.0

    def add(self, one: Object) -> None:
        self.objects[one.name] = one
        self.modified[one.name] = int(self.clock.now().timestamp())

    def put_all(self, objects: Sequence[Object], deadline: Deadline) -> list[Trouble | None]:
        troubles = []
        for one in objects:
            self.calls["put"] += 1
            self.before("put", [one.name])
            trouble = _late(deadline) or self.trouble("put", one.name)
            if not trouble:
                self.add(one)
            self.after("put", [one.name])
            troubles.append(trouble)
        return troubles

    def get_all(self, names: Sequence[str], deadline: Deadline) -> list[Object | Trouble]:
        self.calls["get"] += len(names)
        for name in names:
            self.before("get", [name])
        missing = Trouble("there is none", answered=True, code="NoSuchKey")
        return [_late(deadline) or self.trouble("get", name) or self._got(name) or missing for name in names]

    def _got(self, name: str) -> Object | None:
        one = self.objects.get(name)
        return one and Object(name, one.body, {**one.headers, "last-modified": formatdate(self.modified[name])})

    def page(self, prefix: str, after: str, deadline: Deadline) -> Page:
        self.calls["list"] += 1
        self.before("list", [prefix])
        assert max(len(prefix.encode()), len(after.encode())) <= 1023  # OSS names are no longer
        if deadline.left() < self.seconds_a_page:
            self.clock.sleep(deadline.left())
            raise StorageError("no answer in time")
        self.clock.sleep(self.seconds_a_page)
        if trouble := _late(deadline) or self.trouble("list", prefix):
            raise StorageError(trouble.problem)
        behind = self.objects.irange(minimum=max(prefix, after), inclusive=(after < prefix, True))
        names = [name for name in islice(behind, PAGE + 1) if name.startswith(prefix)]
        page = Page([self._listed(name) for name in names[:PAGE]], len(names) > PAGE)
        self.after("list", [prefix])
        return page

    def delete_all(self, names: Sequence[str], deadline: Deadline) -> dict[str, Trouble | None]:
        results: dict[str, Trouble | None] = {}
        for start in range(0, len(names), PAGE):
            group = names[start : start + PAGE]
            self.calls["delete"] += 1
            self.before("delete", group)
            for name in group:
                results[name] = _late(deadline) or self.trouble("delete", name)
                if results[name] is None:
                    self.objects.pop(name, None)
                elif not results[name].answered:
                    self.late_deletes.append(name)
            self.after("delete", group)
        return results

    def land_late_deletes(self) -> None:
        """What was not answered is carried out after all."""
        for name in self.late_deletes:
            self.objects.pop(name, None)
        self.late_deletes.clear()

    def names(self, prefix: str) -> Iterable[str]:
        return [name for name in self.objects if name.startswith(prefix)]

    def _listed(self, name: str) -> Listed:
        one = self.objects[name]
        kind = one.headers.get("x-oss-object-type", "Normal")
        return Listed(name, hashlib.md5(one.body).hexdigest().upper(), len(one.body), self.modified[name], kind)
