"""GetService (ListBuckets), GetBucketInfo, GetBucketLocation, PutBucketVersioning, GetBucketVersioning.

https://help.aliyun.com/zh/oss/developer-reference/listbuckets, .../getbucketinfo, .../getbucketlocation,
.../putbucketversioning, .../getbucketversioning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from sandbox.oss.call import Call, number_between, parse_xml, xml_response
from sandbox.oss.errors import malformed_xml
from sandbox.oss.listing import OWNER
from sandbox.oss.objects import Bucket, iso_time
from sandbox.server.message import Response

if TYPE_CHECKING:
    from sandbox.oss.service import Oss


def list_buckets(oss: Oss, call: Call) -> Response:
    """All of the account, in whatever region; where some are left the answer says so, else it says nothing of pages."""
    prefix, marker = call.params.get("prefix", ""), call.params.get("marker", "")
    limit = number_between(call.params, "max-keys", 100, 1, 1000)
    wanted = sorted(name for name in oss.buckets if name.startswith(prefix) and name > marker)
    page = wanted[:limit]
    inner = ""
    if len(page) < len(wanted):
        inner = (
            f"<Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>true</IsTruncated><NextMarker>{page[-1]}</NextMarker>"
        )
    buckets = "".join(f"<Bucket>{_about(oss.buckets[name])}</Bucket>" for name in page)
    return xml_response("ListAllMyBucketsResult", f"{inner}{OWNER}<Buckets>{buckets}</Buckets>")


def bucket_info(_: Oss, call: Call) -> Response:
    versioning = call.bucket.versioning
    inner = (
        f"{_about(call.bucket)}{OWNER}<AccessControlList><Grant>private</Grant></AccessControlList>"
        "<DataRedundancyType>LRS</DataRedundancyType><Comment></Comment>"
        + (f"<Versioning>{versioning}</Versioning>" if versioning else "")
    )
    return xml_response("BucketInfo", f"<Bucket>{inner}</Bucket>")


def location(_: Oss, call: Call) -> Response:
    return xml_response("LocationConstraint", f"oss-{call.bucket.region}")


def put_versioning(_: Oss, call: Call) -> Response:
    status = parse_xml(call.request.body, "VersioningConfiguration").findtext("Status")
    if status == "Enabled":
        call.bucket.versioning = "Enabled"
    elif status == "Suspended":
        call.bucket.versioning = "Suspended"
    else:
        raise malformed_xml()
    return Response(200)


def get_versioning(_: Oss, call: Call) -> Response:
    """Empty where versioning was never switched on."""
    status = call.bucket.versioning
    return xml_response("VersioningConfiguration", f"<Status>{status}</Status>" if status else "")


def _about(bucket: Bucket) -> str:
    return (
        f"<Name>{bucket.name}</Name><CreationDate>{iso_time(bucket.created)}</CreationDate>"
        f"<Location>oss-{bucket.region}</Location><Region>{bucket.region}</Region>"
        f"<ExtranetEndpoint>oss-{bucket.region}.aliyuncs.com</ExtranetEndpoint>"
        f"<IntranetEndpoint>oss-{bucket.region}-internal.aliyuncs.com</IntranetEndpoint>"
        "<StorageClass>Standard</StorageClass>"
    )
