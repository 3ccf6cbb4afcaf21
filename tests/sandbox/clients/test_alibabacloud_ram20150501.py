"""Tests of the simulated RAM with the vendor's client, alibabacloud-ram20150501."""

import json

import pytest
from alibabacloud_ram20150501 import models
from alibabacloud_ram20150501.client import Client
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

DOCUMENT = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:Get*"], "Resource": ["acs:oss:*:*:a/*"]}]}
TRUST = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}],
}
CALL_OPTIONS = RuntimeOptions(read_timeout=10_000, connect_timeout=10_000)


def client_of(box, key, secret, token=None):
    host = box.ram.endpoint.removeprefix("http://")
    return Client(
        Config(access_key_id=key, access_key_secret=secret, security_token=token, endpoint=host, protocol="http")
    )


@pytest.fixture
def call_ram(box):
    """Return a function that makes a call of RAM with the administrator's key."""
    client = client_of(box, *box.user_credentials)

    def call_action(action, **parameters):
        request = getattr(models, "".join(part.title() for part in action.split("_")) + "Request")
        return getattr(client, f"{action}_with_options")(request(**parameters), CALL_OPTIONS).body

    return call_action


def test_the_simulated_ram_creates_changes_and_deletes_a_role(call_ram, catch_dara_error):
    parameters = {
        "role_name": "sync-function",
        "assume_role_policy_document": json.dumps(TRUST),
        "description": "oss-oms-sync:sync +&=山",
        "tag": [models.CreateRoleRequestTag(key="oss-oms-sync", value="sync")],
    }
    role_before = call_ram("create_role", **parameters).role
    assert (role_before.role_name, role_before.arn) == ("sync-function", "acs:ram::1000000000000001:role/sync-function")
    assert catch_dara_error(lambda: call_ram("create_role", **parameters)) == (409, "EntityAlreadyExists.Role")

    changed_document = {
        **TRUST,
        "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": ["oss.aliyuncs.com"]}}],
    }
    call_ram("update_role", role_name="sync-function", new_assume_role_policy_document=json.dumps(changed_document))
    role = call_ram("get_role", role_name="sync-function").role
    properties = json.loads(role.assume_role_policy_document), role.description
    assert properties == (changed_document, "oss-oms-sync:sync +&=山")

    call_ram("delete_role", role_name="sync-function")
    assert catch_dara_error(lambda: call_ram("get_role", role_name="sync-function")) == (404, "EntityNotExist.Role")


def test_the_simulated_ram_deletes_the_oldest_policy_version_at_the_limit(call_ram, catch_dara_error):
    call_ram("create_policy", policy_name="sync", policy_document=json.dumps(DOCUMENT), description="oss-oms-sync:sync")
    version = {"policy_name": "sync", "policy_document": json.dumps(DOCUMENT), "set_as_default": True}
    for _ in range(4):
        call_ram("create_policy_version", **version)
    assert catch_dara_error(lambda: call_ram("create_policy_version", **version)) == (
        409,
        "LimitExceeded.Policy.Version",
    )

    call_ram("create_policy_version", **version, rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded")

    policy_name = {"policy_name": "sync", "policy_type": "Custom"}
    answer = call_ram("get_policy", **policy_name)
    assert json.loads(answer.default_policy_version.policy_document) == DOCUMENT
    assert answer.policy.default_version == "v6"
    assert answer.policy.attachment_count == 0
    assert catch_dara_error(lambda: call_ram("delete_policy", policy_name="sync")) == (
        409,
        "DeleteConflict.Policy.Version",
    )
    call_ram("delete_policy", policy_name="sync", cascading_delete=True)
    assert catch_dara_error(lambda: call_ram("get_policy", **policy_name)) == (404, "EntityNotExist.Policy")


@pytest.mark.parametrize("kind", ["role", "user"])
def test_the_simulated_ram_attaches_and_detaches_a_policy(call_ram, catch_dara_error, kind):
    holder = {f"{kind}_name": "holder"}
    call_ram(
        f"create_{kind}", **holder, **({"assume_role_policy_document": json.dumps(TRUST)} if kind == "role" else {})
    )
    call_ram("create_policy", policy_name="sync", policy_document=json.dumps(DOCUMENT))
    attachment = {"policy_name": "sync", "policy_type": "Custom", **holder}

    call_ram(f"attach_policy_to_{kind}", **attachment)

    error = catch_dara_error(lambda: call_ram(f"attach_policy_to_{kind}", **attachment))
    assert error == (409, f"EntityAlreadyExists.{kind.title()}.Policy")
    policies = call_ram(f"list_policies_for_{kind}", **holder).policies.policy
    assert [(policy.policy_name, policy.policy_type) for policy in policies] == [("sync", "Custom")]
    assert call_ram("get_policy", policy_name="sync", policy_type="Custom").policy.attachment_count == 1
    assert (
        catch_dara_error(lambda: call_ram("delete_policy", policy_name="sync"))[1]
        == f"DeleteConflict.Policy.{kind.title()}"
    )
    assert catch_dara_error(lambda: call_ram(f"delete_{kind}", **holder))[1] == f"DeleteConflict.{kind.title()}.Policy"

    call_ram(f"detach_policy_from_{kind}", **attachment)
    missing_error = catch_dara_error(lambda: call_ram(f"detach_policy_from_{kind}", **attachment))
    assert missing_error == (404, f"EntityNotExist.{kind.title()}.Policy")
    call_ram(f"delete_{kind}", **holder)


def test_a_user_of_the_simulated_ram_has_at_most_two_access_keys(box, call_ram, catch_dara_error):
    call_ram("create_user", user_name="oms.reader", display_name="for OMS", comments="oss-oms-sync:sync")
    first_key, second_key = (call_ram("create_access_key", user_name="oms.reader").access_key for _ in range(2))
    assert (
        catch_dara_error(lambda: call_ram("create_access_key", user_name="oms.reader"))[1]
        == "LimitExceeded.User.AccessKey"
    )

    def get_user_by_first_key():
        client = client_of(box, first_key.access_key_id, first_key.access_key_secret)
        return client.get_user_with_options(models.GetUserRequest(user_name="oms.reader"), CALL_OPTIONS)

    assert catch_dara_error(get_user_by_first_key) == (403, "NoPermission")
    keys = call_ram("list_access_keys", user_name="oms.reader").access_keys.access_key
    assert [(key.access_key_id, key.status) for key in keys] == [
        (first_key.access_key_id, "Active"),
        (second_key.access_key_id, "Active"),
    ]
    assert (
        catch_dara_error(lambda: call_ram("delete_user", user_name="oms.reader"))[1] == "DeleteConflict.User.AccessKey"
    )
    for key in (first_key, second_key):
        call_ram("delete_access_key", user_name="oms.reader", user_access_key_id=key.access_key_id)
    assert catch_dara_error(get_user_by_first_key) == (404, "InvalidAccessKeyId.NotFound")
    call_ram("delete_user", user_name="oms.reader")
    assert catch_dara_error(lambda: call_ram("get_user", user_name="oms.reader")) == (404, "EntityNotExist.User")


@pytest.mark.parametrize(
    ("token", "holder", "kind", "arn"),
    [
        (None, "user/administrator", "RAMUser", "user/administrator"),
        ("TOKEN", "user/administrator", "RAMUser", "user/administrator"),
        (None, "root", "Account", "root"),
    ],
)
def test_get_caller_identity_needs_no_permission(box, token, holder, kind, arn):
    box.ram.add_credentials("LTAIKEY", "secret", token, holder=holder)
    params = Params(
        action="GetCallerIdentity",
        version="2015-04-01",
        protocol="HTTPS",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    identity = client_of(box, "LTAIKEY", "secret", token).call_api(params, OpenApiRequest(), CALL_OPTIONS)["body"]
    assert identity["AccountId"] == "1000000000000001"
    assert identity["IdentityType"] == kind
    assert identity["Arn"] == f"acs:ram::1000000000000001:{arn}"
