"""The answer of a headers pass, which compares the headers of objects in OBS with the source's and can change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.pass_answers import PassAnswer
from oss_oms_sync.answers.text import Text, t

# Maximum number of example keys for each outcome.
MAX_EXAMPLES = 10
# Maximum number of objects without a record that a standstill pass reads in a range.
MAX_READ_OBJECTS = 10_000


class HeadersMode(Enum):
    """The modes of a headers pass; the values are the names in payloads.

    - LOOK compares headers, and records equal objects.
    - MEND also changes headers in OBS.
    - UNDO restores the headers that the objects had before the change.
    """

    LOOK = "look"
    MEND = "mend"
    UNDO = "undo"

    @property
    def applies_to_cutovers(self) -> bool:
        """True if later cutovers change headers as well, and check the headers in their standstill pass."""
        return self is not HeadersMode.UNDO


class HeadersOutcome(Enum):
    """The outcomes of a headers pass for an object; the values are the names in answers.

    `is_settled` is True if the object in OBS has the headers of the source or, after an undo, its own earlier headers.
    """

    RECORDED = "recorded", True, t("headers equal, according to a record of these versions")
    EQUAL = "equal", True, t("headers equal")
    MENDED = "mended", True, t("headers in OBS changed to those of the source")
    RESTORED = "restored", True, t("headers in OBS restored to their previous values")
    UNTOUCHED = "untouched", True, t("headers never changed by this project")
    # The outcome if the pass does not change headers.
    DIFFERS = "differs", False, t("headers that differ and can be corrected in OBS")
    # A standstill pass counts these objects separately if no cutover can change headers.
    UNSAFE = "unsafe", False, t("headers that differ, but no canary has found changes of headers in OBS safe")
    # The pass did not change the object, or does not know whether it did.
    OTHER_CLASS = "other_class", False, t("contents not proven equal: headers left unchanged")
    CHANGED = "changed", False, t("object written during the pass: headers left unchanged")
    ARCHIVED = "archived", False, t("object archived in OBS: headers of archived objects cannot be changed")
    NOT_ASCII = "not_ascii", False, t("header values with characters outside US-ASCII: OBS refuses them")
    TOO_LARGE = "too_large", False, t("user metadata, or headers to save for --undo, larger than 8 KB")
    REMOVAL = (
        "removal",
        False,
        t("header in OBS that the source object lacks: left unchanged, because a removal may have other effects"),
    )
    UNREADABLE = "unreadable", False, t("headers could not be read: a cloud refused the request")
    REFUSED = "refused", False, t("headers not changed: OBS refused the request")
    UNCONFIRMED = "unconfirmed", False, t("change requested but not confirmed: the next run checks the headers")
    # Only in a standstill pass, if too many objects have no record.
    UNREAD = "unread", False, t("headers not read, because too many objects have no record of their headers")

    def __init__(self, title: str, is_settled: bool, text: Text) -> None:
        self.title = title
        self.is_settled = is_settled
        self.text = text

    def __new__(cls, title: str, *_: object) -> HeadersOutcome:  # noqa: PYI034  typing has Self since 3.11
        outcome = object.__new__(cls)
        outcome._value_ = title
        return outcome


@dataclass(frozen=True, kw_only=True)
class HeadersAnswer(PassAnswer):
    """The progress or the result of a headers pass.

    - `work`: a value of HeadersMode.
    - `headers`: the number of objects in which a header differed, by the header's name.
    - `folders`: the number of objects by first-level folder and outcome.
    - `examples`: the first keys of each outcome that is not settled.
    - `tagged`: the number of objects with tags among those whose headers were read. OSS shows tags only with the
      permission oss:GetObjectTagging.
    """

    work: str
    outcomes: Mapping[HeadersOutcome, int]
    headers: Mapping[str, int]
    folders: Mapping[str, Mapping[HeadersOutcome, int]]
    examples: Mapping[HeadersOutcome, Sequence[str]]
    tagged: int
    tagged_examples: Sequence[str]


@dataclass(frozen=True)
class CheckedHeaders:
    """The headers of the objects that a standstill pass listed in both buckets.

    - `outcomes`: the number of objects by outcome. The headers of a RECORDED object were equal when its record was
      written; those of an UNREAD object were not read.
    - `differing`: the number of objects for each header that differs.
    - `examples`: the first keys of each outcome that is not settled.
    """

    outcomes: Mapping[HeadersOutcome, int]
    differing: Mapping[str, int]
    examples: Mapping[HeadersOutcome, Sequence[str]]

    @property
    def unsettled_counts(self) -> Mapping[HeadersOutcome, int]:
        """The numbers of objects whose headers differ or are unknown, by outcome."""
        return {outcome: number for outcome, number in self.outcomes.items() if not outcome.is_settled}
