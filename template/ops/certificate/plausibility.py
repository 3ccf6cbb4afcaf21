"""Claims on numbers of a certificate that must agree: of its sample, of headers, and of waiting keys.

Waiting keys are object keys that replay has not resent yet.
"""

from __future__ import annotations

import hashlib
import json

from ops.certificate.form import (
    CLASS_SIDES,
    Claim,
    Document,
    Sides,
    is_hexadecimal,
    is_in_scope,
    list_class_counts,
    require_count,
    require_distinct,
)
from oss_oms_sync.answers.headers_answer import MAX_EXAMPLES, MAX_READ_OBJECTS, HeadersOutcome
from oss_oms_sync.answers.object_class import EQUAL_CLASSES
from oss_oms_sync.answers.pass_answers import MAX_FOLDERS, MAX_KEYS, first_folder
from oss_oms_sync.answers.text import t

# Classes from which a sample is drawn.
_SAMPLED_TITLES = [object_class.title for object_class in EQUAL_CLASSES]
# Outcomes of the standstill pass for an object's headers: the headers are settled, differ, or are unknown.
_SETTLED_OUTCOMES = [HeadersOutcome.RECORDED.title, HeadersOutcome.EQUAL.title]
_DIFFERENT_OUTCOMES = ["differs", "unsafe", "other_class", "archived", "not_ascii", "too_large", "removal"]
_UNKNOWN_OUTCOMES = ["changed", "unreadable", "unconfirmed", HeadersOutcome.UNREAD.title]
# The name that stands for all headers beyond the maximum number of names; an object counts once for each of them.
_OTHER_HEADERS = "*"
# Maximum objects of a sample, and maximum bytes of each.
_MAX_SAMPLE, _MAX_SAMPLED_BYTES = 300, 2**30


def check_sample(document: Document) -> Claim:
    """Return the claim that the numbers of the sample agree with each other, and with the classes of equal objects.

    The sample is the set of objects whose contents were read in both buckets.
    """
    sample, classes = document["sample"], document["classes"] or {}
    requested_count, population, drawn_count, read_count, bytes_read = (
        require_count(sample[name]) for name in ("asked", "population", "drawn", "read", "bytes")
    )
    keys, differing_keys, unread_keys = (require_distinct(sample[name]) for name in ("keys", "differing", "unread"))
    unreadable_keys = require_distinct(sample["unreadable"])
    equal_counts = [list_class_counts(classes[title]) for title in _SAMPLED_TITLES] if classes else []
    # The sample is drawn from all objects that count as equal, except objects above the maximum size.
    larger_objects = sum(counts[0] for counts in equal_counts) - population
    conditions = {
        "asked": requested_count <= _MAX_SAMPLE and (requested_count > 0 or bool(differing_keys)),
        "drawn": drawn_count == len(keys) == min(requested_count, min(population, _MAX_SAMPLE) - len(unreadable_keys)),
        "unreadable": not unreadable_keys & keys,
        "read": read_count == drawn_count - len(unread_keys) + len(differing_keys - keys),
        "unread": unread_keys <= keys - differing_keys,
        "population": larger_objects >= 0
        and sum(counts[1] for counts in equal_counts) >= larger_objects * (_MAX_SAMPLED_BYTES + 1),
        "bytes": bytes_read <= read_count * _MAX_SAMPLED_BYTES or bool(differing_keys),
        "largest": require_count(sample["largest"]) == _MAX_SAMPLED_BYTES,
        "keys": all(is_in_scope(document, key) for key in keys | unreadable_keys),
        "seed": sample["seed"] == "" or is_hexadecimal(sample["seed"], 32),
    }
    return Claim.claim_unless(
        t("The sample's figures are consistent"), [name for name, fits in conditions.items() if not fits]
    )


def check_waiting_keys(document: Document) -> Claim:
    """Return the claim that the groups of waiting keys agree with their total, and with the digest of all keys.

    A group has waiting keys with equal values, such as the reason.
    """
    waiting_keys = document["waiting"]
    groups = waiting_keys["groups"]
    group_sizes = [require_count(group["number"]) for group in groups]
    keys = [key for group in groups for key in require_distinct(group["keys"])]
    lines = "".join(f"{key}\n" for key in sorted(keys))
    conditions = {
        "number": sum(group_sizes) <= require_count(waiting_keys["number"]) and 0 not in group_sizes,
        "keys": len(set(keys)) == len(keys)
        and list(map(_count_listed_keys, groups)) == [min(group_size, MAX_KEYS) for group_size in group_sizes],
        "groups": len({_format_shared_values(group) for group in groups}) == len(groups),
        "sha256": is_hexadecimal(waiting_keys["sha256"], 64)
        and (len(keys) < waiting_keys["number"] or waiting_keys["sha256"] == hashlib.sha256(lines.encode()).hexdigest())
        and (waiting_keys["number"] == 0 or waiting_keys["sha256"] != hashlib.sha256().hexdigest()),
        "unread": require_count(waiting_keys["unread"]) >= 0 and require_count(document["lists"]["unread"]) >= 0,
    }
    text = t("The numbers of waiting keys are consistent")
    return Claim.claim_unless(text, [name for name, fits in conditions.items() if not fits])


