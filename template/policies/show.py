#!/usr/bin/env python3
"""The program that prints the project's permissions, and the commands that grant or remove them.

    python3 policies/show.py                  prints the `aliyun ram` commands that create the roles and policies
    python3 policies/show.py | bash           runs these commands
    python3 policies/show.py --remove         prints the commands that remove the roles and policies
    python3 policies/show.py --json FOLDER    writes the policies to files, for the RAM console
    python3 policies/show.py --canary         prints the permissions for `python3 ops.py canary`
    python3 policies/show.py --migrate        prints the permissions for `python3 ops.py migrate`
    python3 policies/show.py --checklist      prints the permissions for `python3 ops.py checklist`
    python3 policies/show.py --headers        prints the permission of the functions' key for `python3 ops.py headers`

The output follows s.yaml: after a change of s.yaml, run the commands again. The program changes nothing itself, and
needs only Python 3.10.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# The package `ops` is next to this folder, whatever the current folder is. No bytecode is written beside it.
sys.path.insert(0, str(FOLDER.parent))
sys.dont_write_bytecode = True

from ops.accounts import statements  # noqa: E402
from ops.accounts.policy_documents import Document, convert_to_role_policies, list_permissions  # noqa: E402
from ops.accounts.statements import Role, group_roles, trust_policy  # noqa: E402
from ops.errors import UsageError  # noqa: E402
from ops.project import read  # noqa: E402

# Shell code at the start of the output: with it, the commands can run as a script, and can run again.
SHELL_CODE = r"""
# A failure ends the script, but not a terminal into which it is pasted.
case $- in *i*) ;; *) set -e ;; esac
# Runs the command after the first word. The RAM error in the first word is no failure: it means that the work is done.
tolerate() {
  if said=$("${@:2}" 2>&1 </dev/null); then echo "${*:4:3}: done"
  elif echo "$said" | grep -Eq "$1"; then echo "${*:4:3}: $(echo "$said" | grep -Eom1 "($1)[A-Za-z.]*")"
  else echo "$said" >&2; return 1; fi
}"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Print the commands (aliyun ram) that create the project's RAM roles and policies, and the"
        " permissions of its IAM user. Use this program to set up by hand instead of with ops.py setup; to run the"
        " printed commands, pipe the output to bash. The output follows s.yaml: after a change of s.yaml, run the"
        " program again. The program itself changes nothing in the clouds.",
        epilog="Exit codes: 0 done; 1 an error, which the message explains; 2 a wrong option, or s.yaml is missing.",
    )
    exclusive_options = parser.add_mutually_exclusive_group()
    exclusive_options.add_argument(
        "--remove", action="store_true", help="print the commands that remove these roles and policies"
    )
    exclusive_options.add_argument(
        "--json",
        metavar="FOLDER",
        type=Path,
        help="write each RAM policy to a file in this folder, for the RAM console",
    )
    exclusive_options.add_argument(
        "--canary", action="store_true", help="print the permissions that an administrator needs for ops.py canary"
    )
    exclusive_options.add_argument(
        "--migrate", action="store_true", help="print the permissions that an administrator needs for ops.py migrate"
    )
    exclusive_options.add_argument(
        "--checklist",
        action="store_true",
        help="print the permissions that an administrator needs for ops.py checklist",
    )
    exclusive_options.add_argument(
        "--headers",
        action="store_true",
        help="print the permission that the project's IAM user needs for ops.py headers",
    )
    options = parser.parse_args()
    settings = FOLDER.parent / "s.yaml"
    if not settings.exists():
        print(f"{settings} is missing: run this program in a project created by `s init oss-oms-sync`", file=sys.stderr)
        return 2
    try:
        print("\n".join(list_lines(read(settings, ()), options)), flush=True)
    except UsageError as error:
        sys.exit(f"{error.problem.en}: {error.fix.en}")
    except BrokenPipeError:  # the program that reads the output has ended
        sys.stderr.close()
        return 1
    except OSError as error:
        sys.exit(str(error))
    return 0


