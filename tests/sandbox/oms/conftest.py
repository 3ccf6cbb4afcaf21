"""Addresses of OMS, and its vendor's client."""

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkoms import v2


@pytest.fixture
def task_url(box):
    """The address of the sandbox's task, with what follows it."""
    return lambda tail: box.task.sync_url.removesuffix("/events") + tail


@pytest.fixture
def client(box, monkeypatch):
    """Over sockets. It heeds this machine's proxy, unless NO_PROXY names loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    config = HttpConfig.get_default_config()
    config.timeout = 10
    credentials = BasicCredentials(*box.huawei_credentials, box.project_id)
    builder = v2.OmsClient.new_builder().with_credentials(credentials).with_http_config(config)
    return builder.with_endpoint(box.oms.endpoint).build()
