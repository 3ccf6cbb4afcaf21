"""What is set in a bucket of either cloud, in words of both: what the two languages say the same way is comparable, and
the rest is named.

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
from oss_oms_sync.answers.text import Text, same, t

# In OBS's names; the other classes of OSS have no like.
_CLASSES = {"IA": "WARM", "Archive": "COLD"}
_OBS_CLASSES = ("WARM", "COLD")
_NAMES = {"AbortMultipartUpload": "AbortIncompleteMultipartUpload"}
_DAYS = {"AbortIncompleteMultipartUpload": "DaysAfterInitiation"}
_ACTIONS = (
    "Expiration",
    "Transition",
    "AbortIncompleteMultipartUpload",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
)
_COUNTS = ("Days", "NoncurrentDays", "DaysAfterInitiation", "ExpiredObjectDeleteMarker")
_BLANK = "${null}"
# A statement of OBS by which everybody is turned away.
DENY: Mapping[str, Any] = {"Effect": "Deny", "Principal": {"ID": ["*"]}, "Action": ["*"]}


class Shape(NamedTuple):
    """What is set: in a few words; what both languages can say of it; and what only its own can."""

    told: Text
    common: Sequence[Any] = ()
    own: Sequence[Text] = ()


class Action(NamedTuple):
    """What a rule of a lifecycle does, in OBS's names: `Expiration`, `Days`, `30`."""

    name: str
    unit: str
    value: str
    storage: str


class LifecycleRule(NamedTuple):
    """A rule of a lifecycle; its name is no part of what it does."""

    prefix: str
    status: str
    tags: tuple[tuple[str, str], ...]
    actions: tuple[Action, ...]


class Cors(NamedTuple):
    """A rule of CORS."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    seconds: str


class Referers(NamedTuple):
    """Whom OBS turns away by a statement of the bucket's policy: by the operator of its condition, and referers."""

    operator: str
    referers: tuple[str, ...]


def versioning(answer: Response) -> Shape | None:
    status = _root(answer, "VersioningConfiguration").findtext("Status")
    return Shape(same(status), [status]) if status else None


def lifecycle(answer: Response) -> Shape | None:
    """Rules act together, so that their order is none."""
    rules, common, own = _root(answer, "LifecycleConfiguration").findall("Rule"), [], []
    for number, element in enumerate(rules, 1):
        if (rule := _rule(element)) is None:
            own.append(t("rule {name}", name=element.findtext("ID") or str(number)))
        else:
            common.append(rule)
    return Shape(t("{n:rule|rules}", n=len(rules)), sorted(common), own) if rules else None


def cors(answer: Response) -> Shape | None:
    """The first rule that fits counts."""
    root = _root(answer, "CORSConfiguration")
    rules = [_cors(element) for element in root.findall("CORSRule")]
    own = [same("ResponseVary")] if root.findtext("ResponseVary") == "true" else []
    return Shape(t("{n:rule|rules}", n=len(rules)), rules, own) if rules else None


def tags(answer: Response) -> Shape | None:
    found = sorted(
        (element.findtext("Key") or "", element.findtext("Value") or "")
        for element in _root(answer, "Tagging").iter("Tag")
    )
    return Shape(same(", ".join(f"{key}={value}" for key, value in found)), found) if found else None


def encryption(answer: Response) -> Shape | None:
    """The keys of one cloud's KMS are unknown to the other."""
    root = _root(answer, "ServerSideEncryptionRule", "ServerSideEncryptionConfiguration")
    algorithm, key = (
        next((element.text or "" for element in root.iter(name)), "") for name in ("SSEAlgorithm", "KMSMasterKeyID")
    )
    if algorithm in ("", "None"):
        return None
    text = same(f"{algorithm} {key}" if key else algorithm)
    return Shape(text, [algorithm]) if algorithm == "AES256" else _only_own(text)


def logging(answer: Response) -> Shape | None:
    enabled = _root(answer, "BucketLoggingStatus").find("LoggingEnabled")
    if enabled is None:
        return None
    return _only_own(same("/".join(enabled.findtext(name) or "" for name in ("TargetBucket", "TargetPrefix"))))


