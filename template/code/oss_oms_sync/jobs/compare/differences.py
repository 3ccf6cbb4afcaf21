"""Lists of what differs, as the `--combined` report of `rclone check` writes it: a sign, a space, the key.

`+`: only in the source; `-`: only in the destination; `*`: in both, and differs; `!`: cannot be copied; `~`: not to be
judged yet, which rclone does not have. What is equal (`=`) is not listed. A key that begins with `"` or has control
characters is written as a JSON string.
"""

from __future__ import annotations

import json
import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def line(sign: str, key: str) -> str:
    """One line of a list, with its end."""
    is_plain = key[:1] != '"' and not _CONTROL.search(key)
    return f"{sign} {key if is_plain else json.dumps(key)}\n"
