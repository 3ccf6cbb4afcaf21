"""Users of both clouds in the sandbox, each with an access key and policies."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sandbox import Sandbox
from sandbox.iam.identities import Arguments

Key = tuple[str, str]


def create_ram_user(box: Sandbox, document: Mapping[str, object], name: str = "user") -> Key:
    ram = box.ram.entities
    ram.create_user(name)
    ram.create_policy(name, json.dumps(document))
    ram.attach_policy_to_user("Custom", name, name)
    key = ram.create_access_key(name)["AccessKey"]
    return key["AccessKeyId"], key["AccessKeySecret"]


def create_iam_user(box: Sandbox, name: str, *documents: Mapping[str, object]) -> Key:
    """Create an IAM user with these policies; return the user's access key.

    API v3 attaches policies of version 1.1, and API v5 all others.
    """
    user = box.iam.create_user(Arguments((), {"name": name}, {}))["user"]["user_id"]
    for document in documents:
        if document["Version"] == "1.1":
            box.iam.grant(user, json.dumps(document))
        else:
            body = {"policy_name": name, "policy_document": json.dumps(document)}
            policy = box.iam.create_policy(Arguments((), body, {}))["policy"]["policy_id"]
            box.iam.attach_policy(Arguments((policy,), {"user_id": user}, {}))
    key = box.iam.create_key(Arguments((user,), {}, {}))["access_key"]
    return key["access_key_id"], key["secret_access_key"]
