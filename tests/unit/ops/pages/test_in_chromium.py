"""Pages as a browser shows them."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

import pytest

from support.web_page import EXAMPLES, NASTY, answer, page_of
from tests.unit.ops.pages.test_pages import hostile, huge
from tools import chromium

pytestmark = pytest.mark.xdist_group("chromium")
