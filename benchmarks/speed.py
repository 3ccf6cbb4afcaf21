"""The function against the vendor's way (`baseline.py`), in time, CPU, memory and calls: ratios taken in one run.

Prints a verdict for each target; exit code 0 only when all hold.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from sandbox.certificate import make_certificate

ROOT = Path(__file__).resolve().parent.parent
CLIENT = Path(__file__).with_name("client.py")
LIBRARIES = ROOT / ".runtimes" / "python3.12"
ROUNDS = 5
WARM_EVENTS = 40
OURS, BASELINE = "index", "baseline"


@dataclass(frozen=True)
class Target:
    """A measure and the most it may be."""

    name: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


class Field:
    """One network, and the processes that run in it."""

    def __init__(self, folder: Path, milliseconds: int, tls: bool) -> None:
        self._folder = folder
        self._scheme = "https" if tls else "http"
        self._bundle = folder / "bundle.pem"
        arguments = [str(milliseconds)]
        if tls:
            certificate = make_certificate(folder)
            arguments.append(str(certificate))
            # What every client trusts, and this one: where requests looks for it by itself, which is the fastest way.
            self._bundle.write_bytes((LIBRARIES / "certifi" / "cacert.pem").read_bytes() + certificate.read_bytes())
            for kind in ("plain", "compiled"):
                shutil.copytree(LIBRARIES / "certifi", folder / kind / "certifi")
                shutil.copy(self._bundle, folder / kind / "certifi" / "cacert.pem")
        self._network = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.network", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._network.stdout
        self.oms, self.oss = json.loads(self._network.stdout.readline())

    def close(self) -> None:
        self._network.communicate(timeout=10)

    def counts(self) -> dict[str, int]:
        """Connections and requests since the last time."""
        assert self._network.stdin
        assert self._network.stdout
        self._network.stdin.write("\n")
        self._network.stdin.flush()
        counts: dict[str, int] = json.loads(self._network.stdout.readline())
        return counts

    def run(self, module: str, keys: int, times: int, compiled: bool = False) -> dict[str, Any]:
        """What one process measured of itself, and `wall`, the seconds from its start to its last answer."""
        code = self._folder / ("compiled" if compiled else "plain")
        environment = {
            "SYNC_URL": f"{self._scheme}://127.0.0.1:{self.oms}/v2/0123456789abcdef/sync-tasks/0f7c9b1e-5a3d/events",
            "HW_AK": "FAKEACCESSKEY0000001",
            "HW_SK": "fakeSecretKey00000000000000000000000001",
            "LOG_BUCKET": "photos-oms-log",
            "OSS_ENDPOINT": f"{self._scheme}://127.0.0.1:{self.oss}",
            "FC_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.FAKE",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "fakesecret",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "faketoken",
            "PYTHONDONTWRITEBYTECODE": "" if compiled else "1",
        }
        words = [sys.executable, "-S", "-s", str(CLIENT), module, str(code), str(LIBRARIES), str(keys), str(times)]
        started = time.perf_counter()
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(done.stderr)
        return {**json.loads(done.stdout), "wall": wall}

    def floor(self, times: int) -> float:
        """The median of one OMS exchange and then one OSS exchange by bare sockets on open connections."""
        request = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 300\r\n\r\n" + b"x" * 300
        connections = [self._connect(port) for port in (self.oms, self.oss)]
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            for connection in connections:
                connection.sendall(request)
                connection.recv(1 << 16)
            seconds.append(time.perf_counter() - started)
        for connection in connections:
            connection.close()
        return median(seconds[1:])

    def _connect(self, port: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._scheme == "https":
            context = ssl.create_default_context(cafile=str(self._bundle))
            return context.wrap_socket(connection, server_hostname="127.0.0.1")
        return connection


@contextmanager
def field(milliseconds: int, tls: bool) -> Iterator[Field]:
    """A network, with the code in place twice: as Function Compute has it, and compiled."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("plain", "compiled"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "template" / "code", folder / kind, ignore=ignored)
            shutil.copy(ROOT / "benchmarks" / "baseline.py", folder / kind)
        one = Field(folder, milliseconds, tls)
        try:
            yield one
        finally:
            one.close()
