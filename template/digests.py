"""A program that computes the digest of a bucket's listing with only the vendor's SDK, to verify a certificate."""

import argparse
import hashlib
import os
from collections.abc import Iterator

_DESCRIPTION = """\
List a bucket with the vendor's SDK, and compute the digest of the listing, to
verify a certificate without the code of this project. Run the program for both
buckets, before anything changes in them.

The output is the number of objects, their total bytes and their digest. The
digest is the sum, modulo 2^256, of the SHA-256 of each object, over the
object's key, a zero byte and the object's size in decimal digits. For OSS,
compare the output with "source" in the certificate. For OBS, two more lines
count OMS's own lists and the other objects: compare the line "other objects"
with "destination" in the certificate.

Like compare, the program omits the objects of canaries (ops.py canary) and, in
OBS, copies of this project's records.

Before the first run: pip install oss2 esdk-obs-python
"""
_RECORDS_PREFIX = "oms_source_record/"
_OMS_LIST_PREFIXES = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")


def in_oss(endpoint: str, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the key and the size in bytes of each object of an OSS bucket."""
    import oss2

    auth, region = oss2.AuthV4(os.environ["OSS_AK"], os.environ["OSS_SK"]), os.environ["OSS_REGION"]
    for summary in oss2.ObjectIteratorV2(oss2.Bucket(auth, endpoint, bucket, region=region), prefix=prefix):
        yield summary.key, summary.size


def in_obs(endpoint: str, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the key and the size in bytes of each object of an OBS bucket."""
    import obs

    client, marker = obs.ObsClient(os.environ["OBS_AK"], os.environ["OBS_SK"], server=endpoint), ""
    while True:
        answer = client.listObjects(bucket, prefix=prefix, marker=marker, encoding_type="url")
        if answer.status >= 300:
            raise SystemExit(f"{bucket}: {answer.status} {answer.errorCode or answer.reason}: {answer.errorMessage}")
        body = answer.body
        is_after_marker = all(content.key > marker for content in body.contents)
        if body.name != bucket or not is_after_marker or (body.is_truncated and not body.contents):
            raise SystemExit(f"{bucket}: the response is not the page after {marker!r}")
        yield from ((content.key, int(content.size)) for content in body.contents)
        if not body.is_truncated:
            return
        marker = body.contents[-1].key


def totals(objects: list[tuple[str, int]]) -> str:
    """Return the number, the bytes and the digest of objects, as a line to print."""
    digests = (hashlib.sha256(key.encode() + b"\0" + str(size).encode()).digest() for key, size in objects)
    digest = sum(int.from_bytes(digest, "big") for digest in digests) % 2**256
    return f"{len(objects)} objects, {sum(size for _, size in objects)} bytes, {digest:064x}"


def main() -> None:
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    cloud_help = (
        "cloud of the bucket; for oss, set the environment variables OSS_AK, OSS_SK and OSS_REGION (such as"
        " cn-hangzhou); for obs, OBS_AK and OBS_SK"
    )
    required_variables = {"oss": ("OSS_AK", "OSS_SK", "OSS_REGION"), "obs": ("OBS_AK", "OBS_SK")}
    parser.add_argument("cloud", choices=["oss", "obs"], help=cloud_help)
    parser.add_argument("endpoint", help="address of the cloud's service, such as https://oss-cn-hangzhou.aliyuncs.com")
    parser.add_argument("bucket", help="name of the bucket")
    parser.add_argument("prefix", nargs="?", default="", help="objectPrefix of the project's s.yaml (default: empty)")
    parser.add_argument("--suffix", default="", help="objectSuffix of the project's s.yaml (default: empty)")
    options = parser.parse_args()
    if options.prefix.startswith("/"):
        parser.error(f'no object key begins with "/": write {options.prefix.lstrip("/")!r}')
    if missing_variables := [name for name in required_variables[options.cloud] if not os.environ.get(name)]:
        parser.error(f"set {' and '.join(missing_variables)} in the environment")
    list_bucket = in_oss if options.cloud == "oss" else in_obs
    excluded_prefixes = (
        f"{options.prefix}.oss-oms-sync-canary/",
        *([_RECORDS_PREFIX] if options.cloud == "obs" else []),
    )
    pairs = list_bucket(options.endpoint, options.bucket, options.prefix)
    objects = [pair for pair in pairs if pair[0].endswith(options.suffix) and not pair[0].startswith(excluded_prefixes)]
    print(totals(objects))
    if options.cloud == "obs":
        print(
            "OMS's own lists:",
            totals([pair for pair in objects if pair[0].startswith(_OMS_LIST_PREFIXES)]),
        )
        print("other objects:", totals([pair for pair in objects if not pair[0].startswith(_OMS_LIST_PREFIXES)]))


if __name__ == "__main__":
    main()
