"""What a bucket is set to do, as documents: each is kept as it was put, and answered so.

https://help.aliyun.com/zh/oss/developer-reference/, putbucketlifecycle and so on. Nothing here goes by them but
encryption, and pages and back-to-source rules as far as they are told.
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
    """`action`: what policies call it, behind Get and Put. `root`: that of its document; a policy is JSON, and has
    none. Where nothing is set: the code of a 404, or what its document holds then."""

    action: str
    root: str
    code: str = ""
    empty: str = ""


# By the parameter that selects it.
SETTINGS = {
    "cors": Setting("BucketCors", "CORSConfiguration", "NoSuchCORSConfiguration"),
    "encryption": Setting("BucketEncryption", "ServerSideEncryptionRule", "NoSuchServerSideEncryptionRule"),
    "lifecycle": Setting("BucketLifecycle", "LifecycleConfiguration", "NoSuchLifecycle"),
    "logging": Setting("BucketLogging", "BucketLoggingStatus"),
    "policy": Setting("BucketPolicy", "", "NoSuchBucketPolicy"),
    "referer": Setting(
        "BucketReferer",
        "RefererConfiguration",
        empty="<AllowEmptyReferer>true</AllowEmptyReferer><RefererList></RefererList>",
    ),
    "tagging": Setting("BucketTagging", "Tagging", empty="<TagSet></TagSet>"),
    "website": Setting("BucketWebsite", "WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
}


def get_setting(call: Call) -> Response:
    (name,) = call.params
    setting, kept = SETTINGS[name], call.bucket.documents.get(name)
    if kept is not None:
        return Response(200, kept, {"Content-Type": "application/xml" if setting.root else "application/json"})
    if setting.code:
        message = f"The bucket has no {name} configuration."
        raise OssError(404, setting.code, message, BucketName=call.bucket.name)
    return xml_response(setting.root, setting.empty)


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
    given = call.headers.get("x-oss-acl", "")
    if given not in _ACLS:
        raise invalid_argument("no such bucket access control exists", ArgumentName="x-oss-acl", ArgumentValue=given)
    call.bucket.acl = given
    return Response(200)


def list_cname(call: Call) -> Response:
    """The domains that somebody bound to it in the console."""
    if not call.bucket.domains:
        raise OssError(404, "NoSuchCname", "The bucket has no CNAME records.", BucketName=call.bucket.name)
    told = "".join(
        f"<Cname><Domain>{domain}</Domain><Status>Enabled</Status></Cname>" for domain in call.bucket.domains
    )
    return xml_response("ListCnameResult", f"<Bucket>{call.bucket.name}</Bucket><Owner>owner</Owner>{told}")


def _check_policy(body: bytes) -> None:
    try:
        statements = json.loads(body)["Statement"]
    except (ValueError, KeyError, TypeError):
        statements = None
    if not isinstance(statements, list) or not statements:
        raise OssError(400, "InvalidPolicyDocument", "The policy is no document with statements.")
