#!/usr/bin/env python3
"""Shows the rights that the project needs, and the commands that grant them or take them away again.

    python policies/show.py                  the `aliyun ram` commands that make roles and policies
    python policies/show.py | bash           runs them
    python policies/show.py --remove         the commands that undo this
    python policies/show.py --json FOLDER    writes the policies into files, for the RAM console
    python policies/show.py --deep           with the right to read objects, which only `deep` and samples need
    python policies/show.py --canary         what an administrator needs for `python ops.py canary`, and nobody else

It goes by what s.yaml says now: after a change there, run the commands again. It changes nothing itself, and needs
Python 3.10 and nothing else.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
# The package `ops` beside this folder, wherever this is called from; and no folders of bytecode in it.
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ops.certificates import CANARY  # noqa: E402
from ops.project import variables  # noqa: E402

Document = dict[str, Any]

# What lets the commands run as a script, and run again.
SHELL = r"""
# The first failure ends this, but not a terminal into which it is pasted.
case $- in *i*) ;; *) set -e ;; esac
# Runs the command behind the first word. That RAM answers with that error is no failure: it is done already.
tolerate() {
  if said=$("${@:2}" 2>&1 </dev/null); then echo "${*:4:3}: done"
  elif echo "$said" | grep -Eq "$1"; then echo "${*:4:3}: $(echo "$said" | grep -Eom1 "($1)[A-Za-z.]*")"
  else echo "$said" >&2; return 1; fi
}"""


class Policy(NamedTuple):
    """A policy of RAM, what it is for (a function, or the triggers), and the role that needs it."""

    purpose: str
    name: str
    role: str
    document: Document


def main() -> int:
    parser = argparse.ArgumentParser(description="Shows the project's policies and the commands for its RAM roles.")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--remove", action="store_true", help="show the commands that remove roles and policies again")
    instead.add_argument("--json", metavar="FOLDER", type=Path, help="write the policies into files in this folder")
    instead.add_argument(
        "--canary", action="store_true", help="show the rights that an administrator needs for a canary"
    )
    parser.add_argument("--deep", action="store_true", help="let compare and certify read objects, to prove more")
    options = parser.parse_args()
    settings = HERE.parent / "s.yaml"
    if not settings.exists():
        print(f"{settings} is missing: run this in a project that `s init oss-oms-sync` made", file=sys.stderr)
        return 2
    try:
        given = variables(settings.read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(str(error))
    if options.canary:
        print("\n".join(of_canary(given)))
        return 0
    policies = policies_of(given, deep=options.deep)
    if options.json:
        lines = written(policies, options.json)
    else:
        lines = removal(policies) if options.remove else creation(policies, deep=options.deep)
    print("\n".join(lines))
    return 0


def policies_of(given: Mapping[str, str], *, deep: bool = False) -> list[Policy]:
    """What each function may do, and the triggers; each statement is one that their calls need. `deep`: also what
    compare and certify need to read objects of the source."""

    def value(name: str) -> str:
        # A role may be given as an ARN, which may hold an expression for the account.
        text = given.get(name, "").rpartition(":role/")[2]
        if not text or "${" in text:
            fault = f"is {text}" if text else "is missing"
            sys.exit(f"vars.{name} {fault} in s.yaml: write the name out, because the policies need it")
        return text

    def allow(*actions: str, on: list[str]) -> Document:
        return {"Effect": "Allow", "Action": list(actions), "Resource": on}

    def invoke(*functions: str) -> Document:
        return allow("fc:InvokeFunction", on=[part for one in functions for part in (one, f"{one}/*")])

    log, source = f"acs:oss:*:*:{value('logBucket')}", f"acs:oss:*:*:{value('sourceBucket')}"
    forward = f"acs:fc:{value('region')}:*:functions/{value('functionName')}"
    records = [f"{log}/oms_source_record/*"]
    keep_records = allow("oss:PutObject", "oss:GetObject", "oss:DeleteObject", on=records)
    # Whether the project is closed.
    read_mark = allow("oss:GetObject", on=[f"{log}/oms_source_record/*/state/closed-*"])
    list_records = allow("oss:ListObjects", on=[log])
    list_records["Condition"] = {"StringLike": {"oss:Prefix": ["oms_source_record/*"]}}
    list_source = allow("oss:ListObjects", on=[source])
    read_source = [allow("oss:GetObject", on=[f"{source}/*"])]
    # Where its timer reads objects, compare has to, whoever asks.
    is_deep = deep or given.get("compareDeep") == "on"
    look = [allow("oss:PutObject", "oss:GetObject", on=records), list_records, list_source]
    statements = {
        "forward": [allow("oss:PutObject", on=records), read_mark, invoke(f"{forward}-replay")],
        "replay": [keep_records, list_records, list_source],
        "reconcile": [keep_records, list_records, list_source],
        "compare": [keep_records, list_records, list_source, *(read_source if is_deep else [])],
        "certify": [*look, *(read_source if deep else [])],
        "doctor": [keep_records, list_records, list_source],
        "status": look,
        "trigger": [invoke(forward, f"{forward}-reconcile", f"{forward}-compare")],
    }
    return [
        Policy(
            purpose,
            # RAM takes letters, digits and hyphens. A function's name may have an underscore, too.
            f"{value('functionName')}-{purpose}".replace("_", "-"),
            value("functionRole" if purpose == "forward" else f"{purpose}Role"),
            {"Version": "1", "Statement": allowed},
        )
        for purpose, allowed in statements.items()
    ]


def of_canary(given: Mapping[str, str]) -> Iterator[str]:
    """The rights of the administrator who runs a canary, on both clouds: in no everyday policy."""
    source, log = (f"acs:oss:*:*:{given.get(name, '')}" for name in ("sourceBucket", "logBucket"))
    mine = f"{given.get('objectPrefix', '')}{CANARY}*"
    objects = (
        "oss:PutObject",
        "oss:GetObject",
        "oss:DeleteObject",
        "oss:DeleteObjectVersion",
        "oss:AbortMultipartUpload",
    )
    bucket = ("oss:ListObjects", "oss:ListObjectVersions", "oss:ListMultipartUploads", "oss:GetBucketVersioning")
    alibaba = {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": list(objects), "Resource": [f"{source}/{mine}"]},
            {"Effect": "Allow", "Action": [*bucket, "oss:GetBucketWorm"], "Resource": [source]},
            {"Effect": "Allow", "Action": list(objects[:3]), "Resource": [f"{log}/oms_source_record/*"]},
            {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": [log]},
        ],
    }
    of_objects = ["obs:object:GetObject", "obs:object:DeleteObject", "obs:object:DeleteObjectVersion"]
    of_bucket = ["obs:bucket:ListBucket", "obs:bucket:ListBucketVersions", "obs:bucket:GetBucketVersioning"]
    lock = "obs:bucket:GetBucketObjectLockConfiguration"
    lists = ["OBS:*:*:object:DESTINATION_BUCKET/oms/sync_task/*"]
    huawei = {
        "Version": "1.1",
        "Statement": [
            {"Effect": "Allow", "Action": of_objects, "Resource": [f"OBS:*:*:object:DESTINATION_BUCKET/{mine}"]},
            {"Effect": "Allow", "Action": of_objects[:1], "Resource": lists},
            {"Effect": "Allow", "Action": [*of_bucket, lock], "Resource": ["OBS:*:*:bucket:DESTINATION_BUCKET"]},
        ],
    }
    oms = {
        "Version": "1.1",
        "Statement": [{"Effect": "Allow", "Action": ["oms:synctask:get", "oms:synctask:statistics"]}],
    }
    for title, document in (
        ("Alibaba Cloud, a RAM user or role", alibaba),
        ("Huawei Cloud, OBS: write the name of the destination bucket into it", huawei),
        ("Huawei Cloud, OMS", oms),
    ):
        yield f"# {title}"
        yield json.dumps(document, indent=2)
    yield "# Functions are called with the tool's own access, as by every other command of ops.py."


def by_role(policies: list[Policy]) -> dict[str, list[Policy]]:
    return {role: [one for one in policies if one.role == role] for role in dict.fromkeys(one.role for one in policies)}


def creation(policies: list[Policy], *, deep: bool) -> Iterator[str]:
    """Commands that make what is not there, and bring up to date what is."""
    yield "# Huawei Cloud: the custom policies of the IAM user whose AK/SK the functions use. OBS needs one of its own,"
    yield "# because it is a global service: write the name of the destination bucket into it. Without it, nothing here"
    yield "# sees what is in OBS and what OMS failed to copy."
    for name in ("huawei.json", "huawei-obs.json"):
        text = (HERE / name).read_text(encoding="utf-8")
        if deep:  # samples are read there as well
            text = text.replace("/oms/sync_task/*", "/*")
        yield f"# policies/{name}{', with the right to read all objects' if deep and 'obs' in name else ''}"
        yield from (f"#   {line}" for line in text.splitlines())
    yield "\n# Alibaba Cloud: pipe this to bash, as somebody who may make RAM roles and policies. It may run again."
    yield SHELL
    for role, held in by_role(policies).items():
        yield f"\n# The role of {purposes(held)}. One that is there already stays as it is."
        yield ram("EntityAlreadyExist", "CreateRole", RoleName=role, AssumeRolePolicyDocument=json.dumps(trust(held)))
        for policy in held:
            yield f"\n# What {policy.purpose} may do. RAM keeps five versions of a policy: the oldest makes room."
            yield from (f"#   {right}" for right in rights(policy))
            yield f"document={shlex.quote(json.dumps(policy.document))}"
            given = ' --PolicyDocument "$document"'
            rotate = {"SetAsDefault": "true", "RotateStrategy": "DeleteOldestNonDefaultVersionWhenLimitExceeded"}
            yield ram("EntityNotExist", "CreatePolicyVersion", PolicyName=policy.name, **rotate) + given
            yield ram("EntityAlreadyExist", "CreatePolicy", PolicyName=policy.name) + given
            yield ram("EntityAlreadyExist", "AttachPolicyToRole", **attachment(policy))


def removal(policies: list[Policy]) -> Iterator[str]:
    """Commands that take all away, but for a role to which something else is attached."""
    yield "# After `s remove`: pipe this to bash. It may run again."
    yield SHELL
    for role, held in by_role(policies).items():
        yield f"\n# The role of {purposes(held)}. It stays while it has other policies, such as another project's."
        for policy in held:
            yield ram("EntityNotExist", "DetachPolicyFromRole", **attachment(policy))
            yield ram("EntityNotExist", "DeletePolicy", PolicyName=policy.name, CascadingDelete="true")
        yield ram("EntityNotExist|DeleteConflict.Role.Policy", "DeleteRole", RoleName=role)


def purposes(held: list[Policy]) -> str:
    return ", ".join(policy.purpose for policy in held)


def ram(tolerated: str, action: str, **parameters: str) -> str:
    """A command of Alibaba's `aliyun`; the API's documents (RAM, version 2015-05-01) have its parameters and errors."""
    words = [word for name, value in parameters.items() for word in (f"--{name}", value)]
    return shlex.join(["tolerate", tolerated, "aliyun", "ram", action, *words])


def attachment(policy: Policy) -> dict[str, str]:
    return {"PolicyName": policy.name, "RoleName": policy.role, "PolicyType": "Custom"}


def trust(held: list[Policy]) -> Document:
    """Who may take on the role that holds these policies: Function Compute for a function, OSS for the triggers."""
    services = sorted({"oss.aliyuncs.com" if one.purpose == "trigger" else "fc.aliyuncs.com" for one in held})
    return {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}],
    }


def rights(policy: Policy) -> Iterator[str]:
    """What a policy allows, and on what."""
    for one in policy.document["Statement"]:
        prefixes = one.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", [])
        within = f", only under {', '.join(prefixes)}" if prefixes else ""
        yield f"{', '.join(one['Action'])} on {', '.join(one['Resource'])}{within}"


def written(policies: list[Policy], folder: Path) -> Iterator[str]:
    """Writes a file for each policy, called as the policy, and says which role it is for."""
    folder.mkdir(parents=True, exist_ok=True)
    for policy in policies:
        path = folder / f"{policy.name}.json"
        path.write_text(json.dumps(policy.document, indent=2) + "\n", encoding="utf-8")
        yield f"{path}: for the role {policy.role}"


if __name__ == "__main__":
    sys.exit(main())
