"""A bucket in memory that behaves like OSS, with a hook before and after each call: for replay and reconcile.

As with the real one, nothing is done any more once the invocation's time is up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from email.utils import formatdate
from itertools import islice
from typing import Any

from sortedcontainers import SortedDict

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary, StorageFailure, StoredObject
from oss_oms_sync.clouds.oss import PAGE_SIZE, Bucket
from oss_oms_sync.clouds.oss_listing import UnreadPage
from oss_oms_sync.clouds.pages import PageAhead
from oss_oms_sync.clouds.pool import Begun, CallPool
from oss_oms_sync.errors import StorageError
from support.fake_clouds import World
from support.world import TASK

# Where all records of the task are.
ROOT = f"oms_source_record/{TASK}/"
NO_RIGHT = StorageFailure("no", answered=True, code="AccessDenied")


class Died(BaseException):
    """The process was killed."""


def _late(deadline: Deadline) -> StorageFailure | None:
    return StorageFailure("the invocation's time was up", answered=True) if deadline.expired() else None


class MemoryBucket:
    """`calls` counts requests by kind. `before` and `after` see each (kind, names) and may raise Died."""

    def __init__(self, clock: Clock) -> None:
        self.name = "log"
        self.objects: SortedDict = SortedDict()  # str compares as OSS lists: by code point, the byte order of UTF-8
        self.modified: dict[str, int] = {}
        self.calls: Counter[str] = Counter()
        self.clock = clock
        self.before: Callable[[str, Sequence[str]], None] = lambda kind, names: None
        self.after: Callable[[str, Sequence[str]], None] = lambda kind, names: None
        self.problem: Callable[[str, str], StorageFailure | None] = lambda kind, name: None
        self.late_deletes: list[str] = []
        self.seconds_a_page = 0.0

    def add(self, one: StoredObject) -> None:
        self.objects[one.name] = one
        self.modified[one.name] = int(self.clock.now().timestamp())

    def put_all(self, objects: Sequence[StoredObject], deadline: Deadline) -> list[StorageFailure | None]:
        problems = []
        for one in objects:
            self.calls["put"] += 1
            self.before("put", [one.name])
            problem = _late(deadline) or self.problem("put", one.name) or self._refusal(one)
            if not problem:
                self.add(one)
            self.after("put", [one.name])
            problems.append(problem)
        return problems

    def _refusal(self, one: StoredObject) -> StorageFailure | None:
        if one.headers.get("x-oss-forbid-overwrite") != "true" or one.name not in self.objects:
            return None
        return StorageFailure("it exists", answered=True, code="FileAlreadyExists")

    def get_all(self, names: Sequence[str], deadline: Deadline) -> list[StoredObject | StorageFailure]:
        self.calls["get"] += len(names)
        for name in names:
            self.before("get", [name])
        missing = StorageFailure("there is none", answered=True, code="NoSuchKey")
        return [_late(deadline) or self.problem("get", name) or self._got(name) or missing for name in names]

    def _got(self, name: str) -> StoredObject | None:
        one = self.objects.get(name)
        return one and StoredObject(name, one.body, {**one.headers, "last-modified": formatdate(self.modified[name])})

    def list_page(self, prefix: str, after: str, deadline: Deadline) -> ListPage:
        self.calls["list"] += 1
        self.before("list", [prefix])
        assert max(len(prefix.encode()), len(after.encode())) <= 1023  # OSS names are no longer
        if deadline.remaining() < self.seconds_a_page:
            self.clock.sleep(deadline.remaining())
            raise StorageError("no answer in time")
        self.clock.sleep(self.seconds_a_page)
        if problem := _late(deadline) or self.problem("list", prefix):
            raise StorageError(problem.message)
        behind = self.objects.irange(minimum=max(prefix, after), inclusive=(after < prefix, True))
        names = [name for name in islice(behind, PAGE_SIZE + 1) if name.startswith(prefix)]
        page = ListPage([self._listed(name) for name in names[:PAGE_SIZE]], len(names) > PAGE_SIZE)
        self.after("list", [prefix])
        return page

    def find(self, name: str, deadline: Deadline) -> ObjectSummary | StorageFailure | None:
        self.calls["find"] += 1
        self.before("find", [name])
        problem = _late(deadline) or self.problem("list", name)
        found = problem or (self._listed(name) if name in self.objects else None)
        self.after("find", [name])
        return found

    def delete_all(self, names: Sequence[str], deadline: Deadline) -> dict[str, StorageFailure | None]:
        results: dict[str, StorageFailure | None] = {}
        for start in range(0, len(names), PAGE_SIZE):
            group = names[start : start + PAGE_SIZE]
            self.calls["delete"] += 1
            self.before("delete", group)
            for name in group:
                results[name] = _late(deadline) or self.problem("delete", name)
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

    def _listed(self, name: str) -> ObjectSummary:
        one = self.objects[name]
        kind = one.headers.get("x-oss-object-type", "Normal")
        return ObjectSummary(name, hashlib.md5(one.body).hexdigest().upper(), len(one.body), self.modified[name], kind)


class _Unread(UnreadPage):
    """A page that is parsed already."""

    def __init__(self, page: ListPage) -> None:
        self._page = page

    def guess_next(self) -> str:
        return self._page.objects[-1].name if self._page.more else ""

    def read(self) -> tuple[ListPage, str]:
        return self._page, ""


class _PageAhead:
    """A page that was asked for; nobody waits for it longer than the invocation has."""

    def __init__(self, begun: Begun[UnreadPage]) -> None:
        self._begun = begun

    def result(self) -> UnreadPage:
        found = self._begun.result()
        if found is None:
            raise StorageError("no answer in time")
        return found

    def leave(self) -> bool:
        return self._begun.leave()


class BucketView(Bucket):
    """The bucket as one invocation sees it."""

    def __init__(self, memory: MemoryBucket, deadline: Deadline, pool: CallPool) -> None:
        self.name = memory.name
        self._memory = memory
        self._until = deadline
        self._pool = pool

    def within(self, seconds: float) -> BucketView:
        return BucketView(self._memory, Deadline(self._until.cap(seconds), self._memory.clock), self._pool)

    def try_put_all(self, objects: Sequence[StoredObject]) -> list[StorageFailure | None]:
        return self._memory.put_all(objects, self._until)

    def try_get_all(self, names: Sequence[str]) -> list[StoredObject | StorageFailure]:
        return self._memory.get_all(names, self._until)

    def list_page(self, prefix: str, after: str) -> ListPage:
        return self._memory.list_page(prefix, after, self._until)

    def try_find_all(self, names: Sequence[str]) -> list[ObjectSummary | StorageFailure | None]:
        return [self._memory.find(name, self._until) for name in names]

    def first_name(self, prefix: str, after: str) -> str:
        return next((one.name for one in self.list_page(prefix, after).objects), "")

    def _ask_for_page(self, prefix: str, after: str) -> PageAhead:
        return _PageAhead(self._pool.begin(lambda: _Unread(self.list_page(prefix, after)), self._until.remaining()))

    def iter_contents(self, one: ObjectSummary) -> Iterator[bytes]:
        (there,) = self.find_all([one.name])
        if there is None or there.etag != one.etag:
            raise StorageError("there is another version, or none", "PreconditionFailed" if there else "NoSuchKey")
        yield self._memory.objects[one.name].body

    def try_delete_all(self, names: Sequence[str]) -> dict[str, StorageFailure | None]:
        return self._memory.delete_all(names, self._until)


class MemoryWorld(World):
    """A world whose log bucket `bucket` and whose source bucket `source` are in memory."""

    def __init__(self, bucket: MemoryBucket | None = None, **environment: str) -> None:
        super().__init__(**environment)
        self.bucket, self.source = bucket or MemoryBucket(self.clock), MemoryBucket(self.clock)

    def invocation(self, seconds: float = 60, oms: Any = None) -> Invocation:
        invocation = super().invocation(seconds, oms)
        views = {"log_bucket": self.bucket, "source_bucket": self.source}
        # As if they had been made already.
        vars(invocation).update(
            {name: BucketView(bucket, invocation.deadline, self.pool) for name, bucket in views.items()}
        )
        return invocation
