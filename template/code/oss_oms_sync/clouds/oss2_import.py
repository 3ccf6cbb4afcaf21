"""`oss2` without the most of it: it takes longer to import than all else together."""

from __future__ import annotations

import importlib
import sys
from threading import Lock, Thread
from types import ModuleType
from typing import Any


class _StubModule(ModuleType):
    """Stands for a module of which the names are imported, and nothing is used."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


_importing = Lock()


def import_oss2() -> Any:
    """The module `oss2`, without its client-side encryption: nobody here uses that, and it takes more than half of
    the time and memory of the import."""
    with _importing:
        if "oss2" not in sys.modules:
            unused = {name: _StubModule(name) for name in ("oss2.crypto", "oss2.crypto_bucket")}
            sys.modules.update(unused)
            try:
                importlib.import_module("oss2")
            finally:
                for name in unused:
                    del sys.modules[name]
    return sys.modules["oss2"]


def preload_oss2() -> None:
    """Imports `oss2` in the background, while OMS is waited for."""
    Thread(target=import_oss2, daemon=True).start()
