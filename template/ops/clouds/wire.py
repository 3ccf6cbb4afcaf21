"""Requests to the clouds over HTTP: redirects are not followed, and failed requests are repeated.

If HTTPS_PROXY names a proxy, requests pass through it, except to the hosts of NO_PROXY. The TLS connection ends at the
cloud, so that a proxy cannot read access keys. The proxy settings of the operating system are ignored.
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

# Maximum bytes of a response; the largest object of a canary has about 60 MB.
_MAX_BODY_BYTES = 128 * 1024 * 1024
_TIMEOUT_SECONDS = 60.0
# Maximum number of attempts of a request.
MAX_ATTEMPTS = 4
_STALE_ATTEMPTS, _STALE_SECONDS = 5, 2.0
_T = TypeVar("_T")
_SUCCESS_STATUSES = (200, 201, 204)
# HTTP statuses after which the same request may succeed; it is unknown if the request took effect.
RETRIED_STATUSES = (429, 500, 502, 503, 504)
_REDIRECT_STATUSES = (301, 302, 307)
# Parts of the clouds' error codes for a wrong clock, or for a wrong clock, key or secret.
_CLOCK_CODES, _KEY_CODES = "Skew|TimeStamp", "Skew|TimeStamp|AccessKeyId|Signature|SecurityToken"
# OMS's error code for a missing permission, which has status 400 like all its codes; OMS's gateway answers 403.
_PERMISSION_CODE = "OMS.0072"
_CODE_PATTERN = re.compile(
    rb'<Code>([A-Za-z0-9.]{1,80})</Code>|"(?:error_code|Code|code)" *: *"?([A-Za-z0-9.()]{1,80})"?'
)

# The right endpoint, in the refusal of an endpoint of another region.
_ENDPOINT_PATTERN = re.compile(rb"<Endpoint>(?:https?://)?([a-z0-9.-]{1,200})</Endpoint>")
_DENIAL_PATTERN = re.compile(rb'[<"](AuthAction|NoPermissionType|PolicyType)(?:>|" *: *")([A-Za-z0-9:*]{1,80})')

_DIRECT_STEP = t(
    "Check that this machine reaches the host; set HTTPS_PROXY if a proxy is needed. Then run the command again"
)
_PROXY_STEP = t(
    "The request used the proxy {value} (HTTPS_PROXY): check that the proxy reaches the host, or add the"
    " host to NO_PROXY. Then run the command again"
)
_TRUST_STEP = t(
    "Check that this machine's clock is correct, and that this machine trusts the host's certificate. If"
    " a proxy decrypts TLS, set SSL_CERT_FILE to the file of the proxy's CA certificate. Then run the"
    " command again"
)
_KEY_STEP = t(
    "Check that the access key and the secret match and belong to this cloud, and that the key was not deleted"
)
_PERMISSION_STEP = t(
    "Check the permissions of the access keys. To list the required permissions for a canary: python3"
    " policies/show.py --canary; for a migration: python3 policies/show.py --migrate"
)
_LATER_STEP = t("Run the command again in a few minutes")
_REGION_STEP = t("Correct the region or the bucket in s.yaml")
_CODE_STEP = t("Look up this response in the cloud's documentation, or give the request number to the cloud's support")


class Request(NamedTuple):
    """A request to a cloud, which is never printed: its headers, or the query of its URL, contain the signature."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Response(NamedTuple):
    """A response of the cloud at `host`; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str = ""

    @property
    def code(self) -> str:
        """The cloud's error code, or "" for a response without a code, such as the answer to a HEAD."""
        match = _CODE_PATTERN.search(self.body[:4096])
        return (match[1] or match[2]).decode() if match else ""

    @property
    def denial(self) -> Denial:
        """The cloud's details of a missing permission. All fields are empty if the response has no details."""
        details = dict(_DENIAL_PATTERN.findall(self.body[:4096]))
        return Denial(
            *(details.get(name, b"").decode() for name in (b"AuthAction", b"NoPermissionType", b"PolicyType"))
        )

    @property
    def endpoint(self) -> str:
        """The host of the bucket's actual region, if the cloud refused the request for another region; otherwise ""."""
        match = _ENDPOINT_PATTERN.search(self.body[:4096])
        return match[1].decode() if match else urlsplit(self.headers.get("location", "")).netloc

    def xml(self) -> ElementTree.Element:
        """Parse the body as XML, and drop namespaces, which differ between regions.

        Raises UnreadableResponseError.
        """
        try:
            root = ElementTree.fromstring(self.body)  # noqa: S314 (of the clouds, over TLS; expat limits entities)
        except ElementTree.ParseError:
            raise UnreadableResponseError(self.host) from None
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def json(self) -> dict[str, Any]:
        try:
            fields = json.loads(self.body)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise UnreadableResponseError(self.host)
        return fields


