"""The digests that compare shows, computed again from a bucket's listing by its vendor's SDK alone.

It prints objects, bytes and digest: the sum modulo 2^256 of SHA-256(key, a zero byte, the size in decimal) of each.
Of what is in OBS, it also tells OMS's own lists (compare's class oms_own) from the rest, which a certificate has.
What a canary wrote (`ops.py canary`) is left out, as there, and so are copies of this project's records in OBS.
First: pip install oss2 esdk-obs-python
"""

import argparse
import hashlib
import os
from collections.abc import Iterator

_RECORDS = "oms_source_record/"
_OMS_LISTS = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")


def in_oss(endpoint: str, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Key and size of each object of an OSS bucket."""
    import oss2

    auth, region = oss2.AuthV4(os.environ["OSS_AK"], os.environ["OSS_SK"]), os.environ["OSS_REGION"]
    for one in oss2.ObjectIteratorV2(oss2.Bucket(auth, endpoint, bucket, region=region), prefix=prefix):
        yield one.key, one.size


def in_obs(endpoint: str, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Key and size of each object of an OBS bucket."""
    import obs

    client, marker = obs.ObsClient(os.environ["OBS_AK"], os.environ["OBS_SK"], server=endpoint), ""
    while True:
        answer = client.listObjects(bucket, prefix=prefix, marker=marker, encoding_type="url")
        if answer.status >= 300:
            raise SystemExit(f"{bucket}: {answer.status} {answer.errorCode or answer.reason}: {answer.errorMessage}")
        body = answer.body
        is_behind = all(content.key > marker for content in body.contents)
        if body.name != bucket or not is_behind or (body.is_truncated and not body.contents):
            raise SystemExit(f"{bucket}: the answer is no page of it behind {marker!r}")
        yield from ((content.key, int(content.size)) for content in body.contents)
        if not body.is_truncated:
            return
        marker = body.contents[-1].key


def told(objects: list[tuple[str, int]]) -> str:
    """Their number, bytes and digest."""
    digests = (hashlib.sha256(key.encode() + b"\0" + str(size).encode()).digest() for key, size in objects)
    digest = sum(int.from_bytes(digest, "big") for digest in digests) % 2**256
    return f"{len(objects)} objects, {sum(size for _, size in objects)} bytes, {digest:064x}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = "OSS_AK, OSS_SK and OSS_REGION (such as cn-hangzhou), or OBS_AK and OBS_SK in the environment"
    needed = {"oss": ("OSS_AK", "OSS_SK", "OSS_REGION"), "obs": ("OBS_AK", "OBS_SK")}
    parser.add_argument("cloud", choices=["oss", "obs"], help=given)
    parser.add_argument("endpoint", help="such as https://oss-cn-hangzhou.aliyuncs.com")
    parser.add_argument("bucket")
    parser.add_argument("prefix", nargs="?", default="")
    parser.add_argument("--suffix", default="", help="the project's objectSuffix")
    asked = parser.parse_args()
    if asked.prefix.startswith("/"):
        parser.error(f'no object key begins with "/": give {asked.prefix.lstrip("/")!r}')
    if lacking := [name for name in needed[asked.cloud] if not os.environ.get(name)]:
        parser.error(f"set {' and '.join(lacking)} in the environment")
    listing = in_oss if asked.cloud == "oss" else in_obs
    never = (f"{asked.prefix}.oss-oms-sync-canary/", *([_RECORDS] if asked.cloud == "obs" else []))
    found = listing(asked.endpoint, asked.bucket, asked.prefix)
    objects = [one for one in found if one[0].endswith(asked.suffix) and not one[0].startswith(never)]
    print(told(objects))
    if asked.cloud == "obs":
        print("of these OMS's own lists:", told([stored for stored in objects if stored[0].startswith(_OMS_LISTS)]))
        print("and elsewhere:", told([stored for stored in objects if not stored[0].startswith(_OMS_LISTS)]))


if __name__ == "__main__":
    main()
