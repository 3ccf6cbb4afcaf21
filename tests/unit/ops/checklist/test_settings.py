"""Settings of buckets, which the vendors' clients write: in no bucket, in one bucket, in both, or unreadable."""

import json

import alibabacloud_oss_v2 as v2
import oss2
import pytest
from obs import (
    ACL,
    CorsRule,
    Grant,
    Grantee,
    Lifecycle,
    Logging,
    Owner,
    Rule,
    Tag,
    TagInfo,
    WebsiteConfiguration,
)
from obs.model import AbortIncompleteMultipartUpload, ErrorDocument, Expiration, IndexDocument

from ops.checklist.bucket_settings import SETTINGS
from ops.checklist.checklist import State, read_setting
from ops.clock import WallClock
from ops.clouds.bucket_client import BucketAddress
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import Keys, Secret
from ops.clouds.wire import Response
from sandbox.account import DOMAIN_ID
from sandbox.server.faults import Fault
from support.names import esdk_client
from support.world import OBS_HEADERS

SOURCE, DESTINATION = "photos", "photos-obs"
SETTINGS_BY_NAME = {setting.name: setting for setting in SETTINGS}
POLICY = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Principal":["*"],"Action":["oss:GetObject"],"Resource":["*"]}]}'
)
OTHER_STATEMENT = {
    "Sid": "team",
    "Effect": "Allow",
    "Principal": {"ID": ["domain/a"]},
    "Action": ["*"],
    "Resource": ["*"],
}
MIRROR = {"id": "a", "condition": {"httpErrorCodeReturnedEquals": "404"}, "redirect": {"agency": "a"}}


class World:
    """The two buckets, with clients of the vendors that write settings, and with checklist's clients, which read."""

    def __init__(self, box, obs, v2_client):
        self.box, self.oss, self.obs, self.v2 = box, box.bucket(SOURCE), obs, v2_client
        user, administrator = (Keys(*map(Secret, pair)) for pair in (box.user_credentials, box.huawei_credentials))
        self.here = OssBucketClient(BucketAddress.at_endpoint(box.oss.endpoint, SOURCE), user, WallClock(), box.region)
        self.there = ObsBucketClient(
            BucketAddress.at_endpoint(box.obs.endpoint, DESTINATION), administrator, WallClock()
        )

    def row(self, name):
        return read_setting(SETTINGS_BY_NAME[name], self.here, self.there)

    def state(self, name):
        return self.row(name).state

    def set_source_setting(self, name, parts):
        """Store a setting of the source bucket in the form that OSS returns; `parts` are its XML elements."""
        root = f"{name.capitalize()}Configuration"
        self.box.oss.buckets[SOURCE].documents[name] = f"<{root}>{parts}</{root}>".encode()

    def write_printed_document(self, name):
        """Write the document that checklist prints for a setting to OBS; return the setting's row afterwards."""
        row = self.row(name)
        query = SETTINGS_BY_NAME[name].destination.query
        answer = self.obs._make_put_request(DESTINATION, pathArgs={query: None}, entity=row.document)
        assert answer.status < 300, answer.errorMessage
        return row

    def set_referers(self, **configured):
        referers = v2.RefererConfiguration(**configured)
        self.v2.put_bucket_referer(v2.PutBucketRefererRequest(bucket=SOURCE, referer_configuration=referers))

    def set_back_to_source_rules(self, rules):
        """Store back-to-source rules in OBS, because the vendor's client has no call for them."""
        self.there.call("PUT", query={"mirrorBackToSource": ""}, body=json.dumps({"rules": rules}).encode())


@pytest.fixture
def world(box, monkeypatch):
    config = v2.config.load_default()
    config.credentials_provider = v2.credentials.StaticCredentialsProvider(*box.user_credentials)
    config.region, config.endpoint, config.use_path_style = box.region, box.oss.endpoint, True
    with esdk_client(box, monkeypatch) as obs:
        yield World(box, obs, v2.Client(config))


