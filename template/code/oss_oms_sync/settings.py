"""The settings of the functions, which are read from environment variables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from oss_oms_sync.answers.layout import SYNC_PATH_EXAMPLE, SYNC_URL_EXAMPLE, TASK_PATH
from oss_oms_sync.errors import SettingsError
from oss_oms_sync.filters import KeyFilter, prefix_problem
from oss_oms_sync.settings_table import SETTINGS

N = TypeVar("N", int, float)

_OSS_EXAMPLE = "https://oss-<region>-internal.aliyuncs.com"
# Source: OMS, "CreateSyncEvents". The ids need no escapes in a URL or an object name.
_SYNC_PATH_PATTERN = re.compile(f"{TASK_PATH}/events", re.ASCII)
# OSS, "Bucket naming conventions": https://www.alibabacloud.com/help/en/oss/user-guide/bucket-naming-conventions
_BUCKET_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)
# Source: OSS, "Regions and endpoints". Endpoints of transfer acceleration contain no region.
_ENDPOINT_PATTERN = re.compile(r"oss-(?!accelerate)(?P<region>[a-z]+-[a-z0-9-]+?)(-internal)?\.aliyuncs\.com", re.ASCII)
_HOST_PATTERN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]", re.ASCII)
# Function Compute, CreateFunction: a function's name has at most 64 characters.
_PROJECT_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Control characters, and other characters that end a line in YAML. XML can represent few of them, and some of them
# break shells.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Minimum length of a token in a webhook's address: known tokens are longer, other words of the addresses shorter.
_MIN_TOKEN_CHARACTERS = 16
_PERIOD_PATTERN = re.compile(r"(?P<number>[1-9][0-9]{0,3})(?P<unit>[mhd])", re.ASCII)
# The longest RECONCILE_PERIOD. A stored pass that is not resumed for this time is ignored, then deleted.
MAX_PERIOD = timedelta(days=30)
_PERIOD_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class SyncTask:
    """A sync task of OMS: the address that accepts keys (SYNC_URL), and the task's id, which is part of the address."""

    url: str
    task_id: str


