"""One request to a cloud and its answer: no redirect is followed, and what failed on its way is tried again.

A proxy is used where HTTPS_PROXY names one, but for the hosts of NO_PROXY, and by a tunnel: TLS goes through to the
cloud, so no proxy sees a key. What the system's own settings say is not asked.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass
from xml.etree import ElementTree

from ops.clock import WallClock
from ops.errors import OpsError, UsageError
from oss_oms_sync.answers.text import Text, t

# Nothing that is asked for here is larger: the largest object of a canary has some 60 MB.
_MAX_BODY = 128 * 1024 * 1024
_SECONDS = 60.0
# How often a request is sent at most.
ATTEMPTS = 4
_STALE_ATTEMPTS, _STALE_SECONDS = 5, 2.0
_T = TypeVar("_T")
_FINE = (200, 201, 204)
# After such an answer the same request may succeed; of one that changes something it is unknown what it did.
AGAIN = (429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 307)
# In the codes with which the clouds refuse a key, its secret, or the machine's clock.
_WRONG_CLOCK, _WRONG_KEY = "Skew|TimeStamp", "Skew|TimeStamp|AccessKeyId|Signature|SecurityToken"
# What OMS itself says of a missing permission, by status 400 as all its codes; its gateway says so by 403.
_NO_PERMISSION = "OMS.0072"
_CODE = re.compile(rb'<Code>([A-Za-z0-9.]{1,80})</Code>|"(?:error_code|Code|code)" *: *"?([A-Za-z0-9.()]{1,80})"?')

# The host of a bucket's region, in the refusal of the endpoint of another one.
_ENDPOINT = re.compile(rb"<Endpoint>(?:https?://)?([a-z0-9.-]{1,200})</Endpoint>")
_DENIAL = re.compile(rb'[<"](AuthAction|NoPermissionType|PolicyType)(?:>|" *: *")([A-Za-z0-9:*]{1,80})')

_DIRECTLY = t(
    "See that this machine reaches it, or set HTTPS_PROXY where a proxy is needed; then run the command again"
)
_THROUGH = t(
    "It was asked through the proxy of HTTPS_PROXY, {value}: see that this one reaches it, or name the host in"
    " NO_PROXY; then run the command again"
)
_TRUST = t(
    "See that this machine's clock is right, and that it trusts who answers: a proxy that opens TLS has a certificate"
    " of its own, whose issuer SSL_CERT_FILE can name. Then run the command again"
)
_KEYS = t("See that access key and secret belong together, are of this cloud, and were not deleted")
_RIGHTS = t(
    "See that the keys may do this; what a canary needs: python3 policies/show.py --canary, and a migration: python3"
    " policies/show.py --migrate"
)
_LATER = t("Run the command again in some minutes")
_CORRECT = t("Correct the region or the bucket in s.yaml")
_CODE_SAYS = t(
    "Look up in the cloud's documentation what this answer means, or give its support the number of the request"
)


class Request(NamedTuple):
    """What is sent. `headers`, or the query of `url`, are signed: neither is ever shown."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Response(NamedTuple):
    """What came back; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """What the cloud calls its refusal; empty where it says nothing, as to HEAD."""
        match = _CODE.search(self.body[:4096])
        return (match[1] or match[2]).decode() if match else ""

    @property
    def denial(self) -> Denial:
        """What it says of a right that is missing."""
        found = dict(_DENIAL.findall(self.body[:4096]))
        return Denial(*(found.get(body, b"").decode() for body in (b"AuthAction", b"NoPermissionType", b"PolicyType")))

    @property
    def endpoint(self) -> str:
        """The host at which the bucket is, where a cloud refuses because that is another one; empty where it names
        none."""
        named = _ENDPOINT.search(self.body[:4096])
        return named[1].decode() if named else urlsplit(self.headers.get("location", "")).netloc

    def xml(self) -> ElementTree.Element:
        """The body as XML, without namespaces, which differ between regions. Raises UnreadableResponseError."""
        try:
            root = ElementTree.fromstring(self.body)  # noqa: S314 (of the clouds, over TLS; expat limits entities)
        except ElementTree.ParseError:
            raise UnreadableResponseError from None
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises UnreadableResponseError."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise UnreadableResponseError
        return found


class Denial(NamedTuple):
    """What a cloud says of a right that is missing, in its own words (help.aliyun.com/zh/ram/user-guide,
    "AccessDeniedDetail"): which, whether a policy forbids it or none allows it, and of what type that policy is. Empty
    where it says nothing."""

    action: str
    kind: str
    policy: str

    @property
    def ask(self) -> Text | None:
        """Whom to ask."""
        if self.kind == "ExplicitDeny":
            return t("A policy forbids {action}, whatever others allow: ask whoever wrote it", action=self.action)
        return t("Ask an administrator of this account for {action}", action=self.action) if self.action else None


class UnreadableResponseError(OpsError):
    """What was answered says nothing that is known."""

    def __init__(self) -> None:
        super().__init__(
            t("What came back is nothing that the cloud documents"),
            t("See that nothing else answers in its place, such as a page to log in at"),
        )


class UnreachableError(OpsError):
    """A cloud gave no answer, so it is not known what it did."""


class RefusedError(OpsError):
    """A cloud answered that it does not do it. `status` and `code` are its own. `is_denied`: a permission is missing;
    `is_elsewhere`: the bucket is in another region, at `endpoint` if the cloud names that."""

    def __init__(self, request: Request, answer: Response) -> None:
        self.status, self.code, self.denial = answer.status, answer.code, answer.denial
        self.endpoint = answer.endpoint
        self.is_elsewhere = answer.status in _REDIRECTS or bool(answer.endpoint)
        self.is_denied = _is_denied(answer) and not self.is_elsewhere
        happened = (
            t("{host} refused {action}: {status} {code}, {kind}, {policy} (request {number})")
            if answer.denial.action
            else t("{host} refused {method}: {status} {code} (request {number})")
        )
        super().__init__(
            # Of a call that carries keys only these go out.
            happened.filled(
                host=urlsplit(request.url).netloc,
                method=request.method,
                status=answer.status,
                code=answer.code,
                number=next(
                    (answer.headers[header] for header in answer.headers if header.endswith("request-id")), "-"
                ),
                **answer.denial._asdict(),
            ),
            _fix(answer),
        )


def ask(clock: WallClock, made: Callable[[], Request], attempts: int = ATTEMPTS, number: str = "") -> Response:
    """Send the request that `made` makes, made again for each attempt because its signature holds the time. A request
    that must not be repeated has one of its `attempts`. `number` is the header with the cloud's request id.

    Raises RefusedError and UnreachableError, and UnreadableResponseError if another service answered.
    """
    for attempt in range(attempts):
        is_last = attempt == attempts - 1
        request = made()
        try:
            answer = exchange(request)
        except (OSError, http.client.HTTPException) as error:
            if is_last or isinstance(error, ssl.SSLCertVerificationError):
                raise _unreachable(request, error) from None
        else:
            if number and number not in answer.headers and answer.status not in AGAIN:
                raise UnreadableResponseError
            if answer.status in _FINE:
                return answer
            if answer.status not in AGAIN or is_last:
                raise RefusedError(request, answer)
        clock.sleep(2.0**attempt)
    raise AssertionError


@contextlib.contextmanager
def refused(is_fine: Callable[[RefusedError], bool]) -> Iterator[None]:
    """What is done in it may be refused where that `is_fine`: what it is about is not there, or is as it is to be."""
    try:
        yield
    except RefusedError as error:
        if not is_fine(error):
            raise


def patiently(clock: WallClock, call: Callable[[], _T], absent: Callable[[RefusedError], bool]) -> _T:
    """What `call` returns, about something that was just made: for some seconds a cloud may not see it yet, and refuses
    with what is `absent` of such errors."""
    for _ in range(_STALE_ATTEMPTS):
        with refused(absent):
            return call()
        clock.sleep(_STALE_SECONDS)
    return call()


def exchange(request: Request) -> Response:
    """Send it, and read the whole answer. Raises OSError and http.client.HTTPException."""
    url = urlsplit(request.url)
    connection = _connection(url)
    target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    try:
        connection.request(request.method, target, request.body or None, dict(request.headers))
        response = connection.getresponse()
        body = response.read(_MAX_BODY)
        # It does not say so by itself.
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
    finally:
        connection.close()
    return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _is_denied(answer: Response) -> bool:
    """Return True for a missing permission, of whichever cloud and service; a wrong key or clock is none."""
    code = answer.code
    return code == _NO_PERMISSION or (answer.status == 403 and not re.search(_WRONG_KEY, code))


def _fix(answer: Response) -> Text:
    """What to do about a refusal, by how the clouds call it."""
    code = answer.code
    if answer.status in _REDIRECTS or answer.endpoint:
        return _CORRECT
    if re.search(_WRONG_CLOCK, code):
        return t("Set this machine's clock: a signature holds for a quarter of an hour")
    if answer.status == 401 or re.search(_WRONG_KEY, code):
        return _KEYS
    if code.startswith("LimitExceeded") or code == "PAP5.0003":
        return t("A limit of the account is reached: delete what nobody needs, or ask the cloud for more")
    if _is_denied(answer):
        return answer.denial.ask or _RIGHTS
    return _LATER if answer.status in AGAIN else _CODE_SAYS


def _connection(url: SplitResult) -> http.client.HTTPConnection:
    host, port = url.hostname or "", url.port
    if url.scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    context, proxy = ssl.create_default_context(), _proxy(url)
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
    connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or 80, timeout=_SECONDS, context=context)
    known = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
    basic = {"Proxy-Authorization": f"Basic {base64.b64encode(known.encode()).decode()}"} if proxy.username else {}
    connection.set_tunnel(host, port or 443, basic)
    return connection


def _proxy(url: SplitResult) -> SplitResult | None:
    """The proxy for this address, of which only the sandbox's are not https; None if it is reached directly.

    Raises UsageError, without what was given, which may hold a password.
    """
    given = getproxies_environment().get("https", "") if url.scheme == "https" else ""
    # It asks the environment alone where that names a proxy.
    if not given or proxy_bypass(url.hostname or ""):
        return None
    try:
        proxy = urlsplit(given if "://" in given else f"http://{given}")
        is_usable = proxy.scheme == "http" and bool(proxy.hostname) and proxy.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(t("HTTPS_PROXY names no proxy that can be used"), t("Give it as http://host:port"))
    return proxy


def _unreachable(request: Request, error: Exception) -> UnreachableError:
    url = urlsplit(request.url)
    proxy = _proxy(url)
    why = str(error) if isinstance(error, OSError) else ""
    happened = t("{host} gives no answer: {error}", host=url.netloc, error=why or type(error).__name__)
    through = _THROUGH.filled(value=f"{proxy.hostname}:{proxy.port or 80}") if proxy else _DIRECTLY
    return UnreachableError(happened, _TRUST if isinstance(error, ssl.SSLCertVerificationError) else through)
