"""Tests of policies, and of requests to the simulated OSS with access keys of users who have policies."""

from __future__ import annotations

import json

import oss2
import pytest

from sandbox.policy import find_denial, parse_policy

RESOURCE_A, RESOURCE_B = "acs:oss:cn-hangzhou:1:a/x", "acs:oss:cn-hangzhou:1:b/x"


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statements", "action", "resource", "context", "expected"),
    [
        ([], "oss:GetObject", RESOURCE_A, {}, "ImplicitDeny"),
        ([allow("oss:GetObject")], "oss:GetObject", RESOURCE_A, {}, ""),
        ([allow(["oss:Get*", "oss:PutObject"])], "oss:GetObject", RESOURCE_A, {}, ""),
        ([allow("oss:Get*")], "oss:PutObject", RESOURCE_A, {}, "ImplicitDeny"),
        ([allow("oss:getObject")], "oss:GetObject", RESOURCE_A, {}, "ImplicitDeny"),
        ([allow("*", "acs:oss:*:*:a/*")], "oss:GetObject", RESOURCE_A, {}, ""),
        ([allow("*", ["acs:oss:*:*:a/*"])], "oss:GetObject", RESOURCE_B, {}, "ImplicitDeny"),
        ([allow("*", "acs:oss:*:*:?/x")], "oss:GetObject", RESOURCE_B, {}, ""),
        ([allow("*", "acs:oss:*:*:[ab]/x")], "oss:GetObject", RESOURCE_A, {}, "ImplicitDeny"),
        (
            [allow("*"), {**allow("*", "acs:oss:*:*:a/*"), "Effect": "Deny"}],
            "oss:GetObject",
            RESOURCE_A,
            {},
            "ExplicitDeny",
        ),
        ([allow("*"), {**allow("*", "acs:oss:*:*:a/*"), "Effect": "Deny"}], "oss:GetObject", RESOURCE_B, {}, ""),
        *(
            (
                [allow("*", Condition={operator: {"oss:Prefix": pattern}})],
                "oss:ListObjects",
                RESOURCE_A,
                context,
                expected,
            )
            for operator, pattern, context, expected in (
                ("StringLike", "x/*", {"oss:Prefix": "x/y"}, ""),
                ("StringLike", ["z", "x/*"], {"oss:Prefix": "x/y"}, ""),
                ("StringLike", "x/*", {"oss:Prefix": ""}, "ImplicitDeny"),
                ("StringLike", "*", {}, "ImplicitDeny"),
                ("StringEquals", "x/*", {"oss:Prefix": "x/y"}, "ImplicitDeny"),
            )
        ),
    ],
)
def test_a_deny_statement_of_ram_overrides_an_allow_statement(statements, action, resource, context, expected):
    documents = [parse_policy(json.dumps({"Version": "1", "Statement": [statement]}), "1") for statement in statements]
    assert find_denial(documents, action, resource, context) == expected


@pytest.mark.parametrize("version", ["5.0", "1.1"])
@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("obs:bucket:listBucket", "obs:*:*:bucket:a", ""),
        ("obs:bucket:ListBucket", "OBS:*:*:bucket:a", ""),
        ("obs:*:*", None, ""),
        ("obs:bucket:listBucket", "obs:*:*:bucket:A", "ImplicitDeny"),
        ("obs:bucket:list", "obs:*:*:bucket:a", "ImplicitDeny"),
    ],
)
def test_policies_of_huawei_cloud_ignore_the_case_of_actions(version, action, resource, expected):
    statement = allow(action, resource) if resource else {"Effect": "Allow", "Action": [action]}
    document = parse_policy(json.dumps({"Version": version, "Statement": [statement]}), version)
    assert find_denial([document], "obs:bucket:ListBucket", "obs:*:*:bucket:a") == expected


def try_call(call):
    try:
        return call().status
    except oss2.exceptions.OssError as error:
        return error.status, error.code


@pytest.fixture
def make_bucket(box):
    return lambda key, name="photos": oss2.Bucket(
        oss2.AuthV4(*key), box.oss.endpoint, name, region=box.region, session=box._http
    )


def test_the_simulated_oss_applies_the_policies_of_a_ram_user(box, make_bucket, ram_key):
    photos = "acs:oss:*:*:photos"
    key = ram_key(
        allow(["oss:PutObject", "oss:GetObject"], f"{photos}/mine/*"),
        allow("oss:DeleteObject", f"{photos}/mine/*"),
        {**allow("oss:DeleteObject", f"{photos}/mine/kept"), "Effect": "Deny"},
        allow("oss:ListObjects", photos, Condition={"StringLike": {"oss:Prefix": "mine/*"}}),
    )
    bucket, log_bucket = make_bucket(key), make_bucket(key, "photos-oms-log")
    service = oss2.Service(oss2.AuthV4(*key), box.oss.endpoint, region=box.region, session=box._http)
    for call in (
        lambda: bucket.put_object("mine/a", b""),
        lambda: bucket.put_object("mine/kept", b""),
        lambda: bucket.get_object("mine/a"),
        lambda: bucket.list_objects("mine/"),
    ):
        assert try_call(call) == 200
    for call in (
        lambda: bucket.put_object("a", b""),
        lambda: bucket.copy_object("photos", "a", "mine/b"),
        lambda: bucket.list_objects(""),
        bucket.get_bucket_info,
        lambda: log_bucket.put_object("mine/a", b""),
        service.list_buckets,
    ):
        assert try_call(call) == (403, "AccessDenied")
    assert bucket.batch_delete_objects(["mine/a", "mine/kept"]).deleted_keys == ["mine/a"]


@pytest.mark.parametrize(
    ("effect", "call", "action", "kind"),
    [
        ("Allow", lambda bucket: bucket.get_bucket_info(), "GetBucketInfo", "ImplicitDeny"),
        ("Deny", lambda bucket: bucket.put_object("a", b""), "PutObject", "ExplicitDeny"),
    ],
)
def test_the_simulated_oss_names_a_missing_permission_and_its_denial(make_bucket, ram_key, effect, call, action, kind):
    with pytest.raises(oss2.exceptions.AccessDenied) as error_info:
        call(make_bucket(ram_key({**allow("oss:Put*"), "Effect": effect})))
    body = error_info.value.body.decode()
    assert f"<NoPermissionType>{kind}</NoPermissionType>" in body
    assert f"<AuthAction>oss:{action}</AuthAction>" in body


DENIED = (403, "AccessDenied")


@pytest.mark.parametrize(
    ("delay", "outcome_before", "outcome_after"), [(0, 200, 200), (600, DENIED, 200), (None, DENIED, DENIED)]
)
def test_a_permission_in_the_simulated_ram_can_take_effect_later(
    box, make_bucket, ram_key, delay, outcome_before, outcome_after
):
    box.ram.entities.grant_delay = delay
    bucket = make_bucket(ram_key(allow("oss:*")))
    assert try_call(lambda: bucket.put_object("a", b"")) == outcome_before
    box.advance(600)
    assert try_call(lambda: bucket.put_object("a", b"")) == outcome_after