OSS_RULE = oss2.models.LifecycleRule(
    "expire",
    "logs/",
    expiration=oss2.models.LifecycleExpiration(days=3),
    abort_multipart_upload=oss2.models.AbortMultipartUpload(days=2),
)
OSS_CORS = oss2.models.CorsRule(
    allowed_origins=["https://a.example"],
    allowed_methods=["GET", "PUT"],
    allowed_headers=["X-A"],
    max_age_seconds=9,
)
OSS_TAGS = oss2.models.TaggingRule()
OSS_TAGS.add("team", "a")


def obs_rule(days):
    abort = AbortIncompleteMultipartUpload(2)
    return Rule("other-name", "logs/", "Enabled", Expiration(days=days), abortIncompleteMultipartUpload=abort)


def mirror(world):
    redirect = v2.RoutingRuleRedirect(redirect_type="Mirror", mirror_url="https://old.example/")
    condition = v2.RoutingRuleCondition(http_error_code_returned_equals=404)
    rules = v2.RoutingRules(routing_rules=[v2.RoutingRule(rule_number=1, condition=condition, redirect=redirect)])
    configured = v2.WebsiteConfiguration(routing_rules=rules)
    world.v2.put_bucket_website(v2.PutBucketWebsiteRequest(bucket=SOURCE, website_configuration=configured))


def policy_document(*statements):
    return json.dumps({"Statement": list(statements)})


def deny_referer(referer, operator="StringNotLike"):
    return {
        "Sid": "1",
        "Effect": "Deny",
        "Principal": {"ID": ["*"]},
        "Action": ["*"],
        "Resource": [f"{DESTINATION}/*"],
        "Condition": {operator: {"Referer": ["${null}", referer]}},
    }


def set_domain(world, name, more=""):
    domains = f"<Domains><DomainName>{name}</DomainName>{more}</Domains>"
    namespace = "http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/"
    document = f'<ListBucketCustomDomainsResult xmlns="{namespace}">{domains}</ListBucketCustomDomainsResult>'
    world.box.obs.bucket(DESTINATION).documents["customdomain"] = document.encode()


