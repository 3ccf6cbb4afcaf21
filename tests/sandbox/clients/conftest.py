"""Fixtures that create clients of the vendors' SDKs for the simulated clouds."""

import alibabacloud_oss_v2 as oss
import pytest
from darabonba.exceptions import DaraException

from support.names import esdk_client


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Keep clients from using this machine's proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def catch_dara_error():
    """Return a function that makes a call of an Alibaba SDK built on Dara, and returns the error's status and code."""

    def catch(call):
        with pytest.raises(DaraException) as error_info:
            call()
        return error_info.value.status_code, error_info.value.code

    return catch


@pytest.fixture
def v2(box):
    """Return a client of alibabacloud-oss-v2 that does not retry."""
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(*box.user_credentials)
    config.region, config.endpoint, config.use_path_style = box.region, box.oss.endpoint, True
    config.retry_max_attempts = 1
    return oss.Client(config)


@pytest.fixture
def obs(box, monkeypatch):
    """Return a client of esdk-obs-python that does not retry."""
    with esdk_client(box, monkeypatch) as client:
        yield client
