"""The functions' entry points, which Function Compute calls; each runs one job, such as `forward` or `replay`.

Only this module handles the events and contexts of Function Compute. An entry point imports its own job only, because a
cold start compiles every imported module: the code folder contains no bytecode.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from oss_oms_sync import IMPORT_START, jsontext
from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.by_oss2 import preload_oss2
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import Connections
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Credentials, OssClient
from oss_oms_sync.errors import CredentialsError, OmsSyncError, SettingsError
from oss_oms_sync.settings import Settings

if TYPE_CHECKING:
    from oss_oms_sync.clouds.obs import ObsClient

_FINISHING_SECONDS = 0.5
# At a tenth of a core, importing takes 1.5 to 2.5 s; a longer time was a pause between import and invocation.
_MAX_IMPORT_SECONDS = 5.0
_DEFAULT_TIMEOUT_SECONDS = 60.0


log = logging.getLogger("oss_oms_sync")


class Context(Protocol):
    """The parts of Function Compute's context object that this project uses.

    Source: Function Compute, "Python: context". On python3.10 the object also has `credentials`; on python3.12 the
    credentials are in environment variables.
    """

    request_id: str
    # Has a `timeout`, in seconds.
    function: Any


def _make_handler(job: str) -> Callable[[bytes, Context], Any]:
    """Return the entry point that runs the job with this name.

    An entry point takes a timer event or the payload of a manual call. In addition, `forward` takes any payload of the
    OSS trigger, `replay` an event that `forward` finally failed to process, and `reconcile` and `compare` an event of
    the log bucket.

    The entry point raises OmsSyncError if Function Compute has to keep the event.
    """

    def handle(event: bytes, context: Context) -> object:
        run = import_module(f"oss_oms_sync.jobs.{job}").run
        _formatter.bind(job, context)
        try:
            invocation = _instance().invocation(context)
            if isinstance(invocation.credentials, CredentialsError):
                # Raise before any submission: without credentials, an acceptance by OMS could not be recorded.
                raise invocation.credentials
            return run(event, invocation)
        except OmsSyncError as error:
            log.error({"error": type(error).__name__, "message": str(error)})  # noqa: TRY400
            raise

    return handle


# The entry point of `forward` has the usual name of a handler.
handler, replay_handler, reconcile_handler, compare_handler, certify_handler, status_handler = map(
    _make_handler, ("forward", "replay", "reconcile", "compare", "certify", "status")
)


def doctor_handler(event: bytes, context: Context) -> dict[str, object]:
    """Run the job `doctor`, which gets the SettingsError instead of an Invocation if the settings are invalid."""
    from oss_oms_sync.jobs import doctor

    _formatter.bind("doctor", context)
    invocation: Invocation | SettingsError
    try:
        invocation = _instance().invocation(context)
    except SettingsError as error:
        invocation = error
    return doctor.run(event, invocation)


class _Instance:
    """Objects that live as long as the function's instance: settings, connections and threads."""

    def __init__(self) -> None:
        self.settings = Settings.from_env(os.environ)
        log.setLevel(self.settings.log_level)
        self.clock, self.pool = Clock(), CallPool()
        oms, oss = (Connections(url, self.clock) for url in (self.settings.task.url, self.settings.oss_endpoint))
        self.oms = OmsClient(self.settings, oms, self.pool, self.clock)
        self.oss = OssClient(self.settings, oss, self.pool, self.clock)
        # Connections and imports are prepared in parallel, because the first calls wait for them.
        self.oss.connect_ahead()
        oms.connect_ahead(self.settings.task.url)
        preload_oss2()

    def invocation(self, context: Context) -> Invocation:
        """Return the resources of an invocation, with the current credentials of the function's role, which expire."""
        deadline = _make_deadline(context, self.clock)
        return Invocation(
            self.settings, self.oms, self.oss, _read_credentials(context), deadline, self.clock, lambda: self.obs
        )

    @functools.cached_property
    def obs(self) -> ObsClient:
        from oss_oms_sync.clouds.obs import ObsClient

        return ObsClient(self.settings, self.pool, self.clock)


# An exception is not cached: the next invocation reports the invalid settings again.
_instance = functools.cache(_Instance)


def _read_credentials(context: Context) -> Credentials | CredentialsError:
    """Return the temporary credentials of the function's role, or the error to report if the function has no role.

    On python3.10 the context has them, on python3.12 environment variables.
    """
    role = getattr(context, "credentials", None)
    names = ("access_key_id", "access_key_secret", "security_token")
    if role is not None:
        values = [getattr(role, name) for name in names]
    else:
        values = [os.environ.get(f"ALIBABA_CLOUD_{name.upper()}") for name in names]
    if not all(values):
        return CredentialsError(
            "The function has no role, so it cannot write records: set `role` in s.yaml to a role with"
            " oss:PutObject on oms_source_record/* of the log bucket, and deploy again"
        )
    return Credentials(*map(str, values))


def _make_deadline(context: Context, clock: Clock) -> Deadline:
    """Return the time by which the job must return, shortly before Function Compute ends the invocation."""
    timeout = getattr(getattr(context, "function", None), "timeout", None) or _DEFAULT_TIMEOUT_SECONDS
    return Deadline(float(timeout) - _FINISHING_SECONDS - next(_import_seconds, 0.0), clock)


def _measure_import() -> Iterator[float]:
    """Yield one value, the number of seconds that the import of this module took.

    Function Compute imports the module within the first invocation, and counts this time against the invocation's
    timeout.
    """
    yield min(time.monotonic() - IMPORT_START, _MAX_IMPORT_SECONDS)


_import_seconds = _measure_import()


class _JsonLines(logging.Formatter):
    # Characters outside ASCII that some readers treat as line ends; JSON escapes those in ASCII.
    _LINE_ENDS = str.maketrans({end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"})

    def __init__(self) -> None:
        super().__init__()
        self._invocation_fields: dict[str, str] = {}

    def bind(self, job: str, context: Context) -> None:
        """Add the name of the job and the id of the request to every later line."""
        self._invocation_fields = {"request_id": getattr(context, "request_id", ""), "job": job}

    def format(self, record: logging.LogRecord) -> str:
        """Format a log record as one line: a UTC time to the millisecond, a space, then JSON.

        Simple Log Service starts a new record at a line that begins with a date, and appends any other line to the
        record before it (Function Compute, LogConfig: logBeginRule "DefaultRegex", which `logConfig: auto` deploys).
        """
        fields = record.msg if isinstance(record.msg, dict) else {"message": record.getMessage()}
        line = jsontext.dump({"level": record.levelname, **self._invocation_fields, **fields}).decode()
        line_time = datetime.fromtimestamp(record.created, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        return f"{line_time}Z {line.translate(self._LINE_ENDS)}"


def _log_to_stdout() -> _JsonLines:
    formatter = _JsonLines()
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(formatter)
    log.handlers, log.propagate = [output], False
    for library in ("oss2", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return formatter


_formatter = _log_to_stdout()