EVERYONE = ACL(Owner(DOMAIN_ID), [Grant(Grantee(DOMAIN_ID), "FULL_CONTROL"), Grant(Grantee(group="Everyone"), "READ")])
# By the setting: a call for the source; calls for an equal and another setting of OBS, and the states that follow.
CASES = {
    "lifecycle": (
        lambda w: w.oss.put_bucket_lifecycle(oss2.models.BucketLifecycle([OSS_RULE])),
        (lambda w: w.obs.setBucketLifecycle(DESTINATION, Lifecycle([obs_rule(3)])), State.EQUAL),
        (lambda w: w.obs.setBucketLifecycle(DESTINATION, Lifecycle([obs_rule(4)])), State.DIFFERS),
    ),
    "cors": (
        lambda w: w.oss.put_bucket_cors(oss2.models.BucketCors([OSS_CORS])),
        (
            lambda w: w.obs.setBucketCors(
                DESTINATION, [CorsRule("a", ["PUT", "GET"], ["https://a.example"], ["x-a"], maxAgeSecond=9)]
            ),
            State.EQUAL,
        ),
        (lambda w: w.obs.setBucketCors(DESTINATION, [CorsRule("a", ["GET"], ["*"])]), State.DIFFERS),
    ),
    "policy": (
        lambda w: w.oss.put_bucket_policy(POLICY),
        (lambda w: w.obs.setBucketPolicy(DESTINATION, policy_document(OTHER_STATEMENT)), State.COMPARE_BY_HAND),
        (
            lambda w: w.obs.setBucketPolicy(DESTINATION, policy_document(OTHER_STATEMENT, OTHER_STATEMENT)),
            State.COMPARE_BY_HAND,
        ),
    ),
    "acl": (
        lambda w: w.oss.put_bucket_acl("public-read"),
        (lambda w: w.obs.setBucketAcl(DESTINATION, EVERYONE), State.COMPARE_BY_HAND),
        (lambda w: w.obs.setBucketAcl(DESTINATION, EVERYONE), State.COMPARE_BY_HAND),
    ),
    "website": (
        lambda w: w.oss.put_bucket_website(oss2.models.BucketWebsite("index.html", "error.html")),
        (
            lambda w: w.obs.setBucketWebsite(
                DESTINATION,
                WebsiteConfiguration(
                    indexDocument=IndexDocument("index.html"), errorDocument=ErrorDocument("error.html")
                ),
            ),
            State.EQUAL,
        ),
        (
            lambda w: w.obs.setBucketWebsite(
                DESTINATION, WebsiteConfiguration(indexDocument=IndexDocument("index.html"))
            ),
            State.DIFFERS,
        ),
    ),
    "back-to-source": (
        mirror,
        (lambda w: w.set_back_to_source_rules([MIRROR]), State.COMPARE_BY_HAND),
        (lambda w: w.set_back_to_source_rules([MIRROR, MIRROR]), State.COMPARE_BY_HAND),
    ),
    "referer": (
        lambda w: w.oss.put_bucket_referer(oss2.models.BucketReferer(True, ["https://a.example"])),
        (
            lambda w: w.obs.setBucketPolicy(
                DESTINATION, policy_document(OTHER_STATEMENT, deny_referer("https://a.example*"))
            ),
            State.EQUAL,
        ),
        (
            lambda w: w.obs.setBucketPolicy(DESTINATION, policy_document(deny_referer("https://b.example*"))),
            State.DIFFERS,
        ),
    ),
    "encryption": (
        lambda w: w.oss.put_bucket_encryption(oss2.models.ServerSideEncryptionRule(sse_algorithm="AES256")),
        (lambda w: w.obs.setBucketEncryption(DESTINATION, "AES256"), State.EQUAL),
        (lambda w: w.obs.setBucketEncryption(DESTINATION, "kms"), State.DIFFERS),
    ),
    "versioning": (
        lambda w: w.oss.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled")),
        (lambda w: w.obs.setBucketVersioning(DESTINATION, "Enabled"), State.EQUAL),
        (
            lambda w: (
                w.obs.setBucketVersioning(DESTINATION, "Enabled"),
                w.oss.put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended")),
            ),
            State.DIFFERS,
        ),
    ),
    "logging": (
        lambda w: w.oss.put_bucket_logging(oss2.models.BucketLogging(SOURCE, "log/")),
        (
            lambda w: w.obs.setBucketLogging(DESTINATION, Logging(DESTINATION, "log/", agency="logs")),
            State.COMPARE_BY_HAND,
        ),
        (
            lambda w: w.obs.setBucketLogging(DESTINATION, Logging(DESTINATION, "other/", agency="logs")),
            State.COMPARE_BY_HAND,
        ),
    ),
    "tags": (
        lambda w: w.oss.put_bucket_tagging(oss2.models.Tagging(OSS_TAGS)),
        (lambda w: w.obs.setBucketTagging(DESTINATION, TagInfo([Tag("team", "a")])), State.EQUAL),
        (lambda w: w.obs.setBucketTagging(DESTINATION, TagInfo([Tag("team", "b")])), State.DIFFERS),
    ),
    "domains": (
        lambda w: w.box.oss.buckets[SOURCE].domains.append("img.example.com"),
        (lambda w: set_domain(w, "img.example.com"), State.EQUAL),
        (lambda w: set_domain(w, "www.example.com"), State.DIFFERS),
    ),
}


def test_these_tests_cover_every_setting_of_the_checklist():
    assert CASES.keys() == SETTINGS_BY_NAME.keys()


@pytest.mark.parametrize("name", CASES)
def test_the_checklist_compares_a_setting_of_the_source_with_obs(world, name):
    setting, (source_value, _, (other_value, expected_state)) = SETTINGS_BY_NAME[name], CASES[name]
    assert world.state(name) is State.NONE
    source_value(world)
    assert world.state(name) is State.ONLY_SOURCE
    other_value(world)
    assert world.state(name) is expected_state
    # Without a permission on a side, the permission is named.
    world.box.obs.deny(setting.destination.permission)
    row = world.row(name)
    assert row.state == State.UNREAD
    assert row.source.unread_reason is None
    assert row.document == ""
    reason = "cannot be read: the permission {} is missing"
    assert row.destination.unread_reason.en == reason.format(setting.destination.permission)
    world.box.oss.deny(setting.source.permission, SOURCE)
    assert world.row(name).source.unread_reason.en == reason.format(setting.source.permission)


