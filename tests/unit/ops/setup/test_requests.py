"""Requests of setup, which equal those of the vendors' SDKs except for their signatures."""

import re
from urllib.parse import parse_qsl, urlsplit

import alibabacloud_oss_v2 as oss_sdk
import pytest
from alibabacloud_fc20230330 import models as fc_models
from alibabacloud_fc20230330.client import Client as FcClient
from alibabacloud_ram20150501 import models
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions
from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkiam import v3, v5
from huaweicloudsdkoms import v2

from sandbox.account import ACCOUNT_ID, DOMAIN_ID
from support.sdk_requests import capture_request, compare_with_sdk, huawei_client, read_parts
from unit.ops.setup.setup_world import SetupWorld, expect_success, set_up_and_repair

TIMEOUTS = RuntimeOptions(read_timeout=10_000, connect_timeout=10_000)


@pytest.fixture(scope="module")
def setup_requests():
    """Return the requests of a setup that creates all resources, and of a setup that repairs them after changes."""
    with SetupWorld() as world:
        world.functions.foreign_functions = {"album$resize": [], **{f"thumbnails-{n}": [] for n in range(100)}}
        set_up_and_repair(world)
        expect_success(world.setup("--new-key", "--plan"))
        return list(world.sent)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def requests_to(setup_requests, host):
    return [request for request in setup_requests if urlsplit(request.url).netloc.startswith(host)]


def alibaba(kind, service, credentials):
    host, (key, secret) = service.endpoint.removeprefix("http://"), credentials
    return kind(Config(access_key_id=key, access_key_secret=secret, endpoint=host, protocol="http"))


def test_requests_of_setup_to_ram_equal_those_of_the_vendors_sdk(box, setup_requests):
    client = alibaba(RamClient, box.ram, box.user_credentials)
    by_action = {request.headers["x-acs-action"]: request for request in requests_to(setup_requests, "ram.")}
    assert len(by_action) >= 12
    for action, ours in by_action.items():
        if action == "GetCallerIdentity":  # an action of STS, without parameters
            assert ours.headers["x-acs-version"] == "2015-04-01"
            assert urlsplit(ours.url).query == ""
            continue
        query = dict(parse_qsl(urlsplit(ours.url).query))
        name = re.sub("(?<!^)([A-Z])", r"_\1", action).lower()
        parameters = {re.sub("(?<!^)([A-Z])", r"_\1", name).lower(): value for name, value in query.items()}
        if "set_as_default" in parameters:
            parameters["set_as_default"] = parameters["set_as_default"] == "true"
        request = getattr(models, f"{action}Request")(**parameters)
        theirs = capture_request(box.ram, lambda: getattr(client, f"{name}_with_options")(request, TIMEOUTS))  # noqa: B023
        assert read_parts(ours) == read_parts(theirs), action


def test_requests_of_setup_to_function_compute_equal_those_of_the_sdk(box, setup_requests):
    client = alibaba(FcClient, box.functions, box.user_credentials)
    ours = {request.url: request for request in requests_to(setup_requests, f"{ACCOUNT_ID}.cn-hangzhou.fc.")}
    first, second = (
        fc_models.ListFunctionsRequest(limit=100),
        fc_models.ListFunctionsRequest(limit=100, next_token="100"),
    )
    triggers = fc_models.ListTriggersRequest(limit=100)
    for path, call in {
        "functions?limit=100": lambda: client.list_functions_with_options(first, {}, TIMEOUTS),
        "functions?limit=100&nextToken=100": lambda: client.list_functions_with_options(second, {}, TIMEOUTS),
        "functions/album%24resize/triggers?limit=100": lambda: client.list_triggers_with_options(
            "album$resize", triggers, {}, TIMEOUTS
        ),
    }.items():
        own_requests = ours[f"https://{ACCOUNT_ID}.cn-hangzhou.fc.aliyuncs.com/2023-03-30/{path}"]
        assert read_parts(own_requests) == read_parts(capture_request(box.functions, call)), path