class Denial(NamedTuple):
    """A cloud's details of a missing permission (help.aliyun.com/zh/ram/user-guide).

    RAM's "AccessDeniedDetail" names the action, the kind of denial (a policy denies the action, or no policy allows
    it), and the type of that policy. A field is empty if the response lacks it.
    """

    action: str
    kind: str
    policy: str

    @property
    def advice(self) -> Text | None:
        """The sentence that says whom to ask for the permission, or None if the cloud gave no details."""
        if self.kind == "ExplicitDeny":
            return t(
                "A policy explicitly denies {action}, which overrides every grant: ask the policy's author"
                " to change the policy",
                action=self.action,
            )
        return (
            t("Ask an administrator of this account for the permission {action}", action=self.action)
            if self.action
            else None
        )


class UnreadableResponseError(OpsError):
    """The error of a response whose form is unknown; `host` is empty if the reader of the response does not know it."""

    def __init__(self, host: str = "") -> None:
        super().__init__(
            t("The response of {host} does not have the documented format", host=host)
            if host
            else t("A cloud's response does not have the documented format"),
            t("Make sure that no other service, such as a login page, answers in the cloud's place"),
        )


class UnreachableError(OpsError):
    """The error of a request without a response. It is unknown if the cloud has executed the request."""


class RefusedError(OpsError):
    """The error of a request that a cloud refused.

    - `code` is the cloud's error code.
    - `is_denied` is True if a permission is missing.
    - `is_elsewhere` is True if the bucket is in another region; `endpoint` is the host of that region, if the cloud
      names it.
    """

    def __init__(self, request: Request, response: Response) -> None:
        self.status, self.code, self.denial = response.status, response.code, response.denial
        self.endpoint = response.endpoint
        self.is_elsewhere = response.status in _REDIRECT_STATUSES or bool(response.endpoint)
        self.is_denied = _is_denied(response) and not self.is_elsewhere
        problem = (
            t("{host} refused {action}: {status} {code}, {kind}, {policy} (request {number})")
            if response.denial.action
            else t("{host} refused {method}: {status} {code} (request {number})")
        )
        super().__init__(
            # A request contains access keys, so that only these parts of it are printed.
            problem.filled(
                host=urlsplit(request.url).netloc,
                method=request.method,
                status=response.status,
                code=response.code,
                number=next(
                    (response.headers[header] for header in response.headers if header.endswith("request-id")), "-"
                ),
                **response.denial._asdict(),
            ),
            _find_remedy(response),
        )


def send_request(
    clock: WallClock, make_request: Callable[[], Request], attempts: int = MAX_ATTEMPTS, request_id_header: str = ""
) -> Response:
    """Send a request, repeat it after failures, and return the response.

    `make_request` makes a new request for each attempt, because the signature contains the time. For a request that
    must not be repeated, `attempts` is 1.

    Raises RefusedError and UnreachableError, and UnreadableResponseError if another service answered.
    """
    for attempt in range(attempts):
        is_last = attempt == attempts - 1
        request = make_request()
        try:
            response = exchange(request)
        except (OSError, http.client.HTTPException) as error:
            if is_last or isinstance(error, ssl.SSLCertVerificationError):
                raise _unreachable_error(request, error) from None
        else:
            if (
                request_id_header
                and request_id_header not in response.headers
                and response.status not in RETRIED_STATUSES
            ):
                raise UnreadableResponseError(response.host)
            if response.status in _SUCCESS_STATUSES:
                return response
            if response.status not in RETRIED_STATUSES or is_last:
                raise RefusedError(request, response)
        clock.sleep(2.0**attempt)
    raise AssertionError


