"""The total of a pass in the sandbox's log bucket, as if it had been another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox import Sandbox


def change_total(box: Sandbox, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes what the only pass that has ended wrote about itself."""
    stored = box.oss.objects(box.log_bucket)
    (name,) = (name for name in stored if "/passes/" in name and name.endswith("/total"))
    total = json.loads(stored[name].data)
    change(total)
    box.oss.put(box.log_bucket, name, json.dumps(total).encode())
