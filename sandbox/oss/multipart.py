"""Operations on multipart uploads: start, parts, completion, abort and listings.

Sources: https://help.aliyun.com/zh/oss/developer-reference/initiatemultipartupload, .../uploadpart,
.../completemultipartupload, .../abortmultipartupload, .../listmultipartuploads, .../listparts.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

from sandbox.oss.answers import (
    choose_key_encoder,
    make_checksum_headers,
    make_encoding_tag,
    make_version_header,
    xml_response,
)
from sandbox.oss.call import Call
from sandbox.oss.checks import check_body, parse_number, parse_xml
from sandbox.oss.errors import OssError, invalid_argument, malformed_xml, no_such_upload, not_implemented
from sandbox.oss.objects import OssObject, Upload, iso_time, select_stored_headers
from sandbox.server.message import Response

_MIN_PART_BYTES = 100 * 1024
_MAX_PAGE = 1000


def initiate_multipart_upload(call: Call) -> Response:
    upload = Upload(uuid.uuid4().hex.upper(), call.key, select_stored_headers(call.headers), int(call.store.now()))
    call.bucket.uploads[upload.id] = upload
    call.emit("ObjectCreated:InitiateMultipartUpload", call.store.make_object(b""))
    return xml_response("InitiateMultipartUploadResult", _format_upload(call, upload.id))


def upload_part(call: Call) -> Response:
    upload, number = _find_upload(call), _parse_part_number(call.params["partNumber"])
    check_body(call.request)
    part = upload.parts[number] = call.store.make_object(call.request.body)
    call.emit("ObjectCreated:UploadPart", part)
    return Response(200, headers=make_checksum_headers(part))


def complete_multipart_upload(call: Call) -> Response:
    """Join the parts that the request lists with their ETags, in ascending order.

    Each part but the last has at least 100 KB. The object's ETag is computed from the parts' ETags, so it is not an MD5
    of the contents.
    """
    upload = _find_upload(call)
    encode = choose_key_encoder(call.params)
    parts = [upload.parts[number] for number in _check_requested_parts(call, upload)]
    for part in parts[:-1]:
        if part.size < _MIN_PART_BYTES:
            message = "Your proposed upload smaller than the minimum allowed size."
            raise OssError(400, "EntityTooSmall", message, ec="0042-00000213")
    digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts)).hexdigest().upper()
    joined_object = call.store.make_object(b"".join(part.data for part in parts), upload.headers)
    joined_object = replace(joined_object, etag=f"{digest}-{len(parts)}", type="Multipart")
    joined_object = call.save(joined_object, "ObjectCreated:CompleteMultipartUpload")
    del call.bucket.uploads[upload.id]
    location = f"{call.store.endpoint}/{call.bucket.name}/{encode(call.key)}"
    return xml_response(
        "CompleteMultipartUploadResult",
        f"{make_encoding_tag(call.params)}<Location>{location}</Location><Bucket>{call.bucket.name}</Bucket>"
        f'<Key>{encode(call.key)}</Key><ETag>"{joined_object.etag}"</ETag>',
        {**make_checksum_headers(joined_object), **make_version_header(call.bucket, joined_object.version_id)},
    )


def abort_multipart_upload(call: Call) -> Response:
    del call.bucket.uploads[_find_upload(call).id]
    return Response(204)


def list_parts(call: Call) -> Response:
    upload = _find_upload(call)
    limit = parse_number(call.params, "max-parts", _MAX_PAGE, 1, _MAX_PAGE)
    marker = parse_number(call.params, "part-number-marker", 0, 0, 10_000)
    later_numbers = sorted(number for number in upload.parts if number > marker)
    page = later_numbers[:limit]
    inner_xml = [
        _format_upload(call, upload.id),
        f"<PartNumberMarker>{marker}</PartNumberMarker>",
        f"<NextPartNumberMarker>{page[-1] if page else 0}</NextPartNumberMarker>",
        f"<MaxParts>{limit}</MaxParts><IsTruncated>{str(len(page) < len(later_numbers)).lower()}</IsTruncated>",
        "<StorageClass>Standard</StorageClass>",
    ]
    for number in page:
        part = upload.parts[number]
        inner_xml.append(
            f"<Part><PartNumber>{number}</PartNumber><LastModified>{iso_time(part.last_modified)}</LastModified>"
            f'<ETag>"{part.etag}"</ETag><HashCrc64ecma>{part.crc64}</HashCrc64ecma><Size>{part.size}</Size></Part>'
        )
    return xml_response("ListPartsResult", "".join(inner_xml))


def list_multipart_uploads(call: Call) -> Response:
    """List the unfinished uploads whose keys begin with a prefix, sorted by key and id; refuse more than a page."""
    params, encode = call.params, choose_key_encoder(call.params)
    prefix = params.get("prefix", "")
    unfinished_uploads = [upload for upload in call.bucket.uploads.values() if upload.key.startswith(prefix)]
    if len(unfinished_uploads) > _MAX_PAGE:
        raise not_implemented()
    fields = {
        "Bucket": call.bucket.name,
        "Prefix": encode(prefix),
        "MaxUploads": str(_MAX_PAGE),
        "IsTruncated": "false",
    }
    inner_xml = [make_encoding_tag(params), *(f"<{tag}>{text}</{tag}>" for tag, text in fields.items())]
    inner_xml += [
        f"<Upload><Key>{encode(upload.key)}</Key><UploadId>{upload.id}</UploadId><StorageClass>Standard</StorageClass>"
        f"<Initiated>{iso_time(upload.initiated_at)}</Initiated></Upload>"
        for upload in sorted(unfinished_uploads, key=lambda upload: (upload.key, upload.id))
    ]
    return xml_response("ListMultipartUploadsResult", "".join(inner_xml))


def _format_upload(call: Call, upload_id: str) -> str:
    encode = choose_key_encoder(call.params)
    return (
        f"{make_encoding_tag(call.params)}<Bucket>{call.bucket.name}</Bucket><Key>{encode(call.key)}</Key>"
        f"<UploadId>{upload_id}</UploadId>"
    )


def _find_upload(call: Call) -> Upload:
    upload_id = call.params["uploadId"]
    upload = call.bucket.uploads.get(upload_id)
    if upload is None or upload.key != call.key:
        raise no_such_upload(upload_id)
    return upload


def _check_requested_parts(call: Call, upload: Upload) -> list[int]:
    """Return the numbers of the parts to join; raise OssError if a part is missing, or if the numbers do not ascend."""
    nodes = parse_xml(call.request.body, "CompleteMultipartUpload").findall("Part")
    if not nodes:
        raise malformed_xml()
    parts = [(_parse_part_number(node.findtext("PartNumber", "")), node.findtext("ETag", "")) for node in nodes]
    numbers = [number for number, _ in parts]
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. Parts list must specified in order by part number."
        raise OssError(400, "InvalidPartOrder", message, ec="0042-00000209")
    for number, etag in parts:
        _check_part(upload.parts.get(number), etag)
    return numbers


def _check_part(part: OssObject | None, etag: str) -> None:
    if part is None or etag.strip('"') != part.etag:
        raise OssError(
            400,
            "InvalidPart",
            "One or more of the specified parts could not be found or the specified entity tag might not have matched "
            "the part's entity tag.",
        )


def _parse_part_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive.", ArgumentName="partNumber"
        )
    return int(text)
