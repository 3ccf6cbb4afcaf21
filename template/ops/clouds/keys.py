"""Access keys and other secrets, which the environment contains or the user types, and which are never printed.

An administrator's access keys are not stored. The secrets of s.yaml go into the secret store of Serverless Devs, the
deployment tool, without appearing on a command line.
"""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import UsageError
from ops.functions.call import Caller
from ops.project import read_text
from ops.session import Session
from ops.terminal import json_lines
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

# The variables for each cloud's access key, secret and temporary token have the names that the vendors' SDKs use.
ALIBABA_VARIABLES = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
HUAWEI_VARIABLES = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")
# The variables for OMS's access keys, if another person creates them.
OMS_SOURCE_VARIABLES, OMS_DESTINATION_VARIABLES = (
    ("OMS_SOURCE_AK", "OMS_SOURCE_SK"),
    ("OMS_DESTINATION_AK", "OMS_DESTINATION_SK"),
)

# Owner and purpose of each key, as the prompt states them.
_KEY_PURPOSES = {
    ALIBABA_VARIABLES: t(
        "Access key of an Alibaba Cloud administrator: this command uses the key only in that account, and"
        " does not store the key"
    ),
    HUAWEI_VARIABLES: t(
        "Access key of a Huawei Cloud administrator: this command uses the key only in that account, and does"
        " not store the key"
    ),
}
# The secrets that every function needs.
_REQUIRED_SECRETS = ("HW_AK", "HW_SK")
_STORED_SECRETS = {
    _REQUIRED_SECRETS: t("HW_AK and HW_SK: access key of the IAM user with which the functions call OMS and OBS"),
    ("ALERT_WEBHOOK",): t("ALERT_WEBHOOK: webhook address of the chat robot for status's alarms"),
}
_SECRET_LINE_PATTERN = re.compile(r"""^ +(\w+): *["']?\$\{secret\(["']([^"']+)["']\)\}""", re.MULTILINE)
# Addresses that the functions accept (settings.py).
_ADDRESS_PATTERN = re.compile(r"https://|http://(localhost|127\.[\d.]+|\[::1\])[:/]", re.IGNORECASE)


