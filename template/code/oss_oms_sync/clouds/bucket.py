"""Read access to a bucket of either cloud, reading listings a page ahead; `oss` and `obs` make the calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from oss_oms_sync.clouds.calls import Attempt, Calls, PendingCall
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary, require_success
from oss_oms_sync.errors import StorageError

if TYPE_CHECKING:
    from oss_oms_sync.clouds.listings import UnreadPage

T = TypeVar("T")

# Both clouds: "at most 1000" objects per page of a listing; OSS also per multi-delete.
PAGE_SIZE = 1000
_PART_BYTES = 8 * 1024 * 1024
# Error codes of an object that was replaced or deleted while its contents were read.
CHANGED_CODES = ("PreconditionFailed", "NoSuchKey")


class Bucket(ABC):
    """A bucket, with the deadline of an invocation.

    A method whose name begins with `try_` returns its failures; all others raise the first one as StorageError.
    """

    def __init__(self, name: str, calls: Calls, longest_name: int) -> None:
        """Create the bucket; no object can have a name of more than `longest_name` bytes."""
        self.name = name
        self._calls = calls
        self._longest_name = longest_name

    def list_page(self, prefix: str, after: str) -> ListPage:
        """List objects with names that begin with `prefix` and follow `after`. The last page is empty.

        Raises StorageError, also if the names are out of order.
        """
        return self._list(prefix, after, PAGE_SIZE)

    def first_name(self, prefix: str, after: str) -> str:
        """Return the first name that begins with `prefix` and follows `after`; empty without such a name.

        It is much faster than a page.

        Raises StorageError.
        """
        return next(iter(self._list(prefix, after, 1).columns.names), "")

    def try_find_all(self, names: Sequence[str]) -> list[ObjectSummary | StorageError | None]:
        """Return the listing's entry of each of these objects; None for a missing object.

        An object whose name is too long is missing: OSS refuses to list it.
        """
        possible = [name for name in names if len(name.encode()) <= self._longest_name]
        pages = self._calls.run([self._list_call(name, "", 1) for name in possible])
        summaries = dict(zip(possible, map(self._find_in_page, possible, pages), strict=True))
        return [summaries.get(name) for name in names]

    def find_all(self, names: Sequence[str]) -> list[ObjectSummary | None]:
        """Return the listing's entry of each of these objects; None for a missing object.

        Raises StorageError.
        """
        return require_success(self.try_find_all(names))

    @contextmanager
    def pages(self, prefix: str, after: str = "") -> Iterator[Iterator[ListPage]]:
        """Iterate over all pages of the listing after `after`, read one page ahead.

        The first page is requested at once; a page still pending at the end is abandoned. Iterating raises
        StorageError, also if the names are not in ascending order.
        """
        ahead = [self._begin_page(prefix, after)]
        try:
            yield self._pages(prefix, after, ahead)
        finally:
            for page in ahead:
                page.leave()

    def _pages(self, prefix: str, after: str, ahead: list[PendingCall[UnreadPage]]) -> Iterator[ListPage]:
        """Request the next page before this page is parsed; at most one page is pending, in `ahead`."""
        while ahead:
            unread = ahead.pop().result()
            if guess := unread.guess_next():
                ahead.append(self._begin_page(prefix, guess))
            page = self._read_page(unread, prefix, after)
            after = page.columns.names[-1] if page.more else ""
            if after != guess:
                for wrong in ahead:
                    wrong.leave()
                ahead[:] = [self._begin_page(prefix, after)] if after else []
            yield page

    def _begin_page(self, prefix: str, after: str) -> PendingCall[UnreadPage]:
        return self._calls.begin(self._ask_call(prefix, after, PAGE_SIZE))

    def _read_page(self, unread: UnreadPage, prefix: str, after: str) -> ListPage:
        """Parse a pending page; request it again if it is no listing, or is empty although more names follow."""
        from oss_oms_sync.clouds.listings import NotAListing

        with suppress(NotAListing):
            page = unread.read()
            if page.columns.names or not page.more:
                return self.checked(page, after)
        return self.list_page(prefix, after)

    def checked(self, page: ListPage, after: str) -> ListPage:
        """Return the page if it is a valid continuation after the name `after`.

        Raises StorageError otherwise.
        """
        # Imported here, because forward lists nothing.
        from oss_oms_sync.clouds.listings import can_follow

        if not can_follow(page, after):
            raise self._disorder(after)
        return page

    def iter_objects(self, prefix: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects whose names begin with `prefix`, in order.

        Raises StorageError.
        """
        with self.pages(prefix) as pages:
            for page in pages:
                yield from page.objects

    def iter_folder(self, folder: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects whose names begin with `folder`, a prefix that ends with "/".

        The folder marker, an empty object that consoles create, is left out.

        Raises StorageError.
        """
        return (stored for stored in self.iter_objects(folder) if stored.name != folder)

    def iter_contents(self, listed: ObjectSummary) -> Iterator[bytes]:
        """Read the contents of an object in this version, part by part.

        Each part is requested while its reader works on the part before.

        Raises StorageError, with a code in CHANGED_CODES if the version was replaced or deleted.
        """

        def begin(start: int) -> PendingCall[bytes]:
            return self._calls.begin(self._part_call(listed, start, min(start + _PART_BYTES, listed.size)))

        starts = range(0, listed.size, _PART_BYTES)
        ahead = [begin(start) for start in starts[:1]]
        try:
            for start in starts:
                part = ahead.pop()
                if start + _PART_BYTES < listed.size:
                    ahead.append(begin(start + _PART_BYTES))
                yield part.result()
        finally:
            for part in ahead:
                part.leave()

    @abstractmethod
    def _list_call(self, prefix: str, after: str, size: int) -> Callable[[], Attempt[ListPage | StorageError]]:
        """Return the call for the first `size` objects."""

    @abstractmethod
    def _ask_call(self, prefix: str, after: str, size: int) -> Callable[[], Attempt[UnreadPage | StorageError]]:
        """Return the call for the first `size` objects, as a page that the caller parses."""

    @abstractmethod
    def _part_call(self, listed: ObjectSummary, start: int, end: int) -> Callable[[], Attempt[bytes | StorageError]]:
        """Return the call for the bytes from `start` up to `end` of an object in this version."""

    @abstractmethod
    def _disorder(self, after: str) -> StorageError:
        """Return the error for a page that cannot follow `after`."""

    def _find_in_page(self, name: str, page: ListPage | StorageError) -> ObjectSummary | StorageError | None:
        if isinstance(page, StorageError):
            return page
        # An object precedes all other objects whose names begin with its name.
        return next((stored for stored in self.checked(page, "").objects if stored.name == name), None)

    def _list(self, prefix: str, after: str, size: int) -> ListPage:
        return self.checked(self._run(self._list_call(prefix, after, size)), after)

    def _run(self, attempt: Callable[[], Attempt[T | StorageError]]) -> T:
        """Make one call. Raises StorageError."""
        (result,) = require_success(self._calls.run([attempt]))
        return result


def none_if_missing(result: T | StorageError) -> T | None:
    """Return the result of a call; None if the call failed because the object does not exist.

    Raises StorageError for any other failure.
    """
    if not isinstance(result, StorageError):
        return result
    if result.code == "NoSuchKey":
        return None
    raise result
