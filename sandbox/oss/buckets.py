"""Operations on buckets: GetService (ListBuckets), PutBucket, GetBucketInfo, and versioning.

Sources: https://help.aliyun.com/zh/oss/developer-reference/listbuckets, .../putbucket, .../getbucketinfo,
.../getbucketlocation, .../putbucketversioning, .../getbucketversioning, .../getbucketworm.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from sandbox.account import ACCOUNT_ID
from sandbox.oss.answers import OWNER, xml_response
from sandbox.oss.call import Call
from sandbox.oss.checks import parse_number, parse_xml
from sandbox.oss.errors import OssError, malformed_xml, not_implemented
from sandbox.oss.objects import Bucket, iso_time
from sandbox.server.message import Response

MAX_BUCKETS = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def list_buckets(call: Call) -> Response:
    """List the account's buckets in all regions; only a truncated response has the elements of paging."""
    prefix, marker = call.params.get("prefix", ""), call.params.get("marker", "")
    limit = parse_number(call.params, "max-keys", 100, 1, 1000)
    owned_names = (name for name, bucket in call.store.buckets.items() if bucket.owner == ACCOUNT_ID)
    names = sorted(name for name in owned_names if name.startswith(prefix) and name > marker)
    page = names[:limit]
    inner_xml = ""
    if len(page) < len(names):
        inner_xml = (
            f"<Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>true</IsTruncated><NextMarker>{page[-1]}</NextMarker>"
        )
    buckets = "".join(f"<Bucket>{_format_bucket(call.store.buckets[name])}</Bucket>" for name in page)
    return xml_response("ListAllMyBucketsResult", f"{inner_xml}{OWNER}<Buckets>{buckets}</Buckets>")


def put_bucket(call: Call) -> Response:
    """Create a bucket.

    If the account owns the bucket already, only its root user can repeat the call. For a RAM user the name is not
    available.
    """
    name = call.bucket.name
    if not _NAME.fullmatch(name):
        raise OssError(400, "InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
    storage_class = _parse_storage_class(call.request.body)
    existing_bucket = call.store.buckets.get(name)
    if existing_bucket is None:
        if len(call.store.buckets) >= MAX_BUCKETS:
            raise OssError(400, "TooManyBuckets", "You have attempted to create more buckets than allowed.")
        call.store.create_by_request(name, storage_class)
    elif (
        existing_bucket.owner != ACCOUNT_ID
        or call.caller.holder != "root"
        or existing_bucket.region != call.store.region
    ):
        message = (
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system."
        )
        raise OssError(409, "BucketAlreadyExists", message, ec="0015-00000104", BucketName=name)
    return Response(200, headers={"Location": f"/{name}"})


def _parse_storage_class(body: bytes) -> str:
    if not body:
        return "Standard"
    configuration = parse_xml(body, "CreateBucketConfiguration")
    if {element.tag for element in configuration} - {"StorageClass"}:
        raise not_implemented()
    storage_class = configuration.findtext("StorageClass") or "Standard"
    if storage_class not in ("Standard", "IA", "Archive", "ColdArchive"):
        raise malformed_xml()
    return storage_class


def get_bucket_info(call: Call) -> Response:
    versioning = call.bucket.versioning
    encryption = call.bucket.encryption.get("x-oss-server-side-encryption", "None")
    inner_xml = (
        f"{_format_bucket(call.bucket)}{OWNER}<AccessControlList><Grant>{call.bucket.acl}</Grant></AccessControlList>"
        "<DataRedundancyType>LRS</DataRedundancyType><Comment></Comment>"
        + (f"<Versioning>{versioning}</Versioning>" if versioning else "")
        + f"<ServerSideEncryptionRule><SSEAlgorithm>{encryption}</SSEAlgorithm></ServerSideEncryptionRule>"
    )
    return xml_response("BucketInfo", f"<Bucket>{inner_xml}</Bucket>")


def get_bucket_location(call: Call) -> Response:
    return xml_response("LocationConstraint", f"oss-{call.bucket.region}")


def put_bucket_versioning(call: Call) -> Response:
    status = parse_xml(call.request.body, "VersioningConfiguration").findtext("Status")
    if status == "Enabled":
        call.bucket.versioning = "Enabled"
    elif status == "Suspended":
        call.bucket.versioning = "Suspended"
    else:
        raise malformed_xml()
    return Response(200)


def get_bucket_versioning(call: Call) -> Response:
    status = call.bucket.versioning
    return xml_response("VersioningConfiguration", f"<Status>{status}</Status>" if status else "")


def get_bucket_worm(call: Call) -> Response:
    if not call.bucket.has_retention:
        raise OssError(404, "NoSuchWORMConfiguration", "The WORM Configuration does not exist.")
    inner_xml = (
        "<WormId>1666E2CFB2B3418****</WormId><State>Locked</State>"
        "<RetentionPeriodInDays>1</RetentionPeriodInDays>"
        f"<CreationDate>{iso_time(call.bucket.created_at)}</CreationDate>"
    )
    return xml_response("WormConfiguration", inner_xml)


def _format_bucket(bucket: Bucket) -> str:
    return (
        f"<Name>{bucket.name}</Name><CreationDate>{iso_time(bucket.created_at)}</CreationDate>"
        f"<Location>oss-{bucket.region}</Location><Region>{bucket.region}</Region>"
        f"<ExtranetEndpoint>oss-{bucket.region}.aliyuncs.com</ExtranetEndpoint>"
        f"<IntranetEndpoint>oss-{bucket.region}-internal.aliyuncs.com</IntranetEndpoint>"
        f"<StorageClass>{bucket.storage_class}</StorageClass>"
    )
