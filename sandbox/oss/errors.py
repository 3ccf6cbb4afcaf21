"""Errors of OSS: https://help.aliyun.com/zh/oss/user-guide/overview-14 ("Error responses").

`ec` is the detailed code, described at https://help.aliyun.com/en/oss/user-guide/<ec>. Errors without such a page have
no `ec` here, because clients cannot rely on undocumented codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape


class OssError(Exception):
    """An error with the status, the code and the message of OSS's response."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        ec: str = "",
        **details: str,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        # The action whose permission is missing, and the kind of denial.
        self.denial = ("", "")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.ec = ec
        self.details = details

    def xml(self, request_id: str, host: str) -> bytes:
        fields = {
            "Code": self.code,
            "Message": self.message,
            "RequestId": request_id,
            "HostId": host,
            **self.details,
        }
        if self.ec:
            fields |= {"EC": self.ec, "RecommendDoc": f"https://api.aliyun.com/troubleshoot?q={self.ec}"}
        inner_xml = self._make_denial_xml() + "".join(
            f"  <{tag}>{escape(text)}</{tag}>\n" for tag, text in fields.items()
        )
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{inner_xml}</Error>\n'.encode()

    def _make_denial_xml(self) -> str:
        """Return the XML element AccessDeniedDetail or "": help.aliyun.com/zh/oss/user-guide/0003-00000001."""
        action, kind = self.denial
        denial_xml = f"<AuthAction>{action}</AuthAction><NoPermissionType>{kind}</NoPermissionType>"
        policy = "<PolicyType>AccountLevelIdentityBasedPolicy</PolicyType>"
        return f"  <AccessDeniedDetail>{denial_xml}{policy}</AccessDeniedDetail>\n" if action else ""


def access_denied(
    message: str, ec: str = "0003-00000001", denial: tuple[str, str] = ("", ""), endpoint: str = ""
) -> OssError:
    """Return the error AccessDenied.

    `denial` has the action of the missing permission, and `ExplicitDeny` or `ImplicitDeny`. `endpoint` is the host to
    use, if the request was sent to the endpoint of another region.
    """
    error = OssError(403, "AccessDenied", message, ec=ec)
    error.denial = denial
    if endpoint:
        error.details = {"Endpoint": endpoint}
    return error


def invalid_argument(message: str, ec: str = "", **details: str) -> OssError:
    return OssError(400, "InvalidArgument", message, None, ec=ec, **details)


def malformed_xml() -> OssError:
    return OssError(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema.",
        ec="0031-00000001",
    )


def not_implemented() -> OssError:
    return OssError(400, "NotImplemented", "A header or query you provided implies a functionality the sandbox lacks.")


def no_such_bucket(bucket: str) -> OssError:
    return OssError(404, "NoSuchBucket", "The specified bucket does not exist.", ec="0015-00000101", BucketName=bucket)


def no_such_key(key: str) -> OssError:
    return OssError(404, "NoSuchKey", "The specified key does not exist.", ec="0026-00000001", Key=key)


def no_such_upload(upload_id: str) -> OssError:
    return OssError(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed.",
        ec="0042-00000002",
        UploadId=upload_id,
    )
