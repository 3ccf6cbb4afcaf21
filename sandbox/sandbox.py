"""The simulated clouds and Function Compute in one object, with the triggers that connect them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import oss2

from sandbox import runtimes
from sandbox.account import ACCOUNT_ID
from sandbox.fc.forks import ForkedInstances
from sandbox.fc.instance import Instances, ProcessInstances
from sandbox.fc.project import read_resources
from sandbox.fc.service import FunctionCompute, Invocation
from sandbox.fc.timers import Timer
from sandbox.functions import FunctionService
from sandbox.iam.service import Iam
from sandbox.keys import Credential
from sandbox.obs.service import Obs
from sandbox.oms.copier import OverwriteMode
from sandbox.oms.service import Oms
from sandbox.oms.task import Task
from sandbox.oss.service import Oss
from sandbox.ram.service import Ram
from sandbox.server.loop import LoopThread
from sandbox.server.service import Platform
from sandbox.sides import Sides, find_source_object

if TYPE_CHECKING:
    from typing_extensions import Self

CONTENT_EVENTS = (
    "oss:ObjectCreated:PutObject",
    "oss:ObjectCreated:PostObject",
    "oss:ObjectCreated:CopyObject",
    "oss:ObjectCreated:AppendObject",
    "oss:ObjectCreated:CompleteMultipartUpload",
)
_CLIENT_SECONDS = 10


class Sandbox:
    """Both clouds, with everything that the template needs: buckets, a sync task, access keys."""

    region = "cn-hangzhou"
    source_bucket = "photos"
    log_bucket = "photos-oms-log"
    destination_bucket = "photos-obs"
    project_id = "00000000000000000000000000005a4d"
    task_id = "00000000-0000-4000-8000-00000000005a"
    huawei_credentials = ("SANDBOXHWAK000000001", "SANDBOXHWSK0000000000000000000000000001")
    function_credentials = (
        "STS.SANDBOXALIAK00000001",
        "SANDBOXALISK000000000000000001",
        "SANDBOXALITOKEN00000000000001",
    )
    user_credentials = ("SANDBOXALIUSER000001", "SANDBOXALIUSERSECRET0000000001")

    def __init__(
        self,
        *,
        overwrite_mode: OverwriteMode = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
        ssl_context: ssl.SSLContext | None = None,
        forks: bool = False,
        bare: bool = False,
    ) -> None:
        """Create both clouds and Function Compute.

        With `forks`, instances of the template's code are forked from a process that has imported it. With `bare`, only
        the source bucket and the administrators exist, as before `ops.py setup`.
        """
        self._platform, instances = self._make_platform(ForkedInstances if forks else ProcessInstances)
        self.oss = Oss(self.region, ssl_context=ssl_context)
        self.oms = Oms(ssl_context=ssl_context)
        self.obs = Obs(ssl_context=ssl_context)
        self.ram = Ram(ssl_context=ssl_context)
        self.iam = Iam(
            {self.obs.region: self.project_id, "MOS": f"{self.project_id[:-4]}0b05"}, ssl_context=ssl_context
        )
        self.functions = FunctionService(self.region, ssl_context)
        self.functions.list_triggers = self._list_deployed_triggers
        self.oss.find_user_key = self.functions.find_user_key = self.ram.find_key
        self.obs.find_user_key = self.oms.find_user_key = self.iam.find_key
        self.oms.sides, self.oms.projects = Sides(self.oss, self.obs), {self.project_id}
        # True if functions and triggers that are deployed from now on have only the permissions of their roles.
        self.binds_roles = False
        self._roles: dict[str, Credential] = {}
        # The functions that a trigger, or another function, had no permission to call; one entry for each event.
        self.denied_invocations: list[str] = []
        self.fc = FunctionCompute(self.region, instances)
        self.fc.may_invoke = lambda caller, function_name: self._may_invoke(self._roles.get(caller), function_name)
        self._overwrite_mode: OverwriteMode = overwrite_mode
        self._is_bare = bare
        # The secrets stored by the Serverless Devs tool, by the names that s.yaml uses.
        self.secrets: dict[str, str] = {}
        # The account that the tool shows for its access keys; empty if it has none.
        self.tool_account = ACCOUNT_ID
        self._http = oss2.Session()
        self._timers: dict[str, Timer] = {}
        # The names of each function's OSS triggers.
        self._triggers: defaultdict[str, set[str]] = defaultdict(set)
        # The deployed triggers, by function and trigger name.
        self._deployed: dict[tuple[str, str], Mapping[str, Any]] = {}
        # The names of functions in the sandbox, by their names in the cloud.
        self._local_names: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._platform.start()
        for service in (self.oss, self.oms, self.obs, self.ram, self.iam, self.functions, self.fc):
            service.start(self._platform)
        self._set_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._platform.stop)  # runs in reverse order: functions stop first, the loop last
            for service in (self.functions, self.iam, self.ram, self.obs, self.oms, self.oss, self.fc):
                cleanup.callback(service.stop)
            self._http.session.close()

    def _make_platform(self, instances: type[ProcessInstances]) -> tuple[Platform, Instances]:
        """Return the platform, with event loop, sockets and clock, and the source of function instances."""
        platform = LoopThread()
        return platform, instances(lambda: platform.clock_lead)

    def environment(self) -> dict[str, str]:
        access_key, secret_key = self.huawei_credentials
        return {
            "SYNC_URL": self.task.sync_url,
            "HW_AK": access_key,
            "HW_SK": secret_key,
            "LOG_BUCKET": self.log_bucket,
            "SOURCE_BUCKET": self.source_bucket,
            "LOG_LEVEL": "INFO",
            **self.endpoints(),
        }

    def endpoints(self) -> dict[str, str]:
        return {"OSS_ENDPOINT": self.oss.endpoint, "OBS_ENDPOINT": self.obs.endpoint}

    def all_endpoints(self) -> dict[str, str]:
        """Return the addresses of all services, even if only administrators call them, by environment variable."""
        return {
            **self.endpoints(),
            "OMS_ENDPOINT": self.oms.endpoint,
            "RAM_ENDPOINT": self.ram.endpoint,
            "FC_ENDPOINT": self.functions.endpoint,
            "IAM_ENDPOINT": self.iam.endpoint,
        }

    def deploy(self, code: Path, runtime: runtimes.Name = "python3.12", **overrides: Any) -> None:
        """Deploy the code as function `forward` with its trigger; `overrides` are arguments of `create_function`."""
        settings = {
            "environment": self.environment(),
            "credentials": self.function_credentials,
            **overrides,
        }
        self.fc.create_function("forward", code, runtime=runtime, **settings)
        self._connect_bucket("forward", "content", self.source_bucket, CONTENT_EVENTS)

    def deploy_project(
        self, folder: Path, prefix: str = "", secrets: Mapping[str, str] | None = None, **overrides: Any
    ) -> None:
        """Deploy all functions of a rendered project, like `s deploy`.

        - `prefix` begins each function's name, which ends with the name of its resource in s.yaml.
        - `secrets` has the stored secrets beside the AK/SK, by the last words of their names.
        - `overrides` are arguments of `create_function` for all functions.
        """
        stored_secrets = {**dict(zip(("HW_AK", "HW_SK"), self.huawei_credentials, strict=True)), **(secrets or {})}

        def find_secret(name: str) -> str:
            return self.secrets.get(name) or next(
                value for suffix, value in stored_secrets.items() if name.endswith(f"_{suffix}")
            )

        for name, props in read_resources(folder, find_secret).items():
            self.deploy_resource(prefix + name, props, folder, **overrides)

    def deploy_resource(self, name: str, props: Mapping[str, Any], folder: Path, **overrides: Any) -> None:
        """Deploy or update a function and its triggers, from the props of its resource in s.yaml."""
        config = props.get("asyncInvokeConfig", {})
        destination = config.get("destinationConfig", {}).get("onFailure", {}).get("destination", "")
        settings = {
            "handler": props["handler"],
            "runtime": props["runtime"],
            "timeout": props["timeout"],
            "environment": {**props["environmentVariables"], **self.endpoints()},
            "credentials": self._assume_role(name, props["role"]) if self.binds_roles else self.function_credentials,
            "max_retries": config.get("maxAsyncRetryAttempts", 3),
            "on_failure": self._local_names[destination.rpartition("/")[2]] if destination else None,
            **overrides,
        }
        self.fc.create_function(name, folder / props["code"], **settings)
        self._local_names[props["functionName"]] = name
        for trigger in props.get("triggers", []):
            self._deployed[name, trigger["triggerName"]] = trigger
            self._add_trigger(name, trigger)

    def _assume_role(self, function: str, role: str) -> tuple[str, str, str]:
        """Return a temporary key of a function's role; raise RamError if the role does not trust Function Compute."""
        role_key = self._roles[function] = self.ram.assume_role(role, "fc.aliyuncs.com")
        key = (f"STS.{uuid.uuid4().hex[:20]}", role_key.secret, role_key.security_token or "")
        self.oss.add_credentials(*key, role_key.policies, role_key.holder)
        return key

    def _may_invoke(self, caller: Credential | None, function: str) -> bool:
        """Return True if `caller` may invoke a function, otherwise record the denial.

        `caller` is the temporary key of a role; None may invoke every function.
        """
        cloud_name = next((name for name, local_name in self._local_names.items() if local_name == function), function)
        resource = f"acs:fc:{self.region}:{ACCOUNT_ID}:functions/{cloud_name}"
        if caller is None or not caller.find_denial("fc:InvokeFunction", resource):
            return True
        self.denied_invocations.append(function)
        return False

    def restore_trigger(self, function: str, trigger: str) -> None:
        """Deploy a trigger again with its last configuration; raise KeyError if it was never deployed."""
        self.remove_trigger(function, trigger)
        self._add_trigger(function, self._deployed[function, trigger])

    def remove_function(self, name: str) -> None:
        self.remove_triggers(name)
        self.fc.remove_function(name)

    def remove_triggers(self, name: str) -> None:
        """Remove all triggers of a function, which can still be invoked directly."""
        self._timers.pop(name, None)
        for trigger in self._triggers.pop(name, ()):
            self.oss.remove_trigger(trigger)

    def remove_trigger(self, function: str, trigger: str) -> None:
        """Remove a trigger of a function; like the Serverless Devs tool, ignore a missing trigger."""
        name = f"{function}/{trigger}"
        if name in self._triggers[function]:
            self._triggers[function].remove(name)
            self.oss.remove_trigger(name)
        timer = self._timers.get(function)
        if timer and timer.name == trigger:
            del self._timers[function]

    def _list_deployed_triggers(self) -> dict[str, list[Mapping[str, Any]]]:
        return {
            cloud_name: [
                trigger
                for (function, name), trigger in self._deployed.items()
                if function == local_name and f"{function}/{name}" in self._triggers[function]
            ]
            for cloud_name, local_name in self._local_names.items()
            if local_name in self.fc.names
        }

    def _add_trigger(self, function: str, trigger: Mapping[str, Any]) -> None:
        config = trigger["triggerConfig"]
        if trigger["triggerType"] == "timer":
            self._timers[function] = Timer.from_trigger(trigger)
            return
        key = config["filter"]["key"]
        bucket = trigger["sourceArn"].rpartition(":")[2]
        role = self.ram.assume_role(trigger["invocationRole"], "oss.aliyuncs.com") if self.binds_roles else None
        self._connect_bucket(
            function, trigger["triggerName"], bucket, config["events"], key["prefix"], key["suffix"], role
        )

    def _connect_bucket(
        self,
        function: str,
        trigger: str,
        bucket: str,
        events: Iterable[str],
        prefix: str = "",
        suffix: str = "",
        role: Credential | None = None,
    ) -> None:
        """Pass a bucket's events to a function; lose the events if `role` has no permission to invoke the function.

        Names of triggers are unique only within a function.
        """
        name = f"{function}/{trigger}"

        def deliver(event: bytes) -> None:
            if self._may_invoke(role, function):
                self.fc.submit(function, event)

        self.oss.add_trigger(name, bucket, events, prefix, suffix, deliver)
        self._triggers[function].add(name)

    def now(self) -> float:
        """Return the sandbox's time as Unix time in seconds."""
        return self._platform.now()

    @property
    def clock_lead(self) -> float:
        """The seconds by which the sandbox's clock is ahead of the machine's clock."""
        return self._platform.clock_lead

    def advance(self, seconds: float) -> None:
        """Advance the clock by `seconds` without waiting; instances get the new time with their next event.

        Calls that were scheduled before, such as late events, do not happen earlier.
        """
        self._platform.clock_lead += seconds

    def advance_and_tick(self, seconds: float) -> None:
        self.advance(seconds)
        self.tick_all()

    def tick_all(self) -> None:
        for function in list(self._timers):
            self.tick(function)

    def tick(self, function: str) -> Invocation:
        """Fire the timer of a function, and wait for the result."""
        return self.fc.invoke(function, self._timers[function].make_event(self._platform.now()))

    def start_timers(self, speed: float = 1) -> None:
        """Fire all timers periodically until the sandbox ends, `speed` times as often as in the cloud."""
        for function, timer in self._timers.items():
            timer_loop = self._fire_on_schedule(function, timer.period / speed)
            asyncio.run_coroutine_threadsafe(timer_loop, self._platform.loop)

    async def _fire_on_schedule(self, function: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        while function in self._timers:
            self.fc.submit(function, self._timers[function].make_event(self._platform.now()))
            await asyncio.sleep(seconds)

    def answers(self) -> dict[str, str]:
        """Return the answers to the questions of `s init`; they are empty for resources that do not exist (`bare`)."""
        sync_url, access_key, secret_key = (
            ("", "", "") if self._is_bare else (self.task.sync_url, *self.huawei_credentials)
        )
        return {
            "region": self.region,
            "sourceBucket": self.source_bucket,
            "destinationRegion": self.obs.region,
            "destinationBucket": self.destination_bucket,
            "SYNC_URL": sync_url,
            "HW_AK": access_key,
            "HW_SK": secret_key,
            "logBucket": self.log_bucket,
            "functionName": "oss-oms-sync",
        }

    def administrators(self) -> dict[str, str]:
        """Return the access keys of the administrators of both accounts, by the vendors' environment variables."""
        names = (
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "HUAWEICLOUD_SDK_AK",
            "HUAWEICLOUD_SDK_SK",
        )
        return dict(zip(names, (*self.user_credentials, *self.huawei_credentials), strict=True))

    def bucket(self, name: str) -> oss2.Bucket:
        return oss2.Bucket(
            oss2.AuthV4(*self.user_credentials),
            self.oss.endpoint,
            name,
            region=self.region,
            session=self._http,
            connect_timeout=_CLIENT_SECONDS,
        )

    def wait_idle(self, timeout: float) -> None:
        """Wait until all events are handled and all accepted keys copied; raise TimeoutError after `timeout` seconds.

        The wait includes late events and late copies, but not withheld copies.
        """
        self._platform.call(self._wait_until_idle(), timeout)

    async def _wait_until_idle(self) -> None:
        """Wait for functions and clouds in turn, because a function can write an object and so cause an event."""
        await self.fc.wait_until_idle()
        clouds = (self.oss, self.oms, self.obs)
        while not all(cloud.is_idle for cloud in clouds):
            for cloud in clouds:
                await cloud.wait_until_idle()
            await self.fc.wait_until_idle()

    def _set_up(self) -> None:
        self.oss.create_bucket(self.source_bucket)
        self.oss.add_credentials(*self.function_credentials)
        self.oss.add_credentials(*self.user_credentials)
        self.ram.add_credentials(*self.user_credentials)
        self.functions.add_credentials(*self.user_credentials)
        self.oms.add_credentials(*self.huawei_credentials)
        self.obs.add_credentials(*self.huawei_credentials)
        self.iam.add_credentials(*self.huawei_credentials)
        if not self._is_bare:
            self.oss.create_bucket(self.log_bucket)
            self.task = self.add_task(self.task_id, self.destination_bucket)

    def add_task(self, task_id: str, destination: str = "") -> Task:
        """Create a sync task and its destination bucket, whose default name ends with the task's id."""
        bucket = self.obs.create_bucket(destination or f"{self.destination_bucket}-{task_id}")
        return self.oms.create_task(
            self.project_id,
            task_id,
            partial(find_source_object, self.oss, self.source_bucket),
            bucket,
            overwrite_mode=self._overwrite_mode,
            src_bucket=self.source_bucket,
            src_region=self.region,
        )