@contextlib.contextmanager
def suppress_refusal(is_harmless: Callable[[RefusedError], bool]) -> Iterator[None]:
    """Suppress a refusal for which `is_harmless` returns True, for example if a resource to delete is missing."""
    try:
        yield
    except RefusedError as error:
        if not is_harmless(error):
            raise


def retry_while_absent(clock: WallClock, call: Callable[[], _T], is_absent: Callable[[RefusedError], bool]) -> _T:
    """Return the result of `call`, repeated while the cloud does not see a new resource yet.

    `is_absent` returns True if the cloud refused the call because the resource is missing.
    """
    for _ in range(_STALE_ATTEMPTS):
        with suppress_refusal(is_absent):
            return call()
        clock.sleep(_STALE_SECONDS)
    return call()


def exchange(request: Request) -> Response:
    """Send a request, and read the whole response. Raises OSError and http.client.HTTPException."""
    url = urlsplit(request.url)
    connection = _open_connection(url)
    request_target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    try:
        connection.request(request.method, request_target, request.body or None, dict(request.headers))
        response = connection.getresponse()
        body = response.read(_MAX_BODY_BYTES)
        # http.client does not report a body that is shorter than announced.
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
    finally:
        connection.close()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, headers, body, url.netloc)


def _is_denied(response: Response) -> bool:
    """Return True if a permission is missing, in either cloud; return False for a wrong key or clock."""
    code = response.code
    return code == _PERMISSION_CODE or (response.status == 403 and not re.search(_KEY_CODES, code))


def _find_remedy(response: Response) -> Text:
    code = response.code
    if response.status in _REDIRECT_STATUSES or response.endpoint:
        return _REGION_STEP
    if re.search(_CLOCK_CODES, code):
        return t("Correct this machine's clock: a signature is valid for 15 minutes")
    if response.status == 401 or re.search(_KEY_CODES, code):
        return _KEY_STEP
    if code.startswith("LimitExceeded") or code == "PAP5.0003":
        return t("A quota of the account is exhausted: delete unused resources, or request a larger quota")
    if _is_denied(response):
        return response.denial.advice or _PERMISSION_STEP
    return _LATER_STEP if response.status in RETRIED_STATUSES else _CODE_STEP


def _open_connection(url: SplitResult) -> http.client.HTTPConnection:
    host, port = url.hostname or "", url.port
    if url.scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    context, proxy = ssl.create_default_context(), _find_proxy(url)
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)
    connection = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port or 80, timeout=_TIMEOUT_SECONDS, context=context
    )
    credentials = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
    proxy_headers = (
        {"Proxy-Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"} if proxy.username else {}
    )
    connection.set_tunnel(host, port or 443, proxy_headers)
    return connection


def _find_proxy(url: SplitResult) -> SplitResult | None:
    """Return the proxy for an address, or None if the address has no proxy.

    An address without TLS, such as that of the sandbox, never has a proxy. Raises UsageError without the value of the
    variable, which may contain a password.
    """
    address = getproxies_environment().get("https", "") if url.scheme == "https" else ""
    # proxy_bypass reads NO_PROXY only if the environment names a proxy.
    if not address or proxy_bypass(url.hostname or ""):
        return None
    try:
        proxy = urlsplit(address if "://" in address else f"http://{address}")
        is_usable = proxy.scheme == "http" and bool(proxy.hostname) and proxy.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(t("HTTPS_PROXY does not name a usable proxy"), t("Write the proxy as http://host:port"))
    return proxy


def _unreachable_error(request: Request, error: Exception) -> UnreachableError:
    url = urlsplit(request.url)
    proxy = _find_proxy(url)
    reason = str(error) if isinstance(error, OSError) else ""
    problem = t("{host} does not respond: {error}", host=url.netloc, error=reason or type(error).__name__)
    step = _PROXY_STEP.filled(value=f"{proxy.hostname}:{proxy.port or 80}") if proxy else _DIRECT_STEP
    return UnreachableError(problem, _TRUST_STEP if isinstance(error, ssl.SSLCertVerificationError) else step)