# The SDK's method, its request and the class of the body, by method and path.
IAM = {
    ("GET", "/v3/auth/domains"): ("keystone_list_auth_domains", v3.KeystoneListAuthDomainsRequest, None),
    ("GET", "/v3/projects"): ("keystone_list_projects", v3.KeystoneListProjectsRequest, None),
    ("GET", "/v5/users"): ("list_users_v5", v5.ListUsersV5Request, None),
    ("POST", "/v5/users"): ("create_user_v5", v5.CreateUserV5Request, v5.CreateUserReqBody),
    ("GET", "/v5/policies"): ("list_policies_v5", v5.ListPoliciesV5Request, None),
    ("POST", "/v5/policies"): ("create_policy_v5", v5.CreatePolicyV5Request, v5.CreatePolicyReqBody),
    ("POST", "/v5/policies/{policy_id}/attach-user"): (
        "attach_user_policy_v5",
        v5.AttachUserPolicyV5Request,
        v5.AttachUserPolicyReqBody,
    ),
    ("GET", "/v5/policies/{policy_id}/versions"): ("list_policy_versions_v5", v5.ListPolicyVersionsV5Request, None),
    ("POST", "/v5/policies/{policy_id}/versions"): (
        "create_policy_version_v5",
        v5.CreatePolicyVersionV5Request,
        v5.CreatePolicyVersionReqBody,
    ),
    ("GET", "/v5/policies/{policy_id}/versions/{version_id}"): (
        "get_policy_version_v5",
        v5.GetPolicyVersionV5Request,
        None,
    ),
    ("DELETE", "/v5/policies/{policy_id}/versions/{version_id}"): (
        "delete_policy_version_v5",
        v5.DeletePolicyVersionV5Request,
        None,
    ),
    ("GET", "/v5/users/{user_id}/attached-policies"): (
        "list_attached_user_policies_v5",
        v5.ListAttachedUserPoliciesV5Request,
        None,
    ),
    ("GET", "/v5/users/{user_id}/access-keys"): ("list_access_keys_v5", v5.ListAccessKeysV5Request, None),
    ("POST", "/v5/users/{user_id}/access-keys"): ("create_access_key_v5", v5.CreateAccessKeyV5Request, None),
    ("GET", "/v5/users/{user_id}/access-keys/{access_key_id}/last-used"): (
        "show_access_key_last_used_v5",
        v5.ShowAccessKeyLastUsedV5Request,
        None,
    ),
    ("DELETE", "/v5/users/{user_id}/access-keys/{access_key_id}"): (
        "delete_access_key_v5",
        v5.DeleteAccessKeyV5Request,
        None,
    ),
}
OMS = {
    ("GET", "/v2/{_}/sync-tasks"): ("list_sync_tasks", v2.ListSyncTasksRequest, None),
    # Setup looks for a running migration.
    ("GET", "/v2/{_}/taskgroups"): ("list_task_group", v2.ListTaskGroupRequest, None),
    ("POST", "/v2/{_}/sync-tasks"): ("create_sync_task", v2.CreateSyncTaskRequest, v2.CreateSyncTaskReq),
    ("POST", "/v2/{_}/privacy-agreements"): (
        "update_privacy_agreement_record",
        v2.UpdatePrivacyAgreementRecordRequest,
        None,
    ),
    ("POST", "/v2/{_}/objectstorage/buckets/regions"): (
        "show_bucket_region",
        v2.ShowBucketRegionRequest,
        v2.ShowBucketRegionReq,
    ),
}


def test_requests_of_setup_to_iam_equal_those_of_the_vendors_sdk(box, setup_requests):
    key = GlobalCredentials(*box.huawei_credentials, DOMAIN_ID)
    clients = [huawei_client(version, box.iam, key, version.IamClient) for version in (v3, v5)]
    compare_with_sdk(requests_to(setup_requests, "iam."), box.iam, IAM, clients)


def test_requests_of_setup_to_oms_equal_those_of_the_vendors_sdk(box, setup_requests):
    key = BasicCredentials(*box.huawei_credentials, box.project_id)
    compare_with_sdk(requests_to(setup_requests, "oms."), box.oms, OMS, [huawei_client(v2, box.oms, key, v2.OmsClient)])


def test_requests_of_setup_to_buckets_equal_those_of_the_vendors_sdks(box, setup_requests):
    config = oss_sdk.config.load_default()
    config.credentials_provider = oss_sdk.credentials.StaticCredentialsProvider(*box.user_credentials)
    config.region, config.endpoint, config.use_path_style = box.region, box.oss.endpoint, True
    client = oss_sdk.Client(config)
    own_requests = {tuple(read_parts(request)[2]) for request in requests_to(setup_requests, "photos.oss-")}
    calls = (
        lambda: client.get_bucket_info(oss_sdk.GetBucketInfoRequest(bucket="photos")),
        lambda: client.get_bucket_website(oss_sdk.GetBucketWebsiteRequest(bucket="photos")),
    )
    assert own_requests == {tuple(read_parts(capture_request(box.oss, call))[2]) for call in calls}
    (creation,) = [
        request
        for request in requests_to(setup_requests, "photos-oms-log.oss-")
        if (request.method, urlsplit(request.url).path) == ("PUT", "/")
    ]
    theirs = capture_request(box.oss, lambda: client.put_bucket(oss_sdk.PutBucketRequest(bucket="photos-oms-log")))
    assert (creation.method, creation.body) == (theirs.method, theirs.body)
    assert not [name for name in creation.headers if name.lower().startswith("x-oss-acl")]
