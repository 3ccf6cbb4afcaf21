"""The assumptions about the clouds that no field report has confirmed: docs/unconfirmed.md is made of them.

Doctor reports the assumptions on which a project depends, until they are confirmed in use, or a canary observed them in
these accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oss_oms_sync.answers.text import Text, t


@dataclass(frozen=True)
class Unconfirmed:
    """An open question, the assumed answer, and the parts that depend on it, in Markdown.

    `setting`: the setting that switches it, or none. `fields`: the fields of a canary's field report that answer it, by
    part. `as_assumed`: the values of the single field that agree with the assumption; empty if the report cannot settle
    it.
    """

    question: Text
    assumed: Text
    rests: Text
    fields: tuple[str, ...] = ()
    setting: str = ""
    as_assumed: tuple[str, ...] = ()

    def canary_observation(self, report: Mapping[str, object]) -> str:
        """Return the value in a field report; empty if it is missing, or the report cannot settle the question."""
        if not self.as_assumed:
            return ""
        (path,) = self.fields
        value: object = report
        for name in path.split("."):
            # A list counts as its first element.
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) and value != NOT_OBSERVED else ""


# Words of field reports (ops/canary/field_report.py).
NOT_OBSERVED = "not seen"
_WITHIN_MINUTES = ("under 5 s", "under 30 s", "under 1 min", "under 5 min", "under 10 min")
# A canary waits for at most twenty minutes.
_WITHIN_THE_HOUR = (*_WITHIN_MINUTES, "longer")

_YES = t("yes")

UNCONFIRMED = {
    "doubles": Unconfirmed(
        t("whether OMS counts a key that is handed to it twice as finished twice"),
        _YES,
        t("`OMS_FINISHED`: if it merges them, something seems to be left, and has to be accepted by name"),
        ("counts.doubles",),
        as_assumed=("each counted",),
    ),
    "lag of counts": Unconfirmed(
        t("how late OMS's counts are"),
        t("at most ten minutes"),
        t("`OMS_FINISHED` waits until they have been quiet for that long"),
        ("counts.shown_after",),
        as_assumed=_WITHIN_MINUTES,
    ),
    "step of counts": Unconfirmed(
        t("in which steps OMS counts"),
        t("five minutes; doctor looks"),
        t("with steps of an hour `OMS_FINISHED` cannot pass, only be accepted by name"),
        ("counts.step",),
    ),
    "part size": Unconfirmed(
        t("in how large parts OMS writes"),
        t("50 MB or 50 MiB: both are tried"),
        t("what `--deep` proves of objects in parts (`PROOF_SUSPICIOUS`, `PROOF_EQUAL_VERSION`, `PROOF_EQUAL_SIZE`)"),
        ("part_size",),
        as_assumed=("50 MB", "50 MiB"),
    ),
    "written as a whole": Unconfirmed(
        t("whether OMS writes smaller objects as a whole, so that OBS's ETag is their MD5"),
        _YES,
        t("how much a comparison proves without reading"),
        ("objects.between.etag",),
        as_assumed=("MD5 of the contents",),
    ),
    "order of OBS": Unconfirmed(
        t("the order of OBS's listings"),
        t("bytes of UTF-8"),
        t("a listing in another order is an error, never an end: no comparison would be whole, so no GO"),
        ("listing.order",),
        as_assumed=("bytes",),
    ),
    "form of lists": Unconfirmed(
        t("separator and columns of OMS's lists"),
        t("none: the two columns are found that have the same key, quoted and not"),
        t("what OMS failed to copy is sent again; lines that cannot be read are counted and shown"),
        ("lists.separator", "lists.columns"),
    ),
    "lag of lists": Unconfirmed(
        t("how soon OMS's lists come"),
        t("within the hour"),
        t("failures that come later are only found by a comparison"),
        ("lists.written_after",),
        as_assumed=_WITHIN_THE_HOUR,
    ),
    "encoding of keys": Unconfirmed(
        t("whether a task decodes the keys that it is handed"),
        t("yes, once"),
        t("without it no key with special characters would arrive: `MISSING`"),
        ("objects.hostile name.in_obs",),
        "OMS_KEY_ENCODING",
        as_assumed=_WITHIN_THE_HOUR,
    ),
    "keys in events": Unconfirmed(
        t("whether keys in OSS's events are plain text"),
        _YES,
        t("the same"),
        ("objects.hostile name.event",),
        as_assumed=_WITHIN_THE_HOUR,
    ),
    "mode": Unconfirmed(
        t("which mode of overwriting a task really has"),
        t("the one that it tells"),
        t("whether a new version of the same size may be skipped; doctor warns"),
        ("task.mode", "task.check"),
    ),
    "CRC64": Unconfirmed(
        t("whether OMS gives its copies a CRC64"),
        t("no"),
        t("nothing: where there is none, it counts as unknown"),
        ("objects.small.crc64",),
    ),
    "headers": Unconfirmed(
        t("which headers OMS carries"),
        t("the type of the contents; others only with metadata migration, and then not all values"),
        t("what `METADATA` tells as documented, and what as unexpected"),
        ("objects.metadata.headers",),
    ),
    "rate of OMS": Unconfirmed(
        t("how often OMS may be called"),
        t("20 calls per second"),
        t("nothing: what is throttled is recorded, and sent again"),
        setting="OMS_RATE",
    ),
    "instances": Unconfirmed(
        t("how fast Function Compute starts instances"),
        t("by its documents"),
        t("nothing but how long a pass takes"),
        setting="LANES",
    ),
    "event of headers": Unconfirmed(
        t(
            "whether new headers of an object in OSS (a copy onto itself) send an event to the trigger (`CopyObject`),"
            " or `UpdateObjectMeta`, or none"
        ),
        t("either"),
        t("when such an object is submitted: within seconds, or by `reconcile` within a day"),
        ("header_change.event",),
    ),
    "headers in place": Unconfirmed(
        t("whether a change of an object's headers in OBS (`PUT ?metadata`) moves LastModified or the ETag"),
        t("neither, if a canary says so"),
        t("`headers`: without a canary's answer, or if the ETag moves, it changes nothing"),
        ("in_place.moves_time", "in_place.moves_etag", "in_place.replaces"),
    ),
    "URL that expires": Unconfirmed(
        t("whether OBS honours a URL with `Expires` for such a change, and refuses it afterwards"),
        t("both, if a canary says so"),
        t("`headers`: otherwise it changes nothing"),
        ("in_place.url", "in_place.expired_url"),
    ),
    "zone of limits": Unconfirmed(
        t("in which time zone OMS reads the hours of a task group's bandwidth limits"),
        t("China's"),
        t("the price of `migrate --nights`; `migrate --look` measures it within a day"),
        ("bandwidth.hours_late",),
        as_assumed=("0",),
    ),
    "limit of each task": Unconfirmed(
        t("whether a bandwidth limit is one of the task group, or of each of its tasks"),
        t("either"),
        t("the estimates of `cost` and `migrate`, which name a range"),
    ),
    "class of ColdArchive": Unconfirmed(
        t("the storage class in OBS of Cold Archive objects whose class OMS keeps (`--keep-storage-class`)"),
        t("Deep Archive"),
        t("the costs in OBS; a comparison counts objects by both storage classes"),
    ),
    "stopped task": Unconfirmed(
        t("what a stopped task does with keys that it has accepted"),
        t("it may copy them"),
        t("`OMS_FINISHED` comes before the end of a cutover"),
    ),
}
