"""What a bucket is set to do, as documents: each is kept as it was put, and answered so.

https://support.huaweicloud.com/intl/en-us/api-obs/, obs_04_0027 to obs_04_0074, obs_04_0059, obs_04_0062 and
obs_04_0119. Nothing here goes by them but encryption.
"""

from __future__ import annotations

import json
from typing import NamedTuple
from xml.etree import ElementTree

from sandbox.account import DOMAIN_ID
from sandbox.obs.errors import ObsError, malformed
from sandbox.obs.objects import Bucket
from sandbox.server.message import Request, Response


class Setting(NamedTuple):
    """`action`: what policies call it, behind Get and Put. `root`: that of its document; JSON has none. Where nothing
    is set: the code of a 404, or what its document holds then."""

    action: str
    root: str
    code: str = ""
    empty: str = ""


_OWNER = f"<Owner><ID>{DOMAIN_ID}</ID></Owner>"
_GRANT = f"<Grant><Grantee><ID>{DOMAIN_ID}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
# By the parameter that selects it. Of back-to-source rules no page names the code.
SETTINGS = {
    "acl": Setting(
        "BucketAcl", "AccessControlPolicy", empty=f"{_OWNER}<AccessControlList>{_GRANT}</AccessControlList>"
    ),
    "cors": Setting("BucketCORS", "CORSConfiguration", "NoSuchCORSConfiguration"),
    "customdomain": Setting("BucketCustomDomainConfiguration", "ListBucketCustomDomainsResult"),
    "encryption": Setting(
        "EncryptionConfiguration", "ServerSideEncryptionConfiguration", "NoSuchEncryptionConfiguration"
    ),
    "lifecycle": Setting("LifecycleConfiguration", "LifecycleConfiguration", "NoSuchLifecycleConfiguration"),
    "logging": Setting("BucketLogging", "BucketLoggingStatus"),
    "mirrorBackToSource": Setting("MirrorBackToSource", "", "NoSuchMirrorBackToSource"),
    "policy": Setting("BucketPolicy", "", "NoSuchBucketPolicy"),
    "tagging": Setting("BucketTagging", "Tagging", "NoSuchTagSet"),
    "website": Setting("BucketWebsite", "WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
}
# Whose document tells more than what was put.
READ_ONLY = {"customdomain"}


def get_setting(bucket: Bucket, _key: str, request: Request) -> Response:
    (name,) = request.params
    setting, kept = SETTINGS[name], bucket.documents.get(name)
    if kept is None:
        if setting.code:
            raise ObsError(404, setting.code, f"The bucket has no {name} configuration.")
        kept = f"<{setting.root}>{setting.empty}</{setting.root}>".encode()
    return Response(200, kept, {"Content-Type": "application/xml" if setting.root else "application/json"})


def put_setting(bucket: Bucket, _key: str, request: Request) -> Response:
    (name,) = request.params
    try:
        root = SETTINGS[name].root
        is_one = ElementTree.fromstring(request.body).tag == root if root else bool(json.loads(request.body))
    except (ValueError, ElementTree.ParseError):
        is_one = False
    if not is_one:
        raise malformed()
    bucket.documents[name] = request.body
    return Response(200)
