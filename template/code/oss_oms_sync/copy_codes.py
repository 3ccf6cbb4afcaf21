"""Remedies for failed copies, by the error codes in OMS's lists of failed objects.

Source: Huawei's guide to sync tasks and its FAQ, which do not list every code.
"""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.text import Text, t


@dataclass(frozen=True)
class CopyCode:
    """An error code of OMS: `fix` is the remedy; `is_transient` is True if a retry may succeed without the remedy."""

    is_transient: bool
    fix: Text


COPY_CODES = {
    "GET_SRC_OBJ_META_FAILURE": CopyCode(
        True,
        t(
            "OMS could not read the metadata of the source object. If the object no longer exists, no"
            " action is needed. If the object is archived, restore it in OSS. Otherwise check in the OMS"
            " console that the task's access key for OSS is valid and can read the source bucket. If only"
            " object keys that contain % or + fail, check OMS_KEY_ENCODING."
        ),
    ),
    "GET_DST_OBJ_META_FAILURE": CopyCode(
        True,
        t(
            "OMS could not read the metadata of the object in OBS. Usually no action is needed. If this"
            " persists, check in the OMS console that the task's access key for OBS is valid and can read"
            " the destination bucket."
        ),
    ),
    "GET_SRC_OBJ_FAILURE": CopyCode(
        True,
        t(
            "OMS could not read the source object to its end; the object may have changed during the"
            " copy. Usually no action is needed. If this persists, check that the task's access key can"
            " read the object. If the object is archived, restore it in OSS."
        ),
    ),
    "UPLOAD_DST_OBJ_FAILURE": CopyCode(
        True,
        t(
            "OMS could not write the object to OBS. Usually no action is needed. If this persists, check"
            " the destination bucket's quota and policy, and that the task's access key for OBS can write"
            " to the bucket."
        ),
    ),
    "INIT_DST_OBJ_MULTIPART_FAILURE": CopyCode(
        False,
        t(
            "OMS could not begin a multipart upload to OBS. This always happens to objects above 50 MB whose"
            " Content-Type is multipart/form-data: set another Content-Type at the source."
        ),
    ),
    "COMPLETE_DST_OBJ_MULTIPART_FAILURE": CopyCode(
        True,
        t(
            "OMS could not complete a multipart upload to OBS. Usually no action is needed. If this"
            " persists, check OMS's error message."
        ),
    ),
}
OTHER_CODE = CopyCode(
    True,
    t("Check OMS's error code and message: Huawei's documentation does not list this code."),
)


def find_copy_code(code: str) -> CopyCode:
    """Return the remedy for an error code of OMS, or a general remedy if the code is undocumented."""
    return COPY_CODES.get(code, OTHER_CODE)
