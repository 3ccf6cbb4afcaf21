"""The operations PutObject, CopyObject, DeleteObject and DeleteMultipleObjects.

Sources: https://help.aliyun.com/zh/oss/developer-reference/putobject, .../copyobject, .../deleteobject,
.../deletemultipleobjects.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sandbox.oss.answers import (
    choose_key_encoder,
    make_checksum_headers,
    make_encoding_tag,
    make_version_header,
    xml_response,
)
from sandbox.oss.call import Call
from sandbox.oss.checks import check_body, check_overwrite, parse_xml
from sandbox.oss.errors import OssError, invalid_argument, malformed_xml, not_implemented
from sandbox.oss.objects import check_name, iso_time, select_stored_headers
from sandbox.server.message import Response

_MAX_DELETES = 1000
_DELETE_TAGS = {"Quiet", "Object", "Key"}


def put_object(call: Call) -> Response:
    check_body(call.request)
    check_overwrite(call)
    encryption = call.bucket.encryption
    oss_object = call.store.make_object(call.request.body, {**select_stored_headers(call.headers), **encryption})
    if "KMS" in encryption.values():  # KMS encrypts the object, so its ETag is not an MD5
        oss_object = replace(oss_object, etag=hashlib.md5(b"encrypted" + oss_object.data).hexdigest().upper())
    oss_object = call.save(oss_object, "ObjectCreated:PutObject")
    return Response(
        200,
        headers={
            **make_checksum_headers(oss_object),
            **make_version_header(call.bucket, oss_object.version_id),
            **encryption,
        },
    )


def copy_object(call: Call) -> Response:
    """Copy an object; the copy has no CRC64.

    If versioning was never enabled, a copy onto itself takes the request's metadata even without the directive REPLACE.
    """
    bucket, key, source = call.find_source()
    directive = call.headers.get("x-oss-metadata-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise invalid_argument("Invalid x-oss-metadata-directive.", ArgumentName="x-oss-metadata-directive")
    is_onto_itself = (bucket, key) == (call.bucket, call.key)
    replaces_headers = directive == "REPLACE" or (is_onto_itself and not bucket.versioning)
    copy = replace(
        source,
        headers=select_stored_headers(call.headers) if replaces_headers else source.headers,
        last_modified=int(call.store.now()),
        type="Normal" if source.type == "Appendable" else source.type,
        has_crc64=False,
    )
    copy = call.save(copy, call.store.header_event if is_onto_itself else "ObjectCreated:CopyObject")
    headers = {**make_checksum_headers(copy), **make_version_header(call.bucket, copy.version_id)}
    if bucket.versioning:
        headers["x-oss-copy-source-version-id"] = source.version_id
    inner_xml = f'<ETag>"{copy.etag}"</ETag><LastModified>{iso_time(copy.last_modified)}</LastModified>'
    return xml_response("CopyObjectResult", inner_xml, headers)


def delete_object(call: Call) -> Response:
    _check_retention(call)
    return Response(204, headers=call.bucket.delete(call.key, call.store.now()))


def delete_object_version(call: Call) -> Response:
    _check_retention(call)
    version = call.params["versionId"]
    call.bucket.history.remove(call.key, version)
    return Response(204, headers={"x-oss-version-id": version})


def _check_retention(call: Call) -> None:
    """Raise OssError if a retention rule forbids deletions: .../user-guide/oss-retention-policies."""
    if call.bucket.has_retention:
        raise OssError(409, "FileImmutable", "The object you specified is immutable.")


def delete_multiple_objects(call: Call) -> Response:
    """Delete the objects that the caller may delete, and list them in the response.

    The response does not mention an object whose deletion a policy denies; no page describes this case.
    """
    if "content-md5" not in call.headers:
        raise OssError(400, "MissingArgument", "Missing Some Required Arguments: Content-MD5.", ec="0016-00000606")
    check_body(call.request)
    encode = choose_key_encoder({**call.headers, **call.params})
    keys = _parse_keys_to_delete(call.request.body)
    call.affected_keys[:] = [key for key in keys if call.is_allowed("oss:DeleteObject", key)]
    deleted_elements = []
    for key in call.affected_keys:
        version = call.bucket.delete(key, call.store.now()).get("x-oss-version-id")
        marker = (
            f"<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>{version}</DeleteMarkerVersionId>"
            if version
            else ""
        )
        deleted_elements.append(f"<Deleted><Key>{encode(key)}</Key>{marker}</Deleted>")
    return xml_response("DeleteResult", make_encoding_tag(call.params) + "".join(deleted_elements))


def _parse_keys_to_delete(body: bytes) -> list[str]:
    root = parse_xml(body, "Delete")
    if not {node.tag for node in root.iterfind("*")} | {node.tag for node in root.iterfind("*/*")} <= _DELETE_TAGS:
        raise not_implemented()  # an element names a version
    if root.findtext("Quiet", "false") != "false":
        raise not_implemented()
    keys = [node.findtext("Key") for node in root.findall("Object")]
    if not 1 <= len(keys) <= _MAX_DELETES or not all(keys):
        raise malformed_xml()
    names = [key for key in keys if key]
    for name in names:
        check_name(name)
    return names
