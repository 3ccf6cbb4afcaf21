"""A sandbox whose services and functions run in one process and in virtual time."""

from __future__ import annotations

import random
import uuid
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from oss2.auth import ProviderAuthV4

from sandbox.fc.instance import Instances
from sandbox.inprocess.instance import CallInstance, CallInstances
from sandbox.inprocess.platform import Executor, VirtualPlatform
from sandbox.sandbox import Sandbox
from sandbox.server.service import Platform

if TYPE_CHECKING:
    from typing_extensions import Self

_OSS2_ENCODE: Any = ProviderAuthV4._ProviderAuthV4__v4_uri_encode
_OSS2_DERIVE_KEY: Any = ProviderAuthV4._ProviderAuthV4__get_signing_key
_signing_keys: dict[tuple[str, ...], bytes] = {}
CODE = Path(__file__).parents[2] / "template" / "code"


@lru_cache(10_000)
def _encode_cached(text: str | bytes, ignores_slashes: bool) -> str:
    encoded_text: str = _OSS2_ENCODE(None, text, ignores_slashes)
    return encoded_text


def _derive_cached(signer: object, request: Any, credentials: Any, *date_arguments: str) -> bytes:
    day = (*date_arguments, request.headers.get("x-oss-date"))[0][:8]
    cache_key = (credentials.get_access_key_secret(), request.region, request.product, day)
    if cache_key not in _signing_keys:
        _signing_keys[cache_key] = _OSS2_DERIVE_KEY(signer, request, credentials, *date_arguments)
    return _signing_keys[cache_key]


class VirtualSandbox(Sandbox):
    """A sandbox in one process and in virtual time; all random draws, also of functions, depend on `seed`."""

    def __init__(self, *, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self._generator = random.Random(seed)
        self._patches = ExitStack()
        self._http.session.mount("https://", self.platform.network.make_adapter())

    def _make_platform(self, _: object) -> tuple[Platform, Instances]:
        self.platform = VirtualPlatform()
        return self.platform, CallInstances(self.platform)

    def open(self) -> None:
        self.__enter__()

    def close(self) -> None:
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        state = random.getstate()
        self._patches.callback(random.setstate, state)
        random.seed(self._generator.random())
        make_uuid = lambda: uuid.UUID(int=self._generator.getrandbits(128), version=4)  # noqa: E731
        self._patches.enter_context(patch("uuid.uuid4", make_uuid))
        code = "oss_oms_sync.clouds"
        for name, replacement in (
            (f"{code}.connection._SocketAdapter", self.platform.network.make_adapter),
            # Opening a connection takes no time.
            (f"{code}.connection.Thread", partial(SimpleNamespace, start=lambda: None)),
            (f"{code}.calls.ThreadPoolExecutor", partial(Executor, self.platform)),
            (f"{code}.calls.time", SimpleNamespace(monotonic=self.platform.loop.time)),
            ("oss2.auth.datetime", SimpleNamespace(utcnow=self.platform.utc_now)),
            # oss2's function encodes byte by byte, and would take a twentieth of the tests' time.
            ("oss2.auth.ProviderAuthV4._ProviderAuthV4__v4_uri_encode", lambda _, *text: _encode_cached(*text)),
            ("oss2.auth.ProviderAuthV4._ProviderAuthV4__get_signing_key", _derive_cached),
        ):
            self._patches.enter_context(patch(name, replacement))
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._patches:
            super().__exit__(kind, error, trace)

    def endpoints(self) -> dict[str, str]:
        """Return no addresses, because functions derive the clouds' host names from the regions."""
        return {}

    def advance(self, seconds: float) -> None:
        """Advance the time by `seconds`, and run all events until then."""
        self.platform.sleep(seconds)

    def instance(self, skew: float = 0, **environment: str) -> CallInstance:
        """Return a new instance of a function that receives no events; the caller calls its handlers."""
        identifier, secret, token = self.function_credentials
        role = {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": identifier,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": token,
            "FC_REGION": self.region,
        }
        setup = {
            "code": str(CODE),
            "region": self.region,
            "account_id": "1",
            "credentials": None,
            "function": {"name": "f", "timeout": 60},
        }
        return CallInstance(self.platform, setup, {**self.environment(), **role, **environment}, skew)
