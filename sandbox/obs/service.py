"""Huawei OBS on loopback: callers, operations and responses."""

from __future__ import annotations

import re
import ssl
import uuid
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from sandbox.account import DOMAIN_ID
from sandbox.keys import Credential, KeyedService
from sandbox.obs.errors import ObsError, access_denied, invalid_argument, malformed_xml, no_such_bucket, not_implemented
from sandbox.obs.listing import LISTING_PARAMETERS, VERSIONS_PARAMETERS, list_objects, list_versions
from sandbox.obs.metadata import DIRECTIVE, METADATA_PREFIX, set_metadata
from sandbox.obs.objects import Bucket, ObsObject, check_name, etag_of, to_milliseconds
from sandbox.obs.reading import get_object, head_object
from sandbox.obs.settings import READ_ONLY, SETTINGS, get_setting, put_setting
from sandbox.obs.signature import SELECTORS, URL_PARAMS, verify_signature
from sandbox.server.message import Request, Response

_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+)\.)?obs\.[a-z0-9-]+\.myhuaweicloud\.com")
_CREATE_BUCKET, _GET_LOCATION = "obs:bucket:CreateBucket", "obs:bucket:GetBucketLocation"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_BUCKETS = 100
# Headers that change the meaning of a request, beside OBS's own headers.
_REQUEST_HEADERS = {"if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range"}
_SIGNING_HEADERS = {"x-obs-date", "x-obs-security-token"}


class Action(NamedTuple):
    """The action of a request, by its name in policies, and the status of the response.

    `key` is the object key, or the prefix of a listing.
    """

    name: str
    bucket: str
    key: str
    status: int


class _Operation(NamedTuple):
    """An operation: the action that a policy must allow, its function, and the requests that it accepts.

    With `accepts_metadata`, the operation also accepts headers of user metadata.
    """

    action: str
    run: Callable[[Bucket, str, Request], Response]
    params: AbstractSet[str] = frozenset()
    headers: AbstractSet[str] = frozenset()
    accepts_metadata: bool = False


class _Address(NamedTuple):
    """The bucket, the key and the signed path of a request, percent-encoded as sent.

    The bucket is empty for a request to the service itself.
    """

    bucket: str
    quoted_key: str
    resource: str


