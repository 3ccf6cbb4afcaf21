"""A process that measures passes in turn: `python -S -s listing_client.py PATH OBJECTS ROUNDS`.

It prints a JSON object with the CPU microseconds for each object, by pass and round. PATH has the folders of modules,
as in PYTHONPATH. The clouds' answers are in memory, and only the runtime's libraries are available.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any
from unittest.mock import patch

OBJECTS, ROUNDS = int(sys.argv[2]), int(sys.argv[3])
sys.path[:] = [*sys.argv[1].split(":"), *sys.path[1:]]

from urllib.parse import parse_qsl, quote, urlsplit  # noqa: E402

import oss2  # noqa: E402
import requests  # noqa: E402
import urllib3  # noqa: E402

from benchmarks.listing_baseline import Baseline  # noqa: E402
from oss_oms_sync.answers.layout import record_prefix  # noqa: E402
from oss_oms_sync.clock import Clock, Deadline, timestamp  # noqa: E402
from oss_oms_sync.clouds import listings  # noqa: E402
from oss_oms_sync.clouds.bucket import PAGE_SIZE  # noqa: E402
from oss_oms_sync.clouds.calls import CallPool  # noqa: E402
from oss_oms_sync.clouds.connection import Connections  # noqa: E402
from oss_oms_sync.clouds.invocation import Invocation  # noqa: E402
from oss_oms_sync.clouds.objects import etag_of, require_success  # noqa: E402
from oss_oms_sync.clouds.obs import ObsClient  # noqa: E402
from oss_oms_sync.clouds.oms import OmsClient  # noqa: E402
from oss_oms_sync.clouds.oss import Credentials, OssClient  # noqa: E402
from oss_oms_sync.comparison import count  # noqa: E402
from oss_oms_sync.jobs import compare, reconcile  # noqa: E402
from oss_oms_sync.passes.pieces import Piece, Scope  # noqa: E402
from oss_oms_sync.passes.tally import ClassCount  # noqa: E402
from oss_oms_sync.settings import Settings  # noqa: E402

TASK = "0f7c9b1e-5a3d-4f61-8a55-0123456789ab"
ENVIRONMENT = {
    "SYNC_URL": f"https://oms.cn-north-4.myhuaweicloud.com/v2/0123456789abcdef/sync-tasks/{TASK}/events",
    "HW_AK": "FAKEACCESSKEY0000001",
    "HW_SK": "fakeSecretKey00000000000000000000000001",
    "LOG_BUCKET": "photos-oms-log",
    "SOURCE_BUCKET": "photos",
    "FC_REGION": "cn-hangzhou",
}


UNIFORM_CLASSES = ["Standard"], ["STANDARD"]
MIXED_CLASSES = ["Standard", "IA", "Archive"], ["STANDARD", "WARM", "COLD"]
SINCE = datetime(2020, 1, 1, tzinfo=timezone.utc)


class Clouds(requests.adapters.BaseAdapter):
    """A transport adapter for `requests` that answers as OSS, OMS and OBS; the destination has all objects.

    Each hundredth object has a failed record, and the others have success records. `classes` are the storage classes in
    OSS and in OBS, which the objects have in turn.
    """

    def __init__(self, classes: tuple[Sequence[str], Sequence[str]]) -> None:
        super().__init__()
        oss_classes, obs_classes = classes
        keys = [f"photos/{number // 1000:04}/{number:07}.jpg" for number in range(OBJECTS)]
        accepted, failed = [key for number, key in enumerate(keys) if number % 100], keys[::100]
        success_root, failed_root = record_prefix(TASK, "success"), record_prefix(TASK, "failed")
        listings = (
            ("", [(key, etag(key), 2024) for key in keys]),
            (success_root, [(f"{success_root}{key}", etag_of(etag(key)), 2025) for key in accepted]),
            (failed_root, [(f"{failed_root}{key}", etag_of("{}"), 2025) for key in failed]),
        )
        self._pages = {}
        for start in range(0, OBJECTS, PAGE_SIZE):
            after = keys[start - 1] if start else ""
            page_keys, is_truncated = keys[start : start + PAGE_SIZE], start + PAGE_SIZE < OBJECTS
            self._pages["obs", after] = obs_page(page_keys, is_truncated, obs_classes)
        for prefix, summaries in listings:
            for start in range(0, len(summaries), PAGE_SIZE):
                after = summaries[start - 1][0] if start else prefix
                rows, is_truncated = summaries[start : start + PAGE_SIZE], start + PAGE_SIZE < len(summaries)
                self._pages[prefix, after] = page(rows, is_truncated, UNIFORM_CLASSES[0] if prefix else oss_classes)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ARG002
        params = dict(parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True))
        answer = requests.Response()
        answer.request, answer.url = request, str(request.url)
        answer.status_code, body = 404, b"<Error><Code>NoSuchKey</Code></Error>"
        if "obs" in str(urlsplit(str(request.url)).hostname):
            # A request without a marker is HEAD of the bucket.
            after = params.get("marker", "")
            answer.status_code, body = 200, self._pages.get(("obs", after)) or obs_page([], False, UNIFORM_CLASSES[1])
        elif str(request.url).partition("?")[0].endswith(TASK):
            answer.status_code, body = 200, b'{"dst_region": "cn-north-4", "dst_bucket": "photos-obs"}'
        elif "list-type" in params:
            answer.status_code = 200
            body = self._pages.get((params["prefix"], params["start-after"])) or page([], False, UNIFORM_CLASSES[0])
        answer.headers.update({"x-oss-request-id": "1", "Content-Length": str(len(body))})
        answer.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        return answer

    def close(self) -> None:
        pass


def etag(key: str) -> str:
    return etag_of(f"the contents of {key}")


def page(entries: list[tuple[str, str, int]], is_truncated: bool, classes: Sequence[str]) -> bytes:
    contents = "".join(
        f"<Contents><Key>{quote(name, safe='')}</Key><LastModified>{year}-{number % 12 + 1:02}-{number % 28 + 1:02}"
        f"T{number % 24:02}:{number % 60:02}:{number % 59:02}.000Z</LastModified><ETag>&quot;{etag}&quot;</ETag>"
        f"<Type>Normal</Type><Size>32</Size><StorageClass>{classes[number % len(classes)]}</StorageClass></Contents>"
        for number, (name, etag, year) in enumerate(entries)
    )
    token = "<NextContinuationToken>token</NextContinuationToken>" if is_truncated else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>photos</Name><MaxKeys>1000</MaxKeys>'
        f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated>{token}<EncodingType>url</EncodingType>{contents}"
        "</ListBucketResult>"
    ).encode()


def obs_page(keys: list[str], is_truncated: bool, classes: Sequence[str]) -> bytes:
    contents = "".join(
        f"<Contents><Key>{quote(key)}</Key><LastModified>2024-{number % 12 + 1:02}-{number % 28 + 1:02}"
        f"T{number % 24:02}:{number % 60:02}:59.987Z</LastModified><ETag>&quot;{etag(key).lower()}&quot;</ETag>"
        "<Size>32</Size><Owner><ID>0123456789abcdef0123456789abcdef</ID></Owner>"
        f"<StorageClass>{classes[number % len(classes)]}</StorageClass></Contents>"
        for number, key in enumerate(keys)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult'
        ' xmlns="http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/"><Name>photos-obs</Name>'
        f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated><EncodingType>url</EncodingType>{contents}</ListBucketResult>"
    ).encode()


def make_invocations(classes: tuple[Sequence[str], Sequence[str]]) -> Callable[[], Invocation]:
    settings, clock, pool = Settings.from_env(ENVIRONMENT), Clock(), CallPool()
    with patch("oss_oms_sync.clouds.connection._SocketAdapter", lambda: Clouds(classes)):
        session = Connections(settings.oss_endpoint, clock)
    oms, oss = OmsClient(settings, session, pool, clock), OssClient(settings, session, pool, clock)

    class Destination(ObsClient):
        def session(self, url: str) -> Connections:  # noqa: ARG002
            return session

    obs = Destination(settings, pool, clock)
    keys = Credentials("ID", "secret", "token")
    return lambda: Invocation(settings, oms, oss, keys, Deadline(3600, clock), clock, lambda: obs)


def main() -> None:
    invocation, mixed_invocation = make_invocations(UNIFORM_CLASSES), make_invocations(MIXED_CLASSES)
    expected_counts = {"scanned": OBJECTS, "covered": OBJECTS - OBJECTS // 100, "failed_before": OBJECTS // 100}

    def reconciliation() -> None:
        options = json.dumps({"dry_run": True, "since": timestamp(SINCE)})
        result = reconcile.run(options, invocation())
        assert result.items() >= {**expected_counts, "finished": True}.items(), result

    def baseline() -> None:
        baseline_pass = Baseline(invocation(), SINCE.timestamp())
        baseline_pass.run()
        assert baseline_pass.counts.items() >= expected_counts.items(), baseline_pass.counts

    def count_class_pairs(begin: Callable[[], Invocation]) -> int:
        result = compare.run(json.dumps({"dry_run": True}), begin())
        listing, storage = result["classes"], result["storage"]
        assert isinstance(listing, dict)
        assert listing["equal_contents"]["destination"]["objects"] == OBJECTS, result
        assert isinstance(storage, list)
        return len(storage)

    def comparison() -> None:
        assert count_class_pairs(invocation) == 1

    def mixed_classes() -> None:
        assert count_class_pairs(mixed_invocation) == len(MIXED_CLASSES[0])

    def without_classes() -> None:
        patterns = {name: value for name, value in listings._VALUE_PATTERNS.items() if name != "StorageClass"}
        listings._make_expression.cache_clear()
        with (
            patch.object(listings, "_VALUE_PATTERNS", patterns),
            patch.object(listings, "_find_shared_class", return_value=""),
            patch.object(count, "_sum_by_storage_classes", return_value=()),
            patch.object(ClassCount, "add_storage"),
        ):
            assert count_class_pairs(invocation) == 0
        listings._make_expression.cache_clear()

    def standstill() -> None:
        call = invocation()
        scope = Scope(call.settings.key_filter, None, everything=False, standstill=True)
        comparison_job = compare._ComparisonJob(call)
        pass_ = comparison_job.driver.describe_pass(scope, record_installation=False)
        outcome = comparison_job._build_range_walk(pass_, Piece()).run()
        assert sum(mark.objects for mark in outcome.piece.tally.marks) == OBJECTS, outcome

    def oss2_lists() -> None:
        bucket, after, objects = invocation().source_bucket, "", 0
        while objects < OBJECTS:
            call = partial(oss2.Bucket.list_objects_v2, prefix="", start_after=after, max_keys=PAGE_SIZE)
            (listing,) = require_success(bucket._call_all("oss:ListObjects", [call]))
            objects, after = objects + len(listing.object_list), listing.object_list[-1].key

    jobs = (reconciliation, baseline, comparison, without_classes, mixed_classes, standstill, oss2_lists)
    micros: dict[str, list[float]] = {job.__name__: [] for job in jobs}
    for _ in range(ROUNDS):
        for job in jobs:
            before = time.process_time()
            job()
            micros[job.__name__].append(1e6 * (time.process_time() - before) / OBJECTS)
    print(json.dumps(micros))


if __name__ == "__main__":
    main()
