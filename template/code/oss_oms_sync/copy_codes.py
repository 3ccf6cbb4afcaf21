"""Why OMS failed to copy an object that it had accepted, by the codes of its lists, and what to do about it.

Source: Huawei's guide to sync tasks and its FAQ. Their list of codes is not complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.text import Text


@dataclass(frozen=True)
class CopyCode:
    """What a code means; `passes`: whether a later attempt may succeed without anybody's doing."""

    passes: bool
    fix: Text


COPY_CODES = {
    "GET_SRC_OBJ_META_FAILURE": CopyCode(
        True,
        Text(
            "OMS could not look at the source object. If it still exists, check in the OMS console that the task's"
            " access key for OSS is valid and may read the source bucket, and that the object is not archived. If only"
            " object keys with % or + fail, check OMS_KEY_ENCODING.",
            "OMS 无法读取源端对象的元数据。若对象仍存在，请在 OMS 控制台确认任务所用的 OSS 访问密钥有效且有权读取源桶，"
            "并确认对象不是归档类型。若只有名称中含 % 或 + 的对象失败，请检查 OMS_KEY_ENCODING。",
        ),
    ),
    "GET_DST_OBJ_META_FAILURE": CopyCode(
        True,
        Text(
            "Usually nothing to do: OMS could not look at the object in OBS. If this lasts, check in the OMS console"
            " that the task's access key for OBS is valid and may read the destination bucket.",
            "通常无需处理：OMS 无法读取目的端对象的元数据。若持续出现，请在 OMS 控制台确认任务所用的 OBS 访问密钥有效"
            "且有权读取目的桶。",
        ),
    ),
    "GET_SRC_OBJ_FAILURE": CopyCode(
        True,
        Text(
            "Usually nothing to do: OMS could not read the source object to its end; it may have changed meanwhile. If"
            " this lasts, check that the task's access key may read it, and that the object is not archived.",
            "通常无需处理：OMS 未能完整读取源端对象，可能是读取期间对象有变化。若持续出现，请确认任务所用的访问密钥"
            "有权读取该对象，且对象不是归档类型。",
        ),
    ),
    "UPLOAD_DST_OBJ_FAILURE": CopyCode(
        True,
        Text(
            "Usually nothing to do: OMS could not write the object to OBS. If this lasts, check the destination"
            " bucket's quota and policy, and that the task's access key for OBS may write there.",
            "通常无需处理：OMS 未能将对象写入 OBS。若持续出现，请检查目的桶的配额和桶策略，"
            "并确认任务所用的 OBS 访问密钥有写入权限。",
        ),
    ),
    "INIT_DST_OBJ_MULTIPART_FAILURE": CopyCode(
        False,
        Text(
            "OMS could not begin a multipart upload to OBS. Over 50 MB that is how it ends if the object's Content-Type"
            " is multipart/form-data: set another Content-Type at the source.",
            "OMS 未能在 OBS 初始化分段上传。超过 50 MB 且 Content-Type 为 multipart/form-data 的对象会一直如此："
            "请在源端将其 Content-Type 改为其他值。",
        ),
    ),
    "COMPLETE_DST_OBJ_MULTIPART_FAILURE": CopyCode(
        True,
        Text(
            "Usually nothing to do: OMS could not complete a multipart upload to OBS. If this lasts, see its message.",
            "通常无需处理：OMS 未能在 OBS 合并分段。若持续出现，请查看 OMS 的错误信息。",
        ),
    ),
}
OTHER_CODE = CopyCode(
    True,
    Text(
        "See OMS's code and message: Huawei's documents do not name this code.",
        "请查看 OMS 的错误码和错误信息：华为云文档未列出该错误码。",
    ),
)


def copy_code(code: str) -> CopyCode:
    """What OMS's `code` means."""
    return COPY_CODES.get(code, OTHER_CODE)
