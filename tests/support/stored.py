"""Buckets for tests, with access to their objects, requests and faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus
from xml.etree import ElementTree

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.obs.service import Obs
from sandbox.oss.service import Oss
from sandbox.server.faults import Fault
from sandbox.server.message import Request


class RequestTarget(NamedTuple):
    """The target of a request.

    `kind` is put, get, head, list, find (a listing of a single key) or delete.
    """

    kind: str
    bucket: str
    names: Sequence[str]

    @classmethod
    @lru_cache
    def of(cls, method: str, host: str, path: str, query: str, body: Any) -> RequestTarget:
        bucket, key = host.partition(".")[0], unquote(path[1:])
        asked = dict(part.partition("=")[::2] for part in query.split("&"))
        if "delete" in asked:
            return cls("delete", bucket, [node.text or "" for node in ElementTree.fromstring(body).iter("Key")])
        if method == "GET" and not key:
            kind = "find" if asked.get("max-keys") == "1" else "list"
            return cls(kind, bucket, [unquote_plus(asked.get("prefix", ""))])
        return cls(method.lower(), bucket, [key])


class _Objects(MutableMapping[str, StoredObject]):
    """The objects of a bucket by name, in the order of its listings."""

    def __init__(self, service: Oss | Obs, bucket: str) -> None:
        self._service, self._bucket = service, bucket

    def __getitem__(self, name: str) -> StoredObject:
        stored: Any = self._service.objects(self._bucket)[name]
        return StoredObject(name, stored.data, dict(getattr(stored, "headers", {})))

    def __setitem__(self, name: str, stored: StoredObject) -> None:
        raise TypeError("use `add`")

    def __delitem__(self, name: str) -> None:
        bucket: Any = self._service._buckets[self._bucket]
        del bucket.objects[name]

    remove = __delitem__

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._service.objects(self._bucket)))

    def __len__(self) -> int:
        return len(self._service.objects(self._bucket))


class _Modified:
    """The Unix times of the objects' modifications in whole seconds, which tests can set."""

    def __init__(self, service: Oss | Obs, bucket: str) -> None:
        self._objects: Any = service._buckets[bucket].objects

    def __getitem__(self, name: str) -> int:
        return int(self._objects[name].last_modified)

    def __setitem__(self, name: str, seconds: int) -> None:
        self._objects[name] = replace(self._objects[name], last_modified=seconds)


class Stored:
    """A bucket of the sandbox.

    `calls` counts its requests by kind. `before` and `after` are called around each request with its kind and its
    object names.
    """

    def __init__(self, service: Oss | Obs, name: str) -> None:
        self.name = name
        self.service = service
        self.objects = _Objects(service, name)
        self.modified = _Modified(service, name)
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, Sequence[str]], None] = lambda *_: None
        self.after: Callable[[str, Sequence[str]], None] = lambda *_: None

    def add(self, new: StoredObject) -> None:
        """Store an object now, without a request; its headers can set the ETag, the type and the storage class."""
        stored: Any = self.service.put(self.name, new.name, new.body)
        if isinstance(self.service, Oss):
            headers = {name.lower(): value for name, value in new.headers.items()}
            kind, etag = headers.pop("x-oss-object-type", "Normal"), headers.pop("etag", stored.etag)
            storage_class = headers.pop("x-oss-storage-class", "Standard")
            tag_count = int(headers.pop("x-oss-tagging-count", "0"))
            bucket: Any = self.service._buckets[self.name]
            bucket.objects[new.name] = replace(
                stored, headers=headers, type=kind, etag=etag, storage_class=storage_class, tag_count=tag_count
            )

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.objects if name.startswith(prefix)]

    def fail(
        self, fault: Fault, kind: str = "", where: Callable[[str], bool] = lambda _: True, times: int | None = None
    ) -> None:
        """Add a fault to requests of a kind, by default of all kinds, for objects whose names `where` accepts."""

        def applies(request: Request) -> bool:
            target = RequestTarget.of(
                request.method, request.headers.get("host", ""), request.raw_path, request.raw_query, request.body
            )
            return target.bucket == self.name and kind in ("", target.kind) and any(map(where, target.names))

        self.service.faults.add(fault, times, applies)

    def heal(self) -> None:
        self.service.faults.clear()
