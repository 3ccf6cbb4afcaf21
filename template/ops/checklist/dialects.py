"""Parsers of bucket settings, which convert the different XML and JSON of both clouds to a common form.

Parts of a setting that both clouds can express are comparable. Other parts are only named.

Sources: help.aliyun.com/zh/oss/developer-reference/ (getbucketlifecycle, getbucketcors, getbucketreferer and so on),
help.aliyun.com/zh/oss/user-guide/hotlink-protection and support.huaweicloud.com/intl/en-us/api-obs/ (obs_04_0027 to
obs_04_0074).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ops.clouds.buckets import has_subfolder_pages, is_mirror
from ops.clouds.wire import Response, UnreadableResponseError
from oss_oms_sync.answers.text import Text, t, untranslated

# OBS's names for storage classes of OSS; OBS has no equivalent of the other classes.
_STORAGE_CLASSES = {"IA": "WARM", "Archive": "COLD"}
_OBS_CLASSES = ("WARM", "COLD")
_ACTION_NAMES = {"AbortMultipartUpload": "AbortIncompleteMultipartUpload"}
_DAYS_FIELDS = {"AbortIncompleteMultipartUpload": "DaysAfterInitiation"}
_ACTIONS = (
    "Expiration",
    "Transition",
    "AbortIncompleteMultipartUpload",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
)
_NUMBER_FIELDS = ("Days", "NoncurrentDays", "DaysAfterInitiation", "ExpiredObjectDeleteMarker")
_BLANK_REFERER = "${null}"
# An OBS statement that denies all requests.
DENY_ALL: Mapping[str, Any] = {"Effect": "Deny", "Principal": {"ID": ["*"]}, "Action": ["*"]}


class SettingShape(NamedTuple):
    """A parsed setting, with a short summary.

    - `common_parts` are the parts that both clouds can express.
    - `other_parts` names the parts that only one cloud can express.
    """

    summary: Text
    common_parts: Sequence[Any] = ()
    other_parts: Sequence[Text] = ()


class Action(NamedTuple):
    """An action of a lifecycle rule in OBS's terms: its kind, unit and value, such as `Expiration`, `Days` and `30`."""

    name: str
    unit: str
    value: str
    storage_class: str


class LifecycleRule(NamedTuple):
    """A lifecycle rule without its name, which has no effect."""

    prefix: str
    status: str
    tags: tuple[tuple[str, str], ...]
    actions: tuple[Action, ...]


class CorsRule(NamedTuple):
    """A rule of a bucket on cross-origin requests (CORS)."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    seconds: str


class Referers(NamedTuple):
    """The condition of an OBS policy statement that denies requests by referer: its operator and its referers."""

    operator: str
    referers: tuple[str, ...]


def parse_versioning(answer: Response) -> SettingShape | None:
    status = _parse_root(answer, "VersioningConfiguration").findtext("Status")
    return SettingShape(untranslated(status), [status]) if status else None


def parse_lifecycle(answer: Response) -> SettingShape | None:
    """Read the lifecycle rules, and sort them: they apply together, so that their order has no meaning."""
    rules, common_rules, uncommon_rules = _parse_root(answer, "LifecycleConfiguration").findall("Rule"), [], []
    for number, element in enumerate(rules, 1):
        if (rule := _parse_rule(element)) is None:
            uncommon_rules.append(t("rule {name}", name=element.findtext("ID") or str(number)))
        else:
            common_rules.append(rule)
    return SettingShape(t("{n:rule|rules}", n=len(rules)), sorted(common_rules), uncommon_rules) if rules else None


def parse_cors(answer: Response) -> SettingShape | None:
    """Read the CORS rules in their order, because the first matching rule applies."""
    root = _parse_root(answer, "CORSConfiguration")
    rules = [_parse_cors_rule(element) for element in root.findall("CORSRule")]
    oss_only_parts = [untranslated("ResponseVary")] if root.findtext("ResponseVary") == "true" else []
    return SettingShape(t("{n:rule|rules}", n=len(rules)), rules, oss_only_parts) if rules else None


def parse_tags(answer: Response) -> SettingShape | None:
    pairs = sorted(
        (element.findtext("Key") or "", element.findtext("Value") or "")
        for element in _parse_root(answer, "Tagging").iter("Tag")
    )
    return SettingShape(untranslated(", ".join(f"{key}={value}" for key, value in pairs)), pairs) if pairs else None


def parse_encryption(answer: Response) -> SettingShape | None:
    """Read the default encryption; two clouds' KMS keys cannot be compared."""
    root = _parse_root(answer, "ServerSideEncryptionRule", "ServerSideEncryptionConfiguration")
    algorithm, key = (
        next((element.text or "" for element in root.iter(name)), "") for name in ("SSEAlgorithm", "KMSMasterKeyID")
    )
    if algorithm in ("", "None"):
        return None
    text = untranslated(f"{algorithm} {key}" if key else algorithm)
    return SettingShape(text, [algorithm]) if algorithm == "AES256" else _cloud_specific_shape(text)


