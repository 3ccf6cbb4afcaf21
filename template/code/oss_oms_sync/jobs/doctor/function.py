"""Checks of the function itself: libraries, settings, region, connections to both clouds, and the clock."""

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
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated
from oss_oms_sync.clouds.by_oss2 import import_oss2
from oss_oms_sync.clouds.clocks import measure_clock_skews
from oss_oms_sync.clouds.connection import make_tls_context
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import Reason, SettingsError, printable_line
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, warning

_MIN_OSS2_FOR_V4 = (2, 16)
_CONNECT_SECONDS = 5.0
# Maximum seconds of a connection test. The timeout of the connection does not limit all of its phases.
_ATTEMPT_SECONDS = 15.0
# Huawei Cloud and OSS refuse signatures with a clock error of more than 15 minutes.
_WARNING_SKEW, _FAULT_SKEW = timedelta(minutes=2), timedelta(minutes=14)


def check_libraries(_: object) -> Finding:
    oss2 = import_oss2()
    text = untranslated(f"Python {platform.python_version()}, oss2 {oss2.__version__}, requests {requests.__version__}")
    version_numbers = tuple(int(number) for number in re.findall(r"\d+", oss2.__version__)[:2])
    if version_numbers < _MIN_OSS2_FOR_V4:
        return fault(
            text,
            t(
                "the runtime's oss2 is older than 2.16.0 and has no V4 signatures: set runtime to python3.12"
                " or python3.10 in s.yaml"
            ),
        )
    return ok(text)


def check_settings(invocation: Invocation | SettingsError) -> Finding:
    if isinstance(invocation, SettingsError):
        return fault(
            untranslated(str(invocation)),
            t("Correct these settings in s.yaml (secrets with {step}), then run `s deploy`", step=Step("secrets")),
        )
    return ok(t("all settings are complete and well-formed"))


def check_region(context: CheckContext) -> Finding:
    oss_region, fc_region = context.settings.oss_region, context.settings.fc_region
    if fc_region in ("", oss_region):
        return ok(t("the function and the OSS endpoint are in {oss_region}", oss_region=oss_region))
    return fault(
        t(
            "the function is in {fc_region}, but OSS_ENDPOINT is in {oss_region}",
            fc_region=fc_region,
            oss_region=oss_region,
        ),
        t(
            "Deploy to the source bucket's region (vars.region in s.yaml): the trigger, the function and both OSS"
            " buckets must be in that region"
        ),
    )


def check_clock(context: CheckContext) -> Finding:
    # The finding is a warning and not unknown, because later checks test signatures, which prove that the clock is
    # right.
    return compare_clocks(
        context,
        {"OMS": context.settings.task.url, "OSS": context.settings.oss_endpoint},
        t("neither OMS nor OSS reported its time"),
        t("Check doctor's other results for OMS and OSS"),
    )


def compare_clocks(context: CheckContext, urls: Mapping[str, str], silent_text: Text, silent_remedy: Text) -> Finding:
    """Compare the function's clock with the clocks of the clouds at `urls`, by the Date headers of refused requests.

    If no cloud reports its time, the finding is a warning with the texts `silent_text` and `silent_remedy`.
    """
    skews = measure_clock_skews(urls, context.invocation.clock, context.pool)
    skew_by_cloud = {name: skew for name, skew in skews.items() if skew is not None}
    if not skew_by_cloud:
        return warning(silent_text, silent_remedy)
    seconds = {name: skew.total_seconds() for name, skew in skew_by_cloud.items()}
    text = t(
        "{clocks}",
        clocks=[
            t("difference from {name}'s clock: {off:.0f} s", off=offset, name=name) for name, offset in seconds.items()
        ],
    )
    max_skew = max(skew_by_cloud.values())
    if max_skew <= _WARNING_SKEW:
        return ok(text)
    return (fault if max_skew > _FAULT_SKEW else warning)(text, Reason.CLOCK.fix)


def remedy_if_unreachable(setting: str) -> Text:
    return t(
        "Check the host in {setting}, and the function's internet access (internetAccess: true in s.yaml,"
        " or a VPC with a NAT gateway)",
        setting=setting,
    )


def check_connection(context: CheckContext, url: str, setting: str) -> Finding:
    (finding,) = context.pool.run([lambda: _connect(url, setting)], _ATTEMPT_SECONDS)
    host = urlsplit(url).hostname
    return finding or fault(
        t("no connection to {host} within {attempt_seconds:g} s", host=host, attempt_seconds=_ATTEMPT_SECONDS),
        remedy_if_unreachable(setting),
    )


def _connect(url: str, setting: str) -> Finding:
    """Check the name resolution, TCP and TLS of an address one after another, because each has another remedy."""
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if proxy:
        url, setting = proxy if "://" in proxy else f"http://{proxy}", "HTTP_PROXY or HTTPS_PROXY"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # its message may quote a password
        return fault(
            t("{setting} does not contain a valid address", setting=setting),
            t("Correct {setting}, or remove it", setting=setting),
        )
    host_text = t("the proxy {host}", host=host) if proxy else untranslated(host)
    host_remedy = t("Check the host in {setting}", setting=setting)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return fault(
            t(
                "the host name {host} does not resolve: {error}",
                host=printable_line(host),
                error=printable_line(str(error)),
            ),
            host_remedy,
        )
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if parts.scheme == "https":
                make_tls_context().wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        return fault(
            t("no trusted TLS connection to {host}: {error}", host=host, error=printable_line(str(error))),
            t(
                "{check_host}: another server may answer there, or a device may intercept the connection",
                check_host=host_remedy,
            ),
        )
    except OSError as error:
        return fault(
            t(
                "no connection to port {port:d} of {host}: {error}",
                host=host_text,
                port=port,
                error=printable_line(str(error)),
            ),
            remedy_if_unreachable(setting),
        )
    if parts.scheme == "https":
        return ok(t("{host} resolves and accepts TLS connections", host=host_text))
    return ok(t("{host} resolves and accepts connections", host=host_text))


# These two checks have no context, because a context needs valid settings.
FIRST_CHECKS: Sequence[Check[Invocation | SettingsError]] = (
    Check(t("libraries"), (), check_libraries),
    Check(t("settings"), ("libraries",), check_settings),
)
CHECKS: Sequence[Check[CheckContext]] = (
    Check(t("region"), ("settings",), check_region),
    Check(
        t("OMS connection"),
        ("settings",),
        lambda context: check_connection(context, context.settings.task.url, "SYNC_URL"),
    ),
    Check(
        t("OSS connection"),
        ("region",),
        lambda context: check_connection(context, context.settings.oss_endpoint, "OSS_ENDPOINT"),
    ),
    Check(t("clock"), ("settings",), check_clock),
)
