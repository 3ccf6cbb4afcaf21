"""Settings of the functions: one error reports all problems with their remedies, and shows no secret."""

from __future__ import annotations

import re
from datetime import timedelta
from operator import attrgetter

import pytest

from oss_oms_sync.errors import SettingsError
from oss_oms_sync.settings import Settings
from support.world import ENVIRONMENT, TASK

URL = ENVIRONMENT["SYNC_URL"]


def find_problems(**changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({**ENVIRONMENT, **changes})
    assert "\n" not in str(raised.value)
    return raised.value.problems


def test_the_settings_in_the_users_guide_suffice_for_the_functions():
    guide = {name: ENVIRONMENT[name] for name in ("SYNC_URL", "HW_AK", "HW_SK", "LOG_BUCKET")}
    settings = Settings.from_env({**guide, "OSS_ENDPOINT": "oss-cn-shenzhen-internal.aliyuncs.com"})
    oss = settings.oss_endpoint, settings.oss_region
    assert oss == ("https://oss-cn-shenzhen-internal.aliyuncs.com", "cn-shenzhen")
    read = settings.task.task_id, settings.source_bucket, settings.key_filter.prefix, settings.key_encoding
    assert read == (TASK, "", "", "url")


SK = ENVIRONMENT["HW_SK"]
HOST = "https://oms.cn-north-4.myhuaweicloud.com"
UNSET = {
    "oss_endpoint": "https://oss-cn-hangzhou-internal.aliyuncs.com",
    "oss_region": "cn-hangzhou",
    "project": "oss-oms-sync",
    "lanes": 32,
    "piece_seconds": 120,
    "reconcile_period": timedelta(days=1),
    "obs_endpoint": "",
}
BEIJING = {"oss_endpoint": "https://oss-cn-beijing.aliyuncs.com", "oss_region": "cn-beijing"}
# Values of settings, and the settings read from them.
READ = [
    ({}, UNSET),
    ({"HW_SK": f"{SK}\n", "SYNC_URL": f" {URL}\n"}, {"hw_sk": SK, "task.url": URL}),
    ({"OSS_ENDPOINT": "HTTPS://oss-cn-beijing.aliyuncs.com/"}, BEIJING),
    ({"OBJECT_PREFIX": "my photos / "}, {"key_filter.prefix": "my photos / "}),
    *[
        ({"SYNC_URL": URL.replace(TASK, task)}, {"task.task_id": task})
        for task in ("1", "0123456789abcdef0123456789abcdef", TASK, "a.b~c_d-e")
    ],
    *[
        ({"SYNC_URL": URL.replace(HOST, f"http://{host}")}, {"task.url": URL.replace(HOST, f"http://{host}")})
        for host in ("127.0.0.1:8080", "localhost:1", "[::1]:99", "127.9.9.9")
    ],
    ({"LOG_LEVEL": "debug", "OMS_KEY_ENCODING": "RAW"}, {"log_level": "DEBUG", "key_encoding": "raw"}),
    ({"ALERT_LANGUAGE": "ZH"}, {"alert_language": "zh"}),
    ({"RECONCILE_PERIOD": "90m"}, {"reconcile_period": timedelta(minutes=90)}),
    ({"RECONCILE_PERIOD": "12H"}, {"reconcile_period": timedelta(hours=12)}),
    ({"RECONCILE_PERIOD": "30d"}, {"reconcile_period": timedelta(days=30)}),
    *[
        ({f"{job.upper()}_PERIOD": "Off"}, {f"{job}_period": None})
        for job in ("replay", "reconcile", "compare", "status")
    ],
    ({"PROJECT": "photos-sync_2", "LANES": "1", "PIECE_SECONDS": "10"}, {"project": "photos-sync_2", "lanes": 1}),
    ({"LANES": "64", "PIECE_SECONDS": "300"}, {"lanes": 64, "piece_seconds": 300.0}),
    ({"LANES": " 8 ", "PIECE_SECONDS": "22.5"}, {"lanes": 8, "piece_seconds": 22.5}),
    *[
        ({"OBS_ENDPOINT": address}, {"obs_endpoint": endpoint})
        for address, endpoint in [
            ("obs.cn-north-4.myhuaweicloud.com", "https://obs.cn-north-4.myhuaweicloud.com"),
            ("HTTPS://obs.example.com:8443/", "https://obs.example.com:8443"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ]
    ],
]


@pytest.mark.parametrize(("environment", "read"), READ)
def test_from_env_reads_each_common_form_of_a_setting(environment, read):
    settings = Settings.from_env({**ENVIRONMENT, **environment})
    assert {name: attrgetter(name)(settings) for name in read} == read


@pytest.mark.parametrize(
    ("url", "case"),
    [
        ("", "is empty"),
        (URL + "/", 'ends with "/"'),
        (URL + "?a=1", '"?"'),
        (URL + "?", '"?"'),
        (URL + "#x", '"#"'),
        (URL.replace("/events", ""), "path"),
        (URL.replace("/v2/", "/v1/"), "path"),
        (URL.replace("https:", "http:"), "https://"),
        (URL.replace("https://", ""), "host"),
        (URL.replace("https:", "ftp:"), "https://"),
        (URL.replace("https://", "https://me:word@"), "user name"),
        (URL.replace("oms.cn", "oms cn"), "space"),
        (URL.replace("oms.cn", "oms。cn"), "ASCII"),
        ("https://[::1/v2", "is not a URL"),
        (URL.replace(".com/", ".com:99999/"), "is not a URL"),
        (URL.replace("cn-north-4", "<region>"), "invalid host name"),
        (URL.replace("oms.cn", "oms..cn"), "invalid host name"),
        (URL.replace("oms.cn-north-4.myhuaweicloud.com", "h\\x"), "invalid host name"),
        (URL.replace("oms.cn-north-4.myhuaweicloud.com", "..."), "invalid host name"),
        (URL.replace(TASK, ".."), "names an invalid project or task"),
    ],
)
def test_the_error_about_a_malformed_sync_url_shows_an_example(url, case):
    (problem,) = find_problems(SYNC_URL=url)
    assert re.match("SYNC_URL .*OMS console.*/v2/<project id>/sync-tasks/<task id>/events", problem)
    assert case in problem
    assert "word" not in problem


@pytest.mark.parametrize("name", ["SYNC_URL", "HW_AK", "HW_SK", "LOG_BUCKET"])
@pytest.mark.parametrize("value", ["", "  ", None])
def test_the_error_about_an_empty_setting_names_the_setting(name, value):
    environment = {**ENVIRONMENT, name: value}
    with pytest.raises(SettingsError, match=f"^{name} is empty"):
        Settings.from_env({key: value for key, value in environment.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"HW_SK": "two words"}, "HW_SK"),
        ({"HW_AK": "密钥"}, "HW_AK"),
        ({"HW_SECURITY_TOKEN": "a\tb"}, "HW_SECURITY_TOKEN"),
        ({"LOG_BUCKET": "oss://photos-log"}, "LOG_BUCKET"),
        ({"LOG_BUCKET": "UPPER"}, "LOG_BUCKET"),
        ({"SOURCE_BUCKET": "-x-"}, "SOURCE_BUCKET"),
        ({"LOG_BUCKET": "photos"}, "LOG_BUCKET"),
        ({"OSS_ENDPOINT": "http://oss-cn-hangzhou.aliyuncs.com"}, "OSS_ENDPOINT"),
        ({"OSS_ENDPOINT": "https://oss-cn-hangzhou.aliyuncs.com/bucket"}, "OSS_ENDPOINT"),
        ({"OSS_ENDPOINT": "", "FC_REGION": ""}, "OSS_ENDPOINT"),
        ({"OSS_ENDPOINT": "https://photos-oms-log.oss-cn-hangzhou-internal.aliyuncs.com"}, "OSS_ENDPOINT"),
        ({"OSS_ENDPOINT": "oss-internal.aliyuncs.com", "FC_REGION": ""}, "OSS_ENDPOINT"),
        ({"OBS_ENDPOINT": "http://obs.cn-north-4.myhuaweicloud.com"}, "OBS_ENDPOINT"),
        ({"OBS_ENDPOINT": "https://obs.cn-north-4.myhuaweicloud.com/photos-obs"}, "OBS_ENDPOINT"),
        ({"OBS_ENDPOINT": "https://photos-obs.obs.cn-north-4.myhuaweicloud.com"}, "OBS_ENDPOINT"),
        ({"OBS_ENDPOINT": "https://obs.<region>.myhuaweicloud.com"}, "OBS_ENDPOINT"),
        ({"OMS_RATE": "fast"}, "OMS_RATE"),
        ({"OMS_RATE": "0"}, "OMS_RATE"),
        ({"OMS_RATE": "nan"}, "OMS_RATE"),
        ({"OSS_ENDPOINT": "https://oss-accelerate.aliyuncs.com", "FC_REGION": ""}, "OSS_ENDPOINT"),
        ({"OSS_ENDPOINT": "https://oss-accelerate-overseas.aliyuncs.com", "FC_REGION": ""}, "OSS_ENDPOINT"),
        ({"OMS_KEY_ENCODING": "base64"}, "OMS_KEY_ENCODING"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"RECONCILE_PERIOD": "daily"}, "RECONCILE_PERIOD"),
        ({"RECONCILE_PERIOD": "0d"}, "RECONCILE_PERIOD"),
        ({"RECONCILE_PERIOD": "31d"}, "RECONCILE_PERIOD"),
        ({"PROJECT": "photos/sync"}, "PROJECT"),
        ({"PROJECT": "照片"}, "PROJECT"),
        ({"PROJECT": "a" * 65}, "PROJECT"),
        ({"LANES": "0"}, "LANES"),
        ({"LANES": "65"}, "LANES"),
        ({"LANES": "1.5"}, "LANES"),
        ({"LANES": "many"}, "LANES"),
        ({"PIECE_SECONDS": "9.9"}, "PIECE_SECONDS"),
        ({"PIECE_SECONDS": "301"}, "PIECE_SECONDS"),
        ({"PIECE_SECONDS": "2m"}, "PIECE_SECONDS"),
        *(
            ({name: f"a{control}b"}, name)
            for name in ("OBJECT_PREFIX", "OBJECT_SUFFIX")
            for control in "\0\t\n\r\x1b\x7f\x85\x9b\u2028\u2029"
        ),
    ],
)
def test_the_error_about_an_unusable_value_names_its_setting(changes, name):
    (problem,) = find_problems(**changes)
    assert problem.startswith(f"{name} ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"OMS_RATE": "0"}, "OMS_RATE is '0'. Set it to calls a second, 0.01 to 1000, or remove it (20)"),
        ({"LANES": "65"}, "LANES is '65'. Set it to a whole number of ranges, 1 to 64, or remove it (32)"),
        ({"ALERT_LANGUAGE": "fr"}, "ALERT_LANGUAGE is 'fr'. Set it to one of en, zh, or remove it (en)"),
        ({"PIECE_SECONDS": "5"}, "PIECE_SECONDS is '5'. Set it to seconds, 10 to 300, or remove it (120)"),
        (
            {"OBJECT_PREFIX": "/photos/"},
            "OBJECT_PREFIX is '/photos/', but no object key begins with \"/\". Set it to 'photos/'",
        ),
        (
            {"OBJECT_PREFIX": "/"},
            "OBJECT_PREFIX is '/', but no object key begins with \"/\". Set it to '', which means all objects",
        ),
        (
            {"PROJECT": "a b"},
            "PROJECT is 'a b'. Set it to the name of the function forward, up to 64 letters, digits, - and _ such as"
            " oss-oms-sync",
        ),
    ],
)
def test_the_error_about_an_unusable_value_shows_usable_values(changes, expected):
    assert find_problems(**changes) == (expected,)


