"""OBS without sockets and without waiting: it answers as a schedule says, see `fake_clouds`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from urllib.parse import quote_plus

import requests

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.connection import Session
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.settings import Settings
from support.fake_clouds import ENVIRONMENT, VirtualClock, VirtualCloud, VirtualPool

NEW_YEAR = 1_767_225_600
NAMESPACE = ' xmlns="http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/"'
# What HEAD and GET answer of an object of five bytes.
HEAD = {
    "ETag": '"5d41402abc4b2a76b9719d911017c592"',
    "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    "Content-Length": "5",
}


def listing(
    objects: Sequence[ObjectSummary],
    more: bool = False,
    head: str = "<EncodingType>url</EncodingType>",
    namespace: str = NAMESPACE,
) -> str:
    """A page of a listing, as OBS writes it; without `head` keys must be such that XML carries them."""
    encode = (lambda text: quote_plus(text, safe="/")) if "url" in head else str
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult{namespace}><Name>photos-obs</Name>{head}'
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        f"{''.join(_contents(one, encode(one.name)) for one in objects)}</ListBucketResult>"
    )


def _contents(one: ObjectSummary, key: str) -> str:
    modified = datetime.fromtimestamp(one.modified, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.987Z")
    kind = "" if one.type == "Normal" else f"<Type>{one.type}</Type>"
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&quot;{one.etag.lower()}&quot;</ETag>"
        f"<Size>{one.size}</Size><Owner><ID>1</ID></Owner><StorageClass>STANDARD</StorageClass>{kind}</Contents>"
    )


def page(*names: str, more: bool = False) -> tuple[int, dict[str, str], str]:
    """OBS's answer of a page of objects of these names."""
    return 200, {}, listing([ObjectSummary(name, "AB", 1, NEW_YEAR) for name in names], more)


def refusal(status: int, code: str, message: str = "no") -> tuple[int, dict[str, str], str]:
    """OBS's answer to what it refuses."""
    return status, {}, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


class VirtualObs(VirtualCloud):
    """Keeps the requests; answers an empty page where nothing else is scheduled."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.requests: list[requests.PreparedRequest] = []

    def work(self, request: requests.PreparedRequest) -> requests.Response:
        return self.answer(request, *page())

    def answer(
        self, request: requests.PreparedRequest, status: int, headers: dict[str, str], body: str
    ) -> requests.Response:
        self.requests.append(request)
        return super().answer(request, status, headers, body)


class ObsWorld:
    """One instance of the function, and a virtual OBS."""

    def __init__(self, **environment: str) -> None:
        self.clock = VirtualClock()
        self.obs = VirtualObs(self.clock)
        settings = Settings.from_env({**ENVIRONMENT, **environment})
        self._client = ObsClient(settings, VirtualPool(self.clock), self.clock, self._session)

    def bucket(self, seconds: float = 30, region: str = "cn-north-4", name: str = "photos-obs") -> ObsBucket:
        """The destination of a task, in a new invocation that has so long."""
        task = TaskInfo.parse({"dst_region": region, "dst_bucket": name})
        return self._client.bucket(task, Deadline(seconds, self.clock))

    def _session(self, url: str, clock: Clock) -> Session:
        session = Session(url, clock)
        for scheme in ("http://", "https://"):
            session.mount(scheme, self.obs)
        return session
