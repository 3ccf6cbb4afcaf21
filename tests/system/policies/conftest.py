"""What the tests of policies share."""

import pytest

from tools.render import render


@pytest.fixture
def project(box, tmp_path):
    """The folder of the rendered project, which is deployed."""
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path, retry_delay=0.001)
    return tmp_path
