"""The vendor's client, alibabacloud-fc20230330, as an independent judge of Function Compute's lists."""

import json

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

PATIENCE = RuntimeOptions(read_timeout=10_000, connect_timeout=10_000)
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


def functions(client, **parameters):
    return client.list_functions_with_options(models.ListFunctionsRequest(**parameters), {}, PATIENCE).body


def triggers(client, function, **parameters):
    return client.list_triggers_with_options(function, models.ListTriggersRequest(**parameters), {}, PATIENCE).body


def test_functions_and_triggers_are_listed_page_by_page(box, client_of):
    client = client_of(*box.user_credentials)
    first = functions(client, limit=1)
    second = functions(client, limit=1, next_token=first.next_token)
    assert [function.function_name for function in (*first.functions, *second.functions)] == [
        "album$resize",
        "thumbnails",
    ]
    assert not second.next_token
    [trigger] = triggers(client, "album$resize").triggers
    assert trigger.trigger_name == "on-upload"
    assert trigger.trigger_type == "oss"
    assert trigger.source_arn == TRIGGER["sourceArn"]
    assert json.loads(trigger.trigger_config) == TRIGGER["triggerConfig"]
    assert triggers(client, "thumbnails", limit=1).next_token


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda client: functions(client, limit=101), (400, "InvalidArgument")),
        *(
            (lambda client, token=token: functions(client, next_token=token), (400, "InvalidArgument"))
            for token in ("junk", "2")
        ),
        (lambda client: triggers(client, "thumbnails", next_token="junk"), (400, "InvalidArgument")),
        *(
            (lambda client, name=name: functions(client, **{name: "a"}), (400, "NotImplemented"))
            for name in ("prefix", "runtime")
        ),
        (lambda client: functions(client, tags=[models.Tag(key="a")]), (400, "NotImplemented")),
        (lambda client: triggers(client, "thumbnails", prefix="a"), (400, "NotImplemented")),
        (lambda client: triggers(client, "nobody"), (404, "FunctionNotFound")),
        (
            lambda client: client.get_function("thumbnails", models.GetFunctionRequest()),
            (404, "InvalidAction.NotFound"),
        ),
    ],
)
def test_an_unsupported_or_wrong_parameter_is_refused(box, client_of, dara_refused, call, refusal):
    client = client_of(*box.user_credentials)
    assert dara_refused(lambda: call(client)) == refusal


def test_a_wrong_secret_is_refused(box, client_of, dara_refused):
    client = client_of(box.user_credentials[0], "another")
    assert dara_refused(lambda: functions(client))[1] == "SignatureDoesNotMatch"


CALLS = {"fc:ListFunctions": functions, "fc:ListTriggers": lambda client: triggers(client, "thumbnails")}


@pytest.mark.parametrize(("right", "other"), [tuple(CALLS), tuple(CALLS)[::-1]])
def test_each_call_needs_its_permission(client_of, ram_key, dara_refused, right, other):
    client = client_of(*ram_key({"Effect": "Allow", "Action": [right], "Resource": ["*"]}))
    CALLS[right](client)
    assert dara_refused(lambda: CALLS[other](client)) == (403, "AccessDenied")
