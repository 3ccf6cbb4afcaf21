"""Two cloud accounts with only a source bucket, and an administrator who runs setup."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, ClassVar, NamedTuple
from unittest.mock import patch

import yaml

from ops.clouds.wire import Request
from ops.command_line import cli
from support.administrator import Administrator
from support.migration import Caller, MachineClock
from support.ops import Terminal

NAME = "photos-sync"
_ALLOWED = {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:x"]}
# A policy of others.
OTHER = {"Version": "1", "Statement": [_ALLOWED]}
# The input of an administrator who agrees to everything.
YES = "yes\nagree\n"


def expect_exit(done: tuple[int, str], code: int, *phrases: str) -> str:
    """Assert that a command exits with `code`, and that its output contains each phrase; return the output."""
    exit_code, output = done
    assert (exit_code, [phrase for phrase in phrases if phrase not in output]) == (code, []), output
    return output


def expect_success(done: tuple[int, str], *phrases: str) -> str:
    """Assert that a command exits with 0, and that its output contains each phrase; return the output."""
    return expect_exit(done, 0, *phrases)


def set_variables(world: SetupWorld, **values: str) -> None:
    """Write variables into s.yaml."""
    file = world.folder / "s.yaml"
    for name, value in values.items():
        file.write_text(re.sub(rf"(?m)^(  {name}): \S+", rf'\1: "{value}"', file.read_text()))


def trust_policy(service: str) -> str:
    """Return the trust policy of a role for a service."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [f"{service}.aliyuncs.com"]}}
    return json.dumps({"Version": "1", "Statement": [statement]})


@cache
def _undisturbed_requests() -> list[Request]:
    """Return the requests of an undisturbed run of setup."""
    with SetupWorld() as world:
        expect_success(world.setup(typed=YES))
        return world.sent


def request_number(is_wanted: Callable[[Request], bool]) -> int:
    """Return the number of the first request of an undisturbed setup for which `is_wanted` returns True."""
    return next(number for number, request in enumerate(_undisturbed_requests(), 1) if is_wanted(request))


def is_change(request: Request) -> bool:
    """Return True if a request changes a resource instead of reading it."""
    is_read = request.method in ("GET", "HEAD") or request.headers.get("x-acs-action", "").startswith(("Get", "List"))
    return not is_read


class _Change(NamedTuple):
    """A request of setup that changed a resource; `draws` is the state of the world's generator before it."""

    request: Request
    draws: Any


def set_up_and_repair(world: SetupWorld) -> None:
    """Run setup, change everything that setup repairs, lose the access keys, and run setup again."""
    expect_success(world.setup(typed=YES))
    ram, policies = world.ram.entities, world.iam.policies.values()
    ram.update_role(f"{NAME}-function", trust_policy("ecs"))
    ram.create_policy_version(f"{NAME}-function", json.dumps(OTHER), set_as_default="true")
    other = {"document": json.dumps({**OTHER, "Version": "5.0"}), "created_at": "2026-01-01T00:00:00Z"}
    for policy in policies:
        policy["versions"] |= {f"v{number}": other for number in range(2, 6)}
        policy["fields"]["default_version_id"] = "v5"
    world.forget()
    world.oms._tasks.clear()
    world.advance(300)
    expect_success(world.setup("--keep-storage-class", typed=YES))


