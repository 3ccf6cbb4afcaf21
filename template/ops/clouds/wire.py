"""One request to a cloud and its answer: no redirect is followed, and what failed on its way is tried again."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

from ops.clock import Clock
from ops.errors import OpsError
from ops.words import Text

# Nothing that is asked for here is larger: the largest object of a canary has some 60 MB.
_MAX_BODY = 128 * 1024 * 1024
_SECONDS = 60.0
_ATTEMPTS = 4
_AGAIN = (429, 500, 502, 503, 504)
_CODE = re.compile(rb'<Code>([A-Za-z0-9.]{1,80})</Code>|"(?:error_code|Code|code)" *: *"?([A-Za-z0-9.()]{1,80})"?')

_NO_ANSWER = Text("{} gives no answer: {}", "{} 无响应：{}")
_NETWORK = Text(
    "See that this machine reaches it, and run the command again", "请确认本机可以访问它，然后重新运行该命令"
)
_REFUSED = Text("{} refused {}: {} {} (request {})", "{} 拒绝了 {}：{} {}（请求 {}）")
_CLOCK = Text(
    "Set this machine's clock: a signature holds for a quarter of an hour", "请校准本机时钟：签名的有效期为十五分钟"
)
_RIGHTS = Text(
    "See that the keys have the rights: python3 policies/show.py --canary",
    "请确认密钥拥有所需权限：python3 policies/show.py --canary",
)


class Request(NamedTuple):
    """What is sent. `url` has its query; nothing in it is a secret, but `headers` are signed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Answer(NamedTuple):
    """What came back; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """What the cloud calls its refusal; empty where it says nothing, as to HEAD."""
        found = _CODE.search(self.body[:4096])
        return (found[1] or found[2]).decode() if found else ""

    def xml(self) -> ElementTree.Element:
        """The body as XML, without namespaces, which differ between regions."""
        root = ElementTree.fromstring(self.body)  # noqa: S314 (of the clouds, over TLS; expat limits entities)
        for one in root.iter():
            one.tag = one.tag.rpartition("}")[2]
        return root


class UnreachableError(OpsError):
    """A cloud gave no answer, so it is not known what it did."""


class RefusedError(OpsError):
    """A cloud answered that it does not do it. `status` and `code` are its own."""

    def __init__(self, request: Request, answer: Answer) -> None:
        self.status, self.code = answer.status, answer.code
        host = urlsplit(request.url).netloc
        number = next((answer.headers[one] for one in answer.headers if one.endswith("request-id")), "-")
        # Of a call that carries keys only these go out.
        super().__init__(
            _REFUSED.filled(host, request.method, answer.status, answer.code, number),
            _CLOCK if "Skew" in answer.code else _RIGHTS,
        )


def ask(
    clock: Clock, made: Callable[[], Request], fine: tuple[int, ...] = (200, 204, 206), attempts: int = _ATTEMPTS
) -> Answer:
    """Send what `made` makes, each time anew because the signature holds the time. Once only (`attempts`) what must not
    be done twice.

    Raises RefusedError for an answer that is not `fine`, and UnreachableError.
    """
    for attempt in range(attempts):
        is_last = attempt == attempts - 1
        request = made()
        try:
            answer = exchange(request)
        except (OSError, http.client.HTTPException) as error:
            if is_last:
                happened = _NO_ANSWER.filled(urlsplit(request.url).netloc, type(error).__name__)
                raise UnreachableError(happened, _NETWORK) from None
        else:
            if answer.status in fine:
                return answer
            if answer.status not in _AGAIN or is_last:
                raise RefusedError(request, answer)
        clock.sleep(2.0**attempt)
    raise AssertionError


def exchange(request: Request) -> Answer:
    """Send it, and read the whole answer. Raises OSError and http.client.HTTPException."""
    url = urlsplit(request.url)
    host, port = url.hostname or "", url.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=ssl.create_default_context())
        if url.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=_SECONDS)
    )
    target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    try:
        connection.request(request.method, target, request.body or None, dict(request.headers))
        response = connection.getresponse()
        body = response.read(_MAX_BODY)
    finally:
        connection.close()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
