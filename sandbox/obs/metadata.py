"""Headers of an object that are changed in place.

https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0091.html. No page says if the change moves LastModified.
"""

from __future__ import annotations

from sandbox.obs.errors import invalid_argument, no_such_key, not_implemented
from sandbox.obs.objects import Bucket
from sandbox.server.message import Request, Response

DIRECTIVE = "x-obs-metadata-directive"
META = "x-obs-meta-"
_STANDARD = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")


def set_metadata(bucket: Bucket, key: str, request: Request) -> Response:
    """Change headers by REPLACE_NEW: unnamed headers stay; the user's headers are replaced together."""
    stored = bucket.objects.get(key)
    if stored is None:
        raise no_such_key()
    directive = request.headers.get(DIRECTIVE, "")
    if directive == "REPLACE":
        raise not_implemented()
    if directive != "REPLACE_NEW":
        raise invalid_argument(DIRECTIVE)
    named = {name: value for name, value in request.headers.items() if name in _STANDARD or name.startswith(META)}
    if not all(value.isascii() for value in named.values()):
        raise invalid_argument("a header holds more than US-ASCII")
    replaces_users = any(name.startswith(META) for name in named)
    kept = {name: value for name, value in stored.headers.items() if not (replaces_users and name.startswith(META))}
    bucket.change_headers(key, {**kept, **named})
    return Response(200)
