"""The vendor's own client (alibabacloud-fc20230330) judges the simulated Function Compute's lists."""

import json

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions

from support.grants import ram_user

PATIENCE = RuntimeOptions(read_timeout=10_000, connect_timeout=10_000)
TRIGGER = {
    "triggerName": "on-upload",
    "triggerType": "oss",
    "sourceArn": "acs:oss:cn-hangzhou:1000000000000001:photos",
    "triggerConfig": {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "a/", "suffix": ""}}},
}


@pytest.fixture
def client_of(box):
    box.functions.others = {"album$resize": [TRIGGER], "thumbnails": [TRIGGER, {**TRIGGER, "triggerName": "second"}]}
    host = box.functions.endpoint.removeprefix("http://")
    return lambda key, secret: Client(
        Config(access_key_id=key, access_key_secret=secret, endpoint=host, protocol="http")
    )


def functions(client, **given):
    return client.list_functions_with_options(models.ListFunctionsRequest(**given), {}, PATIENCE).body


def triggers(client, function, **given):
    return client.list_triggers_with_options(function, models.ListTriggersRequest(**given), {}, PATIENCE).body


def test_functions_and_triggers_are_listed_page_by_page(box, client_of):
    client = client_of(*box.user_credentials)
    first = functions(client, limit=1)
    second = functions(client, limit=1, next_token=first.next_token)
    assert [one.function_name for one in (*first.functions, *second.functions)] == ["album$resize", "thumbnails"]
    assert not second.next_token
    [one] = triggers(client, "album$resize").triggers
    assert (one.trigger_name, one.trigger_type, one.source_arn) == ("on-upload", "oss", TRIGGER["sourceArn"])
    assert json.loads(one.trigger_config) == TRIGGER["triggerConfig"]
    assert triggers(client, "thumbnails", limit=1).next_token


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda client: functions(client, limit=101), (400, "InvalidArgument")),
        (lambda client: triggers(client, "nobody"), (404, "FunctionNotFound")),
        (
            lambda client: client.get_function("thumbnails", models.GetFunctionRequest()),
            (404, "InvalidAction.NotFound"),
        ),
    ],
)
def test_what_is_refused(box, client_of, call, refusal):
    with pytest.raises(DaraException) as caught:
        call(client_of(*box.user_credentials))
    assert (caught.value.status_code, caught.value.code) == refusal


def test_a_wrong_secret_is_refused(box, client_of):
    with pytest.raises(DaraException) as caught:
        functions(client_of(box.user_credentials[0], "another"))
    assert caught.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("right", ["fc:ListFunctions", "fc:ListTriggers"])
def test_each_call_needs_its_right(box, client_of, right):
    allowed = {"Effect": "Allow", "Action": [right], "Resource": ["*"]}
    client = client_of(*ram_user(box, {"Version": "1", "Statement": [allowed]}))
    refused = []
    for needed, call in (
        ("fc:ListFunctions", lambda: functions(client)),
        ("fc:ListTriggers", lambda: triggers(client, "thumbnails")),
    ):
        try:
            call()
        except DaraException as error:
            refused.append((needed, error.status_code, error.code))
    assert [one for one in refused if one[0] == right] == []
    assert [one[1:] for one in refused] == [(403, "AccessDenied")]
