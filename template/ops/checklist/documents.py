"""OBS's documents of what both clouds can say, for somebody to put there by hand.

Sources: support.huaweicloud.com/intl/en-us/api-obs/obs_04_0034.html (lifecycle), obs_04_0074.html (CORS),
obs_04_0027.html and support.huaweicloud.com/en-us/devg-obs/obs_06_0050.html (referers in a bucket's policy).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from ops.checklist.dialects import DENY, Cors, Referers, Rule, turned_away


def lifecycle(rules: Iterable[Rule]) -> str:
    """OBS's of these rules."""
    root = ElementTree.Element("LifecycleConfiguration")
    for number, rule in enumerate(rules, 1):
        one = _put(root, "Rule", ID=f"rule-{number}")
        if rule.tags:
            within = _put(_put(one, "Filter"), "And", Prefix=rule.prefix)
            for key, value in rule.tags:
                _put(within, "Tag", Key=key, Value=value)
        else:
            ElementTree.SubElement(one, "Prefix").text = rule.prefix
        ElementTree.SubElement(one, "Status").text = rule.status
        for action in rule.actions:
            storage = {"StorageClass": action.storage} if action.storage else {}
            _put(one, action.name, **{action.unit: action.value, **storage})
    return _drawn(root)


def cors(rules: Iterable[Cors]) -> str:
    """OBS's of these rules."""
    root = ElementTree.Element("CORSConfiguration")
    for rule in rules:
        one = ElementTree.SubElement(root, "CORSRule")
        names = ("AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds")
        for name, texts in zip(names, (*rule[:4], (rule.seconds,)), strict=True):
            for text in filter(None, texts):
                ElementTree.SubElement(one, name).text = text
    return _drawn(root)


def referer(found: Iterable[Referers], bucket: str, kept: Iterable[Mapping[str, Any]]) -> str:
    """The bucket's whole policy, because putting one replaces the one before: by these referers, and what it has beside
    those that it has now."""
    others = [one for one in kept if not turned_away(one)]
    made = [
        {
            "Sid": f"referer-{number}",
            **DENY,
            "Resource": [f"{bucket}/*"],
            "Condition": {one.operator: {"Referer": list(one.referers)}},
        }
        for number, one in enumerate(found, 1)
    ]
    return json.dumps({"Statement": [*others, *made]}, indent=2)


def _put(parent: ElementTree.Element, name: str, **texts: str) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, name)
    for tag, text in texts.items():
        ElementTree.SubElement(made, tag).text = text
    return made


def _drawn(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    drawn = ElementTree.tostring(root, "unicode")
    # Whoever copies it copies what is seen.
    return "".join(one if one.isprintable() or one == "\n" else f"&#{ord(one)};" for one in drawn)
