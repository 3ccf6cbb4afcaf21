"""Which language this machine speaks."""

from __future__ import annotations

import locale
import os


def usual() -> str:
    """ "zh" or "en", as the environment says, or else the system."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), None)
    known = named or locale.getlocale()[0] or ""
    return "zh" if known.lower().startswith(("zh", "chinese")) else "en"