def parse_logging(answer: Response) -> SettingShape | None:
    logging_element = _parse_root(answer, "BucketLoggingStatus").find("LoggingEnabled")
    if logging_element is None:
        return None
    return _cloud_specific_shape(
        untranslated("/".join(logging_element.findtext(name) or "" for name in ("TargetBucket", "TargetPrefix")))
    )


def parse_website(answer: Response) -> SettingShape | None:
    """Read the pages and redirects of a website; back-to-source rules are a separate setting."""
    root = _parse_root(answer, "WebsiteConfiguration")
    pages = [root.findtext(path) or "" for path in ("IndexDocument/Suffix", "ErrorDocument/Key")]
    oss_only_parts = [t("subfolder homepage")] if has_subfolder_pages(root) else []
    # OBS answers with the status of the error, which is 404 for a missing object.
    status = root.findtext("ErrorDocument/HttpStatus") or "404"
    oss_only_parts += [untranslated(f"HttpStatus={status}")] if status != "404" else []
    oss_only_parts += [t("redirection of all requests")] if root.find("RedirectAllRequestsTo") is not None else []
    if redirections := sum(not is_mirror(element) for element in root.iter("RoutingRule")):
        oss_only_parts.append(t("{n:redirection|redirections}", n=redirections))
    return (
        SettingShape(untranslated(", ".join(filter(None, pages)) or "-"), pages, oss_only_parts)
        if any(pages) or oss_only_parts
        else None
    )


def parse_oss_back_to_source(answer: Response) -> SettingShape | None:
    rules = [
        element for element in _parse_root(answer, "WebsiteConfiguration").iter("RoutingRule") if is_mirror(element)
    ]
    return _cloud_specific_shape(t("{n:rule|rules}", n=len(rules))) if rules else None


def parse_obs_back_to_source(answer: Response) -> SettingShape | None:
    rules = answer.json().get("rules")
    if not isinstance(rules, list):
        raise UnreadableResponseError(answer.host)
    return _cloud_specific_shape(t("{n:rule|rules}", n=len(rules))) if rules else None


def parse_oss_acl(answer: Response) -> SettingShape | None:
    """Read the ACL; return None for a private bucket, which grants nothing to others."""
    grant = next((element.text or "" for element in _parse_root(answer, "AccessControlPolicy").iter("Grant")), "")
    if not grant:
        raise UnreadableResponseError(answer.host)
    return None if grant == "private" else _cloud_specific_shape(untranslated(grant))


def parse_obs_acl(answer: Response) -> SettingShape | None:
    root = _parse_root(answer, "AccessControlPolicy")
    owner = root.findtext("Owner/ID")
    grants = [element for element in root.iter("Grant") if owner is None or element.findtext("Grantee/ID") != owner]
    texts = [
        f"{grant.findtext('Grantee/Canned') or grant.findtext('Grantee/ID')} {grant.findtext('Permission')}"
        for grant in grants
    ]
    return _cloud_specific_shape(untranslated(", ".join(texts))) if texts else None


def parse_oss_policy(answer: Response) -> SettingShape | None:
    return _count_statements(parse_statements(answer))


def parse_obs_policy(answer: Response) -> SettingShape | None:
    """Read the bucket policy, except statements on the referer, which belong to the setting for hotlink protection."""
    return _count_statements(
        [statement for statement in parse_statements(answer) if not _has_referer_condition(statement)]
    )