class SetupWorld(Administrator):
    """A world before the first run of setup: only s.yaml exists."""

    # By the text of s.yaml: the changes of the first `set_up` with this file, the stored secrets, and the new text.
    _first_setups: ClassVar[dict[str, tuple[list[_Change], dict[str, str], str]]] = {}

    def __init__(self, seed: int = 0, **options: Any) -> None:
        super().__init__(seed=seed, bare=True, **options)

    def _set_up(self) -> None:
        super()._set_up()
        self._patches.enter_context(patch("ops.functions.call.caller", lambda *_: Caller(self)))
        self.put_project(self.folder, {"functionName": NAME})
        answers = {"functionName": NAME, "SYNC_URL": "", "logBucket": self.log_bucket}
        (self.folder / "answers.json").write_text(json.dumps(answers))

    def set_up(self) -> None:
        """Set the project up in a new world; after the first time, repeat only what the command changed."""
        assert not self.sent
        draws, file = self._generator.getstate(), self.folder / "s.yaml"
        earlier_settings = file.read_text(encoding="utf-8")
        self._generator.seed(0)
        if earlier_settings in self._first_setups:
            changes, secrets, settings = self._first_setups[earlier_settings]
            for change in changes:
                self._generator.setstate(change.draws)
                self._exchange(change.request)
            self.secrets |= secrets
            file.write_text(settings, encoding="utf-8")
        else:
            states: list[Any] = []
            with patch.object(self, "before", lambda: states.append(self._generator.getstate())):
                expect_success(self.setup(typed=YES))
            exchanges = zip(self.sent, states, strict=True)
            changes = [_Change(request, state) for request, state in exchanges if is_change(request)]
            self._first_setups[earlier_settings] = (changes, {**self.secrets}, file.read_text(encoding="utf-8"))
        self._generator.setstate(draws)

    def setup(self, *words: str, **options: Any) -> tuple[int, str]:
        """Run `ops.py setup`; return the exit code and the output."""
        return self.run("setup", *words, **options)

    def plan(self, code: int = 0, **options: Any) -> dict[str, Any]:
        """Run `ops.py setup --plan`, assert its exit code, and return the lines of the plan by resource."""
        output = expect_exit(self.setup("--plan", "--json", **options), code)
        return {line["what"]["en"]: line for line in json.loads(output.splitlines()[-1])["steps"]}

    def run(
        self,
        command: str,
        *words: str,
        typed: str = "",
        hidden: Iterable[str] = (),
        keys: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a command with `keys` in the environment, by default those of both administrators.

        `typed` is the input of the user, and `hidden` is the input at prompts without echo.
        """
        terminal, typing, environment = Terminal(), iter(hidden), self.administrators() if keys is None else keys
        with (
            patch.dict("os.environ", {**environment, "TERM": "dumb", "COLUMNS": "1000"}),
            patch("ops.command_line.cli.FOLDER", self.folder),
            patch("sys.stdin", Terminal(typed)),
            patch("getpass.getpass", lambda *_: next(typing, "")),
            contextlib.redirect_stdout(terminal),
            contextlib.redirect_stderr(terminal),
        ):
            code = cli.main([command, "-t", str(self.folder / "s.yaml"), "--lang", "en", *words], MachineClock(self))
        return code, terminal.getvalue()

    def variables(self) -> dict[str, Any]:
        """Return the variables of s.yaml."""
        return dict(yaml.safe_load((self.folder / "s.yaml").read_text(encoding="utf-8"))["vars"])

    def iam_user(self, name: str) -> dict[str, Any]:
        """Return the IAM user that setup created, with its `keys` and `attached` policies."""
        return next(user for user in self.iam.users.values() if user["fields"]["user_name"] == f"{NAME}-{name}")

    def forget(self) -> None:
        """Delete this machine's secrets, and the variables that setup wrote to s.yaml."""
        self.secrets.clear()
        set_variables(self, SYNC_URL="", HW_AK="", HW_SK="")

    def resources(self) -> dict[str, object]:
        """Return the resources of both accounts, without ids that differ in each run."""
        ram, iam = self.ram.entities, self.iam
        return {
            "buckets": (sorted(self.oss.buckets), self.obs.has_bucket(self.destination_bucket)),
            "roles": {name: sorted(role["attached"]) for name, role in ram.roles.items()},
            "users": {name: (sorted(user["attached"]), len(user["keys"])) for name, user in ram.users.items()},
            "policies": {name: len(policy["versions"]) for name, policy in ram.policies.items()},
            "iam users": sorted(
                (user["fields"]["user_name"], len(user["attached"]), len(user["keys"])) for user in iam.users.values()
            ),
            "iam policies": sorted(policy["fields"]["policy_name"] for policy in iam.policies.values()),
            "tasks": [(task.src_bucket, task.bucket.name, task.copies_metadata) for task in self.oms.tasks],
            "secrets": sorted(self.secrets),
        }

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of each resource and stored secret, by kind and name, without the log bucket's objects."""
        iam, buckets = self.iam, {name: bucket for name, bucket in self.oss.buckets.items() if name != self.log_bucket}
        things = {
            **{
                (kind, name): entity
                for kind, entities in self.ram.entities.state.items()
                for name, entity in entities.items()
            },
            **{("iam users", user["fields"]["user_name"]): user for user in iam.users.values()},
            **{("iam policies", policy["fields"]["policy_name"]): policy for policy in iam.policies.values()},
            **{
                ("tasks", task.task_id): (task.description, task.status, task.src_bucket, task.bucket.name)
                for task in self.oms.tasks
            },
            **{
                ("oss", name): (bucket.owner, bucket.versioning, dict(bucket.objects))
                for name, bucket in buckets.items()
            },
            **{
                ("obs", name): (bucket.owner, bucket.region, dict(bucket.objects))
                for name, bucket in self.obs._buckets.items()
            },
            **{("secrets", name): value for name, value in self.secrets.items()},
        }
        return deepcopy(things)
