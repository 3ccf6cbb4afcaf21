"""Changes of an OBS object's headers without a new upload.

Source: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0091.html. No page says whether they update
LastModified.
"""

from __future__ import annotations

from sandbox.obs.errors import archived_object, invalid_argument, no_such_key
from sandbox.obs.objects import Bucket
from sandbox.server.message import Request, Response

DIRECTIVE = "x-obs-metadata-directive"
METADATA_PREFIX = "x-obs-meta-"
_MAX_METADATA_BYTES = 8 * 1024
_STANDARD_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)


def set_metadata(bucket: Bucket, key: str, request: Request) -> Response:
    """Change an object's headers by the directive REPLACE_NEW or REPLACE.

    REPLACE removes all headers that the request does not name. REPLACE_NEW keeps them, except that any user metadata in
    the request replaces all user metadata of the object.
    """
    stored_object = bucket.find_version(key, request.params.get("versionId", ""))
    if stored_object is None:
        raise no_such_key()
    if stored_object.is_archived:
        raise archived_object()
    directive = request.headers.get(DIRECTIVE, "")
    if directive not in ("REPLACE", "REPLACE_NEW"):
        raise invalid_argument(DIRECTIVE)
    named_headers = {
        name: value
        for name, value in request.headers.items()
        if name in _STANDARD_HEADERS or name.startswith(METADATA_PREFIX)
    }
    if not all(value.isascii() for value in named_headers.values()):
        raise invalid_argument("a header holds more than US-ASCII")
    user_headers = {name: value for name, value in named_headers.items() if name.startswith(METADATA_PREFIX)}
    if sum(len(name) - len(METADATA_PREFIX) + len(value) for name, value in user_headers.items()) > _MAX_METADATA_BYTES:
        raise invalid_argument("the user's metadata is larger than 8 KB")
    kept_headers = {
        name: value
        for name, value in stored_object.headers.items()
        if not (name in _STANDARD_HEADERS and directive == "REPLACE")
        and not (name.startswith(METADATA_PREFIX) and (user_headers or directive == "REPLACE"))
    }
    bucket.change_headers(key, stored_object, {**kept_headers, **named_headers})
    return Response(200)
