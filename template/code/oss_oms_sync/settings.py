"""The functions' settings, read from the environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from oss_oms_sync.errors import SettingsError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.text import Text

_SYNC_URL_LOOKS = "https://oms.<region>.myhuaweicloud.com/v2/<project id>/sync-tasks/<task id>/events"
_COPY_SYNC_URL = (
    "Copy the Synchronization Request Receiving Address from the sync task's details in the OMS console; it looks like"
    f" {_SYNC_URL_LOOKS}"
)
# API page CreateSyncEvents. Ids contain no character that has to be escaped in a URL or an object name.
_SYNC_PATH = re.compile(r"/v2/(?P<project>[\w.~-]+)/sync-tasks/(?P<task>[\w.~-]+)/events", re.ASCII)
# OSS, "Bucket naming conventions": https://www.alibabacloud.com/help/en/oss/user-guide/bucket-naming-conventions
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)
# OSS, "Regions and endpoints".
_REGIONAL_ENDPOINT = re.compile(r"oss-(?P<region>[a-z]+-[a-z0-9-]+?)(-internal)?\.aliyuncs\.com", re.ASCII)
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]", re.ASCII)
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_KEY_ENCODINGS = ("url", "raw")
_PERIOD = re.compile(r"(?P<number>[1-9][0-9]{0,3})(?P<unit>[mhd])", re.ASCII)
# The longest RECONCILE_PERIOD. A stored pass that nobody resumes for this long is forgotten: ignored, then deleted.
MAX_PERIOD = timedelta(days=30)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Setting:
    """One environment variable of the functions, as the documentation describes it; required if `default` is None."""

    default: str | None
    meaning: Text


SETTINGS = {
    "SYNC_URL": Setting(
        None,
        Text(
            "the sync task's Synchronization Request Receiving Address, from its details in the OMS console:"
            f" `{_SYNC_URL_LOOKS}`",
            f"同步任务的“同步请求接收地址”，从 OMS 控制台的任务详情中复制：`{_SYNC_URL_LOOKS}`",
        ),
    ),
    "HW_AK": Setting(
        None,
        Text(
            "access key ID (AK) of a Huawei Cloud IAM user with the permissions `oms:synctask:createEvent`,"
            " `oms:synctask:get` and `oms:synctask:statistics`",
            "华为云 IAM 用户的访问密钥 ID（AK）；该用户需有 `oms:synctask:createEvent`、`oms:synctask:get`、"
            "`oms:synctask:statistics` 三项权限",
        ),
    ),
    "HW_SK": Setting(None, Text("the secret access key (SK) for the AK", "与 AK 配对的 SK")),
    "HW_SECURITY_TOKEN": Setting("", Text("only for temporary access keys", "仅临时访问密钥需要")),
    "LOG_BUCKET": Setting(
        None,
        Text(
            "OSS bucket for the records, in the function's region, never the source bucket",
            "存放记录的 OSS 存储桶，与函数同地域，且不能是源存储桶",
        ),
    ),
    "OSS_ENDPOINT": Setting(
        "",
        Text(
            "OSS's endpoint, https; if empty, `https://oss-<the function's region>-internal.aliyuncs.com`",
            "OSS 的访问域名（Endpoint），须为 https；默认为 `https://oss-<函数所在地域>-internal.aliyuncs.com`",
        ),
    ),
    "OBS_ENDPOINT": Setting(
        "",
        Text(
            "OBS's endpoint, https; if empty, `https://obs.<the region of the task's destination>.myhuaweicloud.com`",
            "OBS 的访问域名（Endpoint），须为 https；默认为 `https://obs.<任务目的端所在地域>.myhuaweicloud.com`",
        ),
    ),
    "SOURCE_BUCKET": Setting(
        "",
        Text(
            "accept events of this bucket only; also the bucket that reconcile scans (required for reconcile)",
            "只处理该存储桶的事件；也是 reconcile 对账的存储桶，使用 reconcile 时必填",
        ),
    ),
    "OBJECT_PREFIX": Setting("", Text("forward only object keys with this prefix", "只转发对象名以此开头的对象")),
    "OBJECT_SUFFIX": Setting("", Text("forward only object keys with this suffix", "只转发对象名以此结尾的对象")),
    "OMS_KEY_ENCODING": Setting(
        "url",
        Text(
            "`url`, as OMS's documents require, or `raw`, if a task turns out to require unencoded object keys",
            "`url` 为 OMS 文档的要求；若某个任务实际需要未编码的对象名，设为 `raw`",
        ),
    ),
    # A tenth of the gateway's usual limit, so that new events go first.
    "OMS_RATE": Setting(
        "20",
        Text(
            "OMS calls per second, for replay and for reconcile each; halved at each 429",
            "replay、reconcile 各自每秒调用 OMS 的次数；每收到一次 429 即减半",
        ),
    ),
    "RECONCILE_PERIOD": Setting(
        "1d",
        Text(
            "interval between the starts of two passes: `12h`, `1d` (at most `30d`), or `off`",
            "相邻两轮对账开始时间的间隔：`12h`、`1d`（最长 `30d`），或 `off`",
        ),
    ),
    "LOG_LEVEL": Setting("INFO", Text("`DEBUG`, `INFO`, `WARNING`, `ERROR`", "`DEBUG`、`INFO`、`WARNING`、`ERROR`")),
}


@dataclass(frozen=True)
class SyncTask:
    """Huawei's side: one sync task of OMS, as SYNC_URL names it."""

    url: str
    task_id: str


