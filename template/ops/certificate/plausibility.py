"""Claims on numbers of a certificate that must agree: of its sample, of headers, and of waiting keys."""

from __future__ import annotations

import hashlib
import json

from ops.certificate.form import (
    CLASS_SIDES,
    Document,
    Doubt,
    Sides,
    is_hexadecimal,
    is_in_scope,
    numbers,
    require_count,
    require_distinct,
)
from oss_oms_sync.answers.headers_answer import MAX_EXAMPLES, MAX_READ_OBJECTS, HeadersOutcome
from oss_oms_sync.answers.object_class import EQUAL
from oss_oms_sync.answers.pass_answers import MAX_FOLDERS, MAX_KEYS, first_folder
from oss_oms_sync.answers.text import t

# Classes from which a sample is drawn.
_SAMPLED = [object_class.title for object_class in EQUAL]
# Outcomes of the standstill pass for headers: headers are settled, differ, or are unknown.
_SETTLED = [HeadersOutcome.RECORDED.title, HeadersOutcome.EQUAL.title]
_DIFFERENT = ["differs", "other_class", "archived", "not_ascii", "too_large", "removal"]
_UNKNOWN = ["changed", "unreadable", "unconfirmed", HeadersOutcome.UNREAD.title]
# The name that stands for all headers beyond the maximum number of names; an object counts once for each of them.
_OTHER_HEADERS = "*"
# Maximum objects of a sample, and maximum bytes of each.
_MAX_SAMPLE, _MAX_SAMPLED_BYTES = 300, 2**30


def sample_fits(document: Document) -> Doubt:
    """Return the claim that the numbers of the sample agree with each other, and with the classes of equal objects."""
    sample, classes = document["sample"], document["classes"] or {}
    asked, population, drawn, read, size = (
        require_count(sample[name]) for name in ("asked", "population", "drawn", "read", "bytes")
    )
    keys, differing, unread = (require_distinct(sample[name]) for name in ("keys", "differing", "unread"))
    unreadable = require_distinct(sample["unreadable"])
    equal = [numbers(classes[title]) for title in _SAMPLED] if classes else []
    # The sample is drawn from all objects that count as equal, except objects above the maximum size.
    larger = sum(four[0] for four in equal) - population
    holds = {
        "asked": asked <= _MAX_SAMPLE and (asked > 0 or bool(differing)),
        "drawn": drawn == len(keys) == min(asked, min(population, _MAX_SAMPLE) - len(unreadable)),
        "unreadable": not unreadable & keys,
        "read": read == drawn - len(unread) + len(differing - keys),
        "unread": unread <= keys - differing,
        "population": larger >= 0 and sum(four[1] for four in equal) >= larger * (_MAX_SAMPLED_BYTES + 1),
        "bytes": size <= read * _MAX_SAMPLED_BYTES or bool(differing),
        "largest": require_count(sample["largest"]) == _MAX_SAMPLED_BYTES,
        "keys": all(is_in_scope(document, key) for key in keys | unreadable),
        "seed": sample["seed"] == "" or is_hexadecimal(sample["seed"], 32),
    }
    return Doubt.claim_unless(t("The numbers of the sample agree"), [name for name, fits in holds.items() if not fits])


def waiting_fits(document: Document) -> Doubt:
    """Return the claim that the groups of waiting keys agree with their total, and with the digest of all keys."""
    waiting = document["waiting"]
    groups = waiting["groups"]
    numbers = [require_count(group["number"]) for group in groups]
    keys = [key for group in groups for key in require_distinct(group["keys"])]
    lines = "".join(f"{key}\n" for key in sorted(keys))
    holds = {
        "number": sum(numbers) <= require_count(waiting["number"]) and 0 not in numbers,
        "keys": len(set(keys)) == len(keys) and list(map(_listed, groups)) == [min(n, MAX_KEYS) for n in numbers],
        "groups": len({_group_values(group) for group in groups}) == len(groups),
        "sha256": is_hexadecimal(waiting["sha256"], 64)
        and (len(keys) < waiting["number"] or waiting["sha256"] == hashlib.sha256(lines.encode()).hexdigest())
        and (waiting["number"] == 0 or waiting["sha256"] != hashlib.sha256().hexdigest()),
        "unread": require_count(waiting["unread"]) >= 0 and require_count(document["lists"]["unread"]) >= 0,
    }
    claim = t("The numbers of waiting keys fit")
    return Doubt.claim_unless(claim, [name for name, fits in holds.items() if not fits])