class Secret:
    """A text that print, logs and tracebacks do not show."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not stored")


@dataclass(frozen=True)
class Keys:
    """An access key with its secret. A temporary access key has a token as well."""

    access: Secret
    secret: Secret
    token: Secret = field(default_factory=Secret)


def read_administrator_keys(session: Session, names: tuple[str, str, str]) -> Keys:
    """Return an administrator's keys from the environment variables `names`, or as the user types them.

    Programs started later do not inherit the variables. Raises UsageError for a missing or malformed key.
    """
    values = dict(zip(names, take_variables(names), strict=True))
    *required_names, token = names
    if not all(values[name] for name in required_names):
        # The token in the environment belongs to another key than the typed key.
        values[token] = ""
        values.update(ask_secrets(session, required_names, _KEY_PURPOSES[names]))
    for name in required_names:
        check_present(
            name,
            values[name],
            t(
                "Set the environment variables {names} to the access key of an administrator (not that of"
                " the functions), or run the command in a terminal and enter the access key",
                names=required_names,
            ),
        )
    for name, value in values.items():
        check_form(name, value)
    return Keys(*(Secret(values[name]) for name in names))


def read_created_key(session: Session, names: tuple[str, str], pair: Sequence[str], owner: Text) -> Keys | None:
    """Return a permanent access key that another person created, or None if the user does not have the key yet.

    `pair` is the key and its secret from the environment; the user types them if either is empty. `owner` is the
    sentence that names the key's owner and purpose to the user. Raises UsageError for a malformed key.
    """
    if not all(pair):
        pair = [*ask_secrets(session, names, owner).values()]
    for name, value in zip(names, pair, strict=True):
        check_form(name, value)
    access, secret = map(Secret, pair)
    return Keys(access, secret) if access and secret else None


def take_variables(names: Sequence[str]) -> list[str]:
    """Return the values of these environment variables, and remove the variables from the environment."""
    return [os.environ.pop(name, "").strip() for name in names]


def ask_secrets(session: Session, names: Sequence[str], purpose: Text) -> dict[str, str]:
    """Print `purpose`, and return the secrets that the user types.

    Without a terminal, each secret is "".
    """
    if not session.screen.interactive:
        return dict.fromkeys(names, "")
    session.print_text(purpose)
    questions = {name: t("{name} (input is not shown):", name=name) for name in names}
    return {name: session.screen.ask_secret(question.of(session.lang)) for name, question in questions.items()}


def check_present(name: str, value: str, remedy: Text) -> None:
    """Raise UsageError for a missing secret. The error ends with `remedy`, which says how to supply the secret."""
    if not value:
        raise UsageError(t("{name} is empty", name=name), remedy)


def check_form(name: str, value: str) -> None:
    """Raise UsageError for a secret with invalid characters. An empty secret is accepted."""
    if value and not re.fullmatch(r"[!-~]+", value):
        raise UsageError(
            t("{name} contains blanks or other characters that are invalid in an access key", name=name),
            t("Copy the value of {name} again", name=name),
        )


def store_secrets(session: Session, options: Namespace, folder: Path) -> int:
    """Store the secrets named in `options.name`, or all, in the store of Serverless Devs; return the exit code.

    The secrets come from the environment, or the user types them. Raises UsageError for a missing or malformed secret.
    """
    # The secrets in s.yaml, by variable, with their names in the store of Serverless Devs.
    secret_names = dict(_SECRET_LINE_PATTERN.findall(read_text(options.template or folder / "s.yaml")))
    for name in options.name or _REQUIRED_SECRETS:
        if name not in secret_names:
            raise UsageError(
                t("s.yaml has no {name}: ${{secret('...')}} under vars", name=name),
                t("Add this line under vars, with the secret's name in the secret store of Serverless Devs"),
            )
    # All secrets are read before the first is stored, so that a key and its secret belong together.
    values = _read_secrets(session, options.name or [*secret_names])
    store(session.caller, {secret_names[name]: value for name, value in values.items()})
    if options.json:
        session.screen.answer(json_lines({"stored": [*values]}))
        return 0
    for name in values:
        session.print_text(
            t("{name} is now in the tool's secret store, as {named}.", name=name, named=secret_names[name])
        )
    session.print_text(t("Deploy the secrets to the functions: {command}", command=Step("deploy")))
    return 0


def store(caller: Caller, secrets: Mapping[str, str]) -> None:
    """Put a secret, or a pair of secrets that belong together, into the store of Serverless Devs.

    The store's old value of the second secret is deleted first, so that an interrupted run never leaves a new secret
    with an old one.
    """
    _, *later_names = secrets
    for name in {*later_names} & {*caller.secrets()} if later_names else ():
        caller.forget_secret(name)
    for name, value in secrets.items():
        caller.keep_secret(name, value)


def _read_secrets(session: Session, names: Sequence[str]) -> dict[str, str]:
    values = {name: os.environ.get(name, "").strip() for name in names}
    missing_names = [name for name in names if not values[name]]
    other_names = tuple(name for name in missing_names if not any(name in group for group in _STORED_SECRETS))
    for group, purpose in {**_STORED_SECRETS, other_names: t("Secrets in s.yaml")}.items():
        if group_names := [name for name in missing_names if name in group]:
            values |= ask_secrets(session, group_names, purpose)
    for name, value in values.items():
        _check_secret(name, value)
    return values


def _check_secret(name: str, value: str) -> None:
    check_present(
        name,
        value,
        t(
            "Set the environment variable {name} (in CI from the secret store), or run the command in a"
            " terminal and enter the secret",
            name=name,
        ),
    )
    check_form(name, value)
    # The functions would refuse this address in every run, and doctor cannot check it.
    if name == "ALERT_WEBHOOK" and not _ADDRESS_PATTERN.match(value):
        raise UsageError(
            t("{name} does not start with https://", name=name),
            t("Copy the webhook address again from the chat robot's settings"),
        )