@dataclass(frozen=True)
class Settings:
    """All settings of the functions. Secrets stay out of the repr."""

    task: SyncTask
    hw_ak: str = field(repr=False)
    hw_sk: str = field(repr=False)
    hw_security_token: str = field(repr=False)
    log_bucket: str
    oss_endpoint: str
    oss_region: str
    # Empty: that of the task's destination.
    obs_endpoint: str
    # The region where the function runs, from Function Compute; empty elsewhere.
    fc_region: str
    source_bucket: str
    key_filter: KeyFilter
    key_encoding: str
    oms_rate: float
    reconcile_period: timedelta | None
    log_level: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.hw_ak, self.hw_sk, self.hw_security_token)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings from `env`, an environment.

        Raises SettingsError with every problem at once, before anything is sent.
        """
        reader = _Reader(env)
        oss_endpoint, oss_region = reader.oss()
        log_bucket, source_bucket = reader.bucket("LOG_BUCKET"), reader.bucket("SOURCE_BUCKET")
        if log_bucket and log_bucket == source_bucket:
            reader.problem(
                "LOG_BUCKET is the source bucket: records written there would trigger the function for ever."
                " Name another bucket of the same region"
            )
        settings = cls(
            task=reader.sync_task(),
            hw_ak=reader.key("HW_AK"),
            hw_sk=reader.key("HW_SK"),
            hw_security_token=reader.key("HW_SECURITY_TOKEN"),
            log_bucket=log_bucket,
            oss_endpoint=oss_endpoint,
            oss_region=oss_region,
            obs_endpoint=reader.obs_endpoint(),
            fc_region=env.get("FC_REGION", ""),
            source_bucket=source_bucket,
            # White space may be intended here, so these two are taken as they are.
            key_filter=KeyFilter(env.get("OBJECT_PREFIX", ""), env.get("OBJECT_SUFFIX", "")),
            key_encoding=reader.one_of("OMS_KEY_ENCODING", _KEY_ENCODINGS),
            oms_rate=reader.rate("OMS_RATE"),
            reconcile_period=reader.period("RECONCILE_PERIOD"),
            log_level=reader.one_of("LOG_LEVEL", _LOG_LEVELS),
        )
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings


class _Reader:
    """Reads one setting after another, and collects what is wrong with them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def _get(self, name: str) -> str:
        return self._env.get(name, "").strip() or SETTINGS[name].default or ""

    def sync_task(self) -> SyncTask:
        url = self._get("SYNC_URL")
        problem = _sync_url_problem(url)
        if problem:
            self.problem(f"SYNC_URL {problem}. {_COPY_SYNC_URL}")
            return SyncTask(url, "")
        match = _SYNC_PATH.fullmatch(urlsplit(url).path)
        assert match  # noqa: S101  _sync_url_problem has checked it
        return SyncTask(url, match["task"])

    def key(self, name: str) -> str:
        value = self._get(name)
        if not value and SETTINGS[name].default is None:
            self.problem(
                f"{name} is empty. Set HW_AK and HW_SK to the access key of a Huawei Cloud IAM user with the permission"
                " oms:synctask:createEvent (console: My Credentials > Access Keys)"
            )
        elif not value.isascii() or not value.isprintable() or " " in value:
            # The value is not shown, because it is a secret or close to one.
            self.problem(f"{name} holds a space or a character outside ASCII. Copy it again without anything around it")
        return value

    def bucket(self, name: str) -> str:
        value = self._get(name)
        if not value and SETTINGS[name].default is None:
            self.problem(
                f"{name} is empty. Name the OSS bucket for the records: one in the function's region, not the"
                " source bucket"
            )
        elif value and not _BUCKET.fullmatch(value):
            self.problem(
                f"{name} is no bucket name. Give the bare name, 3 to 63 lower-case letters,"
                " digits and hyphens, without oss:// or an endpoint"
            )
        return value

    def oss(self) -> tuple[str, str]:
        """The endpoint (with its scheme) and the region for which signatures are made."""
        endpoint, fc_region = self._get("OSS_ENDPOINT"), self._env.get("FC_REGION", "")
        if not endpoint:
            if not fc_region:
                self.problem("OSS_ENDPOINT is empty. Set it to https://oss-<region>-internal.aliyuncs.com")
                return "", ""
            return f"https://oss-{fc_region}-internal.aliyuncs.com", fc_region
        if "://" not in endpoint:
            endpoint = f"https://{endpoint}"
        problem, parts = _split(endpoint)
        if problem or parts.path.strip("/"):
            self.problem(
                f"OSS_ENDPOINT {problem or 'holds a path'}. Set it to https://oss-<region>-internal.aliyuncs.com,"
                " or leave it out"
            )
            return "", ""
        host = parts.hostname or ""
        if host.endswith(".aliyuncs.com") and host.count(".") > 2:
            self.problem(
                "OSS_ENDPOINT names a bucket. Set it to https://oss-<region>-internal.aliyuncs.com, without it"
            )
        regional = _REGIONAL_ENDPOINT.fullmatch(host)
        region = regional["region"] if regional else fc_region
        if not region:
            self.problem("OSS_ENDPOINT names no region. Set it to https://oss-<region>-internal.aliyuncs.com")
        # Rebuilt from its parts, because oss2 knows schemes only in lower case.
        return f"{parts.scheme}://{parts.netloc}", region

    def obs_endpoint(self) -> str:
        endpoint = self._get("OBS_ENDPOINT")
        if not endpoint:
            return ""
        problem, parts = _split(endpoint if "://" in endpoint else f"https://{endpoint}")
        host = parts.hostname or ""
        if not problem and parts.path.strip("/"):
            problem = "holds a path"
        if not problem and host.endswith(".myhuaweicloud.com") and not host.startswith("obs."):
            problem = "names a bucket"
        if problem:
            self.problem(f"OBS_ENDPOINT {problem}. Set it to https://obs.<region>.myhuaweicloud.com, or leave it out")
        return f"{parts.scheme}://{parts.netloc}"

    def rate(self, name: str) -> float:
        value = self._get(name)
        try:
            rate = float(value)
        except ValueError:
            rate = 0.0
        if not 0.01 <= rate <= 1000:  # also refuses "nan"
            self.problem(
                f"{name} is {value!r}. Set it to calls a second, 0.01 to 1000, or leave it out"
                f" ({SETTINGS[name].default})"
            )
        return rate

    def period(self, name: str) -> timedelta | None:
        """None for "off"."""
        value = self._get(name).lower()
        match = _PERIOD.fullmatch(value)
        period = timedelta(**{_UNITS[match["unit"]]: int(match["number"])}) if match else None
        if value != "off" and (period is None or period > MAX_PERIOD):
            self.problem(
                f"{name} is {value!r}. Set it to a time of up to 30d such as 12h, to off, or leave it out"
                f" ({SETTINGS[name].default})"
            )
        return period

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._get(name)
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        self.problem(
            f"{name} is {value!r}. Set it to one of {', '.join(choices)}, or leave it out ({SETTINGS[name].default})"
        )
        return value


