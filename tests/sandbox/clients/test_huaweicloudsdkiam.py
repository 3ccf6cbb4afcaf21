"""Tests of the simulated IAM with the vendor's client, huaweicloudsdkiam."""

import json

import pytest
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkiam import v3, v5

from sandbox.account import DOMAIN_ID
from support.oms_sdk import catch_refusal

DOCUMENT = {"Version": "5.0", "Statement": [{"Effect": "Allow", "Action": ["oms:synctask:get"]}]}


@pytest.fixture
def client_of(box, huawei_sdk):
    """Return a function that creates a client of a version of IAM from an access key and a domain id."""
    return lambda version, key=box.huawei_credentials, domain=DOMAIN_ID: huawei_sdk(
        version.IamClient, box.iam.endpoint, GlobalCredentials(*key, domain)
    )


@pytest.fixture
def client(client_of):
    return client_of(v5)


def make_user(client, name="sync-functions"):
    body = v5.CreateUserReqBody(name=name, description="oss-oms-sync:sync", enabled=True)
    return client.create_user_v5(v5.CreateUserV5Request(body=body)).user


def make_policy(client, name="sync", document=DOCUMENT):
    body = v5.CreatePolicyReqBody(policy_name=name, policy_document=json.dumps(document), description="d")
    return client.create_policy_v5(v5.CreatePolicyV5Request(body=body)).policy


def make_key(client, user):
    return client.create_access_key_v5(v5.CreateAccessKeyV5Request(user_id=user.user_id)).access_key


def test_the_simulated_iam_creates_a_user_with_at_most_two_access_keys(box, client):
    user = make_user(client)
    assert user.user_name == "sync-functions"
    assert user.description == "oss-oms-sync:sync"
    assert user.is_root_user is False
    assert catch_refusal(lambda: make_user(client))[0] == 409
    first_key, second_key = (make_key(client, user) for _ in range(2))
    assert catch_refusal(lambda: make_key(client, user)) == (409, "PAP5.0003")
    keys = client.list_access_keys_v5(v5.ListAccessKeysV5Request(user_id=user.user_id)).access_keys
    assert [key.access_key_id for key in keys] == [first_key.access_key_id, second_key.access_key_id]
    assert box.iam.find_key(first_key.access_key_id).secret == first_key.secret_access_key
    assert catch_refusal(lambda: client.delete_user_v5(v5.DeleteUserV5Request(user_id=user.user_id)))[0] == 409

    for key in (first_key, second_key):
        client.delete_access_key_v5(v5.DeleteAccessKeyV5Request(user.user_id, key.access_key_id))
    client.delete_user_v5(v5.DeleteUserV5Request(user_id=user.user_id))
    assert client.list_users_v5(v5.ListUsersV5Request()).users == []
    assert box.iam.find_key(first_key.access_key_id) is None


def test_the_simulated_iam_returns_lists_in_pages_by_a_marker(client):
    user_ids = [make_user(client, f"user-{number}").user_id for number in range(3)]
    first_page = client.list_users_v5(v5.ListUsersV5Request(limit=2))
    second_page = client.list_users_v5(v5.ListUsersV5Request(limit=2, marker=first_page.page_info.next_marker))
    assert [user.user_id for user in (*first_page.users, *second_page.users)] == user_ids
    assert first_page.page_info.current_count == 2
    assert second_page.page_info.next_marker is None
    assert catch_refusal(lambda: client.list_users_v5(v5.ListUsersV5Request(marker="never"))) == (400, "PAP5.0010")


def test_the_simulated_iam_names_the_user_of_an_access_key(box, client):
    user = make_user(client)
    box.iam.add_credentials("ROOTKEY", "secret", holder="root")
    owners = [
        client.list_users_v5(v5.ListUsersV5Request(access_key_id=key)).users
        for key in (make_key(client, user).access_key_id, "ROOTKEY", box.huawei_credentials[0], "UNKNOWN")
    ]
    assert [[(user.user_name, user.is_root_user) for user in owner] for owner in owners] == [
        [("sync-functions", False)],
        [("root", True)],
        [("administrator", False)],
        [],
    ]