@pytest.mark.parametrize("name", CASES)
def test_the_checklist_reports_settings_only_in_obs_and_equal_settings(world, name):
    source_value, (same_value, expected_state), _ = CASES[name]
    same_value(world)
    assert world.state(name) is State.ONLY_DESTINATION
    source_value(world)
    assert world.state(name) is expected_state


@pytest.mark.parametrize("name", ["lifecycle", "cors", "referer"])
@pytest.mark.parametrize("is_there", [False, True])
def test_the_document_of_the_checklist_makes_a_setting_equal_in_obs(world, name, is_there):
    source_value, _, (other_value, _) = CASES[name]
    source_value(world)
    if is_there:
        other_value(world)
    world.write_printed_document(name)
    assert world.state(name) is State.EQUAL


@pytest.mark.parametrize("existing", [[], [deny_referer("https://b.example*")]])
def test_the_document_for_referers_keeps_other_statements_of_the_policy(world, existing):
    CASES["referer"][0](world)
    world.obs.setBucketPolicy(DESTINATION, policy_document(OTHER_STATEMENT, *existing))
    world.write_printed_document("referer")
    assert world.state("referer") is State.EQUAL
    kept_statement, _ = json.loads(world.box.obs.bucket(DESTINATION).documents["policy"])["Statement"]
    assert kept_statement == OTHER_STATEMENT


RULE = "<Prefix>a/</Prefix><Status>Enabled</Status>"
# Settings that OBS cannot express.
UNSUPPORTED_RULES = [
    "<Transition><Days>9</Days><StorageClass>ColdArchive</StorageClass></Transition>",
    "<Expiration><CreatedBeforeDate>2026-01-01T00:00:00.000Z</CreatedBeforeDate></Expiration>",
    "<Transition><Days>9</Days><StorageClass>IA</StorageClass><IsAccessTime>true</IsAccessTime></Transition>",
    "<Filter><Not><Prefix>a/b</Prefix></Not></Filter><Expiration><Days>9</Days></Expiration>",
    "<Filter><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></Filter><Expiration><Days>9</Days></Expiration>",
]


@pytest.mark.parametrize("part", UNSUPPORTED_RULES)
def test_the_checklist_names_an_unsupported_rule_and_prints_the_others(world, part):
    fine = (
        "<Rule><ID>fine</ID><Prefix>b/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
    )
    world.set_source_setting("lifecycle", f"{fine}<Rule><ID>own</ID>{RULE}{part}</Rule>")
    # WHEN the printed rule is in OBS THEN the sides still differ, and no document is left to print
    earlier_row, later_row = world.write_printed_document("lifecycle"), world.row("lifecycle")
    assert [[text.en for text in row.omitted_parts] for row in (earlier_row, later_row)] == [["rule own"]] * 2
    assert "b/" in earlier_row.document
    assert "a/" not in earlier_row.document
    assert later_row.state == State.COMPARE_BY_HAND
    assert later_row.document == ""


def test_the_checklist_escapes_invisible_characters_of_a_prefix(world):
    hidden = "<Prefix>日志\u202e&#9;/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration>"
    world.set_source_setting("lifecycle", f"<Rule>{hidden}</Rule>")
    assert world.write_printed_document("lifecycle").document.replace("\n", "").isprintable()
    assert world.state("lifecycle") is State.EQUAL


def test_the_checklist_translates_a_lifecycle_rule_of_oss_for_obs(world):
    tags = "<Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value></Value></Tag>"
    actions = (
        "<Transition><Days>30</Days><StorageClass>IA</StorageClass><IsAccessTime>false</IsAccessTime></Transition>"
        "<Transition><Days>60</Days><StorageClass>Archive</StorageClass></Transition>"
        "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>"
    )
    world.set_source_setting("lifecycle", f"<Rule>{RULE}{tags}{actions}</Rule>")
    world.write_printed_document("lifecycle")
    assert world.state("lifecycle") is State.EQUAL
    (rule,) = world.obs.getBucketLifecycle(DESTINATION).body.lifecycleConfig.rule
    assert [(transition.days, transition.storageClass) for transition in rule.transition] == [
        (30, "WARM"),
        (60, "COLD"),
    ]
    assert rule.noncurrentVersionExpiration.noncurrentDays == 5


