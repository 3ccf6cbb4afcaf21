"""Assumptions about the clouds that no field report has confirmed; docs/unconfirmed.md is generated from them.

Doctor reports the assumptions on which a project depends, until real use confirms them or a canary observes them in the
project's accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oss_oms_sync.answers.text import Text, t


@dataclass(frozen=True)
class Assumption:
    """An open question, the assumed answer, and the parts of the project that depend on the answer, in Markdown.

    A canary, a test in the project's accounts, writes a field report.

    - `fields`: the names of the report's fields that answer the question, with dots between nested names.
    - `confirming_values`: the values of this field that agree with the assumption; empty if a report cannot answer the
      question.
    - `setting`: the setting that replaces the assumption, or "".
    """

    question: Text
    assumed_answer: Text
    dependents: Text
    fields: tuple[str, ...] = ()
    setting: str = ""
    confirming_values: tuple[str, ...] = ()

    def canary_observation(self, report: Mapping[str, object]) -> str:
        """Return the value in a field report, or "" if it is missing or a report cannot answer the question."""
        if not self.confirming_values:
            return ""
        (path,) = self.fields
        value: object = report
        for name in path.split("."):
            # A list counts as its first element.
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) and value != NOT_OBSERVED else ""


# Words of field reports, which ops/canary/field_report.py writes.
NOT_OBSERVED = "not seen"
_MINUTE_WORDS = ("under 5 s", "under 30 s", "under 1 min", "under 5 min", "under 10 min")
# A canary waits for at most twenty minutes, so it reports every longer delay as "longer".
_HOUR_WORDS = (*_MINUTE_WORDS, "longer")

_YES = t("yes")

UNCONFIRMED = {
    "keys submitted twice": Assumption(
        t("whether OMS counts a key that is submitted twice as two finished objects"),
        _YES,
        t(
            "if OMS counts the two as one, an object seems unfinished: `OMS_FINISHED` cannot pass, and"
            " you have to accept `oms_unfinished` by name (`--accept`)"
        ),
        ("counts.doubles",),
        confirming_values=("each counted",),
    ),
    "delay of OMS's counts": Assumption(
        t("delay of OMS's counts"),
        t("at most ten minutes"),
        t(
            "`OMS_FINISHED` waits until OMS has accepted no object for ten minutes, and finished none for"
            " five. If the delay is longer, the check still waits for objects with a record, but can overlook"
            " an object that OMS accepted twice within minutes: after a GO, OMS could write it to OBS again"
        ),
        ("counts.shown_after",),
        confirming_values=_MINUTE_WORDS,
    ),
    "interval of OMS's counts": Assumption(
        t("interval of OMS's counts"),
        t("five minutes; doctor checks this"),
        t(
            "if OMS reports counts only by the hour, `OMS_FINISHED` cannot pass, and you have to accept"
            " `oms_unfinished` by name (`--accept`)"
        ),
        ("counts.step",),
    ),
    "part size": Assumption(
        t("OMS's part size"),
        t("50 MB or 50 MiB: compare tries both"),
        t(
            "if OMS uses another part size, `--deep` cannot prove multipart objects (`PROOF_SUSPICIOUS`,"
            " `PROOF_EQUAL_VERSION`, `PROOF_EQUAL_SIZE`)"
        ),
        ("part_size",),
        confirming_values=("50 MB", "50 MiB"),
    ),
    "copies in one part": Assumption(
        t("whether OMS writes objects up to its part size in one part, so that their ETag in OBS is an MD5"),
        _YES,
        t("if not, a comparison proves fewer objects equal without reading them"),
        ("objects.between.etag",),
        confirming_values=("MD5 of the contents",),
    ),
    "order of OBS's listings": Assumption(
        t("the order of OBS's listings"),
        t("by UTF-8 bytes"),
        t(
            "if OBS lists in another order, each comparison stops with an error instead of ending early"
            " without notice, so no cutover can end in GO"
        ),
        ("listing.order",),
        confirming_values=("bytes",),
    ),
    "format of lists": Assumption(
        t("separator and columns of OMS's lists"),
        t("none: replay searches for the two columns with the same key, encoded and unencoded"),
        t("replay cannot resend an object whose line it cannot read; it counts and reports such lines"),
        ("lists.separator", "lists.columns"),
    ),
    "delay of OMS's lists": Assumption(
        t("delay of OMS's lists"),
        t("at most an hour"),
        t("if OMS lists a failure later, only a comparison finds the object"),
        ("lists.written_after",),
        confirming_values=_HOUR_WORDS,
    ),
    "encoding of keys": Assumption(
        t("whether a task decodes submitted keys"),
        t("yes, once"),
        t("if keys are not decoded, no object whose key has special characters arrives in OBS: `MISSING` fails"),
        ("objects.hostile name.in_obs",),
        "OMS_KEY_ENCODING",
        confirming_values=_HOUR_WORDS,
    ),
    "keys in events": Assumption(
        t("whether keys in OSS events arrive without URL encoding"),
        _YES,
        t(
            "if OSS encodes the keys, no object whose key has special characters arrives in OBS, and a"
            " cutover's check `MISSING` fails"
        ),
        ("objects.hostile name.event",),
        confirming_values=_HOUR_WORDS,
    ),
    "mode": Assumption(
        t("the overwrite mode that a task really uses"),
        t("the mode that OMS reports"),
        t("if the actual mode is different, OMS can skip a new version of the same size; doctor warns about this risk"),
        ("task.mode", "task.check"),
    ),
    "CRC64": Assumption(
        t("whether OMS's copies have a CRC64"),
        t("no"),
        t("none: if a copy has no CRC64, the checksum counts as unknown"),
        ("objects.small.crc64",),
    ),
    "headers": Assumption(
        t("headers that OMS copies"),
        t("Content-Type; other headers only with metadata migration, and then not all values"),
        t("the assumption decides which lost headers `METADATA` reports as documented, and which as unexpected"),
        ("objects.metadata.headers",),
    ),
    "rate of OMS": Assumption(
        t("OMS's own limit of requests, besides the API gateway's (200 per second by default)"),
        t("at least 20 per second for replay and for each pass; `forward` sends as many as there are uploads"),
        t("none: throttled objects are recorded and resent"),
        setting="OMS_RATE",
    ),
    "instances": Assumption(
        t("how fast Function Compute starts instances"),
        t("as fast as its documentation states"),
        t("only the duration of a pass changes"),
        setting="LANES",
    ),
    "event of headers": Assumption(
        t(
            "which event OSS sends when an object is copied onto itself to change its headers:"
            " `CopyObject` (which the trigger forwards), `UpdateObjectMeta`, or none"
        ),
        t("none: the project handles each case"),
        t(
            "with `CopyObject`, the object is submitted within seconds, otherwise within a day, by"
            " `reconcile`; `headers` finds the object in each case, by the time of its last change"
        ),
        ("header_change.event",),
    ),
    "headers in place": Assumption(
        t("whether a change of an object's headers in OBS (`PUT ?metadata`) changes LastModified or the ETag"),
        t("neither, but only if a canary has observed this"),
        t(
            "without a canary's result, or if the ETag changes, `headers` changes nothing; if only LastModified"
            " changes, only `cutover` changes headers, between the freeze and the close"
        ),
        ("in_place.moves_time", "in_place.moves_etag", "in_place.replaces"),
    ),
    "permission for headers": Assumption(
        t(
            "in IAM policies, the spelling of the permission to change headers in OBS:"
            " `modifyObjectMetaData` or `modifyObjectMetadata`"
        ),
        t("none: setup grants both"),
        t("if both are wrong, `headers` cannot change headers; doctor tests the permission"),
        ("in_place.permission",),
    ),
    "headers of a missing object": Assumption(
        t("OBS's response to a change of a missing object's headers"),
        t("404, `NoSuchKey`"),
        t("doctor's check of the permission to change headers relies on this response"),
    ),
    "URL that expires": Assumption(
        t(
            "whether OBS accepts a signed URL with `Expires` for a change of headers, and refuses the URL"
            " after the expiry"
        ),
        t("yes, but only if a canary has observed both"),
        t("if not, `headers` changes nothing"),
        ("in_place.url", "in_place.expired_url"),
    ),
    "zone of limits": Assumption(
        t("time zone of the hours in a task group's bandwidth limits"),
        t("China Standard Time"),
        t(
            "if the time zone is different, `migrate --nights` copies at other hours and at another price;"
            " `migrate --look` measures the time zone within a day"
        ),
        ("bandwidth.hours_late",),
        confirming_values=("0",),
    ),
    "limit of each task": Assumption(
        t("whether a bandwidth limit applies to the task group, or to each of its tasks"),
        t("none: the project handles each case"),
        t("the estimates of `cost` and `migrate` are ranges"),
    ),
    "class of ColdArchive": Assumption(
        t("with `--keep-storage-class`: the storage class in OBS of objects that are Cold Archive in OSS"),
        t("Deep Archive"),
        t("the costs in OBS depend on this class; a comparison counts objects by their storage class on each side"),
    ),
    "stopped task": Assumption(
        t("whether a stopped task still copies objects that it accepted before"),
        t("OMS may still copy the objects"),
        t("a cutover waits until OMS has finished all accepted objects (`OMS_FINISHED`)"),
    ),
}