def website(answer: Response) -> Shape | None:
    """Pages and redirections; back-to-source rules are a setting of their own."""
    root = _root(answer, "WebsiteConfiguration")
    pages = [root.findtext(path) or "" for path in ("IndexDocument/Suffix", "ErrorDocument/Key")]
    own = [t("subfolder pages")] if has_subfolder_pages(root) else []
    # OBS answers with the error's own status.
    status = root.findtext("ErrorDocument/HttpStatus") or "404"
    own += [same(f"HttpStatus={status}")] if status != "404" else []
    own += [t("redirection of all requests")] if root.find("RedirectAllRequestsTo") is not None else []
    if redirections := sum(not is_mirror(element) for element in root.iter("RoutingRule")):
        own.append(t("{n:redirection|redirections}", n=redirections))
    return Shape(same(", ".join(filter(None, pages)) or "-"), pages, own) if any(pages) or own else None


def back_to_source_of_oss(answer: Response) -> Shape | None:
    rules = [element for element in _root(answer, "WebsiteConfiguration").iter("RoutingRule") if is_mirror(element)]
    return _only_own(t("{n:rule|rules}", n=len(rules))) if rules else None


def back_to_source_of_obs(answer: Response) -> Shape | None:
    rules = answer.json().get("rules")
    if not isinstance(rules, list):
        raise UnreadableResponseError
    return _only_own(t("{n:rule|rules}", n=len(rules))) if rules else None


def acl_of_oss(answer: Response) -> Shape | None:
    """A private bucket grants nothing to others."""
    grant = next((element.text or "" for element in _root(answer, "AccessControlPolicy").iter("Grant")), "")
    if not grant:
        raise UnreadableResponseError
    return None if grant == "private" else _only_own(same(grant))


def acl_of_obs(answer: Response) -> Shape | None:
    root = _root(answer, "AccessControlPolicy")
    owner = root.findtext("Owner/ID")
    grants = [element for element in root.iter("Grant") if owner is None or element.findtext("Grantee/ID") != owner]
    told = [
        f"{grant.findtext('Grantee/Canned') or grant.findtext('Grantee/ID')} {grant.findtext('Permission')}"
        for grant in grants
    ]
    return _only_own(same(", ".join(told))) if told else None


def policy_of_oss(answer: Response) -> Shape | None:
    return _policy(statements(answer))


def policy_of_obs(answer: Response) -> Shape | None:
    """But the statements by referer."""
    return _policy([statement for statement in statements(answer) if not _asks_for_referer(statement)])


def referer_of_oss(answer: Response) -> Shape | None:
    """OSS turns away only what comes without a signature, or with one in its URL; OBS any request. Whether blank ones
    pass counts only beside those that are allowed: without these they do."""
    root = _root(answer, "RefererConfiguration")
    allowed = [element.text or "" for element in root.findall("RefererList/Referer")]
    denied = [element.text or "" for element in root.findall("RefererBlacklist/Referer")]
    blanks = [_BLANK] if root.findtext("AllowEmptyReferer") != "false" else []
    refererses = []
    if allowed:
        refererses.append(_referers("Not", allowed, *blanks))
    if denied:
        refererses.append(_referers("", denied))
    own = [
        *([same("TruncatePath")] if root.findtext("TruncatePath") == "true" else []),
        *([same("AllowTruncateQueryString=false")] if root.findtext("AllowTruncateQueryString") == "false" else []),
    ]
    return (
        Shape(t("{n:referer|referers}", n=len(allowed) + len(denied)), sorted(refererses), own) if refererses else None
    )


def referer_of_obs(answer: Response) -> Shape | None:
    """The bucket's policy has it."""
    common, own = [], []
    for number, statement in enumerate(statements(answer), 1):
        if referers := turned_away(statement):
            common.append(referers)
        elif _asks_for_referer(statement):
            own.append(t("statement {name}", name=statement.get("Sid") or str(number)))
    text = t("{n:statement|statements}", n=len(common) + len(own))
    return Shape(text, sorted(common), own) if common or own else None


def domains_of_oss(answer: Response) -> Shape | None:
    return _domains(_root(answer, "ListCnameResult").iter("Cname"), "Domain", "Certificate/CertId")


def domains_of_obs(answer: Response) -> Shape | None:
    """Regions name a certificate by the one or the other."""
    elements = _root(answer, "ListBucketCustomDomainsResult").iter("Domains")
    return _domains(elements, "DomainName", "CertificateId", "CertName")


def turned_away(statement: Mapping[str, Any]) -> Referers | None:
    """Whom a statement of OBS turns away from all objects, as documents here say it; None where it means something
    else."""
    (operator, about), *others = (statement.get("Condition") or {"": {}}).items()
    given = {**statement, "Action": _listed(statement.get("Action"))}
    is_whole = [one.partition("/")[2] for one in _listed(statement.get("Resource"))] == ["*"]
    if others or set(about) != {"Referer"} or not is_whole or any(given.get(name) != DENY[name] for name in DENY):
        return None
    return Referers(operator, tuple(sorted(_listed(about["Referer"]))))


