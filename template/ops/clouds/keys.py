"""An administrator's keys: from the environment or typed, in no file, and shown nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ops.errors import UsageError
from ops.waiting import Session
from oss_oms_sync.answers.text import Text, t

# Of each cloud the access key, its secret, and the token of a temporary key: the names that the vendors' SDKs use.
ALIBABA = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
HUAWEI = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")
# Of OMS's keys, where somebody else makes them.
OMS_SOURCE, OMS_DESTINATION = ("OMS_SOURCE_AK", "OMS_SOURCE_SK"), ("OMS_DESTINATION_AK", "OMS_DESTINATION_SK")


class Secret:
    """A text that no print, log or traceback shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for a signature or a header."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not stored")


@dataclass(frozen=True)
class Keys:
    """An access key; with a token it is a temporary one."""

    access: Secret
    secret: Secret
    token: Secret = field(default_factory=Secret)


def administrators(session: Session, names: tuple[str, str, str]) -> Keys:
    """The keys in the variables of these names, or as somebody types them.

    They are taken out of the environment, so that no program that is started later has them. Raises UsageError where
    one is missing or cannot be one.
    """
    given = dict(zip(names, taken(names), strict=True))
    *needed, token = names
    if not all(given[name] for name in needed):
        # A key and a token that do not belong together are worse than none.
        given[token] = ""
        given.update({name: typed(session, name) for name in needed})
    for name in needed:
        check_given(
            name,
            given[name],
            t(
                "Set the environment variables {names}, or run this in a terminal, which asks. They are an"
                " administrator's keys, not those of the functions",
                names=needed,
            ),
        )
    for name, value in given.items():
        check_form(name, value)
    return Keys(*(Secret(given[name]) for name in names))


def handed_over(session: Session, names: tuple[str, str], given: Sequence[str]) -> Keys | None:
    """A permanent key that somebody else made: what was `taken` from the environment, or what somebody types now; None
    where nobody has it yet."""
    if not all(given):
        given = [typed(session, name) for name in names]
    for name, value in zip(names, given, strict=True):
        check_form(name, value)
    access, secret = map(Secret, given)
    return Keys(access, secret) if access and secret else None


def taken(names: Sequence[str]) -> list[str]:
    """What the environment has under these names, and has no more."""
    return [os.environ.pop(name, "").strip() for name in names]


def typed(session: Session, name: str) -> str:
    """What somebody types for a secret; empty where nobody can be asked."""
    screen = session.screen
    question = t("{name} (what you type or paste is not shown):", name=name)
    return screen.ask_secret(question.of(session.lang)) if screen.interactive else ""


def check_given(name: str, value: str, how: Text) -> None:
    """Raise UsageError for a secret that is missing; `how` to give it."""
    if not value:
        raise UsageError(t("{name} is empty", name=name), how)


def check_form(name: str, value: str) -> None:
    """Raise UsageError for a secret that cannot be one. None at all passes."""
    if value and not re.fullmatch(r"[!-~]+", value):
        raise UsageError(t("{name} has blanks or characters that no key has", name=name), t("Copy it again"))
