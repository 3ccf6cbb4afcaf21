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
from oss_oms_sync.text import Text

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
        return Finding(
            Level.WARNING,
            Text("neither OMS nor OSS told its time", "OMS 和 OSS 都没有返回时间"),
            Text("See what the checks of OMS and OSS say", "请查看 OMS 和 OSS 的其他检查"),
        )
    return judge_skew(skews)


def judge_skew(skews: Mapping[str, timedelta]) -> Finding:
    """How far the clock is off those of the clouds that are named."""
    seconds = {name: f"{skew.total_seconds():.0f}" for name, skew in skews.items()}
    seen = Text(
        ", ".join(f"{off} s off {name}'s clock" for name, off in seconds.items()),
        "，".join(f"与 {name} 的时钟相差 {off} 秒" for name, off in seconds.items()),
    )
    worst = max(skews.values())
    if worst <= _WARNING_SKEW:
        return Finding(Level.OK, seen)
    return Finding(Level.FAULT if worst > _FAULT_SKEW else Level.WARNING, seen, Reason.CLOCK.fix)


def fix_unreachable(setting: str) -> Text:
    """What to do if nothing answers at the address in `setting`."""
    return Text(
        f"Check the host in {setting}, and that the function has internetAccess: true",
        f"请检查 {setting} 中的域名，以及函数是否允许访问公网（internetAccess: true）",
    )


def connect_in_time(context: CheckContext, url: str, setting: str) -> Finding:
    """Whether connections to the address `url` can be made; `setting` is what names it."""
    (finding,) = context.pool.run([lambda: _connect(url, setting)], _ATTEMPT_SECONDS)
    host = urlsplit(url).hostname
    seen = Text(f"{host} was not reached within {_ATTEMPT_SECONDS:g} s", f"{_ATTEMPT_SECONDS:g} 秒内未能连接到 {host}")
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
        return Finding(
            Level.FAULT,
            Text(f"{setting} holds no address", f"{setting} 中没有地址"),
            Text(f"Correct {setting}, or remove it", f"请更正 {setting}，或将其删除"),
        )
    shown = Text(f"{'the proxy ' if proxy else ''}{host}", f"{'代理 ' if proxy else ''}{host}")
    check_host = Text(f"Check the host in {setting}", f"请检查 {setting} 中的域名")
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        seen = Text(presentable(f"the name {host} is not found: {error}"), presentable(f"无法解析域名 {host}：{error}"))
        return Finding(Level.FAULT, seen, check_host)
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if parts.scheme == "https":
                tls_context().wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        return Finding(
            Level.FAULT,
            Text(
                presentable(f"{host} cannot be trusted (TLS): {error}"),
                presentable(f"{host} 的 TLS 证书不可信：{error}"),
            ),
            Text(
                f"{check_host.en}: something else answers there, or intercepts the connection",
                f"{check_host.zh}：应答的可能是别的服务器，或连接被中间设备截获",
            ),
        )
    except OSError as error:
        seen = Text(
            presentable(f"no connection to {shown.en} port {port}: {error}"),
            presentable(f"无法连接到 {shown.zh} 的端口 {port}：{error}"),
        )
        return Finding(Level.FAULT, seen, fix_unreachable(setting))
    with_tls = parts.scheme == "https"
    return Finding(
        Level.OK,
        Text(
            f"{shown.en} is found, and takes connections{' with TLS' if with_tls else ''}",
            f"{shown.zh} 可以解析并连接{'（TLS）' if with_tls else ''}",
        ),
    )


CHECKS: Sequence[Check[CheckContext]] = (
    Check("OMS connection", "OMS 连接", ("settings",), oms_connection),
    Check("OSS connection", "OSS 连接", ("region",), oss_connection),
    Check("clock", "时钟", ("settings",), clock),
)
