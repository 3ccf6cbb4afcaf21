"""Two accounts with nothing in them but a source bucket, and an administrator who sets the project up from s.yaml."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import yaml

from ops.clouds.wire import Request
from ops.command_line import cli
from support.administrator import Administrator
from support.migration import Caller, MachineClock
from support.ops import Terminal

NAME = "photos-sync"
_ALLOWED = {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:x"]}
# A policy that somebody else made.
OTHER = {"Version": "1", "Statement": [_ALLOWED]}
# What somebody types who agrees to all.
YES = "yes\nagree\n"


def ends(done: tuple[int, str], code: int, *told: str) -> str:
    """What a command says that ends with this exit code, and says this among other things."""
    ended, said = done
    assert (ended, [one for one in told if one not in said]) == (code, []), said
    return said


def well(done: tuple[int, str], *told: str) -> str:
    """The same of one that ends well."""
    return ends(done, 0, *told)


def to(world: SetupWorld, **values: str) -> None:
    """Other values in s.yaml."""
    file = world.folder / "s.yaml"
    for name, value in values.items():
        file.write_text(re.sub(rf"(?m)^(  {name}): \S+", rf'\1: "{value}"', file.read_text()))


def trust(service: str) -> str:
    """That of a role which a service may take."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [f"{service}.aliyuncs.com"]}}
    return json.dumps({"Version": "1", "Statement": [statement]})


def number_of(is_wanted: Callable[[Request], bool]) -> int:
    """The number of the first such request of a run that sets up everything."""
    with SetupWorld() as world:
        well(world.setup(typed=YES))
        return next(number for number, request in enumerate(world.sent, 1) if is_wanted(request))


def mended(world: SetupWorld) -> None:
    """What setup makes, then with everything changed that it mends, and keys that nobody has, and mended."""
    well(world.setup(typed=YES))
    ram, policies = world.ram.entities, world.iam.policies.values()
    ram.update_role(f"{NAME}-function", trust("ecs"))
    ram.create_policy_version(f"{NAME}-function", json.dumps(OTHER), set_as_default="true")
    other = {"document": json.dumps({**OTHER, "Version": "5.0"}), "created_at": "2026-01-01T00:00:00Z"}
    for policy in policies:
        policy["versions"] |= {f"v{number}": other for number in range(2, 6)}
        policy["fields"]["default_version_id"] = "v5"
    world.forget()
    world.oms._tasks.clear()
    world.later(300)
    well(world.setup(typed=YES))


class SetupWorld(Administrator):
    """Nothing has been made yet, but s.yaml."""

    def __init__(self, seed: int = 0, **options: Any) -> None:
        super().__init__(seed=seed, bare=True, **options)

    def _set_up(self) -> None:
        super()._set_up()
        self._patches.enter_context(patch("ops.functions.call.caller", lambda *_: Caller(self)))
        self.put_project(self.folder, {"functionName": NAME})
        answers = {"functionName": NAME, "SYNC_URL": "", "logBucket": self.log_bucket}
        (self.folder / "answers.json").write_text(json.dumps(answers))

    def setup(self, *words: str, **given: Any) -> tuple[int, str]:
        """Run the command: its exit code, and what it says."""
        return self.run("setup", *words, **given)

    def run(
        self,
        command: str,
        *words: str,
        typed: str = "",
        hidden: Iterable[str] = (),
        keys: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Any command in the project, with these keys in the environment, else the administrators'. `hidden`: what
        somebody types that is not shown."""
        terminal, typing, given = Terminal(), iter(hidden), self.administrators() if keys is None else keys
        with (
            patch.dict("os.environ", {**given, "TERM": "dumb", "COLUMNS": "1000"}),
            patch("ops.command_line.cli.FOLDER", self.folder),
            patch("sys.stdin", Terminal(typed)),
            patch("getpass.getpass", lambda *_: next(typing, "")),
            contextlib.redirect_stdout(terminal),
            contextlib.redirect_stderr(terminal),
        ):
            code = cli.main([command, "-t", str(self.folder / "s.yaml"), "--lang", "en", *words], MachineClock(self))
        return code, terminal.getvalue()

    def variables(self) -> dict[str, Any]:
        """What s.yaml says now."""
        return dict(yaml.safe_load((self.folder / "s.yaml").read_text(encoding="utf-8"))["vars"])

    def iam_user(self, name: str) -> dict[str, Any]:
        """The one that setup has made for this: its `keys`, and which policies are `attached`."""
        return next(user for user in self.iam.users.values() if user["fields"]["user_name"] == f"{NAME}-{name}")

    def forget(self) -> None:
        """All that this machine knows of what setup has made."""
        self.secrets.clear()
        to(self, SYNC_URL="", HW_AK="", HW_SK="")

    def made(self) -> dict[str, object]:
        """What there is in both accounts, without numbers that differ from run to run."""
        ram, iam = self.ram.entities, self.iam
        return {
            "buckets": (sorted(self.oss.buckets), self.obs.has(self.destination_bucket)),
            "roles": {name: sorted(role["attached"]) for name, role in ram.roles.items()},
            "users": {name: (sorted(user["attached"]), len(user["keys"])) for name, user in ram.users.items()},
            "policies": {name: len(policy["versions"]) for name, policy in ram.policies.items()},
            "iam users": sorted(
                (user["fields"]["user_name"], len(user["attached"]), len(user["keys"])) for user in iam.users.values()
            ),
            "iam policies": sorted(policy["fields"]["policy_name"] for policy in iam.policies.values()),
            "tasks": [(task.src_bucket, task.bucket.name, task.metadata) for task in self.oms.tasks],
            "secrets": sorted(self.secrets),
        }

    def everything(self) -> dict[str, Any]:
        """Each thing in both accounts and in this machine's store, by kind and name, with all that the sandbox has of
        it, but for the contents of the log bucket."""
        iam, buckets = self.iam, {name: bucket for name, bucket in self.oss.buckets.items() if name != self.log_bucket}
        things = {
            **{(kind, name): one for kind, named in self.ram.entities.state.items() for name, one in named.items()},
            **{("iam users", user["fields"]["user_name"]): user for user in iam.users.values()},
            **{("iam policies", policy["fields"]["policy_name"]): policy for policy in iam.policies.values()},
            **{
                ("tasks", task.task_id): (task.note, task.status, task.src_bucket, task.bucket.name)
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