def test_the_simulated_iam_attaches_a_policy_and_changes_it_by_versions(client):
    user, policy = make_user(client), make_policy(client)
    assert catch_refusal(lambda: make_policy(client))[0] == 409
    attach = v5.AttachUserPolicyV5Request(policy.policy_id, v5.AttachUserPolicyReqBody(user_id=user.user_id))
    client.attach_user_policy_v5(attach)
    assert catch_refusal(lambda: client.attach_user_policy_v5(attach))[0] == 409
    response = client.list_attached_user_policies_v5(v5.ListAttachedUserPoliciesV5Request(user_id=user.user_id))
    assert [attached_policy.policy_name for attached_policy in response.attached_policies] == ["sync"]
    policies = client.list_policies_v5(v5.ListPoliciesV5Request(policy_type="custom")).policies
    assert [(listed_policy.policy_id, listed_policy.attachment_count) for listed_policy in policies] == [
        (policy.policy_id, 1)
    ]

    body5 = v5.CreatePolicyVersionReqBody(policy_document=json.dumps(DOCUMENT), set_as_default=True)
    version = v5.CreatePolicyVersionV5Request(policy_id=policy.policy_id, body=body5)
    for _ in range(4):
        client.create_policy_version_v5(version)
    assert catch_refusal(lambda: client.create_policy_version_v5(version)) == (409, "PAP5.0003")
    versions = client.list_policy_versions_v5(v5.ListPolicyVersionsV5Request(policy_id=policy.policy_id)).versions
    assert [(version.version_id, version.is_default) for version in versions][-2:] == [("v4", False), ("v5", True)]
    default = client.get_policy_version_v5(v5.GetPolicyVersionV5Request(policy.policy_id, "v5")).policy_version
    assert json.loads(default.document) == DOCUMENT

    delete = v5.DeletePolicyV5Request(policy_id=policy.policy_id)
    assert catch_refusal(lambda: client.delete_policy_v5(delete))[0] == 409
    *old_versions, latest_version = (
        v5.DeletePolicyVersionV5Request(policy.policy_id, f"v{number}") for number in range(1, 6)
    )
    for request in old_versions:
        client.delete_policy_version_v5(request)
    assert catch_refusal(lambda: client.delete_policy_version_v5(latest_version))[0] == 409
    detach = v5.DetachUserPolicyV5Request(policy.policy_id, v5.DetachUserPolicyReqBody(user_id=user.user_id))
    client.detach_user_policy_v5(detach)
    assert catch_refusal(lambda: client.detach_user_policy_v5(detach))[0] == 404
    client.delete_policy_v5(delete)
    assert client.list_policies_v5(v5.ListPoliciesV5Request()).policies == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({**DOCUMENT, "Version": "1.1"}, "PAP5.0011"),
        ({"Version": "5.0", "Statement": [{"Effect": "Allow"}]}, "PAP5.0011"),
        ({"Version": "5.0", "Statement": [{"Effect": "Allow", "Action": ["a" * 6144]}]}, "PAP5.0003"),
    ],
)
def test_the_simulated_iam_refuses_a_wrong_or_too_long_policy_document(client, document, code):
    assert catch_refusal(lambda: make_policy(client, document=document))[1] == code


@pytest.mark.parametrize("name", ["1st", "a" * 65])
def test_the_simulated_iam_refuses_an_invalid_user_name(client, name):
    assert catch_refusal(lambda: make_user(client, name))[0] == 400


def test_the_simulated_iam_allows_fifty_users_with_ten_policies_each(client):
    users = [make_user(client, f"user-{number}") for number in range(50)]
    assert catch_refusal(lambda: make_user(client, "one-more")) == (409, "PAP5.0003")
    body = v5.AttachUserPolicyReqBody(user_id=users[0].user_id)
    policies = [make_policy(client, f"policy-{number}").policy_id for number in range(11)]
    *requests, surplus_request = (v5.AttachUserPolicyV5Request(policy_id=policy, body=body) for policy in policies)
    for request in requests:
        client.attach_user_policy_v5(request)
    assert catch_refusal(lambda: client.attach_user_policy_v5(surplus_request)) == (409, "PAP5.0003")


def test_the_simulated_iam_v3_lists_the_account_and_its_projects(box, client_of):
    client = client_of(v3)
    domains = client.keystone_list_auth_domains(v3.KeystoneListAuthDomainsRequest()).domains
    assert [domain.id for domain in domains] == [DOMAIN_ID]
    for name, expected in (("cn-north-4", [box.project_id]), ("cn-east-9", [])):
        projects = client.keystone_list_projects(v3.KeystoneListProjectsRequest(name=name)).projects
        assert [project.id for project in projects] == expected


def test_the_simulated_iam_refuses_a_wrong_secret_and_another_domain(box, client_of):
    for wrong_client in (client_of(v5, (box.huawei_credentials[0], "wrong")), client_of(v5, domain="another")):
        assert catch_refusal(lambda wrong_client=wrong_client: wrong_client.list_users_v5(v5.ListUsersV5Request())) == (
            401,
            "APIGW.0301",
        )


def test_a_v5_call_of_the_simulated_iam_needs_its_permission(box, client_of, client):
    box.iam.deny("iam:users:createUserV5")
    assert catch_refusal(lambda: make_user(client)) == (403, "PAP5.0001")
    assert client.list_users_v5(v5.ListUsersV5Request()).users == []
    box.iam.has_v5 = False
    assert catch_refusal(lambda: client.list_users_v5(v5.ListUsersV5Request())) == (403, "PAP5.0001")
    assert client_of(v3).keystone_list_auth_domains(v3.KeystoneListAuthDomainsRequest()).domains


def test_the_simulated_iam_lists_a_new_user_late_and_reserves_its_name(box, client):
    box.iam.visibility_delay = 1
    user = make_user(client)
    assert client.list_users_v5(v5.ListUsersV5Request()).users == []
    assert catch_refusal(lambda: make_user(client))[0] == 409
    box.advance(1)
    assert [listed_user.user_id for listed_user in client.list_users_v5(v5.ListUsersV5Request()).users] == [
        user.user_id
    ]
    assert box.iam.find_key(make_key(client, user).access_key_id) is None
