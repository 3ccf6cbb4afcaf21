"""Requests to the services of the sandbox, and their responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from urllib.parse import unquote_plus

_unquote = lru_cache(10_000)(unquote_plus)


@dataclass(frozen=True, eq=False)
class Request:
    """A request with its path and query as sent, because signatures cover them in this form.

    - `headers` have names in lower case; `connection` is the number of the connection.
    - `time` is the time of arrival by the service's clock, in Unix time.

    Each request equals only itself, so that functions can cache values by request.
    """

    method: str
    raw_path: str
    raw_query: str
    raw_headers: tuple[tuple[str, bytes], ...]
    body: bytes
    connection: int
    time: float

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers by name in lower case; of a repeated header only the last value is kept."""
        return {name: value.strip().decode("utf-8", "surrogateescape") for name, value in self.raw_headers}

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        pairs = (part.partition("=") for part in self.raw_query.split("&") if part)
        return [(_unquote(name), _unquote(value)) for name, _, value in pairs]

    @cached_property
    def params(self) -> dict[str, str]:
        return dict(self.query)


@dataclass(frozen=True)
class Response:
    """A response of a service; `Service.handle` adds the header Date."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def parse_http_date(text: str) -> float:
    """Return an HTTP date as Unix time; raise ValueError if it is malformed or has no time zone."""
    date = parsedate_to_datetime(text)
    if date.tzinfo is None:
        raise ValueError(text)
    return date.timestamp()