def _sync_url_problem(url: str) -> str:
    """What is wrong with a SYNC_URL, in a few words; empty if nothing is."""
    if not url:
        return "is empty"
    problem, parts = _split(url)
    if problem:
        return problem
    if parts.path.endswith("/"):
        return 'ends with "/", which has to be removed'
    match = _SYNC_PATH.fullmatch(parts.path)
    if not match:
        return "has another path than /v2/<project id>/sync-tasks/<task id>/events"
    if not {match["project"], match["task"]}.isdisjoint({".", ".."}):
        return "names a project or a task that is none"
    return ""


def _split(url: str) -> tuple[str, SplitResult]:
    """What is wrong with `url` for either cloud (empty if nothing is), and its parts."""
    nothing = SplitResult("", "", "", "", "")
    if not url.isascii() or not url.isprintable() or " " in url:
        return "holds a space or a character outside ASCII", nothing
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL", nothing
    if not host:
        return "names no host", nothing
    if not _HOST.fullmatch(host) and not _is_loopback(host):
        return "has a host that is no name", nothing
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return "does not start with https://", nothing
    if parts.username is not None:
        return "holds a user name, which has to be removed", nothing
    if "?" in url or "#" in url:
        return 'holds a "?" or "#": remove it and everything after it', nothing
    return "", parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
