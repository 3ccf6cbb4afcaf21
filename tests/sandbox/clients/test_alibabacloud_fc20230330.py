"""Tests of the lists of the simulated Function Compute with the vendor's client, alibabacloud-fc20230330."""

import json

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

CALL_OPTIONS = RuntimeOptions(read_timeout=10_000, connect_timeout=10_000)
TRIGGER = {
    "triggerName": "on-upload",
    "triggerType": "oss",
    "sourceArn": "acs:oss:cn-hangzhou:1000000000000001:photos",
    "triggerConfig": {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "a/", "suffix": ""}}},
}


@pytest.fixture
def client_of(box):
    box.functions.foreign_functions = {
        "album$resize": [TRIGGER],
        "thumbnails": [TRIGGER, {**TRIGGER, "triggerName": "second"}],
    }
    host = box.functions.endpoint.removeprefix("http://")
    return lambda key, secret: Client(
        Config(access_key_id=key, access_key_secret=secret, endpoint=host, protocol="http")
    )


def list_functions(client, **parameters):
    return client.list_functions_with_options(models.ListFunctionsRequest(**parameters), {}, CALL_OPTIONS).body


def list_triggers(client, function, **parameters):
    return client.list_triggers_with_options(function, models.ListTriggersRequest(**parameters), {}, CALL_OPTIONS).body


def test_the_simulated_fc_lists_functions_and_triggers_by_pages(box, client_of):
    client = client_of(*box.user_credentials)
    first_page = list_functions(client, limit=1)
    second_page = list_functions(client, limit=1, next_token=first_page.next_token)
    assert [function.function_name for function in (*first_page.functions, *second_page.functions)] == [
        "album$resize",
        "thumbnails",
    ]
    assert not second_page.next_token
    [trigger] = list_triggers(client, "album$resize").triggers
    assert trigger.trigger_name == "on-upload"
    assert trigger.trigger_type == "oss"
    assert trigger.source_arn == TRIGGER["sourceArn"]
    assert json.loads(trigger.trigger_config) == TRIGGER["triggerConfig"]
    assert list_triggers(client, "thumbnails", limit=1).next_token


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda client: list_functions(client, limit=101), (400, "InvalidArgument")),
        *(
            (lambda client, token=token: list_functions(client, next_token=token), (400, "InvalidArgument"))
            for token in ("junk", "2")
        ),
        (lambda client: list_triggers(client, "thumbnails", next_token="junk"), (400, "InvalidArgument")),
        *(
            (lambda client, name=name: list_functions(client, **{name: "a"}), (400, "NotImplemented"))
            for name in ("prefix", "runtime")
        ),
        (lambda client: list_functions(client, tags=[models.Tag(key="a")]), (400, "NotImplemented")),
        (lambda client: list_triggers(client, "thumbnails", prefix="a"), (400, "NotImplemented")),
        (lambda client: list_triggers(client, "nobody"), (404, "FunctionNotFound")),
        (
            lambda client: client.get_function("thumbnails", models.GetFunctionRequest()),
            (404, "InvalidAction.NotFound"),
        ),
    ],
)
def test_the_simulated_fc_refuses_an_unsupported_or_wrong_parameter(box, client_of, catch_dara_error, call, refusal):
    client = client_of(*box.user_credentials)
    assert catch_dara_error(lambda: call(client)) == refusal


def test_the_simulated_fc_refuses_a_wrong_secret(box, client_of, catch_dara_error):
    client = client_of(box.user_credentials[0], "another")
    assert catch_dara_error(lambda: list_functions(client))[1] == "SignatureDoesNotMatch"


CALLS = {"fc:ListFunctions": list_functions, "fc:ListTriggers": lambda client: list_triggers(client, "thumbnails")}


@pytest.mark.parametrize(("granted_action", "denied_action"), [tuple(CALLS), tuple(CALLS)[::-1]])
def test_each_call_of_the_simulated_fc_needs_its_permission(
    client_of, ram_key, catch_dara_error, granted_action, denied_action
):
    client = client_of(*ram_key({"Effect": "Allow", "Action": [granted_action], "Resource": ["*"]}))
    CALLS[granted_action](client)
    assert catch_dara_error(lambda: CALLS[denied_action](client)) == (403, "AccessDenied")
