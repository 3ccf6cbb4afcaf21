"""The parser of the payloads that Function Compute delivers; it returns the objects that changed."""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import dataclass, field

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import RECORDS
from oss_oms_sync.errors import printable_line
from oss_oms_sync.settings import Settings

# Documented events without new content that OMS can copy (OSS, "Event notifications"; EventBridge, "OSS events"). New
# headers (UpdateObjectMeta) also change the object's time, by which reconcile and passes of headers find the object.
_SKIPPED_EVENTS = {
    *(f"ObjectCreated:{call}" for call in ("InitiateMultipartUpload", "UploadPart", "UploadPartCopy", "PutSymlink")),
    "ObjectModified:UpdateObjectMeta",
    "ObjectReplication:ObjectRemoved",
    "ObjectRestore:FinishRestore",
}
# Beginnings of the events of reads and deletions.
_SKIPPED_PREFIXES = ("ObjectDownloaded:", "ObjectRemoved:")

# Maximum levels of nesting: real payloads have three, an envelope around an MNS message around an event.
_MAX_NESTING = 5


@dataclass(frozen=True)
class ObjectChange:
    """A created or modified object of the source bucket.

    - `key`: the object's name in plain text (not URL-encoded).
    - `etag`: the ETag in upper case and without quotes.
    - `event_time`: the time of the event in ISO 8601 and UTC.

    Each field except the key may be empty, because some deliveries lack it.
    """

    key: str
    event_name: str = ""
    event_time: str = ""
    etag: str = ""


@dataclass
class ParsedEvents:
    """The result of parsing a payload.

    - `changes`: the changed objects; each key occurs once.
    - `skipped`: counts of the events that are not forwarded, by the event's name or by the reason.
    - `problems`: descriptions of the unreadable events. The function has to raise an error for them, so that Function
      Compute keeps the events.
    """

    changes: list[ObjectChange] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def parse(payload: bytes | str, settings: Settings) -> ParsedEvents:
    """Parse a payload of any function; errors are not raised, but returned as `problems`.

    The payload comes from the OSS trigger, from EventBridge (one CloudEvent or an array) or from an MNS topic (JSON or
    bare, base64 or plain). It may also be an `onFailure` envelope around any of these.

    Sources: OSS "Event notifications", Function Compute "OSS triggers", "MNS topic triggers", "Destinations",
    EventBridge "OSS events".
    """
    parser = _Parser(settings)
    parser.parse_payload(payload, depth=0)
    return ParsedEvents(list(parser.changes.values()), parser.skipped, parser.problems)


def is_timer_event(payload: object) -> bool:
    """Return True if a payload, as JSON text or parsed, comes from a timer and not from a manual call.

    Source: Function Compute, "Timer triggers".
    """
    value = jsontext.load(payload) if isinstance(payload, (bytes, str)) else payload
    return isinstance(value, dict) and "triggerName" in value and "triggerTime" in value


def is_failure_envelope(payload: bytes | str) -> bool:
    """Return True if `payload` has the form in which Function Compute sends events to an `onFailure` destination.

    Source: Function Compute, "Destinations".
    """
    value = jsontext.load(payload)
    return isinstance(value, dict) and "requestContext" in value and "requestPayload" in value