def parse_oss_referer(answer: Response) -> SettingShape | None:
    """Return the allowed and the denied referers in the common form.

    Empty referers count as allowed if no referer is allowed, because OSS then accepts them. The form cannot show that
    OSS, unlike OBS, checks no referer of requests that are signed in their headers.
    """
    root = _parse_root(answer, "RefererConfiguration")
    allowed_referers = [element.text or "" for element in root.findall("RefererList/Referer")]
    denied_referers = [element.text or "" for element in root.findall("RefererBlacklist/Referer")]
    blanks = [_BLANK_REFERER] if root.findtext("AllowEmptyReferer") != "false" else []
    rules = []
    if allowed_referers:
        rules.append(_convert_referers("Not", allowed_referers, *blanks))
    if denied_referers:
        rules.append(_convert_referers("", denied_referers))
    oss_only_parts = [
        *([untranslated("TruncatePath")] if root.findtext("TruncatePath") == "true" else []),
        *(
            [untranslated("AllowTruncateQueryString=false")]
            if root.findtext("AllowTruncateQueryString") == "false"
            else []
        ),
    ]
    return (
        SettingShape(
            t("{n:referer|referers}", n=len(allowed_referers) + len(denied_referers)), sorted(rules), oss_only_parts
        )
        if rules
        else None
    )


def parse_obs_referer(answer: Response) -> SettingShape | None:
    common_referers, other_statements = [], []
    for number, statement in enumerate(parse_statements(answer), 1):
        if referers := parse_referers(statement):
            common_referers.append(referers)
        elif _has_referer_condition(statement):
            other_statements.append(t("statement {name}", name=statement.get("Sid") or str(number)))
    text = t("{n:statement|statements}", n=len(common_referers) + len(other_statements))
    return (
        SettingShape(text, sorted(common_referers), other_statements) if common_referers or other_statements else None
    )


def parse_oss_domains(answer: Response) -> SettingShape | None:
    return _parse_domains(_parse_root(answer, "ListCnameResult").iter("Cname"), "Domain", "Certificate/CertId")


def parse_obs_domains(answer: Response) -> SettingShape | None:
    """Read the domains and their certificates, which some regions name by an id, and others by a name."""
    elements = _parse_root(answer, "ListBucketCustomDomainsResult").iter("Domains")
    return _parse_domains(elements, "DomainName", "CertificateId", "CertName")


def parse_referers(statement: Mapping[str, Any]) -> Referers | None:
    """Return the condition on referers of a policy statement that denies requests for all objects.

    Return None for any other statement.
    """
    (operator, condition), *other_conditions = (statement.get("Condition") or {"": {}}).items()
    fields = {**statement, "Action": _to_list(statement.get("Action"))}
    covers_all_objects = [resource.partition("/")[2] for resource in _to_list(statement.get("Resource"))] == ["*"]
    if (
        other_conditions
        or set(condition) != {"Referer"}
        or not covers_all_objects
        or any(fields.get(name) != DENY_ALL[name] for name in DENY_ALL)
    ):
        return None
    return Referers(operator, tuple(sorted(_to_list(condition["Referer"]))))


def parse_statements(answer: Response | None) -> list[dict[str, Any]]:
    """Return the statements of a bucket's policy, or an empty list without a policy. Raises UnreadableResponseError."""
    if answer is None:
        return []
    entries = answer.json().get("Statement")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnreadableResponseError(answer.host)
    return entries


def _has_referer_condition(statement: Mapping[str, Any]) -> bool:
    return any(
        "referer" in str(key).lower() for condition in (statement.get("Condition") or {}).values() for key in condition
    )


def _parse_root(answer: Response, *names: str) -> ElementTree.Element:
    """Return the root element of a response. Raises UnreadableResponseError if it has another name.

    A cloud that does not support the setting may list objects instead.
    """
    root = answer.xml()
    if root.tag not in names:
        raise UnreadableResponseError(answer.host)
    return root


