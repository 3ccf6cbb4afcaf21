"""The digests that compare shows, computed again from a bucket's listing by its vendor's SDK alone.

It prints objects, bytes and digest: the sum modulo 2^256 of each object's SHA-256(key, a zero byte, the size in decimal).
First: pip install oss2 esdk-obs-python
"""

import argparse
import hashlib
import os
from collections.abc import Iterator


def in_oss(endpoint: str, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Key and size of each object of an OSS bucket."""
    import oss2

    auth = oss2.Auth(os.environ["OSS_AK"], os.environ["OSS_SK"])
    for one in oss2.ObjectIteratorV2(oss2.Bucket(auth, endpoint, bucket), prefix=prefix):
        yield one.key, one.size


def in_obs(endpoint: str, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Key and size of each object of an OBS bucket, without the lists that OMS writes there."""
    import obs

    client, marker = obs.ObsClient(os.environ["OBS_AK"], os.environ["OBS_SK"], server=endpoint), ""
    while True:
        body = client.listObjects(bucket, prefix=prefix, marker=marker, encoding_type="url").body
        yield from ((one.key, int(one.size)) for one in body.contents if not one.key.startswith("oms/sync_task/"))
        if not body.is_truncated:
            return
        marker = body.contents[-1].key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cloud", choices=["oss", "obs"], help="access key in OSS_AK and OSS_SK, or OBS_AK and OBS_SK")
    parser.add_argument("endpoint", help="such as https://oss-cn-hangzhou.aliyuncs.com")
    parser.add_argument("bucket")
    parser.add_argument("prefix", nargs="?", default="")
    asked = parser.parse_args()
    objects = size = digest = 0
    listing = in_oss if asked.cloud == "oss" else in_obs
    for key, length in listing(asked.endpoint, asked.bucket, asked.prefix):
        objects, size = objects + 1, size + length
        digest += int.from_bytes(hashlib.sha256(key.encode() + b"\0" + str(length).encode()).digest(), "big")
    print(f"{objects} objects, {size} bytes, {digest % 2**256:064x}")


if __name__ == "__main__":
    main()
