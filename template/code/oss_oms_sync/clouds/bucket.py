"""Read access to a bucket of either cloud; the subclasses in the modules `oss` and `obs` make the calls.

While the caller works on a page of a listing, the next page is already requested.
"""

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

# Both clouds return at most 1000 objects per page of a listing; OSS also deletes at most 1000 objects per call.
PAGE_SIZE = 1000
_PART_BYTES = 8 * 1024 * 1024
# Error codes of an object that was replaced or deleted while its contents were read.
CHANGED_CODES = ("PreconditionFailed", "NoSuchKey")


class Bucket(ABC):
    """A bucket of either cloud, whose calls end by the deadline of an invocation.

    A method whose name begins with `try_` returns the errors of its calls; every other method raises the first error, a
    StorageError.
    """

    def __init__(self, name: str, calls: Calls, max_name_bytes: int) -> None:
        self.name = name
        self._calls = calls
        self._max_name_bytes = max_name_bytes

    def list_page(self, prefix: str, after_name: str) -> ListPage:
        """Return the first page of the objects whose names begin with `prefix` and follow `after_name`.

        The page is empty if there are no such objects. Raises StorageError, also for a page whose names are not in
        ascending order.
        """
        return self._list_objects(prefix, after_name, PAGE_SIZE)

    def find_first_name(self, prefix: str, after_name: str) -> str:
        """Return the first name that begins with `prefix` and follows `after_name`, or "" if there is no such name.

        This call is much faster than the request for a whole page. Raises StorageError.
        """
        return next(iter(self._list_objects(prefix, after_name, 1).columns.names), "")

    def try_find_all(self, names: Sequence[str]) -> list[ObjectSummary | StorageError | None]:
        """Return the listing entry of each object, in the order of `names`; None if the bucket lacks the object.

        An object whose name exceeds the cloud's limit counts as missing, because OSS refuses to list it.
        """
        valid_names = [name for name in names if len(name.encode()) <= self._max_name_bytes]
        pages = self._calls.run([self._make_list_call(name, "", 1) for name in valid_names])
        summaries = dict(zip(valid_names, map(self._find_in_page, valid_names, pages), strict=True))
        return [summaries.get(name) for name in names]

    def find_all(self, names: Sequence[str]) -> list[ObjectSummary | None]:
        return require_success(self.try_find_all(names))

    @contextmanager
    def pages(self, prefix: str, after_name: str = "") -> Iterator[Iterator[ListPage]]:
        """Return a context with an iterator over all pages of the listing after the name `after_name`.

        Each page is requested while the caller works on the previous page. The iteration raises StorageError, also for
        a page whose names are not in ascending order.
        """
        pending_pages = [self._begin_page(prefix, after_name)]
        try:
            yield self._iter_pages(prefix, after_name, pending_pages)
        finally:
            for page in pending_pages:
                page.abandon()

    def _iter_pages(
        self, prefix: str, after_name: str, pending_pages: list[PendingCall[UnreadPage]]
    ) -> Iterator[ListPage]:
        """Yield all pages, and request the next page before parsing the current page.

        `pending_pages` has the page that was requested but not read yet, so that the caller can abandon the request.
        """
        while pending_pages:
            unread_page = pending_pages.pop().result()
            if guessed_name := unread_page.guess_next():
                pending_pages.append(self._begin_page(prefix, guessed_name))
            page = self._read_page(unread_page, prefix, after_name)
            after_name = page.columns.names[-1] if page.has_more else ""
            if after_name != guessed_name:
                for pending_page in pending_pages:
                    pending_page.abandon()
                pending_pages[:] = [self._begin_page(prefix, after_name)] if after_name else []
            yield page

    def _begin_page(self, prefix: str, after_name: str) -> PendingCall[UnreadPage]:
        return self._calls.begin(self._make_unread_page_call(prefix, after_name, PAGE_SIZE))

    def _read_page(self, unread_page: UnreadPage, prefix: str, after_name: str) -> ListPage:
        """Parse a received page, or request it again if it is not a listing.

        It is also requested again if it has no names although more names follow.
        """
        from oss_oms_sync.clouds.listings import NotAListing

        with suppress(NotAListing):
            page = unread_page.read()
            if page.columns.names or not page.has_more:
                return self.check_page(page, after_name)
        return self.list_page(prefix, after_name)

    def check_page(self, page: ListPage, after_name: str) -> ListPage:
        """Return `page` if its names follow `after_name` in ascending order.

        Raises StorageError if they do not, or if the page has no names although another page follows.
        """
        # This import is local because forward lists nothing, and a cold start compiles every imported module.
        from oss_oms_sync.clouds.listings import can_follow

        if not can_follow(page, after_name):
            raise self._make_order_error(after_name)
        return page

    def iter_objects(self, prefix: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects whose names begin with `prefix`, in the order of their names.

        Raises StorageError.
        """
        with self.pages(prefix) as pages:
            for page in pages:
                yield from page.objects

    def iter_folder(self, folder: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects in `folder`, a prefix that ends with "/".

        Consoles mark a folder by an empty object with the folder's name; this object is left out. Raises StorageError.
        """
        return (listed_object for listed_object in self.iter_objects(folder) if listed_object.name != folder)

    def iter_contents(self, listed_object: ObjectSummary) -> Iterator[bytes]:
        """Read the contents of an object in parts of 8 MiB, and request the next part while the caller works on a part.

        Raises StorageError. Its code is one of CHANGED_CODES if the object was replaced or deleted after it was listed.
        """

        def begin_part(start: int) -> PendingCall[bytes]:
            return self._calls.begin(
                self._make_part_call(listed_object, start, min(start + _PART_BYTES, listed_object.size))
            )

        starts = range(0, listed_object.size, _PART_BYTES)
        pending_parts = [begin_part(start) for start in starts[:1]]
        try:
            for start in starts:
                part = pending_parts.pop()
                if start + _PART_BYTES < listed_object.size:
                    pending_parts.append(begin_part(start + _PART_BYTES))
                yield part.result()
        finally:
            for part in pending_parts:
                part.abandon()

    @abstractmethod
    def _make_list_call(
        self, prefix: str, after_name: str, size: int
    ) -> Callable[[], Attempt[ListPage | StorageError]]:
        """Return a function that requests and parses the first `size` objects after `after_name`."""

    @abstractmethod
    def _make_unread_page_call(
        self, prefix: str, after_name: str, size: int
    ) -> Callable[[], Attempt[UnreadPage | StorageError]]:
        """Return a function that requests the first `size` objects after `after_name`; the caller parses the page."""

    @abstractmethod
    def _make_part_call(
        self, listed_object: ObjectSummary, start: int, end: int
    ) -> Callable[[], Attempt[bytes | StorageError]]:
        """Return a function that reads the bytes from `start` to before `end` of an object's listed version."""

    @abstractmethod
    def _make_order_error(self, after_name: str) -> StorageError:
        """Return the error for a page whose names do not follow `after_name` in ascending order."""

    def _find_in_page(self, name: str, page: ListPage | StorageError) -> ObjectSummary | StorageError | None:
        if isinstance(page, StorageError):
            return page
        # An object precedes all other objects whose names begin with its name.
        return next(
            (listed_object for listed_object in self.check_page(page, "").objects if listed_object.name == name), None
        )

    def _list_objects(self, prefix: str, after_name: str, size: int) -> ListPage:
        return self.check_page(self._run_call(self._make_list_call(prefix, after_name, size)), after_name)

    def _run_call(self, attempt: Callable[[], Attempt[T | StorageError]]) -> T:
        (result,) = require_success(self._calls.run([attempt]))
        return result


def none_if_missing(result: T | StorageError) -> T | None:
    """Return the result of a call, or None if the call failed because the object does not exist.

    Raises the error of any other failure.
    """
    if not isinstance(result, StorageError):
        return result
    if result.code == "NoSuchKey":
        return None
    raise result
