"""OSS's refusals: https://help.aliyun.com/zh/oss/developer-reference/error-responses."""

from __future__ import annotations

from xml.sax.saxutils import escape


class OssError(Exception):
    """A refusal, with the status, the code and the message that OSS answers with."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **details: str
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details

    def xml(self, request_id: str, host: str) -> bytes:
        fields = {
            "Code": self.code,
            "Message": self.message,
            "RequestId": request_id,
            "HostId": host,
            **self.details,
        }
        inner = "".join(f"  <{tag}>{escape(text)}</{tag}>\n" for tag, text in fields.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{inner}</Error>\n'.encode()


def access_denied(message: str) -> OssError:
    return OssError(403, "AccessDenied", message)


def invalid_argument(message: str, **details: str) -> OssError:
    return OssError(400, "InvalidArgument", message, None, **details)


def malformed_xml() -> OssError:
    return OssError(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema.",
    )


def not_implemented() -> OssError:
    return OssError(400, "NotImplemented", "A header or query you provided implies a functionality the sandbox lacks.")


def no_such_bucket(bucket: str) -> OssError:
    return OssError(404, "NoSuchBucket", "The specified bucket does not exist.", BucketName=bucket)


def no_such_key(key: str) -> OssError:
    return OssError(404, "NoSuchKey", "The specified key does not exist.", Key=key)


def no_such_upload(upload_id: str) -> OssError:
    return OssError(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed.",
        UploadId=upload_id,
    )