@pytest.mark.parametrize(
    ("put", "own"),
    [
        (lambda w: w.oss.put_bucket_referer(oss2.models.BucketReferer(True, ["https://*.a.example"])), []),
        (lambda w: w.oss.put_bucket_referer(oss2.models.BucketReferer(False, ["https://a.example"])), []),
        (
            lambda w: w.set_referers(
                allow_empty_referer=True,
                referer_list=v2.RefererList(referers=["https://a.example"]),
                referer_blacklist=v2.RefererBlacklist(referers=["https://bad.example", "https://?.example"]),
                truncate_path=True,
                allow_truncate_query_string=False,
            ),
            ["TruncatePath", "AllowTruncateQueryString=false"],
        ),
    ],
)
def test_the_checklist_translates_all_kinds_of_referer_rules(world, put, own):
    put(world)
    assert [text.en for text in world.write_printed_document("referer").omitted_parts] == own
    assert world.state("referer") is (State.COMPARE_BY_HAND if own else State.EQUAL)


def test_a_referer_blacklist_alone_permits_blank_referers_in_both_clouds(world):
    # GIVEN a blacklist alone WHEN blank referers are forbidden THEN OSS lets them pass all the same
    denied = v2.RefererBlacklist(referers=["https://bad.example"])
    world.set_referers(allow_empty_referer=False, referer_list=v2.RefererList(), referer_blacklist=denied)
    row = world.row("referer")
    assert row.omitted_parts == []
    assert get_conditions(row) == [{"StringLike": {"Referer": ["https://bad.example*"]}}]


def get_conditions(row):
    """Return the conditions of the statements in the document that checklist prints for referers."""
    return [statement["Condition"] for statement in json.loads(row.document)["Statement"]]


# A referer that OSS accepts with any page behind it; with and without requests that have no referer.
@pytest.mark.parametrize(
    ("permits_blank", "statement", "printed"),
    [
        (True, deny_referer("https://a.example", "StringNotEquals"), ["${null}", "https://a.example*"]),
        (True, deny_referer("https://a.example"), ["${null}", "https://a.example*"]),
        (False, deny_referer("https://a.example*"), ["https://a.example*"]),
    ],
)
def test_a_referer_statement_that_covers_other_requests_is_not_equal(world, permits_blank, statement, printed):
    world.oss.put_bucket_referer(oss2.models.BucketReferer(permits_blank, ["https://a.example"]))
    world.obs.setBucketPolicy(DESTINATION, policy_document(statement))
    row = world.row("referer")
    assert row.state == State.DIFFERS
    assert get_conditions(row) == [{"StringNotLike": {"Referer": printed}}]


def test_the_checklist_asks_the_user_to_compare_kms_keys(world):
    world.oss.put_bucket_encryption(oss2.models.ServerSideEncryptionRule(sse_algorithm="KMS"))
    world.obs.setBucketEncryption(DESTINATION, "kms")
    assert world.state("encryption") is State.COMPARE_BY_HAND


ENABLED, DISABLED = "<Status>Enabled</Status>", "<Status>Disabled</Status>"
CERTIFICATE = f"<Certificate><CertId>493</CertId>{ENABLED}</Certificate>"


@pytest.mark.parametrize(
    ("here", "there", "state"),
    [
        (ENABLED, "", State.EQUAL),
        (ENABLED + CERTIFICATE, "", State.DIFFERS),
        (ENABLED + CERTIFICATE, "<CertificateId>a</CertificateId>", State.COMPARE_BY_HAND),
        (ENABLED + CERTIFICATE, "<CertName>a</CertName>", State.COMPARE_BY_HAND),
        (DISABLED, "", State.COMPARE_BY_HAND),
    ],
)
def test_the_checklist_reports_a_domain_as_equal_only_if_obs_serves_it(world, monkeypatch, here, there, state):
    # This is the form on the vendor's page of ListCname.
    cname = f"<ListCnameResult><Cname><Domain>img.example.com</Domain>{here}</Cname></ListCnameResult>"
    monkeypatch.setattr(world.here, "read_document", lambda _query: Response(200, {}, cname.encode()))
    set_domain(world, "img.example.com", there)
    assert world.state("domains") is state


