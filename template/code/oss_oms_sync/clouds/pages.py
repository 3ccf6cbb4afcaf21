"""Reading a listing one page ahead."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from oss_oms_sync.clouds.listings import NotAListing
from oss_oms_sync.clouds.objects import ListPage


class UnreadPage(Protocol):
    """The body of a page, not yet parsed."""

    def guess_next(self) -> str:
        """The name after which the next page begins, by a look at the end of this one; empty where there seems to be
        no next page, or a look does not tell. Parsing decides whether it was right."""

    def read(self) -> tuple[ListPage, str]:
        """The page, and a token that its cloud may have for the next one.

        Raises NotAListing.
        """


class PageAhead(Protocol):
    """A page that was asked for."""

    def result(self) -> UnreadPage:
        """Waits for it. Raises StorageError."""

    def leave(self) -> object:
        """Nobody will ask for the result, and the call is to end."""


class Pages:
    """The pages of a listing in order. The next is asked for before this one is parsed, and never more than that.

    A context manager: at its end the page that is on its way is left.
    """

    def __init__(
        self,
        after: str,
        ask: Callable[[str], PageAhead],
        list_page: Callable[[str], ListPage],
        check: Callable[[ListPage, str], None],
    ) -> None:
        """`ask` begins to ask for the page after a name. `list_page` waits for it, and tries again where the answer is
        not a listing. `check` raises StorageError for a page that cannot follow a name."""
        self._check = check
        self._after = after
        self._ask = ask
        self._list_page = list_page
        self._ahead: PageAhead | None = ask(after)

    def __enter__(self) -> Pages:  # noqa: PYI034  Self is not in Python 3.10
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._go_on_after("")

    def __iter__(self) -> Pages:
        return self

    def __next__(self) -> ListPage:
        """Raises StorageError, also where the names do not rise."""
        if not self._ahead:
            raise StopIteration
        unread = self._ahead.result()
        guess = unread.guess_next()
        self._ahead = self._ask(guess) if guess else None
        page = self._read(unread)
        self._after = page.objects[-1].name if page.more else ""
        if self._after != guess:
            self._go_on_after(self._after)
        return page

    def _read(self, unread: UnreadPage) -> ListPage:
        try:
            page, _ = unread.read()
        except NotAListing:
            return self._list_page(self._after)
        if page.more and not page.objects:
            return self._list_page(self._after)
        self._check(page, self._after)
        return page

    def _go_on_after(self, name: str) -> None:
        """Asks for the page after `name`, if there is one, in place of the page that is on its way."""
        if self._ahead:
            self._ahead.leave()
        self._ahead = self._ask(name) if name else None
