"""The reasons of failed copies, by the codes of OMS's lists, with a remedy for each.

Source: Huawei's guide to sync tasks and its FAQ. Their list of codes is not complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.text import Text, t


@dataclass(frozen=True)
class CopyCode:
    """The remedy of a code. `passes`: a later attempt may succeed without any change."""

    passes: bool
    fix: Text


COPY_CODES = {
    "GET_SRC_OBJ_META_FAILURE": CopyCode(
        True,
        t(
            "OMS could not look at the source object. If it still exists, check in the OMS console that the task's"
            " access key for OSS is valid and may read the source bucket, and that the object is not archived. If only"
            " object keys with % or + fail, check OMS_KEY_ENCODING."
        ),
    ),
    "GET_DST_OBJ_META_FAILURE": CopyCode(
        True,
        t(
            "Usually nothing to do: OMS could not look at the object in OBS. If this lasts, check in the OMS console"
            " that the task's access key for OBS is valid and may read the destination bucket."
        ),
    ),
    "GET_SRC_OBJ_FAILURE": CopyCode(
        True,
        t(
            "Usually nothing to do: OMS could not read the source object to its end; it may have changed meanwhile. If"
            " this lasts, check that the task's access key may read it, and that the object is not archived."
        ),
    ),
    "UPLOAD_DST_OBJ_FAILURE": CopyCode(
        True,
        t(
            "Usually nothing to do: OMS could not write the object to OBS. If this lasts, check the destination"
            " bucket's quota and policy, and that the task's access key for OBS may write there."
        ),
    ),
    "INIT_DST_OBJ_MULTIPART_FAILURE": CopyCode(
        False,
        t(
            "OMS could not begin a multipart upload to OBS. Over 50 MB that is how it ends if the object's"
            " Content-Type is multipart/form-data: set another Content-Type at the source."
        ),
    ),
    "COMPLETE_DST_OBJ_MULTIPART_FAILURE": CopyCode(
        True,
        t("Usually nothing to do: OMS could not complete a multipart upload to OBS. If this lasts, see its message."),
    ),
}
OTHER_CODE = CopyCode(
    True,
    t("See OMS's code and message: Huawei's documents do not name this code."),
)


def copy_code(code: str) -> CopyCode:
    """Return the remedy of OMS's `code`."""
    return COPY_CODES.get(code, OTHER_CODE)