class Obs(KeyedService):
    """The service of OBS, with signatures of the scheme "OBS".

    - The bucket is in the host name or, at an IP address, begins the path.
    - OBS here refuses parameters and headers that an operation does not list; it never ignores them.
    - `namespace` is the XML namespace of listings.
    - `repeats_pages` is True if listings return the first page for any marker, as parallel file systems once did.
    """

    def __init__(self, region: str = "cn-north-4", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.region = region
        self.namespace = f"http://obs.{region}.myhuaweicloud.com/doc/2015-06-30/"
        self.repeats_pages = False
        # True if the endpoint answers the location of a bucket in any region.
        self.answers_anywhere = False
        self.actions: list[Action] = []
        # The seconds until requests see a bucket that another request created.
        self.visibility_delay = 0.0
        self._hidden_until: dict[str, float] = {}
        self._buckets: dict[str, Bucket] = {}
        self._denials: list[tuple[str, Callable[[str], bool]]] = []
        # Operations by method, True for an object's operations, and the parameter that selects the operation.
        self._operations = {
            ("GET", False, ""): _Operation("obs:bucket:ListBucket", self._list_objects, LISTING_PARAMETERS),
            ("GET", False, "versions"): _Operation(
                "obs:bucket:ListBucketVersions", self._list_versions, {*VERSIONS_PARAMETERS, "versions"}
            ),
            ("GET", False, "versioning"): _Operation(
                "obs:bucket:GetBucketVersioning", self._get_versioning, {"versioning"}
            ),
            ("GET", False, "object-lock"): _Operation(
                "obs:bucket:GetBucketObjectLockConfiguration", self._get_object_lock, {"object-lock"}
            ),
            ("PUT", False, ""): _Operation(_CREATE_BUCKET, self._create_bucket, headers={"x-obs-storage-class"}),
            ("GET", False, "location"): _Operation(_GET_LOCATION, self._get_location, {"location"}),
            ("PUT", False, "versioning"): _Operation(
                "obs:bucket:PutBucketVersioning", self._put_versioning, {"versioning"}
            ),
            **{
                ("GET", False, name): _Operation(f"obs:bucket:Get{setting.action}", get_setting, {name})
                for name, setting in SETTINGS.items()
            },
            **{
                ("PUT", False, name): _Operation(f"obs:bucket:Put{setting.action}", put_setting, {name})
                for name, setting in SETTINGS.items()
                if name not in READ_ONLY
            },
            ("HEAD", False, ""): _Operation("obs:bucket:HeadBucket", self._head_bucket),
            ("GET", True, ""): _Operation("obs:object:GetObject", get_object, headers={"range"}),
            ("HEAD", True, ""): _Operation("obs:object:GetObject", head_object),
            ("PUT", True, "metadata"): _Operation(
                "obs:object:ModifyObjectMetaData",
                set_metadata,
                {"metadata", "versionId"},
                {DIRECTIVE},
                accepts_metadata=True,
            ),
            ("DELETE", True, ""): _Operation("obs:object:DeleteObject", self._delete_object),
            ("DELETE", True, "versionId"): _Operation(
                "obs:object:DeleteObjectVersion", self._delete_object, {"versionId"}
            ),
        }

    def create_bucket(self, name: str, region: str = "", owner: str = DOMAIN_ID) -> Bucket:
        """Create a bucket, by default in this endpoint's region and owned by this account."""
        with self.lock:
            bucket = self._buckets[name] = Bucket(name, region or self.region, self.lock, self.now, owner)
        return bucket

    def remove_bucket(self, name: str) -> None:
        with self.lock:
            del self._buckets[name]

    def has_bucket(self, name: str) -> bool:
        return name in self._buckets and self._buckets[name].owner == DOMAIN_ID

    def bucket(self, name: str) -> Bucket:
        return self._buckets[name]

    def objects(self, bucket: str) -> Mapping[str, ObsObject]:
        """Return a live view of a bucket's objects, in the order of listings.

        Copy it before a loop if requests run meanwhile.
        """
        return MappingProxyType(self._buckets[bucket].objects)

    def put(self, bucket: str, key: str, data: bytes, part_size: int | None = None) -> ObsObject:
        """Store an object without a request, in parts if it has more than `part_size` bytes."""
        return self._buckets[bucket].put(key, data, part_size)

    def delete(self, bucket: str, key: str) -> None:
        with self.lock:
            del self._buckets[bucket].objects[key]

    def fill(self, bucket: str, keys: Iterable[str], size: int = 0, etag: str = "", age: float = 0) -> None:
        """Store objects with these keys, all of `size` zero bytes and `age` seconds old.

        The default ETag is the MD5 of the contents.
        """
        data = bytes(size)
        new_object = ObsObject(data, etag or etag_of(data), to_milliseconds(self.now() - age))
        new_objects = dict.fromkeys(keys, new_object)
        for key in new_objects:
            check_name(key)
        with self.lock:
            self._buckets[bucket].objects.update(new_objects)

    def deny(self, action: str, where: Callable[[str], bool] = lambda _: True) -> None:
        """Deny a permission, such as obs:object:GetObject, to all callers.

        `where` limits the denial to keys, or prefixes of listings, for which it returns True.
        """
        with self.lock:
            self._denials.append((action, where))

    def allows(self, caller: Credential, action: str, bucket: str, affected_key: str = "") -> bool:
        """Return True if the caller's policies grant a permission and `deny` did not deny it.

        Source of resources and the condition key obs:prefix: support.huaweicloud.com/api-obs/obs_04_0112.html.
        """
        if any(denied_action == action and where(affected_key) for denied_action, where in self._denials):
            return False
        is_object = action.startswith("obs:object:")
        resource = f"obs:*:*:object:{bucket}/{affected_key}" if is_object else f"obs:*:*:bucket:{bucket}"
        return not caller.find_denial(action, resource, {} if is_object else {"obs:prefix": affected_key})

    def respond(self, request: Request) -> Response:
        request_id = uuid.uuid4().hex.upper()
        try:
            response = self._respond(request)
        except ObsError as error:
            headers = {"Content-Type": "application/xml", **error.headers}
            response = Response(error.status, error.xml(request_id, request.raw_path), headers)
        common_headers = {"Server": "OBS", "x-obs-request-id": request_id}
        return Response(response.status, response.body, {**common_headers, **response.headers})

    def _respond(self, request: Request) -> Response:
        address = _parse_address(request)
        if request.method == "HEAD" and request.raw_query == "apiversion":  # this request needs no signature
            return Response(200, headers={"x-obs-api": "3.0"})
        key = unquote(address.quoted_key)
        selector = next((name for name in SELECTORS if name in request.params), "")
        operation = self._operations.get((request.method, bool(key), selector))
        if operation is None or not address.bucket or not request.params.keys() - URL_PARAMS <= operation.params:
            raise not_implemented()
        caller = verify_signature(request, address.resource, self.find_credential, self.find_age)
        obs_headers = {name for name in request.headers if name.startswith("x-obs-")} - _SIGNING_HEADERS
        if operation.accepts_metadata:
            obs_headers = {name for name in obs_headers if not name.startswith(METADATA_PREFIX)}
        if not obs_headers | request.headers.keys() & _REQUEST_HEADERS <= operation.headers:
            raise not_implemented()
        affected_key = key or request.params.get("prefix", "")
        try:
            response = operation.run(
                self._find_bucket(operation.action, address, affected_key, request, caller), key, request
            )
        except ObsError as error:
            self.actions.append(Action(operation.action, address.bucket, affected_key, error.status))
            raise
        self.actions.append(Action(operation.action, address.bucket, affected_key, response.status))
        return response

    def _find_bucket(
        self, action: str, address: _Address, affected_key: str, request: Request, caller: Credential
    ) -> Bucket:
        if action == _CREATE_BUCKET:
            bucket = Bucket(address.bucket, self.region, self.lock, self.now)
        elif address.bucket not in self._buckets or self.now() < self._hidden_until.get(address.bucket, 0):
            raise no_such_bucket()
        else:
            bucket = self._buckets[address.bucket]
        if bucket.owner != DOMAIN_ID:
            raise access_denied()
        if bucket.region != self.region and not (self.answers_anywhere and action == _GET_LOCATION):
            host = f"https://{bucket.name}.obs.{bucket.region}.myhuaweicloud.com"
            location = {"Location": f"{host}/{address.quoted_key}?{request.raw_query}"}
            raise ObsError(307, "TemporaryRedirect", "Please send requests to the bucket's region.", location)
        if not self.allows(caller, action, bucket.name, affected_key):
            raise access_denied()
        return bucket

    def _list_objects(self, bucket: Bucket, _key: str, request: Request) -> Response:
        params = {**request.params, "marker": ""} if self.repeats_pages else request.params
        return list_objects(bucket, params, self.namespace)

    def _list_versions(self, bucket: Bucket, _key: str, request: Request) -> Response:
        return list_versions(bucket, request.params, self.namespace)

    def _get_versioning(self, bucket: Bucket, _key: str, _request: Request) -> Response:
        status = "<Status>Enabled</Status>" if bucket.has_versions else ""
        return self._make_xml_response("VersioningConfiguration", status)

    def _put_versioning(self, bucket: Bucket, _key: str, request: Request) -> Response:
        """Enable versioning; the sandbox cannot suspend it."""
        if b"<Status>Enabled</Status>" not in request.body:
            raise not_implemented()
        bucket.has_versions = True
        return Response(200)

    def _get_object_lock(self, bucket: Bucket, _key: str, _request: Request) -> Response:
        """Answer with the retention rule, or with 404 if there is none: .../intl/en-us/api-obs/obs_04_0167.html."""
        if not bucket.has_retention:
            raise ObsError(404, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist.")
        return self._make_xml_response("ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>")

    def _delete_object(self, bucket: Bucket, key: str, request: Request) -> Response:
        """Delete an object or a version of it: .../intl/en-us/api-obs/obs_04_0085.html."""
        if bucket.has_retention:
            raise access_denied()
        version = request.params.get("versionId")
        if version is None:
            return Response(204, headers=bucket.delete(key))
        bucket.history.remove(key, version)
        return Response(204, headers={"x-obs-version-id": version})

    def _make_xml_response(self, root: str, inner_xml: str) -> Response:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{self.namespace}">{inner_xml}</{root}>'
        return Response(200, body.encode(), {"Content-Type": "application/xml"})

    def _head_bucket(self, bucket: Bucket, _key: str, _request: Request) -> Response:
        interface_header = {"x-obs-fs-file-interface": "Enabled"} if bucket.is_file_system else {}
        properties = {"x-obs-bucket-location": bucket.region, "x-obs-storage-class": bucket.storage_class}
        return Response(200, headers={**properties, "x-obs-version": "3.0", **interface_header})

    def _create_bucket(self, bucket: Bucket, _key: str, request: Request) -> Response:
        """Create a bucket; refuse an invalid name, or a name in use (API reference of OBS, "Creating a Bucket")."""
        if not _NAME.fullmatch(bucket.name) or ".." in bucket.name:
            raise ObsError(400, "InvalidBucketName", "The specified bucket is not valid.")
        if _parse_location(request.body) != self.region:
            raise ObsError(400, "InvalidLocationConstraint", "The location is not that of the endpoint.")
        existing_bucket = self._buckets.get(bucket.name)
        if existing_bucket:
            code = "BucketAlreadyOwnedByYou" if existing_bucket.owner == DOMAIN_ID else "BucketAlreadyExists"
            raise ObsError(409, code, "The requested bucket name is not available.")
        if len(self._buckets) >= _MAX_BUCKETS:
            raise ObsError(400, "TooManyBuckets", "You have attempted to create more buckets than allowed.")
        storage_class = request.headers.get("x-obs-storage-class", "STANDARD")
        if storage_class not in ("STANDARD", "WARM", "COLD"):
            raise invalid_argument("x-obs-storage-class")
        self.create_bucket(bucket.name).storage_class = storage_class
        self._hidden_until[bucket.name] = self.now() + self.visibility_delay
        return Response(200, headers={"Location": f"/{bucket.name}"})

    def _get_location(self, bucket: Bucket, _key: str, _request: Request) -> Response:
        return self._make_xml_response("Location", bucket.region)


def _parse_location(body: bytes) -> str:
    try:
        configuration = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        configuration = ElementTree.Element("")
    if configuration.tag != "CreateBucketConfiguration" or [element.tag for element in configuration] != ["Location"]:
        raise malformed_xml()
    return configuration[0].text or ""


def _parse_address(request: Request) -> _Address:
    """Return the address of a request, whose bucket is in the host name or, at an IP address, begins the path."""
    host, path = request.headers.get("host", "").partition(":")[0], request.raw_path
    match = _HOST.fullmatch(host)
    if match and match["bucket"]:
        return _Address(match["bucket"], path[1:], f"/{match['bucket']}{path}")
    if match and path != "/":
        raise ObsError(
            403, "VirtualHostDomainRequired", "Virtual host domain is required when accessing a specific bucket."
        )
    bucket, _, key = path[1:].partition("/")
    return _Address(bucket, key, path)
