"""The vendor's own client (alibabacloud-ram20150501) judges the simulated RAM."""

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
    """Calls an action as the administrator, with parameters as the SDK calls them."""
    client = client_of(box, *box.user_credentials)

    def call(action, **given):
        request = getattr(models, "".join(part.title() for part in action.split("_")) + "Request")
        return getattr(client, f"{action}_with_options")(request(**given), PATIENCE).body

    return call


def test_a_role_has_a_life(ask, dara_refused):
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
    found = ask("get_role", role_name="sync-function").role
    told = json.loads(found.assume_role_policy_document), found.description, found.max_session_duration
    assert told == (other, "oss-oms-sync:sync +&=山", 3600)

    ask("delete_role", role_name="sync-function")
    assert dara_refused(lambda: ask("get_role", role_name="sync-function")) == (404, "EntityNotExist.Role")


def test_a_policy_has_versions_of_which_the_oldest_makes_room(ask, dara_refused):
    ask("create_policy", policy_name="sync", policy_document=json.dumps(DOCUMENT), description="oss-oms-sync:sync")
    version = {"policy_name": "sync", "policy_document": json.dumps(DOCUMENT), "set_as_default": True}
    for _ in range(4):
        ask("create_policy_version", **version)
    assert dara_refused(lambda: ask("create_policy_version", **version)) == (409, "LimitExceeded.Policy.Version")

    ask("create_policy_version", **version, rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded")

    named = {"policy_name": "sync", "policy_type": "Custom"}
    versions = ask("list_policy_versions", **named).policy_versions.policy_version
    assert [(version.version_id, version.is_default_version) for version in versions] == [
        *((f"v{number}", False) for number in (2, 3, 4, 5)),
        ("v6", True),
    ]
    found = ask("get_policy", **named)
    assert json.loads(found.default_policy_version.policy_document) == DOCUMENT
    assert (found.policy.default_version, found.policy.attachment_count) == ("v6", 0)
    assert dara_refused(lambda: ask("delete_policy", policy_name="sync")) == (409, "DeleteConflict.Policy.Version")
    ask("delete_policy", policy_name="sync", cascading_delete=True)
    assert dara_refused(lambda: ask("get_policy", **named)) == (404, "EntityNotExist.Policy")


@pytest.mark.parametrize("kind", ["role", "user"])
def test_a_policy_is_attached_and_names_whom_it_is_for(ask, dara_refused, kind):
    holder = {f"{kind}_name": "holder"}
    ask(f"create_{kind}", **holder, **({"assume_role_policy_document": json.dumps(TRUST)} if kind == "role" else {}))
    ask("create_policy", policy_name="sync", policy_document=json.dumps(DOCUMENT))
    both = {"policy_name": "sync", "policy_type": "Custom", **holder}

    ask(f"attach_policy_to_{kind}", **both)

    again = dara_refused(lambda: ask(f"attach_policy_to_{kind}", **both))
    assert again == (409, f"EntityAlreadyExists.{kind.title()}.Policy")
    held = ask(f"list_policies_for_{kind}", **holder).policies.policy
    assert [(one.policy_name, one.policy_type) for one in held] == [("sync", "Custom")]
    entities = ask("list_entities_for_policy", policy_name="sync", policy_type="Custom")
    assert [one.role_name for one in entities.roles.role] == (["holder"] if kind == "role" else [])
    assert [one.user_name for one in entities.users.user] == (["holder"] if kind == "user" else [])
    assert dara_refused(lambda: ask("delete_policy", policy_name="sync"))[1] == f"DeleteConflict.Policy.{kind.title()}"
    assert dara_refused(lambda: ask(f"delete_{kind}", **holder))[1] == f"DeleteConflict.{kind.title()}.Policy"

    ask(f"detach_policy_from_{kind}", **both)
    gone = dara_refused(lambda: ask(f"detach_policy_from_{kind}", **both))
    assert gone == (404, f"EntityNotExist.{kind.title()}.Policy")
    ask(f"delete_{kind}", **holder)


def test_a_user_has_two_keys_which_may_rest(box, ask, dara_refused):
    ask("create_user", user_name="oms.reader", display_name="for OMS", comments="oss-oms-sync:sync")
    first, second = (ask("create_access_key", user_name="oms.reader").access_key for _ in range(2))
    assert dara_refused(lambda: ask("create_access_key", user_name="oms.reader"))[1] == "LimitExceeded.User.AccessKey"

    def asked_by_them():
        theirs = client_of(box, first.access_key_id, first.access_key_secret)
        return theirs.get_user_with_options(models.GetUserRequest(user_name="oms.reader"), PATIENCE)

    assert dara_refused(asked_by_them) == (403, "NoPermission")
    ask("update_access_key", user_name="oms.reader", user_access_key_id=first.access_key_id, status="Inactive")
    assert dara_refused(asked_by_them) == (404, "InvalidAccessKeyId.NotFound")

    listed = ask("list_access_keys", user_name="oms.reader").access_keys.access_key
    assert [(one.access_key_id, one.status) for one in listed] == [
        (first.access_key_id, "Inactive"),
        (second.access_key_id, "Active"),
    ]
    assert dara_refused(lambda: ask("delete_user", user_name="oms.reader"))[1] == "DeleteConflict.User.AccessKey"
    for one in (first, second):
        ask("delete_access_key", user_name="oms.reader", user_access_key_id=one.access_key_id)
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
def test_anybody_may_ask_whose_a_key_is(box, token, holder, kind, arn):
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
    told = client_of(box, "LTAIKEY", "secret", token).call_api(params, OpenApiRequest(), PATIENCE)["body"]
    assert (told["AccountId"], told["IdentityType"]) == ("1000000000000001", kind)
    assert told["Arn"] == f"acs:ram::1000000000000001:{arn}"
