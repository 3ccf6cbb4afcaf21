"""A new user's first steps, from the package to the first object in OBS, with the real Serverless Devs on a terminal.

At the start only the source bucket exists. The functions have only the permissions that setup grants.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from oss_oms_sync.answers.text import t
from package.internet import OnTheInternet
from package.tool import Fc3, Shell, answer_prompts, assert_no_secret
from sandbox import Sandbox
from sandbox.account import ACCOUNT_ID
from support.documents import Document
from support.uploads import upload
from tools.package import ROOT
from tools.serverless import Tool

# The expected screens. To write them: WRITE_SCREENS=1 .venv/bin/pytest -n 0 tests/package/test_setup.py
SCREENS = ROOT / "tests" / "screens"
README = ROOT / "README.md"
# With what the tool deploys.
DEPLOYS = "secretOfTheDeployment000000001"
LANGUAGES = {"en": "C.UTF-8", "zh": "zh_CN.UTF-8"}
# Each process of Node.js notes what everybody can see of it, and what its environment has.
NOTE = """
const fs = require("fs");
fs.appendFileSync(%s, fs.readFileSync("/proc/self/cmdline"));
fs.appendFileSync(%s, JSON.stringify(process.env));
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[OnTheInternet]:
    with OnTheInternet(tmp_path, bare=True, forks=True) as sandbox:
        sandbox.binds_roles = sandbox.oms.needs_agreement = True
        yield sandbox


def created_secrets(box: Sandbox) -> dict[str, str]:
    """Return the secrets of the access keys that setup has created, by the ids of the keys."""
    users = (*box.ram.entities.users.values(), *box.iam.users.values())
    made = {key: str(key_of_user["secret"]) for user in users for key, key_of_user in user["keys"].items()}
    assert len(made) == 3
    return made


def secrets(box: Sandbox) -> set[str]:
    """Return the administrators' secrets, and the ids and secrets of all keys that setup has created."""
    made = created_secrets(box)
    return {*made, *made.values(), *box.administrators().values(), DEPLOYS}


def commands() -> str:
    """Return the shell lines in the first section of the readme."""
    return Document.read(README).blocks_under("oss-oms-sync")[0]


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.extras)])
def test_setup_with_two_confirmations_copies_the_first_object_to_obs(
    shell: Shell, fc3: Fc3, box: OnTheInternet, tool: Tool, built: Path, tmp_path: Path, lang: str
) -> None:
    # GIVEN a project of a user who knows only the buckets' names, and has configured the tool's keys
    tool.environment["LANG"] = LANGUAGES[lang]
    own = ("--AccountID", ACCOUNT_ID, "--AccessKeyID", "LTAIofDeployment0001", "--AccessKeySecret", DEPLOYS)
    assert tool.run("config", "add", *own, "-a", "default", "-f").returncode == 0
    left_empty = dict.fromkeys(("logBucket", "objectPrefix", "objectSuffix"), "")
    answers = {**box.answers(), **left_empty, "functionName": "photos-sync"}
    code, prompts = answer_prompts(tool, built, shell.folder / "photos-sync", answers)
    assert code == 0, prompts
    *_, change, set_up, and_deploy = commands().splitlines()
    shell.run(change)

    # WHEN both clouds are set up at a terminal, where each program that is started notes what it sees
    words, variables, note = (tmp_path / name for name in ("words", "variables", "note.js"))
    note.write_text(NOTE % (json.dumps(str(words)), json.dumps(str(variables))))
    node = f"{tool.environment['NODE_OPTIONS']} --require {note}"
    yes, agree = t("Type {word} to execute the plan:", word="yes"), t("Type {word} to agree:", word="agree")
    code, screen = shell.on_terminal(
        set_up,
        [(yes.of(lang), "yes"), (agree.of(lang), "agree")],
        {**box.internet, **box.administrators(), "NODE_OPTIONS": node},
    )
    assert code == 0, screen

    # AND what it prints in the end is done, as the document says, too
    assert screen.splitlines()[-1].strip() == and_deploy
    done = shell.run(and_deploy)
    assert f"\n{t('Setup OK').of(lang)}" in done

    # THEN objects written to the source reach OBS, and all requests went to the clouds' own host names
    upload(box, "hello")
    assert box.obs.objects(box.destination_bucket)["hello"].data == b"hello"
    log = fc3.deployed["forward"]["environmentVariables"]["LOG_BUCKET"]
    assert box.hosts >= {
        *("sts.aliyuncs.com", "ram.aliyuncs.com", "iam.myhuaweicloud.com", "oms.cn-north-4.myhuaweicloud.com"),
        *(f"{bucket}.oss-cn-hangzhou.aliyuncs.com" for bucket in (box.source_bucket, log)),
        f"{ACCOUNT_ID}.cn-hangzhou.fc.aliyuncs.com",
        f"{box.destination_bucket}.obs.cn-north-4.myhuaweicloud.com",
    }

    # AND that is what stood on the screen
    shown = re.sub(r"(?<=photos-oms-log-)\w{4}\b", "xxxx", re.sub(r"\b[0-9a-f]{8}\b", "xxxxxxxx", screen))
    kept = SCREENS / f"setup.{lang}.txt"
    if os.environ.get("WRITE_SCREENS"):
        kept.write_text(shown, encoding="utf-8")
    assert shown == kept.read_text(encoding="utf-8")

    # AND no secret is to be seen anywhere, nor did a program that setup started have those of the administrators
    assert words.read_text().count("/s\0") > 2
    logged = [line for invocation in box.fc.invocations for line in invocation.logs]
    stored = [stored.data.decode("utf-8", "replace") for stored in box.oss.objects(log).values()]
    assert_no_secret(prompts, screen, done, *logged, words, shell.folder, tool.home, secrets=secrets(box))
    # The log bucket names OMS's keys by their identifiers.
    assert_no_secret(*stored, secrets=secrets(box) - created_secrets(box).keys())
    assert_no_secret(variables.read_text(), secrets=box.administrators().values())
