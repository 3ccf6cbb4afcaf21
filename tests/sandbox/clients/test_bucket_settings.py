"""Tests of bucket settings, which the vendors' own clients store and read, and of buckets without settings."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss
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
from obs.model import Expiration, IndexDocument

from sandbox.account import DOMAIN_ID

OSS_BUCKET, OBS_BUCKET = "photos", "photos-obs"
POLICY = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Principal":["*"],"Action":["oss:GetObject"],"Resource":["*"]}]}'
)


def rule():
    return oss2.models.LifecycleRule("a", "logs/", expiration=oss2.models.LifecycleExpiration(days=3))


# For each setting: the calls of oss2 that put and get the setting, and the result of the second call.
OSS_SETTINGS = {
    "lifecycle": (
        lambda bucket: bucket.put_bucket_lifecycle(oss2.models.BucketLifecycle([rule()])),
        lambda bucket: [(rule.prefix, rule.expiration.days) for rule in bucket.get_bucket_lifecycle().rules],
        [("logs/", 3)],
    ),
    "cors": (
        lambda bucket: bucket.put_bucket_cors(
            oss2.models.BucketCors([oss2.models.CorsRule(allowed_origins=["*"], allowed_methods=["GET"])])
        ),
        lambda bucket: [rule.allowed_origins for rule in bucket.get_bucket_cors().rules],
        [["*"]],
    ),
    "policy": (
        lambda bucket: bucket.put_bucket_policy(POLICY),
        lambda bucket: bucket.get_bucket_policy().policy,
        POLICY,
    ),
    "website": (
        lambda bucket: bucket.put_bucket_website(oss2.models.BucketWebsite("index.html", "error.html")),
        lambda bucket: bucket.get_bucket_website().error_file,
        "error.html",
    ),
    "encryption": (
        lambda bucket: bucket.put_bucket_encryption(oss2.models.ServerSideEncryptionRule(sse_algorithm="AES256")),
        lambda bucket: bucket.get_bucket_encryption().sse_algorithm,
        "AES256",
    ),
    "referer": (
        lambda bucket: bucket.put_bucket_referer(oss2.models.BucketReferer(False, ["http://a.example"])),
        lambda bucket: (bucket.get_bucket_referer().allow_empty_referer, bucket.get_bucket_referer().referers),
        (False, ["http://a.example"]),
    ),
    "logging": (
        lambda bucket: bucket.put_bucket_logging(oss2.models.BucketLogging("photos", "log/")),
        lambda bucket: bucket.get_bucket_logging().target_prefix,
        "log/",
    ),
    "tags": (
        lambda bucket: bucket.put_bucket_tagging(oss2.models.Tagging(tagging_rules())),
        lambda bucket: bucket.get_bucket_tagging().tag_set.tagging_rule,
        {"team": "a"},
    ),
    "acl": (
        lambda bucket: bucket.put_bucket_acl("public-read"),
        lambda bucket: (bucket.get_bucket_acl().acl, bucket.get_bucket_info().acl.grant),
        ("public-read", "public-read"),
    ),
}
# The result without a setting: a 404 with its code, or an empty value.
NOTHING_IN_OSS = {
    "lifecycle": (404, "NoSuchLifecycle"),
    "cors": (404, "NoSuchCORSConfiguration"),
    "policy": (404, "NoSuchBucketPolicy"),
    "website": (404, "NoSuchWebsiteConfiguration"),
    "encryption": (404, "NoSuchServerSideEncryptionRule"),
    "referer": (True, []),
    "logging": "",
    "tags": {},
    "acl": ("private", "private"),
}


def tagging_rules():
    rules = oss2.models.TaggingRule()
    rules.add("team", "a")
    return rules


@pytest.mark.parametrize("name", OSS_SETTINGS)
def test_the_simulated_oss_stores_each_setting_that_oss2_puts(box, catch_refusal, name):
    bucket, default = box.bucket(OSS_BUCKET), NOTHING_IN_OSS[name]
    put, get, expected = OSS_SETTINGS[name]
    value_before = (
        catch_refusal(lambda: get(bucket)) if isinstance(default, tuple) and default[0] == 404 else get(bucket)
    )
    assert (value_before or "") == (default or "")
    put(bucket)
    assert get(bucket) == expected


def test_the_simulated_oss_lists_the_domains_of_a_bucket(box, v2, catch_refusal):
    assert catch_refusal(box.bucket(OSS_BUCKET).list_bucket_cname) == (404, "NoSuchCname")
    box.oss.buckets[OSS_BUCKET].domains.append("img.example.com")
    domains = (
        *box.bucket(OSS_BUCKET).list_bucket_cname().cname,
        *v2.list_cname(oss.ListCnameRequest(bucket=OSS_BUCKET)).cnames,
    )
    assert [entry.domain for entry in domains] == ["img.example.com"] * 2


def test_a_client_reads_bucket_settings_that_another_client_stored(box, v2):
    days = oss.LifecycleRuleExpiration(days=3)
    rules = oss.LifecycleConfiguration([oss.LifecycleRule(id="a", prefix="logs/", status="Enabled", expiration=days)])
    v2.put_bucket_lifecycle(oss.PutBucketLifecycleRequest(bucket=OSS_BUCKET, lifecycle_configuration=rules))
    assert OSS_SETTINGS["lifecycle"][1](box.bucket(OSS_BUCKET)) == [("logs/", 3)]


@pytest.mark.parametrize(
    ("params", "body", "code"),
    [
        ({"cors": ""}, b"<CORSConfiguration>", "MalformedXML"),
        ({"cors": ""}, b"<LifecycleConfiguration/>", "MalformedXML"),
        ({"policy": ""}, b"{}", "InvalidPolicyDocument"),
        ({"acl": ""}, b"", "InvalidArgument"),
        ({"cname": ""}, b"", "NotImplemented"),
        ({"cors": "", "policy": ""}, b"{}", "NotImplemented"),
    ],
)
def test_the_simulated_oss_refuses_a_wrong_bucket_setting(box, oss_requests, params, body, code):
    answer = oss_requests.send("PUT", "", body, params=params)
    assert f"<Code>{code}</Code>" in answer.text
    assert not box.oss.buckets[OSS_BUCKET].documents


EVERYONE = ACL(Owner(DOMAIN_ID), [Grant(Grantee(group="Everyone"), "READ")])
OBS_SETTINGS = {
    "lifecycle": (
        lambda client: client.setBucketLifecycle(
            OBS_BUCKET, Lifecycle([Rule("a", "logs/", "Enabled", Expiration(days=3))])
        ),
        lambda client: client.getBucketLifecycle(OBS_BUCKET),
        lambda body: [(rule.prefix, rule.expiration.days) for rule in body.lifecycleConfig.rule] == [("logs/", 3)],
        "NoSuchLifecycleConfiguration",
    ),
    "cors": (
        lambda client: client.setBucketCors(OBS_BUCKET, [CorsRule("a", ["GET"], ["*"])]),
        lambda client: client.getBucketCors(OBS_BUCKET),
        lambda body: [rule.allowedOrigin for rule in body] == [["*"]],
        "NoSuchCORSConfiguration",
    ),
    "policy": (
        lambda client: client.setBucketPolicy(OBS_BUCKET, POLICY),
        lambda client: client.getBucketPolicy(OBS_BUCKET),
        lambda body: body.policyJSON == POLICY,
        "NoSuchBucketPolicy",
    ),
    "website": (
        lambda client: client.setBucketWebsite(OBS_BUCKET, WebsiteConfiguration(indexDocument=IndexDocument("i.html"))),
        lambda client: client.getBucketWebsite(OBS_BUCKET),
        lambda body: body.indexDocument.suffix == "i.html",
        "NoSuchWebsiteConfiguration",
    ),
    "tags": (
        lambda client: client.setBucketTagging(OBS_BUCKET, TagInfo([Tag("team", "a")])),
        lambda client: client.getBucketTagging(OBS_BUCKET),
        lambda body: [(tag.key, tag.value) for tag in body.tagSet] == [("team", "a")],
        "NoSuchTagSet",
    ),
    "encryption": (
        lambda client: client.setBucketEncryption(OBS_BUCKET, "kms"),
        lambda client: client.getBucketEncryption(OBS_BUCKET),
        lambda body: body.encryption == "kms",
        "NoSuchEncryptionConfiguration",
    ),
    "logging": (
        lambda client: client.setBucketLogging(OBS_BUCKET, Logging("photos-obs", "log/", agency="logs")),
        lambda client: client.getBucketLogging(OBS_BUCKET),
        lambda body: body.targetPrefix == "log/",
        None,
    ),
    "acl": (
        lambda client: client.setBucketAcl(OBS_BUCKET, EVERYONE),
        lambda client: client.getBucketAcl(OBS_BUCKET),
        lambda body: [grant.grantee.group for grant in body.grants] == ["Everyone"],
        None,
    ),
    "versioning": (
        lambda client: client.setBucketVersioning(OBS_BUCKET, "Enabled"),
        lambda client: client.getBucketVersioning(OBS_BUCKET),
        lambda body: body == "Enabled",
        None,
    ),
}


@pytest.mark.parametrize("name", OBS_SETTINGS)
def test_the_simulated_obs_stores_each_setting_that_the_sdk_puts(obs, name):
    put, get, is_set, code = OBS_SETTINGS[name]
    answer_before = get(obs)
    assert (answer_before.status, answer_before.errorCode) == ((404, code) if code else (200, None))
    assert code or not is_set(answer_before.body)
    assert put(obs).status == 200
    assert is_set(get(obs).body)


def test_an_encrypted_bucket_of_the_simulated_obs_encrypts_its_objects(box, obs):
    OBS_SETTINGS["encryption"][0](obs)
    assert box.obs.put(OBS_BUCKET, "a", b"a").is_encrypted


@pytest.mark.parametrize("body", ["<Tagging>", "<CORSConfiguration/>"])
def test_the_simulated_obs_refuses_a_wrong_bucket_setting(box, obs, body):
    answer = obs._make_put_request(OBS_BUCKET, pathArgs={"tagging": None}, entity=body)
    assert (answer.status, answer.errorCode) == (400, "MalformedXML")
    assert not box.obs.bucket(OBS_BUCKET).documents