class _Parser:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.changes: dict[str, ObjectChange] = {}
        self.skipped: Counter[str] = Counter()
        self.problems: list[str] = []

    def parse_payload(self, text: bytes | str, depth: int) -> None:
        try:
            value = jsontext.strict_load(text)
        except (ValueError, RecursionError):
            self._parse_base64(text, depth)
        else:
            self._unwrap_payload(value, depth)

    def _parse_base64(self, text: bytes | str, depth: int) -> None:
        try:
            decoded_text = base64.b64decode(
                b"".join((text.encode() if isinstance(text, str) else text).split()), validate=True
            )
        except ValueError:
            decoded_text = b""
        if decoded_text:  # it is shorter than `text`, so the recursion ends
            self.parse_payload(decoded_text, depth + 1)
        else:
            # Function Compute has to keep the event, because its keys are unknown.
            self.problems.append("the payload is neither JSON nor base64 of JSON")

    def _unwrap_payload(self, value: object, depth: int) -> None:
        match value:
            case _ if depth > _MAX_NESTING:
                self.problems.append("the payload is nested too deeply")
            case list():
                for element in value:
                    self._unwrap_payload(element, depth + 1)
            case {"events": list(events)}:
                for event in events:
                    self._parse_event(event)
            case (
                {"requestContext": _, "requestPayload": str(text)}
                | {"Message": str(text)}
                | {"type": str(), "data": str(text)}
            ):
                self.parse_payload(text, depth + 1)
            case {"requestContext": _, "requestPayload": content} | {"type": str(), "data": {"events": _} as content}:
                self._unwrap_payload(content, depth + 1)
            case {"type": str(name), "data": dict(data)}:
                self._parse_event({"eventName": name, **data})
            case {"eventName": _}:
                self._parse_event(value)
            case _:
                self.problems.append(
                    "the payload is not an OSS trigger event, a CloudEvent, an MNS message or an onFailure envelope, or"
                    " it has duplicate names"
                )

    def _parse_event(self, event: object) -> None:
        name = re.sub("^oss:", "", text_at(event, "eventName"), flags=re.IGNORECASE)
        if not re.fullmatch(r"Object\w+:\w+", name):
            self.problems.append(f"an event is not from OSS: its name is {printable_line(name)!r}")
            return
        # An unknown event is treated as new content, because submitting too much is harmless.
        if name in _SKIPPED_EVENTS or name.startswith(_SKIPPED_PREFIXES):
            self.skipped[name] += 1
            return
        key, bucket = text_at(event, "oss", "object", "key"), text_at(event, "oss", "bucket", "name")
        problem = self._find_problem(key, bucket)
        if problem:
            self.problems.append(f"{name}: {problem}")
        elif cause := self._find_skip_cause(key, bucket):
            self.skipped[cause] += 1
        else:
            change = ObjectChange(
                key, name, text_at(event, "eventTime"), _normalize_etag(text_at(event, "oss", "object", "eTag"))
            )
            # OMS copies the current object, so one submission per key suffices; the record has to name the newest
            # version.
            earlier_change = self.changes.get(key, change)
            self.changes[key] = change if change.event_time >= earlier_change.event_time else earlier_change

    def _find_problem(self, key: str, bucket: str) -> str:
        if not key:
            return "an event has no oss.object.key"
        if not is_text(key):
            return f"the key {key!a} is not Unicode text"
        if self._settings.source_bucket and bucket not in (
            "",
            self._settings.source_bucket,
            self._settings.log_bucket,
        ):
            return (
                f"the event is of bucket {bucket!r}, but SOURCE_BUCKET is {self._settings.source_bucket!r}."
                " Correct SOURCE_BUCKET, or remove that bucket's trigger"
            )
        return ""

    def _find_skip_cause(self, key: str, bucket: str) -> str:
        """Return the reason not to forward an event of this object, or "" if the event is to be forwarded."""
        if bucket == self._settings.log_bucket:
            return "log bucket"
        if key.startswith(RECORDS):
            return "record"
        return "" if self._settings.key_filter.matches(key) else "outside OBJECT_PREFIX and OBJECT_SUFFIX"


def _normalize_etag(quoted_etag: str) -> str:
    """Return an ETag in upper case without quotes, or "" for any other text, because a record could not store it."""
    etag = quoted_etag.strip('"').upper()
    return etag if re.fullmatch(r"[0-9A-F-]{1,64}", etag) else ""


def is_text(value: str) -> bool:
    """Return True if `value` can be encoded in UTF-8, unlike half of a surrogate pair, which JSON can contain."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_at(event: object, *path: str) -> str:
    """Return the string at `path` inside nested JSON objects, or "" if there is no string at this path."""
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event if isinstance(event, str) else ""
