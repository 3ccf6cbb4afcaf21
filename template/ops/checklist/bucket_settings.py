"""The table of bucket settings: for each, the request that reads it, the permission, and the vendors' pages.

For settings that both clouds have, the table has the document with which a user sets them in OBS.

Sources: support.huaweicloud.com/intl/en-us/api-obs/obs_04_0034.html (lifecycle), obs_04_0074.html (CORS),
obs_04_0027.html and support.huaweicloud.com/en-us/devg-obs/obs_06_0050.html (referers in a bucket's policy).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ops.checklist import dialects
from ops.checklist.dialects import DENY_ALL, CorsRule, LifecycleRule, Referers, SettingShape
from ops.clouds.wire import Response
from oss_oms_sync.answers.text import Text, t

ResponseParser = Callable[[Response], SettingShape | None]


class SettingQuery(NamedTuple):
    """The request for a setting in one cloud, with the permission that it needs.

    - `query` is the request's parameter.
    - `page` is the address of the vendor's page about the setting.
    - `parse` parses the response, and returns None if the setting is not set.
    """

    query: str
    permission: str
    page: Text
    parse: ResponseParser


class BucketSetting(NamedTuple):
    """A setting that the bucket in either cloud may have.

    - `document` returns the text with which a user sets the setting in OBS. Its arguments are the parts that both
      clouds can express, the name of the OBS bucket, and OBS's present response.
    - `note` is a fact to consider before the change.
    """

    name: str
    title: Text
    source: SettingQuery
    destination: SettingQuery
    document: Callable[[Sequence[Any], str, Response | None], str] | None = None
    note: Text | None = None


def _oss_query(query: str, action: str, parse: ResponseParser) -> SettingQuery:
    page = f"oss/developer-reference/{action.lower()}"
    address = Text(f"https://www.alibabacloud.com/help/en/{page}", chinese=f"https://help.aliyun.com/zh/{page}")
    return SettingQuery(query, f"oss:{action}", address, parse)


def _obs_query(query: str, action: str, page: str, parse: ResponseParser) -> SettingQuery:
    site, file = "https://support.huaweicloud.com", f"api-obs/obs_04_{page}.html"
    address = Text(f"{site}/intl/en-us/{file}", chinese=f"{site}/{file}")
    return SettingQuery(query, f"obs:bucket:{action}", address, parse)


def _lifecycle_document(rules: Iterable[LifecycleRule], _bucket: str, _response: Response | None) -> str:
    root = ElementTree.Element("LifecycleConfiguration")
    for number, rule in enumerate(rules, 1):
        element = _add_element(root, "Rule", ID=f"rule-{number}")
        if rule.tags:
            condition = _add_element(_add_element(element, "Filter"), "And", Prefix=rule.prefix)
            for key, value in rule.tags:
                _add_element(condition, "Tag", Key=key, Value=value)
        else:
            ElementTree.SubElement(element, "Prefix").text = rule.prefix
        ElementTree.SubElement(element, "Status").text = rule.status
        for action in rule.actions:
            storage_class = {"StorageClass": action.storage_class} if action.storage_class else {}
            _add_element(element, action.name, **{action.unit: action.value, **storage_class})
    return _to_xml(root)


def _cors_document(rules: Iterable[CorsRule], _bucket: str, _response: Response | None) -> str:
    root = ElementTree.Element("CORSConfiguration")
    for rule in rules:
        element = ElementTree.SubElement(root, "CORSRule")
        names = ("AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds")
        for name, texts in zip(names, (*rule[:4], (rule.seconds,)), strict=True):
            for text in filter(None, texts):
                ElementTree.SubElement(element, name).text = text
    return _to_xml(root)


def _referer_policy(rules: Iterable[Referers], bucket: str, response: Response | None) -> str:
    """Return the bucket's whole new policy, because a new policy replaces the old policy.

    It has a statement for each rule in `rules`, and the present statements that do not concern referers.
    """
    kept_statements = [
        statement for statement in dialects.parse_statements(response) if not dialects.parse_referers(statement)
    ]
    new_statements = [
        {
            "Sid": f"referer-{number}",
            **DENY_ALL,
            "Resource": [f"{bucket}/*"],
            "Condition": {referers.operator: {"Referer": list(referers.referers)}},
        }
        for number, referers in enumerate(rules, 1)
    ]
    return json.dumps({"Statement": [*kept_statements, *new_statements]}, indent=2)


def _add_element(parent: ElementTree.Element, name: str, **texts: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name)
    for tag, text in texts.items():
        ElementTree.SubElement(element, tag).text = text
    return element


def _to_xml(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    # Invisible characters are escaped, because users copy what they see.
    return "".join(
        character if character.isprintable() or character == "\n" else f"&#{ord(character)};" for character in text
    )


_REPLACEMENT_NOTE = t("Applying the document replaces all existing rules of the destination bucket")
SETTINGS = (
    BucketSetting(
        "lifecycle",
        t("Lifecycle rules"),
        _oss_query("lifecycle", "GetBucketLifecycle", dialects.parse_lifecycle),
        _obs_query("lifecycle", "GetLifecycleConfiguration", "0034", dialects.parse_lifecycle),
        _lifecycle_document,
        t(
            "{replaced}. OBS counts days from the copy by OMS, not from the write to the source",
            replaced=_REPLACEMENT_NOTE,
        ),
    ),
    BucketSetting(
        "cors",
        t("CORS rules"),
        _oss_query("cors", "GetBucketCors", dialects.parse_cors),
        _obs_query("cors", "GetBucketCORS", "0074", dialects.parse_cors),
        _cors_document,
        _REPLACEMENT_NOTE,
    ),
    BucketSetting(
        "policy",
        t("Bucket policy"),
        _oss_query("policy", "GetBucketPolicy", dialects.parse_oss_policy),
        _obs_query("policy", "GetBucketPolicy", "0027", dialects.parse_obs_policy),
        note=t("A bucket policy names users, actions and resources of a single cloud: write a new policy for OBS"),
    ),
    BucketSetting(
        "acl",
        t("ACL"),
        _oss_query("acl", "GetBucketAcl", dialects.parse_oss_acl),
        _obs_query("acl", "GetBucketAcl", "0030", dialects.parse_obs_acl),
        note=t(
            "An ACL that grants permissions only to the bucket's owner (private) counts as not set. Public"
            " read has a different meaning in OBS than in OSS"
        ),
    ),
    BucketSetting(
        "website",
        t("Static website"),
        _oss_query("website", "GetBucketWebsite", dialects.parse_website),
        _obs_query("website", "GetBucketWebsite", "0071", dialects.parse_website),
    ),
    BucketSetting(
        "back-to-source",
        t("Back-to-source rules"),
        _oss_query("website", "GetBucketWebsite", dialects.parse_oss_back_to_source),
        _obs_query("mirrorBackToSource", "GetMirrorBackToSource", "0119", dialects.parse_obs_back_to_source),
        note=t("With such a rule, reading a missing object creates the object in OBS: set the rule after the GO"),
    ),
    BucketSetting(
        "referer",
        t("Hotlink protection (referers)"),
        _oss_query("referer", "GetBucketReferer", dialects.parse_oss_referer),
        _obs_query("policy", "GetBucketPolicy", "0027", dialects.parse_obs_referer),
        _referer_policy,
        t(
            "OBS implements hotlink protection in the bucket policy, and applies it to signed requests, too."
            " If the policy does not allow the empty referer ({blank}), it refuses requests of OMS and of"
            " SDKs. Set the policy after the GO",
            blank="${null}",
        ),
    ),
    BucketSetting(
        "encryption",
        t("Default encryption"),
        _oss_query("encryption", "GetBucketEncryption", dialects.parse_encryption),
        _obs_query("encryption", "GetEncryptionConfiguration", "0062", dialects.parse_encryption),
        note=t("ETags of encrypted objects cannot prove equal contents: turn on encryption in OBS after the GO"),
    ),
    BucketSetting(
        "versioning",
        t("Versioning"),
        _oss_query("versioning", "GetBucketVersioning", dialects.parse_versioning),
        _obs_query("versioning", "GetBucketVersioning", "0037", dialects.parse_versioning),
    ),
    BucketSetting(
        "logging",
        t("Access logs"),
        _oss_query("logging", "GetBucketLogging", dialects.parse_logging),
        _obs_query("logging", "GetBucketLogging", "0032", dialects.parse_logging),
        note=t("Access logs can be stored only in a bucket of the same cloud and region"),
    ),
    BucketSetting(
        "tags",
        t("Bucket tags"),
        _oss_query("tagging", "GetBucketTags", dialects.parse_tags)._replace(permission="oss:GetBucketTagging"),
        _obs_query("tagging", "GetBucketTagging", "0049", dialects.parse_tags),
    ),
    BucketSetting(
        "domains",
        t("Custom domains"),
        _oss_query("cname", "ListCname", dialects.parse_oss_domains),
        _obs_query("customdomain", "GetBucketCustomDomainConfiguration", "0059", dialects.parse_obs_domains),
        note=t(
            "Bind the domain and its TLS certificate to the destination bucket before the cutover, and change"
            " the DNS record during the cutover"
        ),
    ),
)
# Further settings of the clouds, which this command does not read.
UNCHECKED_SETTINGS = t(
    "This command does not check the following settings. Move them by hand: image styles, retention (WORM),"
    " requester pays, replication, inventories, transfer acceleration, event notifications, blocks on public"
    " access"
)