def test_the_checklist_names_and_omits_a_cors_field_that_obs_lacks(world):
    rules = [v2.CORSRule(allowed_origins=["*"], allowed_methods=["GET"])]
    configured = v2.CORSConfiguration(cors_rules=rules, response_vary=True)
    world.v2.put_bucket_cors(v2.PutBucketCorsRequest(bucket=SOURCE, cors_configuration=configured))
    assert [text.en for text in world.write_printed_document("cors").omitted_parts] == ["ResponseVary"]
    assert world.state("cors") is State.COMPARE_BY_HAND


@pytest.mark.parametrize(
    "statement",
    [
        {**deny_referer("https://a.example*"), "Resource": [f"{DESTINATION}/a/*"]},
        {**deny_referer("https://a.example*"), "Action": ["GetObject"]},
        {**deny_referer("https://a.example*"), "Effect": "Allow"},
    ],
)
def test_a_referer_statement_of_obs_with_another_meaning_is_not_equal(world, statement):
    CASES["referer"][0](world)
    world.obs.setBucketPolicy(DESTINATION, policy_document(statement))
    row = world.write_printed_document("referer")
    assert row.state is State.DIFFERS
    # AND the document keeps the statement, so a person has to check it
    assert statement in json.loads(row.document)["Statement"]
    assert world.state("referer") is State.COMPARE_BY_HAND


INDEX_PAGE = {"indexDocument": IndexDocument("index.html")}
ERROR_PAGE = {"errorDocument": ErrorDocument("index.html")}


WEBSITES = {
    "pages of subfolders": (
        "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>",
        INDEX_PAGE,
        State.COMPARE_BY_HAND,
    ),
    "routing rules": (
        "<IndexDocument><Suffix>index.html</Suffix></IndexDocument><RoutingRules><RoutingRule><Redirect>"
        "<RedirectType>External</RedirectType></Redirect></RoutingRule></RoutingRules>",
        INDEX_PAGE,
        State.COMPARE_BY_HAND,
    ),
    "a status that OBS never returns": (
        "<ErrorDocument><Key>index.html</Key><HttpStatus>200</HttpStatus></ErrorDocument>",
        ERROR_PAGE,
        State.COMPARE_BY_HAND,
    ),
    "the status that OBS returns": (
        "<ErrorDocument><Key>index.html</Key><HttpStatus>404</HttpStatus></ErrorDocument>",
        ERROR_PAGE,
        State.EQUAL,
    ),
}


@pytest.mark.parametrize(("part", "there", "state"), WEBSITES.values(), ids=WEBSITES)
def test_the_checklist_asks_the_user_to_compare_pages_of_a_website(world, part, there, state):
    world.set_source_setting("website", part)
    world.obs.setBucketWebsite(DESTINATION, WebsiteConfiguration(**there))
    assert world.state("website") is state


@pytest.mark.parametrize("name", [name for name in SETTINGS_BY_NAME if name != "versioning"])
@pytest.mark.parametrize("answer", [b"?", b"{}", b"<ListBucketResult></ListBucketResult>"])
def test_the_checklist_takes_a_response_about_another_setting_as_unread(world, name, answer):
    world.box.obs.bucket(DESTINATION).documents[SETTINGS_BY_NAME[name].destination.query] = answer
    assert world.state(name) is State.UNREAD


@pytest.mark.parametrize("part", ["", "<Grant></Grant>"])
def test_the_checklist_takes_an_acl_of_oss_without_a_grant_as_unread(world, monkeypatch, part):
    acl = f"<AccessControlPolicy><AccessControlList>{part}</AccessControlList></AccessControlPolicy>"
    monkeypatch.setattr(world.here, "read_document", lambda _query: Response(200, {}, acl.encode()))
    assert world.state("acl") is State.UNREAD


@pytest.mark.parametrize("name", ["lifecycle", "website"])
@pytest.mark.parametrize("answer", [b"<html>Not found</html>", b"<Error><Code>NoSuchKey</Code></Error>"])
def test_the_checklist_takes_only_a_documented_404_as_a_missing_setting(world, name, answer):
    world.box.obs.faults.add(Fault.status(404, answer, OBS_HEADERS))
    row = world.row(name)
    assert "404" in row.destination.unread_reason.en
    assert row.state == State.UNREAD