def _listed(group: Document) -> int:
    return len(group["keys"])


def _group_values(group: Document) -> str:
    """Return the values for the groups of waiting keys."""
    return json.dumps({name: value for name, value in group.items() if name not in ("number", "keys")}, sort_keys=True)


def headers_fit(document: Document) -> Doubt:
    """Return the claim that the numbers of headers are possible.

    Headers are compared for each sampled object, and for an object of each first-level folder. No header is lost in
    more objects than were compared, and OMS's documents explain each expected loss.
    """
    headers, sample = document["headers"], document["sample"] or {"keys": [], "asked": 0, "unread": []}
    drawn, more, gone = (
        require_count(headers["drawn"]),
        require_distinct(headers["more"]),
        require_distinct(headers["gone"]),
    )
    keys, is_compared = require_distinct(sample["keys"]), bool(drawn or more)
    lost = [(name, loss) for kind in ("documented", "unexpected") for name, loss in headers[kind].items()]
    counts = [(require_count(loss["objects"]), len(require_distinct(loss["keys"]))) for _, loss in lost]
    folders = document["folders"] or {}
    equal = {name for name, of in folders.items() if of.keys() & {*_SAMPLED}}
    # First-level folders. The document counts folders that it does not list under the name "*".
    firsts = {first_folder(key) for key in (*keys, *more, *gone)}
    holds = {
        "drawn": drawn == (len(keys - gone) if is_compared else 0),
        "more": not more & (keys | gone) and len(more) <= MAX_FOLDERS + 2 and (bool(sample["asked"]) or not more),
        "sample": not is_compared or not (sample["unread"] or headers["problem"]),
        "problem": not headers["problem"] or bool(sample["asked"]),
        "folders": not is_compared or equal <= {name if name in folders else "*" for name in firsts},
        "lost": all(0 < named <= objects <= drawn + len(more) for objects, named in counts),
        "documented": "content-type" not in headers["documented"] and headers["migrated"] in (True, False, None),
        "keys": all(is_in_scope(document, key) for key in more | gone),
    }
    return Doubt.claim_unless(
        t("The statements about headers agree with the sample"),
        [name for name, fits in holds.items() if not fits],
    )


def checked_headers_fit(document: Document) -> Doubt:
    """Return the claim that the standstill pass's numbers of headers agree with the classes, and with each other."""
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    claim = t("The numbers of checked headers agree")
    checked = still and still["headers"]
    if not checked:
        return Doubt(claim, checked is None)
    outcomes = {name: require_count(number) for name, number in checked["outcomes"].items()}
    differing = {name: require_count(number) for name, number in checked["differing"].items()}
    examples = {name: require_distinct(keys) for name, keys in checked["examples"].items()}
    different = sum(number for name, number in outcomes.items() if name in _DIFFERENT)
    unsettled = {name: min(number, MAX_EXAMPLES) for name, number in outcomes.items() if name not in _SETTLED}
    read = sum(outcomes.values()) - outcomes.get("recorded", 0) - outcomes.get("unread", 0)
    is_still = all(compared[digest] == still[digest] for digest in ("state", "twin"))
    holds = {
        "outcomes": outcomes.keys() <= {*_SETTLED, *_DIFFERENT, *_UNKNOWN} and 0 not in outcomes.values(),
        "objects": not is_still or sum(outcomes.values()) in _possible_counts_on_both_sides(document),
        "unread": not outcomes.get("unread") or read >= MAX_READ_OBJECTS,
        "differing": sum(differing.values()) >= different
        and all(0 < number <= different for name, number in differing.items() if name != _OTHER_HEADERS),
        "examples": {name: len(keys) for name, keys in examples.items()} == unsettled
        and all(is_in_scope(document, key) for keys in examples.values() for key in keys),
    }
    return Doubt.claim_unless(claim, [name for name, fits in holds.items() if not fits])


def _possible_counts_on_both_sides(document: Document) -> range:
    """Return the possible numbers of objects on both sides.

    It is a range, because records among the impossible objects do not count.
    """
    sides = {title: CLASS_SIDES[title] for title in document["classes"]}
    kinds = (Sides.EQUAL, Sides.BOTH, Sides.AT_MOST)
    objects = {title: numbers(document["classes"][title])[2] for title, side in sides.items() if side in kinds}
    most = sum(objects.values())
    return range(most - objects.get("impossible", 0), most + 1)
