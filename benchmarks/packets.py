"""Benchmark of calls abandoned during packet loss: the share that still arrives after the network recovers.

    python -m benchmarks.packets [--code FOLDER] [--runtime NAME] [SECONDS ...]

For each number of SECONDS (by default 70, 100 and 135), the project's own calls run in a network namespace, and the
clouds in another. A third namespace between them passes the packets, and drops them for so many seconds. The program
needs Linux, root or user namespaces, and iproute2. Its exit code is 0 only if no call arrives after it was abandoned.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sandbox import runtimes
from sandbox.server.certificate import make_certificate

ROOT = Path(__file__).resolve().parent.parent
OMS, OSS = "oms.cn-north-4.myhuaweicloud.com", "oss-cn-hangzhou-internal.aliyuncs.com"
SERVER = "10.0.0.2"
PARTITIONS = (70.0, 100.0, 135.0)
# The first retransmission timeout of a kernel, as with a round trip of 180 ms. It doubles each time. Linux sends for a
# closed socket until 102 s: with this timeout the last time at 101 s, with a short round trip at 52 s.
RTO = "380ms"
# The deadline of an invocation that ends a call, before the timeout of a read of OSS or OMS.
DEADLINE = 4.0
# An open socket sends once more at 204 s.
THAWED_AFTER, WATCHED = 5.0, 80.0
# The latest arrival of an attempt that is not abandoned: a kernel gives up at 15 s, a function begins none after 20 s.
LAST_ATTEMPT = 22.0
# The function replaces connections that were idle for 30 s.
MAX_IDLE = 25.0
INSIDE = "PACKETS_INSIDE"


class Call(NamedTuple):
    """A call while the network loses all packets for `partition` seconds.

    - `action` is submit, put or delete.
    - `ended_by` is the cause of the call's end: timeout, deadline or nothing.
    - `state` is the state of the process. A warm process keeps running. A frozen process is suspended after the call
      returns, and resumes after the partition. A stopped process is suspended for good while the call waits, so that
      only the kernel acts.
    """

    partition: float
    action: str
    ended_by: str
    state: str

    @property
    def name(self) -> str:
        return f"{self.partition:g}-{self.action}-{self.ended_by}-{self.state}"


class Outcome(NamedTuple):
    """A call with the times of its end and of its last arrival, in seconds since the partition began.

    `ended` is None if the call was not abandoned, and `arrived` is None if the call did not arrive.
    """

    call: Call
    ended: float | None
    arrived: float | None

    @property
    def is_late(self) -> bool:
        return self.arrived is not None and self.arrived > (self.ended or LAST_ATTEMPT)


def calls(partition: float) -> list[Call]:
    ends = [*itertools.product(("timeout", "deadline"), ("warm", "frozen")), ("nothing", "stopped")]
    return [Call(partition, action, *end) for action, end in itertools.product(("submit", "put", "delete"), ends)]


class Program:
    """A program in its own network namespace that prints lines of JSON, the first when it is ready."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._lines: queue.Queue[Any] = queue.Queue()
        self._process = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.read(1)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def attach(self, name: str, own_address: str, peer_address: str) -> None:
        in_namespace = ["nsenter", f"--net=/proc/{self._process.pid}/ns/net"]
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(self._process.pid))
        ip("address", "add", f"{own_address}/24", "dev", name)
        ip("link", "set", name, "up")
        for words in (("address", "add", f"{peer_address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            ip(*words, prefix=in_namespace)
        ip("route", "add", "default", "via", own_address, "rto_min", RTO, prefix=in_namespace)

    def step(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def read(self, number: int) -> list[Any]:
        """Return the next `number` lines. Raises queue.Empty if a line takes longer than a minute."""
        return [self._lines.get(timeout=60) for _ in range(number)]

    def read_all(self) -> list[Any]:
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def ip(*words: str, prefix: Sequence[str] = ()) -> None:
    subprocess.run([*prefix, "ip", *words], check=True)


def set_forwarding(link: str, packets: bool) -> None:
    """Forward the packets of this link, or drop them if `packets` is False."""
    Path(f"/proc/sys/net/ipv4/conf/{link}/forwarding").write_text("1" if packets else "0")


def has_namespaces() -> bool:
    words = [*_namespace_command(), "ip", "link", "add", "probe", "type", "veth", "peer", "name", "eborp"]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _namespace_command() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


@contextmanager
def programs(
    code: Path, runtime: str, deadline: float, partitions: Sequence[float]
) -> Iterator[tuple[Program, dict[str, Program]]]:
    python = runtimes.load_runtime(runtime)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        certificate = make_certificate(Path(folder), OMS, f"photos-oms-log.{OSS}")
        server = Program(sys.executable, "-m", "benchmarks.packets_server", "0.0.0.0", str(certificate))
        stack.callback(server.close)
        server.attach("server", "10.0.0.1", SERVER)
        set_forwarding("server", packets=True)
        environment = {
            "SYNC_URL": f"https://{OMS}/v2/0123456789abcdef/sync-tasks/0f7c9b1e-5a3d-4f61-8a55-0123456789ab/events",
            "HW_AK": "FAKEACCESSKEY0000001",
            "HW_SK": "fakeSecretKey00000000000000000000000001",
            "LOG_BUCKET": "photos-oms-log",
            "SOURCE_BUCKET": "photos",
            "OSS_ENDPOINT": f"https://{OSS}",
            "FC_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.FAKE",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "fakesecret",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "faketoken",
            "REQUESTS_CA_BUNDLE": str(certificate),
            "NO_PROXY": "*",
        }
        words = [python.interpreter, "-S", "-s", str(Path(__file__).with_name("packets_client.py"))]
        options = [str(code), str(python.libraries), SERVER, str(deadline)]
        clients = {}
        for number, partition in enumerate(partitions, 1):
            names = [call.name for call in calls(partition)]
            clients[f"client{number}"] = client = Program(*words, *options, *names, **environment)
            stack.callback(client.close)
        yield server, clients


def measure(partitions: Sequence[float], code: Path, runtime: str, deadline: float, watched: float) -> list[Outcome]:
    """Run the calls of all partitions in parallel, drop their packets, and return the outcomes.

    `partitions`, `deadline` and `watched` are in seconds. Arrivals are recorded until `watched` seconds after the last
    process is resumed.
    """
    all_calls = [call for partition in partitions for call in calls(partition)]
    with programs(code, runtime, deadline, partitions) as (server, clients):
        opened = []
        for number, (link, client) in enumerate(clients.items(), 1):
            client.attach(link, f"10.0.{number}.1", f"10.0.{number}.2")
            set_forwarding(link, packets=True)
            client.step()
            opened += client.read(len(calls(partitions[number - 1])))
        assert not [line for line in opened if line["failure"]], opened
        server.read_all()
        start_time = time.monotonic()
        assert start_time - opened[0]["ended"] < MAX_IDLE, (
            "the first connections are warm no more: the machine is too busy"
        )
        for link, client in clients.items():
            set_forwarding(link, packets=False)
            client.step()
        steps = [(seconds, link, True) for seconds, link in zip(partitions, clients, strict=True)]
        steps += [(seconds + THAWED_AFTER, link, False) for seconds, link, _ in steps]
        for seconds, link, has_network in sorted(steps):
            time.sleep(max(0.0, start_time + seconds - time.monotonic()))
            if has_network:
                set_forwarding(link, packets=True)
            else:
                clients[link].step()
        time.sleep(watched)
        requests, lines = server.read_all(), [line for client in clients.values() for line in client.read_all()]
    arrivals = {
        call.name: line["at"] - start_time for line in requests for call in all_calls if call.name in line["text"]
    }
    ends = {line["call"]: line["ended"] - start_time for line in lines if line["failure"]}
    return [Outcome(call, ends.get(call.name), arrivals.get(call.name)) for call in all_calls]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("partitions", metavar="SECONDS", nargs="*", type=float, default=PARTITIONS)
    parser.add_argument("--code", type=Path, default=ROOT / "template" / "code", help="the function's code")
    parser.add_argument("--runtime", choices=runtimes.NAMES, default=runtimes.NAMES[0])
    parser.add_argument("--deadline", type=float, default=DEADLINE, help="of an invocation whose time ends the call")
    parser.add_argument("--watched", type=float, default=WATCHED, help="seconds after the last instance is thawed")
    options = parser.parse_args()
    if INSIDE not in os.environ:
        words = [*_namespace_command(), sys.executable, "-m", "benchmarks.packets", *sys.argv[1:]]
        return subprocess.run(words, cwd=ROOT, env={**os.environ, INSIDE: "1"}, check=False).returncode
    outcomes = measure(options.partitions, options.code.resolve(), options.runtime, options.deadline, options.watched)
    for outcome in outcomes:
        print(_format_outcome(outcome))
    late_calls = sum(outcome.is_late for outcome in outcomes)
    print(f"{late_calls} of {len(outcomes)} calls arrived after they were given up")
    return 1 if late_calls else 0


def _format_outcome(outcome: Outcome) -> str:
    call, arrived = outcome.call, outcome.arrived
    ended = "not given up" if outcome.ended is None else f"given up at {outcome.ended:5.1f} s"
    arrival = "did not arrive" if arrived is None else f"arrived at {arrived:5.1f} s{': LATE' * outcome.is_late}"
    title = f"partition of {call.partition:3g} s  {call.action:6}  ended by {call.ended_by:8}  {call.state:7}"
    return f"{title}  {ended:18}  {arrival}"


if __name__ == "__main__":
    sys.exit(main())
