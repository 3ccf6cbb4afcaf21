"""The permissions that `policies/show.py --canary` prints, compared with the requests of canaries."""

import json
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from sandbox.oss import service
from sandbox.server.message import Request
from support.migration import project
from support.policies import show
from unit.ops.canary.canary_world import CanaryWorld


def required_permission(world, request):
    """Return the action and the resource that an administrator's request needs."""
    url = urlsplit(request.url)
    sandbox_request = Request(
        request.method,
        url.path,
        url.query,
        (("host", url.netloc.encode()), *((n.lower(), v.encode()) for n, v in request.headers.items())),
        b"",
        0,
        0,
    )
    bucket, _, host = url.netloc.partition(".")
    key = unquote(url.path[1:])
    if host.startswith("oss-"):
        action = service._choose_operation(sandbox_request).action
        return action, f"acs:oss:*:*:{bucket}/{key}" if key else f"acs:oss:*:*:{bucket}"
    if host.startswith("obs."):
        selector = next(
            (
                name
                for name in ("metadata", "object-lock", "versionId", "versioning", "versions")
                if name in sandbox_request.params
            ),
            "",
        )
        action = world.obs._operations[request.method, bool(key), selector].action
        return action, f"OBS:*:*:object:{bucket}/{key}" if key else f"OBS:*:*:bucket:{bucket}"
    return ("oms:synctask:statistics" if key.endswith("statistics") else "oms:synctask:get"), "*"


def test_the_printed_permissions_of_canaries_match_their_requests():
    # GIVEN canaries with and without versions, and a canary that was cut off in an upload
    used_permissions = set()
    for versions in (False, True):
        with CanaryWorld() as world:
            if versions:
                world.oss.buckets[world.source_bucket].versioning = "Enabled"
                world.obs.bucket(world.destination_bucket).has_versions = True
            assert world.canary().code == 0
            used_permissions |= {required_permission(world, request) for request in world.sent}
    with CanaryWorld() as interrupted_world:
        interrupted_world.cut_short(next(n for n, request in enumerate(world.sent, 1) if "partNumber" in request.url))
        assert interrupted_world.canary("--remove").code == 0
        used_permissions |= {required_permission(interrupted_world, request) for request in interrupted_world.sent}
    # WHEN the printed documents are read
    text = show(project(), "--canary")
    documents = [json.loads(part.partition("\n")[2]) for part in text.split("# ")[1:] if "{" in part]
    granted = [
        (action, resource)
        for document in documents
        for statement in document["Statement"]
        for action in statement["Action"]
        for resource in statement.get("Resource", ["*"])
    ]

    # THEN each request is allowed, and each permission is needed by a request
    def allows(right, request):
        return right[0] == request[0] and fnmatchcase(request[1], right[1])

    assert [request for request in used_permissions if not any(allows(right, request) for right in granted)] == []
    assert [right for right in granted if not any(allows(right, request) for request in used_permissions)] == []