@dataclass(frozen=True)
class Settings:
    """All settings of the functions; `repr` omits the secrets."""

    task: SyncTask
    hw_ak: str = field(repr=False)
    hw_sk: str = field(repr=False)
    hw_security_token: str = field(repr=False)
    log_bucket: str
    oss_endpoint: str
    oss_region: str
    # Empty for the default, the endpoint of the region of the task's destination.
    obs_endpoint: str
    # The region of the function, from Function Compute; empty elsewhere.
    fc_region: str
    source_bucket: str
    key_filter: KeyFilter
    key_encoding: str
    oms_rate: float
    reconcile_period: timedelta | None
    compare_period: timedelta | None
    compare_deep: bool
    # True if the key of Huawei Cloud should be able to change headers in OBS.
    change_headers: bool
    replay_period: timedelta | None
    status_period: timedelta | None
    # The destination that the sync task should have; empty if doctor should accept any.
    destination_region: str
    destination_bucket: str
    # The name of the function `forward`, which is also the prefix of the other functions' names.
    project: str
    # The number of key ranges of a pass that may be open at once, and the seconds that an invocation works on a range.
    lanes: int
    piece_seconds: float
    log_level: str
    # The address to which `status` posts alarms; empty if it posts none.
    alert_webhook: str = field(repr=False)
    # The language of the alarms: "en" or "zh".
    alert_language: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that are never shown: the access keys, the webhook's address, and the tokens in this address."""
        url_parts = urlsplit(self.alert_webhook)
        words = re.split(r"[/?&=]", f"{url_parts.path}?{url_parts.query}")
        tokens = (word for word in words if len(word) >= _MIN_TOKEN_CHARACTERS)
        return (self.hw_ak, self.hw_sk, self.hw_security_token, self.alert_webhook, *tokens)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings from the environment variables `env`.

        Raises SettingsError with all problems at once.
        """
        reader = _Reader(env)
        oss_endpoint, oss_region = reader.read_oss_endpoint()
        log_bucket, source_bucket = reader.read_bucket_name("LOG_BUCKET"), reader.read_bucket_name("SOURCE_BUCKET")
        reader.require(
            not log_bucket or log_bucket != source_bucket,
            "LOG_BUCKET is the source bucket: records written there would trigger the function forever."
            " Choose another bucket in the same region",
        )
        settings = cls(
            task=reader.read_sync_task(),
            hw_ak=reader.read_access_key("HW_AK"),
            hw_sk=reader.read_access_key("HW_SK"),
            hw_security_token=reader.read_access_key("HW_SECURITY_TOKEN"),
            log_bucket=log_bucket,
            oss_endpoint=oss_endpoint,
            oss_region=oss_region,
            obs_endpoint=reader.read_obs_endpoint(),
            fc_region=env.get("FC_REGION", ""),
            source_bucket=source_bucket,
            key_filter=reader.read_key_filter(),
            key_encoding=reader.read_choice("OMS_KEY_ENCODING", "url", "raw"),
            oms_rate=reader.read_number("OMS_RATE", float, 0.01, 1000, "calls a second"),
            reconcile_period=reader.read_period("RECONCILE_PERIOD"),
            compare_period=reader.read_period("COMPARE_PERIOD"),
            compare_deep=reader.read_choice("COMPARE_DEEP", "off", "on") == "on",
            change_headers=reader.read_choice("CHANGE_HEADERS", "off", "on") == "on",
            replay_period=reader.read_period("REPLAY_PERIOD"),
            status_period=reader.read_period("STATUS_PERIOD"),
            destination_region=env.get("DESTINATION_REGION", "").strip(),
            destination_bucket=env.get("DESTINATION_BUCKET", "").strip(),
            project=reader.read_project(),
            lanes=reader.read_number("LANES", int, 1, 64, "a whole number of ranges"),
            piece_seconds=reader.read_number("PIECE_SECONDS", float, 10, 300, "seconds"),
            log_level=reader.read_choice("LOG_LEVEL", "DEBUG", "INFO", "WARNING", "ERROR"),
            alert_webhook=reader.read_webhook(),
            alert_language=reader.read_choice("ALERT_LANGUAGE", "en", "zh"),
        )
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings


class _Reader:
    """A reader of settings, which collects all problems instead of raising the first."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def require(self, is_usable: object, problem: str) -> None:
        if not is_usable:
            self.problems.append(problem)

    def _read_variable(self, name: str) -> str:
        return self._env.get(name, "").strip() or SETTINGS[name].default or ""

    def read_sync_task(self) -> SyncTask:
        url = self._read_variable("SYNC_URL")
        problem, url_parts = _parse_url(url)
        match = _SYNC_PATH_PATTERN.fullmatch(url_parts.path)
        defect = _first_problem(
            (not url, "is empty"),
            (problem, problem),
            (url_parts.path.endswith("/"), 'ends with "/": remove it'),
            (not match, f"has another path than {SYNC_PATH_EXAMPLE}"),
            (match and not {".", ".."}.isdisjoint(match.groups()), "names an invalid project or task"),
        )
        self.require(
            not defect,
            f"SYNC_URL {defect}. Copy the Synchronization Request Receiving Address from the sync task's details in the"
            f" OMS console; it looks like {SYNC_URL_EXAMPLE}",
        )
        return SyncTask(url, match["task"] if match else "")

    def read_access_key(self, name: str) -> str:
        value, is_optional = self._read_variable(name), SETTINGS[name].default is not None
        self.require(
            value or is_optional,
            f"{name} is empty. Set HW_AK and HW_SK to the access key of a Huawei Cloud IAM user with the permission"
            " oms:synctask:createEvent (console: My Credentials > Access Keys)",
        )
        # The value is not shown, because it may contain a secret.
        self.require(
            _is_printable_ascii(value),
            f"{name} contains a space or a character outside ASCII. Copy it again without surrounding characters",
        )
        return value

    def read_bucket_name(self, name: str) -> str:
        value, is_optional = self._read_variable(name), SETTINGS[name].default is not None
        self.require(
            value or is_optional,
            f"{name} is empty. Set it to an OSS bucket for the records: in the function's region, and not the source"
            " bucket",
        )
        self.require(
            not value or _BUCKET_PATTERN.fullmatch(value),
            f"{name} is not a bucket name. Give the name alone, 3 to 63 lower-case letters, digits and hyphens,"
            " without oss:// or an endpoint",
        )
        return value

    def read_key_filter(self) -> KeyFilter:
        # White space may be intended here, so both values stay unchanged.
        prefix, suffix = self._env.get("OBJECT_PREFIX", ""), self._env.get("OBJECT_SUFFIX", "")
        for name, value, example in (("OBJECT_PREFIX", prefix, "photos/"), ("OBJECT_SUFFIX", suffix, ".jpg")):
            self.require(
                not _CONTROL_CHARACTERS.search(value),
                f"{name} is {value!r}, which contains a control character such as a line break or a tab. Set it to text"
                f" such as {example}, or remove it",
            )
        problem = prefix_problem(prefix)
        self.require(not problem, f"OBJECT_PREFIX {problem}")
        return KeyFilter(prefix, suffix)

    def read_oss_endpoint(self) -> tuple[str, str]:
        """Return the endpoint of OSS with its scheme, and the region for which requests are signed."""
        endpoint, fc_region = self._read_variable("OSS_ENDPOINT"), self._env.get("FC_REGION", "")
        if not endpoint:
            self.require(fc_region, f"OSS_ENDPOINT is empty. Set it to {_OSS_EXAMPLE}")
            return f"https://oss-{fc_region}-internal.aliyuncs.com", fc_region
        url_parts = self._parse_endpoint(
            endpoint, "OSS_ENDPOINT", _OSS_EXAMPLE, lambda host: host.count(".") > 2, ".aliyuncs.com"
        )
        region_match = _ENDPOINT_PATTERN.fullmatch(url_parts.hostname or "")
        region = region_match["region"] if region_match else fc_region
        self.require(region or not url_parts.hostname, f"OSS_ENDPOINT names no region. Set it to {_OSS_EXAMPLE}")
        # Rebuilt from its parts, because oss2 needs schemes in lower case.
        return f"{url_parts.scheme}://{url_parts.netloc}", region

    def read_obs_endpoint(self) -> str:
        endpoint = self._read_variable("OBS_ENDPOINT")
        if not endpoint:
            return ""
        example = "https://obs.<region>.myhuaweicloud.com"
        url_parts = self._parse_endpoint(
            endpoint, "OBS_ENDPOINT", example, lambda host: not host.startswith("obs."), ".myhuaweicloud.com"
        )
        return f"{url_parts.scheme}://{url_parts.netloc}"

    def _parse_endpoint(
        self, address: str, name: str, example: str, names_bucket: Callable[[str], bool], host_suffix: str
    ) -> SplitResult:
        """Return the parts of the endpoint in the variable `name`.

        `names_bucket` returns True if a host with the ending `host_suffix` contains the name of a bucket.
        """
        problem, url_parts = _parse_url(address if "://" in address else f"https://{address}")
        host = url_parts.hostname or ""
        defect = _first_problem(
            (problem, problem),
            (url_parts.path.strip("/"), "contains a path"),
            (host.endswith(host_suffix) and names_bucket(host), "names a bucket"),
        )
        self.require(not defect, f"{name} {defect}. Set it to {example}, or remove it")
        return url_parts

    def read_webhook(self) -> str:
        url = self._read_variable("ALERT_WEBHOOK")
        problem, _ = _parse_url(url, may_have_query=True)
        # The value is not shown, because it is a secret.
        self.require(
            not url or not problem,
            f"ALERT_WEBHOOK {problem}. Copy the webhook address again from the chat robot's settings; it looks like"
            " https://oapi.dingtalk.com/robot/send?access_token=<token>. Or remove it",
        )
        return url

    def read_project(self) -> str:
        value = self._read_variable("PROJECT")
        self.require(
            _PROJECT_PATTERN.fullmatch(value),
            f"PROJECT is {value!r}. Set it to the name of the function forward, up to 64 letters, digits, - and _"
            f" such as {SETTINGS['PROJECT'].default}",
        )
        return value

    def read_number(self, name: str, number_class: type[N], minimum: N, maximum: N, form: str) -> N:
        value = self._read_variable(name)
        with suppress(ValueError):
            number = number_class(value)
            if minimum <= number <= maximum:  # also refuses "nan"
                return number
        self.problems.append(
            f"{name} is {value!r}. Set it to {form}, {minimum:g} to {maximum:g}, or remove it"
            f" ({SETTINGS[name].default})"
        )
        return minimum

    def read_period(self, name: str) -> timedelta | None:
        """Return the period of a job's timer, or None if it is "off"."""
        value = self._read_variable(name).lower()
        match = _PERIOD_PATTERN.fullmatch(value)
        period = timedelta(**{_PERIOD_UNITS[match["unit"]]: int(match["number"])}) if match else None
        self.require(
            value == "off" or (period and period <= MAX_PERIOD),
            f"{name} is {value!r}. Set it to a time of up to 30d such as 12h, to off, or remove it"
            f" ({SETTINGS[name].default})",
        )
        return period

    def read_choice(self, name: str, *choices: str) -> str:
        value = self._read_variable(name)
        match = next((choice for choice in choices if choice.lower() == value.lower()), "")
        self.require(
            match,
            f"{name} is {value!r}. Set it to one of {', '.join(choices)}, or remove it ({SETTINGS[name].default})",
        )
        return match


