"""Settings of OSS buckets, which are documents that the sandbox stores and returns unchanged.

Sources: https://help.aliyun.com/zh/oss/developer-reference/putbucketlifecycle, and the pages of the other settings.
Only encryption has an effect in the sandbox.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from sandbox.oss.answers import OWNER, xml_response
from sandbox.oss.call import Call
from sandbox.oss.checks import check_body, parse_xml
from sandbox.oss.errors import OssError, invalid_argument
from sandbox.server.message import Response

_ACLS = ("private", "public-read", "public-read-write")


class Setting(NamedTuple):
    """A setting of a bucket, such as its lifecycle rules.

    - `action` is the setting's name in the actions of policies, after Get or Put.
    - `root` is the root element of its XML document, or empty for a JSON document.
    - `code` is the error code of a GET before a document is stored; without it, GET returns `default_contents`.
    """

    action: str
    root: str
    code: str = ""
    default_contents: str = ""


# Settings by the query parameter that selects each.
SETTINGS = {
    "cors": Setting("BucketCors", "CORSConfiguration", "NoSuchCORSConfiguration"),
    "encryption": Setting("BucketEncryption", "ServerSideEncryptionRule", "NoSuchServerSideEncryptionRule"),
    "lifecycle": Setting("BucketLifecycle", "LifecycleConfiguration", "NoSuchLifecycle"),
    "logging": Setting("BucketLogging", "BucketLoggingStatus"),
    "policy": Setting("BucketPolicy", "", "NoSuchBucketPolicy"),
    "referer": Setting(
        "BucketReferer",
        "RefererConfiguration",
        default_contents="<AllowEmptyReferer>true</AllowEmptyReferer><RefererList></RefererList>",
    ),
    "tagging": Setting("BucketTagging", "Tagging", default_contents="<TagSet></TagSet>"),
    "website": Setting("BucketWebsite", "WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
}


def get_setting(call: Call) -> Response:
    (name,) = call.params
    setting, document = SETTINGS[name], call.bucket.documents.get(name)
    if document is not None:
        return Response(200, document, {"Content-Type": "application/xml" if setting.root else "application/json"})
    if setting.code:
        message = f"The bucket has no {name} configuration."
        raise OssError(404, setting.code, message, BucketName=call.bucket.name)
    return xml_response(setting.root, setting.default_contents)


def put_setting(call: Call) -> Response:
    check_body(call.request)
    (name,) = call.params
    if root := SETTINGS[name].root:
        parse_xml(call.request.body, root)
    else:
        _check_policy(call.request.body)
    call.bucket.documents[name] = call.request.body
    return Response(200)


def get_bucket_acl(call: Call) -> Response:
    grants = f"<AccessControlList><Grant>{call.bucket.acl}</Grant></AccessControlList>"
    return xml_response("AccessControlPolicy", f"{OWNER}{grants}")


def put_bucket_acl(call: Call) -> Response:
    acl = call.headers.get("x-oss-acl", "")
    if acl not in _ACLS:
        raise invalid_argument("no such bucket access control exists", ArgumentName="x-oss-acl", ArgumentValue=acl)
    call.bucket.acl = acl
    return Response(200)


def list_cname(call: Call) -> Response:
    if not call.bucket.domains:
        raise OssError(404, "NoSuchCname", "The bucket has no CNAME records.", BucketName=call.bucket.name)
    domains = "".join(
        f"<Cname><Domain>{domain}</Domain><Status>Enabled</Status></Cname>" for domain in call.bucket.domains
    )
    return xml_response("ListCnameResult", f"<Bucket>{call.bucket.name}</Bucket><Owner>owner</Owner>{domains}")


def _check_policy(body: bytes) -> None:
    try:
        statements = json.loads(body)["Statement"]
    except (ValueError, KeyError, TypeError):
        statements = None
    if not isinstance(statements, list) or not statements:
        raise OssError(400, "InvalidPolicyDocument", "The policy is no document with statements.")
