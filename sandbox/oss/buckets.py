"""GetService (ListBuckets), GetBucketInfo, GetBucketLocation, PutBucketVersioning, GetBucketVersioning, GetBucketWorm.

https://help.aliyun.com/zh/oss/developer-reference/listbuckets, .../getbucketinfo, .../getbucketlocation,
.../putbucketversioning, .../getbucketversioning, .../getbucketworm.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from sandbox.oss.answers import OWNER, xml_response
from sandbox.oss.call import Call
from sandbox.oss.checks import number_between, parse_xml
from sandbox.oss.errors import OssError, malformed_xml
from sandbox.oss.objects import Bucket, iso_time
from sandbox.server.message import Response


def list_buckets(call: Call) -> Response:
    """All of the account, in whatever region; where some are left the answer says so, else it says nothing of pages."""
    prefix, marker = call.params.get("prefix", ""), call.params.get("marker", "")
    limit = number_between(call.params, "max-keys", 100, 1, 1000)
    wanted = sorted(name for name in call.store.buckets if name.startswith(prefix) and name > marker)
    page = wanted[:limit]
    inner = ""
    if len(page) < len(wanted):
        inner = (
            f"<Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>true</IsTruncated><NextMarker>{page[-1]}</NextMarker>"
        )
    buckets = "".join(f"<Bucket>{_bucket_xml(call.store.buckets[name])}</Bucket>" for name in page)
    return xml_response("ListAllMyBucketsResult", f"{inner}{OWNER}<Buckets>{buckets}</Buckets>")


def get_bucket_info(call: Call) -> Response:
    versioning = call.bucket.versioning
    inner = (
        f"{_bucket_xml(call.bucket)}{OWNER}<AccessControlList><Grant>private</Grant></AccessControlList>"
        "<DataRedundancyType>LRS</DataRedundancyType><Comment></Comment>"
        + (f"<Versioning>{versioning}</Versioning>" if versioning else "")
    )
    return xml_response("BucketInfo", f"<Bucket>{inner}</Bucket>")


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
    """Empty where versioning was never switched on."""
    status = call.bucket.versioning
    return xml_response("VersioningConfiguration", f"<Status>{status}</Status>" if status else "")


def get_bucket_worm(call: Call) -> Response:
    """The rule of retention, where there is one."""
    if not call.bucket.retains:
        raise OssError(404, "NoSuchWORMConfiguration", "The WORM Configuration does not exist.")
    inner = (
        "<WormId>1666E2CFB2B3418****</WormId><State>Locked</State>"
        "<RetentionPeriodInDays>1</RetentionPeriodInDays>"
        f"<CreationDate>{iso_time(call.bucket.created)}</CreationDate>"
    )
    return xml_response("WormConfiguration", inner)


def _bucket_xml(bucket: Bucket) -> str:
    return (
        f"<Name>{bucket.name}</Name><CreationDate>{iso_time(bucket.created)}</CreationDate>"
        f"<Location>oss-{bucket.region}</Location><Region>{bucket.region}</Region>"
        f"<ExtranetEndpoint>oss-{bucket.region}.aliyuncs.com</ExtranetEndpoint>"
        f"<IntranetEndpoint>oss-{bucket.region}-internal.aliyuncs.com</IntranetEndpoint>"
        "<StorageClass>Standard</StorageClass>"
    )