def _parse_url(url: str, *, may_have_query: bool = False) -> tuple[str, SplitResult]:
    """Return the problem of the URL of a service, or "" if the URL is valid, and the parts of the URL."""
    empty_url_parts = url_parts = SplitResult("", "", "", "", "")
    is_url = False
    with suppress(ValueError):
        url_parts = urlsplit(url)
        _, is_url = url_parts.port, True  # an invalid port raises when it is read
    host = url_parts.hostname or ""
    forbidden_marks = "#" if may_have_query else "?#"
    marks = " or ".join(f'"{mark}"' for mark in forbidden_marks)
    defect = _first_problem(
        (not _is_printable_ascii(url), "contains a space or a character outside ASCII"),
        (not is_url, "is not a URL"),
        (not host, "names no host"),
        (not _HOST_PATTERN.fullmatch(host) and not is_loopback(host), "has an invalid host name"),
        (
            url_parts.scheme != "https" and not (url_parts.scheme == "http" and is_loopback(host)),
            "does not start with https://",
        ),
        (url_parts.username is not None, "contains a user name: remove it"),
        (any(mark in url for mark in forbidden_marks), f"contains a {marks}: remove it and everything after it"),
    )
    return defect, empty_url_parts if defect else url_parts


def _first_problem(*problems: tuple[object, str]) -> str:
    return next((problem for is_true, problem in problems if is_true), "")


def _is_printable_ascii(text: str) -> bool:
    """Return True if `text` consists of printable ASCII characters without spaces."""
    return text.isascii() and text.isprintable() and " " not in text


def is_loopback(host: str) -> bool:
    """Return True if the host of a URL is this machine; the name is not resolved."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