def list_lines(settings: Mapping[str, str], options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines to print for `options`. Raises UsageError if s.yaml lacks a required value."""
    if options.canary:
        return canary_permissions(settings)
    if options.migrate:
        return permissions_in_both_clouds(statements.migration_policies(settings))
    if options.headers:
        return headers_permission(settings)
    if options.checklist:
        return permissions_in_both_clouds(statements.checklist_policies(settings))
    roles = statements.list_roles(settings)
    if options.json:
        return write_policies(roles, options.json)
    return removal_commands(roles) if options.remove else creation_commands(roles, settings)


def canary_permissions(settings: Mapping[str, str]) -> Iterator[str]:
    alibaba, huawei = statements.canary_policies(settings)
    yield "# Alibaba Cloud, a RAM user or role"
    yield json.dumps(alibaba, indent=2)
    for grant_place, document in policies_by_role(huawei, settings):
        yield f"# Huawei Cloud, {grant_place}"
        yield json.dumps(document, indent=2)
    yield "# ops.py calls the functions with the access key of the Serverless Devs tool, as every other command does."


def headers_permission(settings: Mapping[str, str]) -> Iterator[str]:
    document = statements.headers_policy(settings)
    yield '# Setup grants this permission if s.yaml has changeHeaders: "on". In Alibaba Cloud,'
    yield "# compare's role then also gets oss:GetObjectTagging, to check objects for tags."
    yield "# Huawei Cloud, an identity policy of the functions' user"
    yield json.dumps(document, indent=2)
    for grant_place, policy in policies_by_role(document, settings):
        yield f"# Huawei Cloud, {grant_place}"
        yield json.dumps(policy, indent=2)


def permissions_in_both_clouds(documents: tuple[Document, Document]) -> Iterator[str]:
    grantees = "Alibaba Cloud, a RAM user or role", "Huawei Cloud, an identity policy"
    for grantee, document in zip(grantees, documents, strict=True):
        yield f"# {grantee}"
        yield json.dumps(document, indent=2)


def policies_by_role(document: Document, settings: Mapping[str, str]) -> Iterator[tuple[str, Document]]:
    """Yield custom role policies of IAM that together grant `document`, each after the place where to grant it.

    Role policies work in every Huawei Cloud account, but identity policies do not.
    """
    for grant_place, policy in convert_to_role_policies(document, settings.get("destinationRegion", "")):
        yield f"a custom policy of a user group, {grant_place.en}", policy


def creation_commands(roles: list[Role], settings: Mapping[str, str]) -> Iterator[str]:
    yield "# Huawei Cloud: permissions of the IAM user whose AK/SK the functions use. Without the permissions for OBS,"
    yield "# compare cannot read OBS, and replay cannot read OMS's lists of failed copies."
    functions_policy = statements.functions_policy(settings)
    for grant_place, policy in policies_by_role(functions_policy, settings):
        yield f"# {grant_place[0].upper()}{grant_place[1:]}:"
        yield f"#   {json.dumps(policy)}"
    yield "\n# Alibaba Cloud: pipe this script to bash, as a user who can create RAM roles and policies."
    yield "# You can run the script again."
    yield SHELL_CODE
    for name, same_name_roles in group_roles(roles):
        yield f"\n# The role of {join_purposes(same_name_roles)}. An existing role is not changed."
        trust_document = json.dumps(trust_policy(same_name_roles))
        yield ram_command("EntityAlreadyExist", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust_document)
        for role in same_name_roles:
            yield f"\n# Permissions of {join_purposes([role])}. RAM keeps five versions: a sixth replaces the oldest."
            yield from (f"#   {permission.en}" for permission in list_permissions(role.document))
            yield f"document={shlex.quote(json.dumps(role.document))}"
            document_option = ' --PolicyDocument "$document"'
            version_options = {
                "SetAsDefault": "true",
                "RotateStrategy": "DeleteOldestNonDefaultVersionWhenLimitExceeded",
            }
            yield (
                ram_command("EntityNotExist", "CreatePolicyVersion", PolicyName=role.policy, **version_options)
                + document_option
            )
            yield ram_command("EntityAlreadyExist", "CreatePolicy", PolicyName=role.policy) + document_option
            yield ram_command("EntityAlreadyExist", "AttachPolicyToRole", **attachment_parameters(role))


def removal_commands(roles: list[Role]) -> Iterator[str]:
    yield "# After `s remove`: pipe this script to bash. You can run the script again."
    yield SHELL_CODE
    for name, same_name_roles in group_roles(roles):
        yield f"\n# The role of {join_purposes(same_name_roles)}. If it has other policies, it is kept."
        for role in same_name_roles:
            yield ram_command("EntityNotExist", "DetachPolicyFromRole", **attachment_parameters(role))
            yield ram_command("EntityNotExist", "DeletePolicy", PolicyName=role.policy, CascadingDelete="true")
        yield ram_command("EntityNotExist|DeleteConflict.Role.Policy", "DeleteRole", RoleName=name)


def join_purposes(roles: list[Role]) -> str:
    return ", ".join(purpose for role in roles for purpose in role.purposes)


def ram_command(tolerated_codes: str, action: str, **parameters: str) -> str:
    """Return a shell command that calls `action` of RAM's API (version 2015-05-01) by Alibaba Cloud's tool `aliyun`.

    The command also succeeds if RAM returns an error code that matches the regular expression `tolerated_codes`.
    """
    words = [word for name, value in parameters.items() for word in (f"--{name}", value)]
    return shlex.join(["tolerate", tolerated_codes, "aliyun", "ram", action, *words])


def attachment_parameters(role: Role) -> dict[str, str]:
    return {"PolicyName": role.policy, "RoleName": role.name, "PolicyType": "Custom"}


def write_policies(roles: list[Role], folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for role in roles:
        path = folder / f"{role.policy}.json"
        path.write_text(json.dumps(role.document, indent=2) + "\n", encoding="utf-8")
        yield f"{path}: for the role {role.name}"


if __name__ == "__main__":
    sys.exit(main())
