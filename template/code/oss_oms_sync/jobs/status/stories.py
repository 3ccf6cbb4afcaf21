"""Stories of an object key. A story is the outcome of the key's current version, and what happens next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.copy_codes import find_copy_code
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.rules.remedy import Remedy

NOTHING_TO_DO = t("Nothing to do.")
# The next events of a key in a closed project, which submits nothing.
WAITING_TEXT = t("The key stays recorded, and replay resends it when the project is open.")
COPYING_TEXT = t(
    "OMS may still copy accepted objects; nothing is resent until the project is open and compare has found"
    " missing objects."
)
CLOSED_TEXT = t("No job submits the object until the project is open.")


class Story(NamedTuple):
    """The outcome of a key's current version, and what happens next.

    - `text`: the outcome.
    - `next_text`, `closed_text`: what happens next in an open or a closed project. `closed_text` is None if no object
      is to be submitted.
    - `is_healthy`: True if OBS has this version, or OMS may still copy it.
    - `step`: the command of the remedy, if the remedy is not a resend.
    """

    text: Text
    next_text: Text
    closed_text: Text | None = None
    is_healthy: bool = False
    step: Step | None = None


def build_failed_copy_story(details: Mapping[str, object]) -> Story:
    code, message, resend_time = details.get("error_code"), details.get("message"), details.get("not_before")
    return Story(
        t(
            "OMS accepted the current version, but failed to copy it: {code}, {message}.",
            code=code or t("no error code"),
            message=message or t("no error message"),
        ),
        sentences(
            find_copy_code(str(code or "")).fix,
            t("Replay resends the object at {time}.", time=resend_time)
            if resend_time
            else t("Replay resends the object in its next run."),
        ),
        WAITING_TEXT,
    )


def build_obs_story(entry: Entry, object_class: ObjectClass, remedy: Remedy, *, was_resent: bool) -> Story:
    """Return the story of an accepted version by its class in OBS.

    - `remedy`: the remedy if OBS has another version.
    - `was_resent`: True if this version was resent after a failed copy.
    """
    if object_class is ObjectClass.EQUAL_CONTENTS:
        return Story(t("The object is in OBS with equal contents."), NOTHING_TO_DO, None, is_healthy=True)
    if object_class.is_equal and was_resent:
        return Story(
            t(
                "OMS first failed to copy the current version, then accepted it again. OBS has an object of the"
                " same size that is not older than the source object, and may be the current version."
            ),
            t("To check this: {step}.", step=Step("compare", {"deep": True})),
        )
    if object_class.is_equal:
        text = t("The object in OBS has the same size as the source object, and is not older.")
        return Story(
            text, t("Nothing to do. A comparison with --deep may prove equal contents."), None, is_healthy=True
        )
    if object_class is ObjectClass.IN_FLIGHT:
        text = t("OMS accepted the current version, which is not in OBS yet.")
        return Story(text, t("Check the object again in a minute."), COPYING_TEXT, is_healthy=True)
    if entry.destination is None:
        text = t("OMS accepted the current version, but this version is not in OBS.")
        return Story(text, t("The next comparison resends the object."), COPYING_TEXT)
    text = t("OMS accepted the current version, but OBS has another version: {title}.", title=object_class.title)
    return Story(text, remedy.text, CLOSED_TEXT, step=remedy.step)
