"""What the system tests of status share."""

from __future__ import annotations

import pytest

from tools.render import render


@pytest.fixture
def project(box, tmp_path):
    """The rendered project in the sandbox."""
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    return box
