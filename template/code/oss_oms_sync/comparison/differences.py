"""Lists of what differs, as the `--combined` report of `rclone check` writes it: a sign, a space, the key.

`+`: only in the source; `-`: only in the destination; `*`: in both, and differs; `!`: cannot be copied; `~`: not to be
judged yet, which rclone does not have. What is equal (`=`) is not listed. A key that begins with `"` or has control
characters is written as a JSON string.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def line(sign: str, key: str) -> str:
    """One line of a list, with its end."""
    is_plain = key[:1] != '"' and not _CONTROL.search(key)
    return f"{sign} {key if is_plain else json.dumps(key)}\n"


def key_of(text: str) -> str:
    """The key of a line, without its end."""
    key = text[2:]
    return str(json.loads(key)) if key[:1] == '"' else key


def keep(invocation: Invocation, prefix: str, lines: Sequence[str]) -> str:
    """Write a list as an object of the log bucket under `prefix`; return its name, a new one each time: two workers of
    one range do not write each other's.

    Raises StorageError.
    """
    name = f"{prefix}{uuid.uuid4().hex}.txt"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    invocation.log_bucket.put(StoredObject(name, "".join(lines).encode(), headers))
    return name
