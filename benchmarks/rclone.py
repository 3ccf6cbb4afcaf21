"""Benchmark of compare against `rclone check --size-only`: the client's CPU time per object and its peak memory.

Each program compares the same objects over loopback in its own process, which is measured from start to exit. compare
reads the sandbox's OSS and OBS and the records; rclone reads two buckets of its own S3 server.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from oss_oms_sync.answers.layout import Kind, record_name
from oss_oms_sync.clouds.objects import etag_of
from sandbox import Sandbox, runtimes

OBJECTS, SIZE, FOLDER_SIZE = 50_000, 32, 1_000
ROUNDS = 5
# The largest allowed share of the time of `rclone check`.
ALLOWED = {"compare": "0.80", "compare, with a proof of each": "1.00"}
HOUR = 3600
ROOT = Path(__file__).resolve().parent.parent
ACCESS_KEY, SECRET_KEY = "BENCHACCESSKEY000001", "BENCHSECRETKEY0000001"
# rclone ignores the machine's own settings.
BARE_ENVIRONMENT = {"RCLONE_CONFIG": "/dev/null"}
START_SECONDS = 20


class Usage(NamedTuple):
    """CPU seconds and peak memory of a process, from its start to its exit."""

    cpu: float
    peak_kb: float

    def row(self) -> tuple[str, str]:
        return f"{1e6 * self.cpu / OBJECTS:.0f} us", f"{self.peak_kb / 1024:.0f} MB"


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    measure_with_rclone(console)
    return 0


def measure_with_rclone(console: Console) -> None:
    rclone = find_rclone()
    if rclone is None:
        console.print("rclone is not installed (make bench installs it), so `rclone check` was not run beside it.")
        return
    console.print(f"compare and `rclone check --size-only` of {OBJECTS:,} objects, all equal: three minutes ...")
    rounds: dict[str, list[Usage]] = {}
    for _ in range(ROUNDS):
        plain, proven = compare(), compare(has_proofs=True)
        for name, usage in {"compare": plain, "compare, with a proof of each": proven, **rclone_check(rclone)}.items():
            rounds.setdefault(name, []).append(usage)
    medians = {
        name: Usage(*map(median, zip(*rounds_of_client, strict=True))) for name, rounds_of_client in rounds.items()
    }
    table = Table("client", "CPU an object", "of rclone check's", "allowed", "peak memory")
    for name, usage in medians.items():
        cpu, peak = usage.row()
        table.add_row(name, cpu, f"{usage.cpu / medians['rclone check'].cpu:.2f}", ALLOWED.get(name, ""), peak)
    console.print(table)


def find_rclone() -> str | None:
    """Return the path of rclone: beside this Python, where `make bench` installs it, or on the machine's PATH."""
    return shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")


def keys() -> list[str]:
    return [f"photos/{number // FOLDER_SIZE:04}/{number:07}.jpg" for number in range(OBJECTS)]


def compare(*, has_proofs: bool = False) -> Usage:
    etag = etag_of(bytes(SIZE))
    runtime = runtimes.load_runtime("python3.12")
    client = Path(__file__).with_name("comparing_client.py")
    command = [runtime.interpreter, "-S", "-s", str(client), str(ROOT / "template" / "code"), str(runtime.libraries)]
    with Sandbox() as box:
        kinds: tuple[Kind, ...] = ("success", "proven") if has_proofs else ("success",)
        records = [record_name(box.task_id, kind, key) for kind in kinds for key in keys()]
        box.oss.fill(box.source_bucket, keys(), SIZE, age=HOUR)
        box.oss.fill(box.log_bucket, records, len(etag), etag_of(etag), age=HOUR)
        box.obs.fill(box.destination_bucket, keys(), SIZE, age=HOUR)
        names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
        role = {f"ALIBABA_CLOUD_{name}": value for name, value in zip(names, box.function_credentials, strict=True)}
        usage, output = measure(command, {**box.environment(), **role, "FC_REGION": box.region})
    equal = json.loads(output.splitlines()[-1])["classes"]["equal_contents"]["destination"]["objects"]
    assert equal == OBJECTS, output
    return usage


def rclone_check(rclone: str) -> dict[str, Usage]:
    """Measure `rclone check` with a listing of each folder (its default), and with a listing of the whole bucket."""
    with TemporaryDirectory() as name, serve_folders(rclone, Path(name)) as remote:
        for side in ("source", "destination"):
            for key in keys():
                path = Path(name) / side / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bytes(SIZE))
        check = [rclone, "check", "--size-only", f"{remote}source", f"{remote}destination"]
        measurements = {}
        for title, command in (("rclone check", check), ("rclone check --fast-list", [*check, "--fast-list"])):
            measurements[title], output = measure(command, BARE_ENVIRONMENT)
            assert f"{OBJECTS} matching files" in output, output
    return measurements


@contextmanager
def serve_folders(rclone: str, folder: Path) -> Iterator[str]:
    """Serve the folders in `folder` as buckets of rclone's S3 server; yield the server as a remote of rclone."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free_socket:
        port = free_socket.getsockname()[1]
    serve = ["serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    with subprocess.Popen([rclone, *serve], env=BARE_ENVIRONMENT, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            login = f"access_key_id={ACCESS_KEY},secret_access_key={SECRET_KEY}"
            yield f':s3,provider=Rclone,{login},endpoint="http://127.0.0.1:{port}":'
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def measure(command: Sequence[str], environment: Mapping[str, str]) -> tuple[Usage, str]:
    wrapper = [sys.executable, "-S", "-s", str(Path(__file__).with_name("measured.py"))]
    process = subprocess.run([*wrapper, *command], env=environment, capture_output=True, text=True, check=True)
    usage = json.loads(process.stdout)
    if usage["exit"]:
        raise SystemExit(usage["output"])
    return Usage(usage["cpu"], usage["peak"]), usage["output"]


if __name__ == "__main__":
    sys.exit(main())