def test_from_env_reports_all_unusable_settings_together():
    assert [problem.split()[0] for problem in find_problems(SYNC_URL="", HW_AK="", LOG_LEVEL="x")] == [
        "SYNC_URL",
        "HW_AK",
        "LOG_LEVEL",
    ]


def test_the_settings_show_no_secret_in_their_repr_or_in_errors():
    settings = Settings.from_env({**ENVIRONMENT, "HW_SECURITY_TOKEN": "FAKETOKEN"})
    for secret in (ENVIRONMENT["HW_AK"], ENVIRONMENT["HW_SK"], "FAKETOKEN"):
        assert secret not in repr(settings)
    assert "sécret" not in " ".join(find_problems(HW_SK="sécret"))


@pytest.mark.parametrize(
    "url",
    [
        "https://oapi.dingtalk.com/robot/send?access_token=fedcba9876543210",
        "https://hooks.slack.com/services/T0/B0/fedcba9876543210",
        "https://alerts.example.com:8443/x?y=%20&z",
        "http://127.0.0.1:8080/hook?key=1",
        "http://localhost/",
        "",
    ],
)
def test_from_env_accepts_the_address_of_a_webhook_with_a_query(url):
    settings = Settings.from_env({**ENVIRONMENT, "ALERT_WEBHOOK": f" {url}\n"})
    assert settings.alert_webhook == url
    assert "fedcba9876543210" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://oapi.dingtalk.com/robot/send?access_token=S3CRET", "does not start with https://"),
        ("http://10.0.0.1/S3CRET", "does not start with https://"),
        ("https://me:S3CRET@hook.example.com/", "contains a user name"),
        ("https://hook.example.com/#S3CRET", 'contains a "#"'),
        ("https://hook.example.com/S3CRET S3CRET", "contains a space"),
        ("https://hook/S3CRET", "has an invalid host name"),
        ("https://[2001:db8::1]/S3CRET", "has an invalid host name"),
        ("ftp://hook.example.com/S3CRET", "does not start with https://"),
        ("oapi.dingtalk.com/robot/S3CRET", "names no host"),
        ("https://[S3CRET", "is not a URL"),
    ],
)
def test_the_error_about_an_invalid_webhook_does_not_show_its_address(url, expected):
    (problem,) = find_problems(ALERT_WEBHOOK=url)
    assert problem.startswith(f"ALERT_WEBHOOK {expected}")
    assert "S3CRET" not in problem


def test_the_settings_treat_the_parts_of_a_webhooks_address_as_secrets():
    token = "0123456789abcdeffedcba9876543210"
    for url in (f"https://open.feishu.cn/open-apis/bot/v2/hook/{token}", f"https://x.example.com/a?b=1&key={token}"):
        settings = Settings.from_env({**ENVIRONMENT, "ALERT_WEBHOOK": url})
        assert {url, token} <= set(settings.secrets)
        assert not {"a", "b", "1", "hook", "open-apis", "bot"} & set(settings.secrets)
