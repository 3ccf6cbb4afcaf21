"""What the tests of policies share."""

import pytest


@pytest.fixture
def project(deploy, tmp_path):
    """The folder of the rendered project, which is deployed."""
    deploy(retry_delay=0.001)
    return tmp_path
