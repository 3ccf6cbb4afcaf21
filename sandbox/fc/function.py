"""A function of Function Compute: its code and settings, and the environment of its instances."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.account import ACCOUNT_ID
from sandbox.fc.instance import Instance
from sandbox.runtimes import Runtime

_MAX_ENVIRONMENT_BYTES = 4 * 1024
_PATH = "/usr/local/bin:/usr/bin:/bin"


class Credentials(NamedTuple):
    """A temporary access key of the function's role."""

    access_key_id: str
    access_key_secret: str
    security_token: str


@dataclass(eq=False)
class Function:
    """A function with its settings and its idle instances; `slots` limits the number of events in progress."""

    name: str
    code: Path
    handler: str
    runtime: Runtime
    environment: dict[str, str]
    timeout: float
    credentials: Credentials
    max_retries: int
    retry_delay: float
    on_failure: str | None
    slots: asyncio.Semaphore
    idle_instances: list[Instance] = field(default_factory=list)

    @property
    def _has_context_credentials(self) -> bool:
        """True if the handler's context has the credentials, as in python3.10, and not the environment."""
        return self.runtime.name == "python3.10"

    def make_setup(self, region: str) -> dict[str, Any]:
        credentials = self.credentials._asdict() if self._has_context_credentials else None
        return {
            "code": str(self.code),
            "region": region,
            "account_id": ACCOUNT_ID,
            "credentials": credentials,
            "function": {
                "name": self.name,
                "handler": self.handler,
                "memory": 512,
                "timeout": self.timeout,
                "version_id": "LATEST",
                "qualifier": "LATEST",
            },
        }

    def make_environment(self, region: str) -> dict[str, str]:
        environment = {
            "PATH": _PATH,
            "PYTHONDONTWRITEBYTECODE": "1",  # the code folder is read-only in FC
            **self.environment,
            "FC_FUNCTION_NAME": self.name,
            "FC_FUNCTION_HANDLER": self.handler,
            "FC_REGION": region,
            "FC_ACCOUNT_ID": ACCOUNT_ID,
            "FC_INSTANCE_ID": f"c-{uuid.uuid4().hex[:16]}",
        }
        if not self._has_context_credentials:
            environment["ALIBABA_CLOUD_ACCESS_KEY_ID"] = self.credentials.access_key_id
            environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = self.credentials.access_key_secret
            environment["ALIBABA_CLOUD_SECURITY_TOKEN"] = self.credentials.security_token
        return environment


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise ValueError if Function Compute refuses these environment variables."""
    if any(name.startswith("FC_") for name in environment):
        raise ValueError("names that begin with FC_ are reserved")
    if not all(isinstance(value, str) for value in environment.values()):
        raise ValueError("environment values must be strings")
    if sum(len(name.encode()) + len(value.encode()) for name, value in environment.items()) > _MAX_ENVIRONMENT_BYTES:
        raise ValueError("a function's environment holds at most 4 KB")
