"""The import of `oss2`, shortened: in full it takes longer than everything else together."""

from __future__ import annotations

import importlib
import sys
from threading import Lock, Thread
from types import ModuleType
from typing import Any


class _StubModule(ModuleType):
    """A stand-in for a module whose names are imported but never used."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


_importing = Lock()


def import_oss2() -> Any:
    """Import `oss2` without its client-side encryption, which is not used here, and takes more than half of the time
    and memory of the import."""
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
    """Import `oss2` in the background, while OMS is being called."""
    Thread(target=import_oss2, daemon=True).start()
