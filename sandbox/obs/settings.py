"""Settings of OBS buckets, which are documents that the sandbox stores and returns unchanged.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0027.html to obs_04_0074.html, and obs_04_0119.html.
Only encryption has an effect in the sandbox.
"""

from __future__ import annotations

import json
from typing import NamedTuple
from xml.etree import ElementTree

from sandbox.account import DOMAIN_ID
from sandbox.obs.errors import ObsError, malformed_xml
from sandbox.obs.objects import Bucket
from sandbox.server.message import Request, Response


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


_OWNER = f"<Owner><ID>{DOMAIN_ID}</ID></Owner>"
_OWNER_GRANT = f"<Grant><Grantee><ID>{DOMAIN_ID}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
# Settings by the query parameter that selects each. No page names the error code of back-to-source rules.
SETTINGS = {
    "acl": Setting(
        "BucketAcl",
        "AccessControlPolicy",
        default_contents=f"{_OWNER}<AccessControlList>{_OWNER_GRANT}</AccessControlList>",
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
# Settings that requests cannot store.
READ_ONLY = {"customdomain"}


def get_setting(bucket: Bucket, _key: str, request: Request) -> Response:
    (name,) = request.params
    setting, document = SETTINGS[name], bucket.documents.get(name)
    if document is None:
        if setting.code:
            raise ObsError(404, setting.code, f"The bucket has no {name} configuration.")
        document = f"<{setting.root}>{setting.default_contents}</{setting.root}>".encode()
    return Response(200, document, {"Content-Type": "application/xml" if setting.root else "application/json"})


def put_setting(bucket: Bucket, _key: str, request: Request) -> Response:
    (name,) = request.params
    try:
        root = SETTINGS[name].root
        is_valid = ElementTree.fromstring(request.body).tag == root if root else bool(json.loads(request.body))
    except (ValueError, ElementTree.ParseError):
        is_valid = False
    if not is_valid:
        raise malformed_xml()
    bucket.documents[name] = request.body
    return Response(200)
