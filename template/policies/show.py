#!/usr/bin/env python3
"""Shows the rights that the project needs, and the commands that grant them or take them away again.

    python policies/show.py             the policies, and the `aliyun ram` commands that create roles and attach them
    python policies/show.py --remove    the commands that undo this

Run it in the project's folder. It changes nothing itself, and needs Python 3.10 and nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Alibaba Cloud's policies, that of forward first.
_FILES = sorted(path.stem for path in HERE.glob("*.json") if not path.stem.startswith(("trust-", "huawei")))
POLICIES = sorted(_FILES, key=lambda name: (name == "trigger", name != "forward"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Shows the project's policies and the commands for its RAM roles.")
    parser.add_argument("--remove", action="store_true", help="show the commands that remove roles and policies again")
    options = parser.parse_args()
    settings = HERE.parent / "s.yaml"
    if not settings.exists():
        print(f"{settings} is missing: run this in a project that `s init oss-oms-sync` made", file=sys.stderr)
        return 2
    given = variables(settings.read_text(encoding="utf-8"))
    roles = roles_of(given)
    lines = removal(roles, given["functionName"]) if options.remove else creation(roles, given["functionName"])
    print("\n".join(lines))
    return 0


def variables(text: str) -> dict[str, str]:
    """The texts under `vars` in s.yaml, those that refer to another one included."""
    lines = re.findall(r"""^  (\w+): *("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#]+)""", text, re.MULTILINE)
    given = {name: json.loads(value) if value[0] == '"' else value.strip("'") for name, value in lines}
    for name, value in given.items():
        if other := re.fullmatch(r"\$\{vars\.(\w+)\}", value):
            given[name] = given.get(other[1], "")
    return given


def roles_of(given: dict[str, str]) -> dict[str, list[str]]:
    """For each role's name the policies that it needs: `replayRole` needs replay.json, `functionRole` forward.json."""
    roles: dict[str, list[str]] = {}
    for policy in POLICIES:
        variable = "functionRole" if policy == "forward" else f"{policy}Role"
        if not given.get(variable):
            sys.exit(f"vars.{variable} is missing in s.yaml: it names the role for policies/{policy}.json")
        roles.setdefault(given[variable].rpartition("role/")[2], []).append(policy)
    return roles


def creation(roles: dict[str, list[str]], project: str) -> Iterator[str]:
    yield "# Huawei Cloud: the custom policy of the IAM user whose AK/SK the functions use"
    yield (HERE / "huawei.json").read_text(encoding="utf-8").rstrip()
    for role, policies in roles.items():
        trust = "trigger" if policies == ["trigger"] else "function"
        yield f"\n# Alibaba Cloud: the role {role}, for {', '.join(policies)}"
        yield from (f"# {policy}.json: {rights(policy)}" for policy in policies)
        yield f'aliyun ram CreateRole --RoleName {role} --AssumeRolePolicyDocument "$(cat policies/trust-{trust}.json)"'
        for policy in policies:
            name = f"{project}-{policy}"
            yield f'aliyun ram CreatePolicy --PolicyName {name} --PolicyDocument "$(cat policies/{policy}.json)"'
            yield f"aliyun ram AttachPolicyToRole --PolicyType Custom --PolicyName {name} --RoleName {role}"


def removal(roles: dict[str, list[str]], project: str) -> Iterator[str]:
    yield "# After `s remove`. Other projects may use the same roles: then keep them."
    for role, policies in roles.items():
        for policy in policies:
            name = f"{project}-{policy}"
            yield f"aliyun ram DetachPolicyFromRole --PolicyType Custom --PolicyName {name} --RoleName {role}"
            yield f"aliyun ram DeletePolicy --PolicyName {name}"
        yield f"aliyun ram DeleteRole --RoleName {role}"


def rights(policy: str) -> str:
    """A policy in a line: what it allows, and on what."""
    statements = json.loads((HERE / f"{policy}.json").read_text(encoding="utf-8"))["Statement"]
    return "; ".join(f"{', '.join(one['Action'])} on {', '.join(one['Resource'])}" for one in statements)


if __name__ == "__main__":
    sys.exit(main())
