"""The path to both clouds: names, connections, TLS, and the clock that signatures depend on."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import requests

from oss_oms_sync.clouds.clocks import date_at
from oss_oms_sync.clouds.connection import tls_context
from oss_oms_sync.errors import presentable
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level
from oss_oms_sync.reasons import Reason

_CONNECT_SECONDS = 5.0
# How long one attempt may take, including what the connection's timeouts do not limit.
_ATTEMPT_SECONDS = 15.0
# Huawei Cloud refuses signatures that are off by more than 15 minutes, and so does OSS.
_WARNING_SKEW, _FAULT_SKEW = timedelta(minutes=2), timedelta(minutes=14)


def oms_connection(context: CheckContext) -> Finding:
    return connect_in_time(context, context.settings.task.url, "SYNC_URL")


def oss_connection(context: CheckContext) -> Finding:
    return connect_in_time(context, context.settings.oss_endpoint, "OSS_ENDPOINT")


def clock(context: CheckContext) -> Finding:
    """Compare the clock with the Date headers of both clouds' responses to an unsigned request, which they refuse."""
    urls = {"OMS": context.settings.task.url, "OSS": context.settings.oss_endpoint}
    skews = {}
    for name, url in urls.items():
        if date := date_at(url, context.invocation.clock, context.pool):
            skews[name] = abs(date - context.invocation.clock.now())
    if not skews:
        # Not UNKNOWN: a cloud that accepts a signature proves that the clock is right, and later checks try that.
        return Finding(Level.WARNING, "neither OMS nor OSS told its time", "See what the checks of OMS and OSS say")
    return judge_skew(skews)


def judge_skew(skews: Mapping[str, timedelta]) -> Finding:
    """How far the clock is off those of the clouds that are named."""
    seen = ", ".join(f"{skew.total_seconds():.0f} s off {name}'s clock" for name, skew in skews.items())
    worst = max(skews.values())
    if worst <= _WARNING_SKEW:
        return Finding(Level.OK, seen)
    return Finding(Level.FAULT if worst > _FAULT_SKEW else Level.WARNING, seen, Reason.CLOCK.fix.en)


def fix_unreachable(setting: str) -> str:
    """What to do if nothing answers at the address in `setting`."""
    return f"Check the host in {setting}, and that the function has internetAccess: true"


def connect_in_time(context: CheckContext, url: str, setting: str) -> Finding:
    """Whether connections to the address `url` can be made; `setting` is what names it."""
    (finding,) = context.pool.run([lambda: _connect(url, setting)], _ATTEMPT_SECONDS)
    seen = f"{urlsplit(url).hostname} was not reached within {_ATTEMPT_SECONDS:g} s"
    return finding or Finding(Level.FAULT, seen, fix_unreachable(setting))


def _connect(url: str, setting: str) -> Finding:
    """Try the name, TCP and TLS separately, because each has a different fix."""
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if proxy:
        url, setting = proxy if "://" in proxy else f"http://{proxy}", "HTTP_PROXY or HTTPS_PROXY"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # its message may quote a password
        return Finding(Level.FAULT, f"{setting} holds no address", f"Correct {setting}, or take it away")
    shown = f"{'the proxy ' if proxy else ''}{host}"
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        seen = presentable(f"the name {host} is not found: {error}")
        return Finding(Level.FAULT, seen, f"Check the host in {setting}")
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if parts.scheme == "https":
                tls_context().wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        return Finding(
            Level.FAULT,
            presentable(f"{host} cannot be trusted (TLS): {error}"),
            f"Check the host in {setting}: something else answers there, or stands in between",
        )
    except OSError as error:
        seen = presentable(f"no connection to {shown} port {port}: {error}")
        return Finding(Level.FAULT, seen, fix_unreachable(setting))
    return Finding(Level.OK, f"{shown} is found, and takes connections{' with TLS' if parts.scheme == 'https' else ''}")


CHECKS: Sequence[Check[CheckContext]] = (
    Check("OMS connection", ("settings",), oms_connection),
    Check("OSS connection", ("region",), oss_connection),
    Check("clock", ("settings",), clock),
)
