"""A fixture with the deployed project, for the tests of policies."""

import pytest


@pytest.fixture
def project(deploy, tmp_path):
    """Deploy the rendered project and return its folder."""
    deploy(retry_delay=0.001)
    return tmp_path
