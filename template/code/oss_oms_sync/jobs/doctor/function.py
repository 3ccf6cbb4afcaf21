"""The function itself: libraries, settings, region, its path to both clouds, and the clock that signatures need."""

from __future__ import annotations

import platform
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import requests

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clouds.clocks import skews
from oss_oms_sync.clouds.connection import tls_context
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oss2_import import import_oss2
from oss_oms_sync.errors import SettingsError, presentable
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, warning
from oss_oms_sync.reasons import Reason

_MIN_OSS2_FOR_V4 = (2, 16)
_CONNECT_SECONDS = 5.0
# How long one attempt may take, including what the connection's timeouts do not limit.
_ATTEMPT_SECONDS = 15.0
# Huawei Cloud refuses signatures that are off by more than 15 minutes, and so does OSS.
_WARNING_SKEW, _FAULT_SKEW = timedelta(minutes=2), timedelta(minutes=14)


def libraries(_: object) -> Finding:
    oss2 = import_oss2()
    seen = Text.same(f"Python {platform.python_version()}, oss2 {oss2.__version__}, requests {requests.__version__}")
    numbers = tuple(int(number) for number in re.findall(r"\d+", oss2.__version__)[:2])
    if numbers < _MIN_OSS2_FOR_V4:
        return fault(
            seen,
            Text(
                "oss2 before 2.16.0 makes no V4 signatures: set runtime to python3.12 or python3.10 in s.yaml",
                "oss2 2.16.0 之前的版本不支持 V4 签名：请在 s.yaml 中将 runtime 设为 python3.12 或 python3.10",
            ),
        )
    return ok(seen)


def settings(invocation: Invocation | SettingsError) -> Finding:
    if isinstance(invocation, SettingsError):
        return fault(
            Text.same(str(invocation)),
            Text(
                "Correct this in s.yaml (secrets: `python ops.py secrets`), then `s deploy`",
                "请在 s.yaml 中更正（密钥用 `python ops.py secrets`），然后执行 `s deploy`",
            ),
        )
    return ok(Text("all settings are complete and well-formed", "所有设置完整且格式正确"))


def region(context: CheckContext) -> Finding:
    oss_region, fc_region = context.settings.oss_region, context.settings.fc_region
    if fc_region in ("", oss_region):
        return ok(Text(f"function and OSS endpoint are in {oss_region}", f"函数和 OSS Endpoint 都在 {oss_region}"))
    return fault(
        Text(
            f"the function is in {fc_region}, OSS_ENDPOINT in {oss_region}",
            f"函数在 {fc_region}，OSS_ENDPOINT 在 {oss_region}",
        ),
        Text(
            "Deploy to the source bucket's region (vars.region in s.yaml): trigger, function and both buckets share it",
            "请部署到源 Bucket 所在的地域（s.yaml 中的 vars.region）：触发器、函数和两个 Bucket 必须同地域",
        ),
    )


def oms_connection(context: CheckContext) -> Finding:
    return connect_in_time(context, context.settings.task.url, "SYNC_URL")


def oss_connection(context: CheckContext) -> Finding:
    return connect_in_time(context, context.settings.oss_endpoint, "OSS_ENDPOINT")


def clock(context: CheckContext) -> Finding:
    # Not UNKNOWN: a cloud that accepts a signature proves that the clock is right, and later checks try that.
    return judge_clocks(
        context,
        {"OMS": context.settings.task.url, "OSS": context.settings.oss_endpoint},
        Text("neither OMS nor OSS told its time", "OMS 和 OSS 都没有返回时间"),
        Text("See what the checks of OMS and OSS say", "请查看 OMS 和 OSS 的其他检查"),
    )


def judge_clocks(context: CheckContext, urls: Mapping[str, str], silent: Text, look: Text) -> Finding:
    """How far the clock is off those of the clouds at `urls`, by the Date headers of their responses to an unsigned
    request, which they refuse. If none tells, that is a warning, `silent`, with where to `look`."""
    told = {
        name: skew for name, skew in skews(urls, context.invocation.clock, context.pool).items() if skew is not None
    }
    if not told:
        return warning(silent, look)
    seconds = {name: f"{skew.total_seconds():.0f}" for name, skew in told.items()}
    seen = Text(
        ", ".join(f"{off} s off {name}'s clock" for name, off in seconds.items()),
        "，".join(f"与 {name} 的时钟相差 {off} 秒" for name, off in seconds.items()),
    )
    worst = max(told.values())
    if worst <= _WARNING_SKEW:
        return ok(seen)
    return (fault if worst > _FAULT_SKEW else warning)(seen, Reason.CLOCK.fix)


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
    return finding or fault(
        Text(f"{host} was not reached within {_ATTEMPT_SECONDS:g} s", f"{_ATTEMPT_SECONDS:g} 秒内未能连接到 {host}"),
        fix_unreachable(setting),
    )


def _connect(url: str, setting: str) -> Finding:
    """Try the name, TCP and TLS separately, because each has a different fix."""
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if proxy:
        url, setting = proxy if "://" in proxy else f"http://{proxy}", "HTTP_PROXY or HTTPS_PROXY"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # its message may quote a password
        return fault(
            Text(f"{setting} holds no address", f"{setting} 中没有地址"),
            Text(f"Correct {setting}, or remove it", f"请更正 {setting}，或将其删除"),
        )
    shown = Text(f"{'the proxy ' if proxy else ''}{host}", f"{'代理 ' if proxy else ''}{host}")
    check_host = Text(f"Check the host in {setting}", f"请检查 {setting} 中的域名")
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return fault(
            Text(presentable(f"the name {host} is not found: {error}"), presentable(f"无法解析域名 {host}：{error}")),
            check_host,
        )
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if parts.scheme == "https":
                tls_context().wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        return fault(
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
        return fault(
            Text(
                presentable(f"no connection to {shown.en} port {port}: {error}"),
                presentable(f"无法连接到 {shown.zh} 的端口 {port}：{error}"),
            ),
            fix_unreachable(setting),
        )
    with_tls = parts.scheme == "https"
    return ok(
        Text(
            f"{shown.en} is found, and takes connections{' with TLS' if with_tls else ''}",
            f"{shown.zh} 可以解析并连接{'（TLS）' if with_tls else ''}",
        ),
    )


# These two run before there is a context, because a context needs valid settings.
FIRST_CHECKS: Sequence[Check[Invocation | SettingsError]] = (
    Check("libraries", "运行库", (), libraries),
    Check("settings", "设置", ("libraries",), settings),
)
CHECKS: Sequence[Check[CheckContext]] = (
    Check("region", "地域", ("settings",), region),
    Check("OMS connection", "OMS 连接", ("settings",), oms_connection),
    Check("OSS connection", "OSS 连接", ("region",), oss_connection),
    Check("clock", "时钟", ("settings",), clock),
)