def statements(answer: Response | None) -> list[dict[str, Any]]:
    """Those of a bucket's policy; none where there is none. Raises UnreadableResponseError."""
    found = answer.json().get("Statement") if answer else []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnreadableResponseError
    return found


def _asks_for_referer(statement: Mapping[str, Any]) -> bool:
    return any("referer" in str(key).lower() for about in (statement.get("Condition") or {}).values() for key in about)


def _root(answer: Response, *names: str) -> ElementTree.Element:
    """What is answered; a cloud that does not know what was asked for may list objects instead. Raises
    UnreadableResponseError."""
    root = answer.xml()
    if root.tag not in names:
        raise UnreadableResponseError
    return root


def _rule(element: ElementTree.Element) -> LifecycleRule | None:
    """None where the other language has no word for something in it."""
    prefix, status, tagged, actions = "", "", [], []
    for part in _unfolded(element):
        name = _NAMES.get(part.tag, part.tag)
        if name == "Prefix":
            prefix = part.text or ""
        elif name == "Status":
            status = part.text or ""
        elif name == "Tag":
            tagged.append((part.findtext("Key") or "", part.findtext("Value") or ""))
        elif name in _ACTIONS and (action := _action(name, part)):
            actions.append(action)
        elif name != "ID":
            return None
    return LifecycleRule(prefix, status, tuple(sorted(tagged)), tuple(sorted(actions)))


def _unfolded(rule: ElementTree.Element) -> Iterable[ElementTree.Element]:
    """Its parts; OBS has prefix and tags in a filter, which OSS uses for other things."""
    for part in rule:
        inner = part.find("And") if part.tag == "Filter" else None
        if part.tag == "Filter" and {element.tag for element in part} <= {"And", "Prefix", "Tag"}:
            yield from part if inner is None else inner
        else:
            yield part


def _action(name: str, part: ElementTree.Element) -> Action | None:
    given = {element.tag: (element.text or "").strip() for element in part}
    storage = given.pop("StorageClass", "")
    storage = _CLASSES.get(storage, storage)
    if given.get("IsAccessTime") == "false":
        del given["IsAccessTime"]
    if len(given) != 1 or (storage and storage not in _OBS_CLASSES):
        return None
    ((count, value),) = given.items()
    count = _DAYS.get(name, count) if count == "Days" else count
    return Action(name, count, value, storage) if count in _COUNTS else None


def _cors(rule: ElementTree.Element) -> Cors:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(sorted(element.text or "" for element in rule.findall(name)))

    # HTTP takes headers in any case.
    headers, exposed = (tuple(sorted(map(str.lower, texts(name)))) for name in ("AllowedHeader", "ExposeHeader"))
    return Cors(texts("AllowedOrigin"), texts("AllowedMethod"), headers, exposed, rule.findtext("MaxAgeSeconds") or "")


def _only_own(text: Text) -> Shape:
    return Shape(text, [], [text])


def _policy(found: Sequence[Mapping[str, Any]]) -> Shape | None:
    return _only_own(t("{n:statement|statements}", n=len(found))) if found else None


def _referers(negation: str, given: Iterable[str], *blanks: str) -> Referers:
    """OSS takes a referer that begins with what is given; OBS one that is like it from end to end."""
    begun = [one if one.endswith("*") else f"{one}*" for one in given]
    return Referers(f"String{negation}Like", tuple(sorted([*begun, *blanks])))


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _domains(elements: Iterable[ElementTree.Element], name: str, *certificates: str) -> Shape | None:
    """Whether one has a certificate is comparable; which, and whether OSS serves the domain at all, is not."""
    names, common, own = [], [], []
    for element in sorted(elements, key=lambda one: one.findtext(name) or ""):
        told = {path.rpartition("/")[2]: element.findtext(path) or "" for path in (*certificates, "Status")}
        details = [f"{about}={value}" for about, value in told.items() if value not in ("", "Enabled")]
        domain = element.findtext(name) or ""
        names.append(" ".join([domain, *details]))
        common.append((domain, any(map(element.findtext, certificates))))
        own += [same(names[-1])] if details else []
    return Shape(same(", ".join(names)), common, own) if names else None