def _count_listed_keys(group: Document) -> int:
    return len(group["keys"])


def _format_shared_values(group: Document) -> str:
    """Return the values that the keys of a group have in common, as JSON text that can be compared."""
    return json.dumps({name: value for name, value in group.items() if name not in ("number", "keys")}, sort_keys=True)


def check_headers(document: Document) -> Claim:
    """Return the claim that the document's numbers of headers that OMS lost are possible.

    Headers are compared for each sampled object, and for an object of each first-level folder. No header is lost in
    more objects than were compared.
    """
    headers, sample = document["headers"], document["sample"] or {"keys": [], "asked": 0, "unread": []}
    drawn_count, additional_keys, deleted_keys = (
        require_count(headers["drawn"]),
        require_distinct(headers["more"]),
        require_distinct(headers["gone"]),
    )
    keys, is_compared = require_distinct(sample["keys"]), bool(drawn_count or additional_keys)
    losses = [(name, loss) for kind in ("documented", "unexpected") for name, loss in headers[kind].items()]
    object_counts = [(require_count(loss["objects"]), len(require_distinct(loss["keys"]))) for _, loss in losses]
    folders = document["folders"] or {}
    equal_folders = {name for name, classes in folders.items() if classes.keys() & {*_SAMPLED_TITLES}}
    # First-level folders. The document counts folders that it does not list under the name "*".
    first_folders = {first_folder(key) for key in (*keys, *additional_keys, *deleted_keys)}
    conditions = {
        "drawn": drawn_count == (len(keys - deleted_keys) if is_compared else 0),
        "more": not additional_keys & (keys | deleted_keys)
        and len(additional_keys) <= MAX_FOLDERS + 2
        and (bool(sample["asked"]) or not additional_keys),
        "sample": not is_compared or not (sample["unread"] or headers["problem"]),
        "problem": not headers["problem"] or bool(sample["asked"]),
        "folders": not is_compared or equal_folders <= {name if name in folders else "*" for name in first_folders},
        "lost": all(
            0 < listed_count <= objects <= drawn_count + len(additional_keys) for objects, listed_count in object_counts
        ),
        "documented": "content-type" not in headers["documented"] and headers["migrated"] in (True, False, None),
        "keys": all(is_in_scope(document, key) for key in additional_keys | deleted_keys),
    }
    return Claim.claim_unless(
        t("The statements about headers agree with the sample"),
        [name for name, fits in conditions.items() if not fits],
    )


def check_standstill_headers(document: Document) -> Claim:
    """Return the claim that the standstill pass's numbers of headers agree with the classes, and with each other."""
    comparison, standstill = document["passes"]["compare"], document["passes"]["standstill"]
    text = t("The numbers of checked headers are consistent")
    headers = standstill and standstill["headers"]
    if not headers:
        return Claim(text, headers is None)
    outcomes = {name: require_count(number) for name, number in headers["outcomes"].items()}
    counts_by_header = {name: require_count(number) for name, number in headers["differing"].items()}
    examples = {name: require_distinct(keys) for name, keys in headers["examples"].items()}
    different_objects = sum(number for name, number in outcomes.items() if name in _DIFFERENT_OUTCOMES)
    expected_examples = {
        name: min(number, MAX_EXAMPLES) for name, number in outcomes.items() if name not in _SETTLED_OUTCOMES
    }
    read_objects = sum(outcomes.values()) - outcomes.get("recorded", 0) - outcomes.get("unread", 0)
    is_unchanged = all(comparison[digest] == standstill[digest] for digest in ("state", "twin"))
    conditions = {
        "outcomes": outcomes.keys() <= {*_SETTLED_OUTCOMES, *_DIFFERENT_OUTCOMES, *_UNKNOWN_OUTCOMES}
        and 0 not in outcomes.values(),
        "objects": not is_unchanged or sum(outcomes.values()) in _possible_shared_counts(document),
        "unread": not outcomes.get("unread") or read_objects >= MAX_READ_OBJECTS,
        "differing": sum(counts_by_header.values()) >= different_objects
        and all(0 < number <= different_objects for name, number in counts_by_header.items() if name != _OTHER_HEADERS),
        "examples": {name: len(keys) for name, keys in examples.items()} == expected_examples
        and all(is_in_scope(document, key) for keys in examples.values() for key in keys),
    }
    return Claim.claim_unless(text, [name for name, fits in conditions.items() if not fits])


def _possible_shared_counts(document: Document) -> range:
    """Return the possible numbers of objects that both buckets have in common.

    The class `impossible` includes an unknown number of records, which do not count.
    """
    sides = {title: CLASS_SIDES[title] for title in document["classes"]}
    possible_sides = (Sides.EQUAL, Sides.BOTH, Sides.AT_MOST)
    objects = {
        title: list_class_counts(document["classes"][title])[2]
        for title, side in sides.items()
        if side in possible_sides
    }
    maximum = sum(objects.values())
    return range(maximum - objects.get("impossible", 0), maximum + 1)
