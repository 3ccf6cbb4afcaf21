"""What to do about objects of the same size that differ, which sending them again may not heal.

Source: OMS, "Creating a sync task", the overwrite modes: by default OMS skips what is in OBS in the same size and not
older. CRC64_COMPARISON_OVERWRITE does so where one of both objects has no CRC64.
"""

from __future__ import annotations

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.comparison.tally import ClassCount, CompareTally
from oss_oms_sync.text import Text, objects_en

_DEEP = "python ops.py compare --deep"
_SEND = "python ops.py compare --deep --overwrite"
_MAKE_NEWER = Text(
    "copy each onto itself at the source, so that it is newer than the one in OBS, or delete it in OBS and compare"
    " again: what is missing is sent",
    "在源端将该对象复制到自身（使其比 OBS 中的更新），或在 OBS 中删除该对象后重新比对：缺失的对象会自动补发",
)
DELETE = Text(
    "delete each in OBS and compare again: what is missing is sent",
    "在 OBS 中删除该对象后重新比对：缺失的对象会自动补发",
)


def remedies(tally: CompareTally, overwrite_mode: str | None) -> dict[str, Text]:
    """What to do, by the name of the class; `overwrite_mode` is that of the sync task, None if OMS does not tell."""
    proven, in_vain = (getattr(_count(tally, ObjectClass.OVERWRITTEN), one) for one in ("proven_different", "in_vain"))
    older = _count(tally, ObjectClass.OLDER).in_vain
    suspicious = _count(tally, ObjectClass.SUSPICIOUS).source.objects
    heal = _heal(overwrite_mode, is_in_vain=in_vain > 0)
    found = {}
    if older and overwrite_mode == "CRC64_COMPARISON_OVERWRITE":
        found[ObjectClass.OLDER.title] = Text(
            f"OMS accepted {objects_en(older)} of the same size once more, and did not copy them: they may be equal. To"
            f" see it, read them: {_DEEP}. What cannot be read: {DELETE.en}.",
            f"有 {older} 个大小相同的对象已再次被 OMS 接收但未复制，内容可能相同。读取内容可以确认：{_DEEP}。"
            f"无法读取的对象：请{DELETE.zh}。",
        )
    if proven:
        found[ObjectClass.OVERWRITTEN.title] = Text(
            f"{objects_en(proven)} of the same size were read and differ. If OBS is to have what the source has:"
            f" {heal.en}.",
            f"有 {proven} 个对象大小相同，但经读取确认内容不同。如需以源端内容为准：{heal.zh}。",
        )
    if suspicious:
        found[ObjectClass.SUSPICIOUS.title] = Text(
            f"{objects_en(suspicious)} of the same size, but with another MD5, or an ETag that is not one. To see"
            f" which differ, read them: {_DEEP}. If one does: {heal.en}.",
            f"有 {suspicious} 个对象大小相同，但 MD5 不同，或其 ETag 不是 MD5。读取内容可以确认：{_DEEP}。"
            f"如确有不同：{heal.zh}。",
        )
    return found


def _count(tally: CompareTally, one: ObjectClass) -> ClassCount:
    return tally.classes.get(one.title, ClassCount())


def _heal(overwrite_mode: str | None, *, is_in_vain: bool) -> Text:
    match overwrite_mode:
        case "FULL_OVERWRITE":
            return Text(_SEND, _SEND)
        case "CRC64_COMPARISON_OVERWRITE" if is_in_vain:
            return Text(
                f"OMS skipped what was sent again, because one of both objects has no CRC64, so {_MAKE_NEWER.en}",
                f"重发的对象已被 OMS 跳过（有一侧没有 CRC64），请{_MAKE_NEWER.zh}",
            )
        case "CRC64_COMPARISON_OVERWRITE":
            return Text(
                f"{_SEND}. OMS skips it if one of both objects has no CRC64; then {_MAKE_NEWER.en}",
                f"{_SEND}。若任一侧没有 CRC64，OMS 会跳过；此时请{_MAKE_NEWER.zh}",
            )
        case "NO_OVERWRITE":
            return DELETE
    mode = overwrite_mode or "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    return Text(
        f"OMS skips what is sent again ({mode}), so {_MAKE_NEWER.en}",
        f"{mode} 模式下重发会被 OMS 跳过，请{_MAKE_NEWER.zh}",
    )