def _parse_rule(element: ElementTree.Element) -> LifecycleRule | None:
    """Return a lifecycle rule, or None if the other cloud cannot express a part of it."""
    prefix, status, rule_tags, actions = "", "", [], []
    for rule_element in _list_rule_elements(element):
        name = _ACTION_NAMES.get(rule_element.tag, rule_element.tag)
        if name == "Prefix":
            prefix = rule_element.text or ""
        elif name == "Status":
            status = rule_element.text or ""
        elif name == "Tag":
            rule_tags.append((rule_element.findtext("Key") or "", rule_element.findtext("Value") or ""))
        elif name in _ACTIONS and (action := _parse_action(name, rule_element)):
            actions.append(action)
        elif name != "ID":
            return None
    return LifecycleRule(prefix, status, tuple(sorted(rule_tags)), tuple(sorted(actions)))


def _list_rule_elements(rule: ElementTree.Element) -> Iterable[ElementTree.Element]:
    """Yield the parts of a rule; OBS nests prefix and tags in a filter, which OSS uses for other options."""
    for rule_element in rule:
        nested_element = rule_element.find("And") if rule_element.tag == "Filter" else None
        if rule_element.tag == "Filter" and {element.tag for element in rule_element} <= {"And", "Prefix", "Tag"}:
            yield from rule_element if nested_element is None else nested_element
        else:
            yield rule_element


def _parse_action(name: str, action_element: ElementTree.Element) -> Action | None:
    fields = {element.tag: (element.text or "").strip() for element in action_element}
    storage_class = fields.pop("StorageClass", "")
    storage_class = _STORAGE_CLASSES.get(storage_class, storage_class)
    if fields.get("IsAccessTime") == "false":
        del fields["IsAccessTime"]
    if len(fields) != 1 or (storage_class and storage_class not in _OBS_CLASSES):
        return None
    ((unit, value),) = fields.items()
    unit = _DAYS_FIELDS.get(name, unit) if unit == "Days" else unit
    return Action(name, unit, value, storage_class) if unit in _NUMBER_FIELDS else None


def _parse_cors_rule(rule: ElementTree.Element) -> CorsRule:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(sorted(element.text or "" for element in rule.findall(name)))

    # HTTP ignores the case of header names.
    headers, exposed_headers = (
        tuple(sorted(map(str.lower, texts(name)))) for name in ("AllowedHeader", "ExposeHeader")
    )
    return CorsRule(
        texts("AllowedOrigin"), texts("AllowedMethod"), headers, exposed_headers, rule.findtext("MaxAgeSeconds") or ""
    )


def _cloud_specific_shape(text: Text) -> SettingShape:
    return SettingShape(text, [], [text])


def _count_statements(policy_statements: Sequence[Mapping[str, Any]]) -> SettingShape | None:
    return _cloud_specific_shape(t("{n:statement|statements}", n=len(policy_statements))) if policy_statements else None


def _convert_referers(negation: str, prefixes: Iterable[str], *blanks: str) -> Referers:
    """Convert referers of OSS to a condition of OBS: OSS compares the beginning of a referer, and OBS the whole.

    `negation` is "Not" for allowed referers, and empty for denied referers.
    """
    patterns = [prefix if prefix.endswith("*") else f"{prefix}*" for prefix in prefixes]
    return Referers(f"String{negation}Like", tuple(sorted([*patterns, *blanks])))


def _to_list(policy_value: Any) -> list[str]:
    return [str(entry) for entry in policy_value] if isinstance(policy_value, list) else [str(policy_value)]


def _parse_domains(elements: Iterable[ElementTree.Element], name: str, *certificates: str) -> SettingShape | None:
    """Return the domains of a bucket, and for each, True if it has a certificate."""
    names, common_domains, uncommon_domains = [], [], []
    for element in sorted(elements, key=lambda element: element.findtext(name) or ""):
        fields = {path.rpartition("/")[2]: element.findtext(path) or "" for path in (*certificates, "Status")}
        details = [f"{field}={value}" for field, value in fields.items() if value not in ("", "Enabled")]
        domain = element.findtext(name) or ""
        names.append(" ".join([domain, *details]))
        common_domains.append((domain, any(map(element.findtext, certificates))))
        uncommon_domains += [untranslated(names[-1])] if details else []
    return SettingShape(untranslated(", ".join(names)), common_domains, uncommon_domains) if names else None
