"""Which keys a run is asked to send."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.settings import Settings


@dataclass(frozen=True)
class Selection:
    """Which failed records a run sends, or only counts; `is_whole`: all there are."""

    prefix: str
    reason: str
    limit: int | None
    dry_run: bool
    is_whole: bool

    @classmethod
    def parse(cls, asked: dict[str, object]) -> Selection:
        """From the options of a payload."""
        prefix, reason, limit = asked.get("prefix", ""), asked.get("reason", ""), asked.get("limit")
        dry_run, is_whole = asked.get("dry_run") is True, asked.keys() <= {"dry_run"}
        return cls(str(prefix), str(reason), limit if isinstance(limit, int) else None, dry_run, is_whole)


def changes_of(keys: object, settings: Settings) -> list[ObjectChange]:
    """The keys of a manual call as changes, each once.

    Raises PayloadError.
    """
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise PayloadError('The payload\'s keys are no list of object keys such as ["a/b.txt"]')
    outside = [key for key in keys if not settings.key_filter.matches(key)]
    if outside:
        raise PayloadError(f"{outside[0]!r} is outside OBJECT_PREFIX and OBJECT_SUFFIX, so it is never sent")
    return [ObjectChange(key) for key in dict.fromkeys(keys)]
