"""Errors of OBS: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0115.html ("Error codes")."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape


class ObsError(Exception):
    """An error with the status, the code and the message of OBS's response."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def xml(self, request_id: str, resource: str) -> bytes:
        fields = {
            "Code": self.code,
            "Message": self.message,
            "RequestId": request_id,
            "HostId": f"host-{request_id}",
            "Resource": resource,
        }
        inner_xml = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in fields.items())
        return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Error>{inner_xml}</Error>'.encode()


def access_denied() -> ObsError:
    return ObsError(403, "AccessDenied", "Access Denied")


def invalid_argument(name: str) -> ObsError:
    return ObsError(400, "InvalidArgument", f"Invalid Argument: {name}")


def not_implemented() -> ObsError:
    return ObsError(501, "ServiceNotImplemented", "Your request means something that the sandbox lacks.")


def malformed_xml() -> ObsError:
    return ObsError(400, "MalformedXML", "The document you provided was not well-formed.")


def archived_object() -> ObsError:
    """Return the error for reading an archived object that was not restored: obs_04_0083.html, obs_04_0091.html."""
    return ObsError(403, "InvalidObjectState", "The operation is not valid for the object's storage class")


def no_such_bucket() -> ObsError:
    return ObsError(404, "NoSuchBucket", "The specified bucket does not exist")


def no_such_key() -> ObsError:
    return ObsError(404, "NoSuchKey", "The specified key does not exist.")
