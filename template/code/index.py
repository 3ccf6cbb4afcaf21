"""The doors: what Function Compute calls. Nothing else here knows Function Compute."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import oss2
import requests

from oss_oms_sync import jsontext
from oss_oms_sync.bucket import Bucket
from oss_oms_sync.connection import KeptAlive, Lanes
from oss_oms_sync.errors import CredentialsError, OmsSyncError
from oss_oms_sync.oms import OmsClient
from oss_oms_sync.replay import replay
from oss_oms_sync.retry import Clock, Deadline
from oss_oms_sync.settings import Settings
from oss_oms_sync.sync import sync

# To return or raise before Function Compute ends the invocation.
_FINISHING_SECONDS = 0.5
_USUAL_TIMEOUT = 60.0


log = logging.getLogger("oss_oms_sync")


T = TypeVar("T")


def handler(event: bytes, context: Any) -> bool:
    """Function `sync`. `event` is any payload of the OSS trigger; True: all keys accepted, False: some recorded as
    failed, an exception: Function Compute is to keep the event."""
    return _run(sync, event, context)


def replay_handler(event: bytes, context: Any) -> dict[str, object]:
    """Function `replay`. `event` is a timer's, a payload by hand, or what `sync` failed with for good."""
    return _run(replay, event, context)


def _run(job: Callable[[bytes, Settings, OmsClient, Bucket, Deadline, Clock], T], event: bytes, context: Any) -> T:
    """Runs one job on this instance's clients and this invocation's credentials."""
    _lines.request_id = getattr(context, "request_id", "")
    try:
        instance = _instance()
        log_bucket = instance.log_bucket(context)
        deadline = Deadline(_timeout(context) - _FINISHING_SECONDS, instance.clock)
        return job(event, instance.settings, instance.oms, log_bucket, deadline, instance.clock)
    except OmsSyncError as error:
        log.error({"job": job.__name__, "error": type(error).__name__, "message": str(error)})  # noqa: TRY400
        raise


class _Instance:
    """What lives as long as the instance: settings, connections, threads."""

    def __init__(self) -> None:
        self.settings = Settings.from_env(os.environ)
        log.setLevel(self.settings.log_level)
        self.clock = Clock()
        self._lanes = Lanes()
        self.oms = OmsClient(self.settings, requests.Session(), self._lanes, self.clock)
        session = oss2.Session()
        self._oss = KeptAlive(session, session.session, self.clock)

    def log_bucket(self, context: Any) -> Bucket:
        """The log bucket with this invocation's credentials: they expire, so they are never kept."""
        name = self.settings.log_bucket
        return Bucket(name, "LOG_BUCKET", self.settings, _auth(context), self._oss, self._lanes, self.clock)


# Not kept when it raises: the next invocation says again what is wrong with the settings.
_instance = functools.cache(_Instance)


def _auth(context: Any) -> oss2.StsAuth:
    """The role's temporary credentials: python3.10 has them in the context, python3.12 in the environment."""
    given = getattr(context, "credentials", None)
    names = ("access_key_id", "access_key_secret", "security_token")
    if given is not None:
        parts = [getattr(given, name) for name in names]
    else:
        parts = [os.environ.get(f"ALIBABA_CLOUD_{name.upper()}") for name in names]
    if not all(parts):
        raise CredentialsError(
            "The function has no role, so it cannot write records: set `role` in s.yaml to one that may"
            " oss:PutObject on oms_source_record/* of the log bucket, and deploy again"
        )
    return oss2.StsAuth(*parts, auth_version="v4")


def _timeout(context: Any) -> float:
    return float(getattr(getattr(context, "function", None), "timeout", None) or _USUAL_TIMEOUT)


class _JsonLines(logging.Formatter):
    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, also for characters that UTF-8 cannot carry."""
        said = record.msg if isinstance(record.msg, dict) else {"message": record.getMessage()}
        line = {"level": record.levelname, "request_id": self.request_id, **said}
        return jsontext.dump(line).decode()


def _log_to_stdout() -> _JsonLines:
    """Sends the project's own lines to standard output, which Function Compute stores, and hushes the libraries."""
    formatter = _JsonLines()
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(formatter)
    log.handlers, log.propagate = [lines], False
    for library in ("oss2", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return formatter


_lines = _log_to_stdout()
