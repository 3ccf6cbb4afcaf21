"""The vendor's client, alibabacloud-ram20150501, as an independent judge of the simulated RAM."""

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
PATIENCE = RuntimeOptions(read_timeout=10_000, connect_timeout=10_000)


def client_of(box, key, secret, token=None):
    host = box.ram.endpoint.removeprefix("http://")
    return Client(
        Config(access_key_id=key, access_key_secret=secret, security_token=token, endpoint=host, protocol="http")
    )


@pytest.fixture
def ask(box):
    """Return a function that calls an action as the administrator, with parameters of the SDK."""
    client = client_of(box, *box.user_credentials)

    def call(action, **parameters):
        request = getattr(models, "".join(part.title() for part in action.split("_")) + "Request")
        return getattr(client, f"{action}_with_options")(request(**parameters), PATIENCE).body

    return call


def test_a_role_is_created_changed_and_deleted(ask, dara_refused):
    wanted = {
        "role_name": "sync-function",
        "assume_role_policy_document": json.dumps(TRUST),
        "description": "oss-oms-sync:sync +&=山",
        "tag": [models.CreateRoleRequestTag(key="oss-oms-sync", value="sync")],
    }
    made = ask("create_role", **wanted).role
    assert (made.role_name, made.arn) == ("sync-function", "acs:ram::1000000000000001:role/sync-function")
    assert dara_refused(lambda: ask("create_role", **wanted)) == (409, "EntityAlreadyExists.Role")

    other = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": ["oss.aliyuncs.com"]}}]}
    ask("update_role", role_name="sync-function", new_assume_role_policy_document=json.dumps(other))
    role = ask("get_role", role_name="sync-function").role
    properties = json.loads(role.assume_role_policy_document), role.description
    assert properties == (other, "oss-oms-sync:sync +&=山")

    ask("delete_role", role_name="sync-function")
    assert dara_refused(lambda: ask("get_role", role_name="sync-function")) == (404, "EntityNotExist.Role")


def test_the_oldest_policy_version_is_deleted_at_the_limit(ask, dara_refused):
    ask("create_policy", policy_name="sync", policy_document=json.dumps(DOCUMENT), description="oss-oms-sync:sync")
    version = {"policy_name": "sync", "policy_document": json.dumps(DOCUMENT), "set_as_default": True}
    for _ in range(4):
        ask("create_policy_version", **version)
    assert dara_refused(lambda: ask("create_policy_version", **version)) == (409, "LimitExceeded.Policy.Version")

    ask("create_policy_version", **version, rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded")

    named = {"policy_name": "sync", "policy_type": "Custom"}
    answer = ask("get_policy", **named)
    assert json.loads(answer.default_policy_version.policy_document) == DOCUMENT
    assert answer.policy.default_version == "v6"
    assert answer.policy.attachment_count == 0
    assert dara_refused(lambda: ask("delete_policy", policy_name="sync")) == (409, "DeleteConflict.Policy.Version")
    ask("delete_policy", policy_name="sync", cascading_delete=True)
    assert dara_refused(lambda: ask("get_policy", **named)) == (404, "EntityNotExist.Policy")


@pytest.mark.parametrize("kind", ["role", "user"])
def test_a_policy_is_attached_and_detached(ask, dara_refused, kind):
    holder = {f"{kind}_name": "holder"}
    ask(f"create_{kind}", **holder, **({"assume_role_policy_document": json.dumps(TRUST)} if kind == "role" else {}))
    ask("create_policy", policy_name="sync", policy_document=json.dumps(DOCUMENT))
    both = {"policy_name": "sync", "policy_type": "Custom", **holder}

    ask(f"attach_policy_to_{kind}", **both)

    again = dara_refused(lambda: ask(f"attach_policy_to_{kind}", **both))
    assert again == (409, f"EntityAlreadyExists.{kind.title()}.Policy")
    policies = ask(f"list_policies_for_{kind}", **holder).policies.policy
    assert [(policy.policy_name, policy.policy_type) for policy in policies] == [("sync", "Custom")]
    assert ask("get_policy", policy_name="sync", policy_type="Custom").policy.attachment_count == 1
    assert dara_refused(lambda: ask("delete_policy", policy_name="sync"))[1] == f"DeleteConflict.Policy.{kind.title()}"
    assert dara_refused(lambda: ask(f"delete_{kind}", **holder))[1] == f"DeleteConflict.{kind.title()}.Policy"

    ask(f"detach_policy_from_{kind}", **both)
    gone = dara_refused(lambda: ask(f"detach_policy_from_{kind}", **both))
    assert gone == (404, f"EntityNotExist.{kind.title()}.Policy")
    ask(f"delete_{kind}", **holder)


def test_a_user_has_two_keys_which_can_be_deleted(box, ask, dara_refused):
    ask("create_user", user_name="oms.reader", display_name="for OMS", comments="oss-oms-sync:sync")
    first, second = (ask("create_access_key", user_name="oms.reader").access_key for _ in range(2))
    assert dara_refused(lambda: ask("create_access_key", user_name="oms.reader"))[1] == "LimitExceeded.User.AccessKey"

    def get_user_by_first_key():
        client = client_of(box, first.access_key_id, first.access_key_secret)
        return client.get_user_with_options(models.GetUserRequest(user_name="oms.reader"), PATIENCE)

    assert dara_refused(get_user_by_first_key) == (403, "NoPermission")
    listed = ask("list_access_keys", user_name="oms.reader").access_keys.access_key
    assert [(key.access_key_id, key.status) for key in listed] == [
        (first.access_key_id, "Active"),
        (second.access_key_id, "Active"),
    ]
    assert dara_refused(lambda: ask("delete_user", user_name="oms.reader"))[1] == "DeleteConflict.User.AccessKey"
    for key in (first, second):
        ask("delete_access_key", user_name="oms.reader", user_access_key_id=key.access_key_id)
    assert dara_refused(get_user_by_first_key) == (404, "InvalidAccessKeyId.NotFound")
    ask("delete_user", user_name="oms.reader")
    assert dara_refused(lambda: ask("get_user", user_name="oms.reader")) == (404, "EntityNotExist.User")


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
    identity = client_of(box, "LTAIKEY", "secret", token).call_api(params, OpenApiRequest(), PATIENCE)["body"]
    assert identity["AccountId"] == "1000000000000001"
    assert identity["IdentityType"] == kind
    assert identity["Arn"] == f"acs:ram::1000000000000001:{arn}"
