"""The steps in the documents, run with the real Serverless Devs against the sandbox."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from ops.setup import settings_file
from package.tool import Fc3, Shell, assert_no_secret, init, standing_in
from sandbox import Sandbox
from sandbox.fc.project import read_resources
from sandbox.server.faults import Fault
from support.answers import KEYLESS
from support.documents import Document
from support.settings import rewrite
from support.uploads import upload
from tools.package import ROOT
from tools.serverless import Tool, serve_package

DEPLOY, BY_HAND, LIFE_CYCLE, ALARMS = (
    ROOT / "docs" / f"{name}.md" for name in ("deploy", "by-hand", "lifecycle", "alarms")
)


@pytest.fixture(scope="session")
def created_project(tool_home: Path, built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder to copy, and the address of the sync task in its project.

    The folder contains a project that `s init` created, and the home folder of Serverless Devs.
    """
    folder = tmp_path_factory.mktemp("made")
    with Sandbox() as box:
        answers = box.answers()
    init(Tool(shutil.copytree(tool_home, folder / "home")), built, folder / "project", answers)
    return folder, answers["SYNC_URL"]


@pytest.fixture
def project(shell: Shell, fc3: Fc3, box: Sandbox, tool: Tool, created_project: tuple[Path, str]) -> Path:
    """Return the project in the shell's folder, as if `s init` and `s deploy` had run against the sandbox."""
    folder, address = created_project
    shutil.copytree(folder / "home" / ".s", tool.home / ".s", dirs_exist_ok=True)
    shell.folder = shutil.copytree(folder / "project", shell.folder / "project")
    for name in ("s.yaml", "answers.json"):
        rewrite(shell.folder / name, {address: box.task.sync_url})
    keys = dict(zip(("HW_AK", "HW_SK"), box.huawei_credentials, strict=True))
    for name, props in read_resources(shell.folder, lambda name: keys[name[-5:]]).items():
        fc3.deploy(name, props, shell.folder)
    return shell.folder


def test_the_documented_steps_by_hand_bring_the_first_object_to_obs(shell, fc3, box):
    # GIVEN the steps of the page, for the sandbox's task
    (making,) = Document.read(BY_HAND).blocks_under("Set up by hand")
    roles, *deploy = "python3 policies/show.py", "s deploy -y", "python3 ops.py doctor"
    assert all(command.split() in Document.read(BY_HAND).commands for command in (roles, *deploy))
    by_hand = ["s forward invoke --event-file events/put-object.json", "s forward logs --tail"]
    assert all(command.split() in Document.read(DEPLOY).commands for command in by_hand)
    remove = "s remove -y\npython3 policies/show.py --remove"
    address = "https://oms.cn-north-4.myhuaweicloud.com/v2/<project id>/sync-tasks/<task id>/events"
    assert address in making

    # WHEN they are done in order, THEN each has the result that the text names
    typed = "\n".join([*box.huawei_credentials, ""])
    assert "The project is ready in photos-sync" in shell.run(making.replace(address, box.task.sync_url), typed)
    output = shell.run(roles)
    assert "aliyun ram CreateRole" in output
    assert "acs:oss:*:*:photos-oms-log/oms_source_record/*" in output
    assert "\nSetup OK: " in shell.run("\n".join(deploy))
    upload(box, "hello")
    assert f"oms_source_record/{box.task_id}/success_object/hello" in box.oss.objects(box.log_bucket)
    assert box.task.destination["hello"].data == b"hello"
    output = shell.run("\n".join(by_hand))
    assert "Invoke Result:\ntrue" in output
    assert output.count('"job": "forward"') == 3  # the upload's id, this event's, and this event's again in the log
    assert "aliyun ram DeleteRole" in shell.run(remove)

    # AND at the end no function runs, and only the records stay
    upload(box, "after")
    assert fc3.deployed == {}
    assert "after" not in box.oms.accepted
    assert f"oms_source_record/{box.task_id}/success_object/hello" in box.oss.objects(box.log_bucket)


@pytest.mark.extras
def test_the_documented_steps_replace_the_access_keys_during_traffic(shell, project, box):
    # GIVEN the old key disabled too early
    upload(box, "before")
    new = ("SANDBOXHWAK000000002", "SANDBOXHWSK0000000000000000000000000002")
    box.oms.add_credentials(*new)
    box.oms.remove_credentials(box.huawei_credentials[0])
    upload(box, "between")

    # WHEN the steps of the document are done (lifecycle.md, "Access keys")
    shell.run("python3 ops.py secrets", env=dict(zip(("HW_AK", "HW_SK"), new, strict=True)))
    assert "Setup OK: " in shell.run("s deploy -y\npython3 ops.py doctor")
    upload(box, "after")

    # THEN replay resends the failed key
    assert box.tick("replay").value["accepted"] == 1
    assert set(box.oms.accepted) == {"before", "between", "after"}


STAGING = """\
extend: s.yaml
vars:
  functionName: photos-sync-staging
  sourceBucket: photos-staging
  logBucket: photos-staging-oms-log
  SYNC_URL: https://oms.cn-north-4.myhuaweicloud.com/v2/0123456789abcdef/sync-tasks/5ca1ab1e/events
  HW_AK: ${secret('photos-sync-staging_HW_AK')}
  HW_SK: ${secret('photos-sync-staging_HW_SK')}
"""


@pytest.mark.extras
def test_the_documented_steps_deploy_a_second_environment(shell, project, fc3, box, tool):
    # GIVEN a file with the variables that the document names
    (project / "s.staging.yaml").write_text(STAGING)
    staging = {name: f"Staging{name[-2:]}0001" for name in ("HW_AK", "HW_SK")}
    shell.run("python3 ops.py secrets -t s.staging.yaml", env=staging)
    first = dict(fc3.deployed)

    # WHEN it is deployed (into the sandbox it would not fit)
    fc3.box = None
    output = shell.run("s deploy -y -t s.staging.yaml")

    # THEN only the properties in the file differ from the first environment
    changes = yaml.safe_load(STAGING)["vars"]
    variables = {
        "PROJECT": "functionName",
        "SYNC_URL": "SYNC_URL",
        "LOG_BUCKET": "logBucket",
        "SOURCE_BUCKET": "sourceBucket",
    }
    environment = {**staging, **{name: changes[of] for name, of in variables.items()}}
    for name, props in fc3.deployed.items():
        expected = {kept: first[name][kept] for kept in ("handler", "timeout")}
        expected["functionName"] = "photos-sync-staging" + ("" if name == "forward" else f"-{name}")
        expected["environmentVariables"] = {**first[name]["environmentVariables"], **environment}
        expected["role"] = "photos-sync-staging-function"
        assert {name: props[name] for name in expected} == expected
    forward = fc3.deployed["forward"]
    assert forward["asyncInvokeConfig"]["destinationConfig"]["onFailure"]["destination"].endswith(
        "/photos-sync-staging-replay"
    )
    assert forward["triggers"][0]["sourceArn"].endswith(":photos-staging")
    (pieces,) = (trigger for trigger in fc3.deployed["reconcile"]["triggers"] if trigger["triggerType"] == "oss")
    assert pieces["sourceArn"].endswith(":photos-staging-oms-log")
    assert pieces["triggerConfig"]["filter"]["key"]["prefix"].endswith("/photos-sync-staging-reconcile/")
    assert "StagingSK0001" not in output


def changed_package(built: Path, folder: Path) -> Path:
    """Build a newer version of the package, and return its path.

    It has a new file, a changed line of code and another timeout, and lacks a file.
    """
    newer = folder / "newer.zip"
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(newer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "src/code/index.py":
                data += b"\n# newer\n"
            elif name == "src/s.yaml":
                data = data.replace(b"timeout: 570", b"timeout: 580")
            if name != "src/ci/yunxiao.yml":
                new.writestr(name, data)
        new.writestr("src/events/newer.json", b"{}")
    return newer


@pytest.mark.extras
def test_the_documented_upgrade_keeps_the_users_changes(shell, project, fc3, box, built, tmp_path):
    # GIVEN a project in git, and changes of the user's own
    once, upgrade = Document.read(LIFE_CYCLE).blocks_under("Upgrade")
    shell.run(once)
    settings = project / "s.yaml"
    rewrite(settings, {'objectPrefix: ""': 'objectPrefix: "mine/"', "timeout: 60\n": "timeout: 90\n"})
    (project / "notes.txt").write_text("mine")
    shell.run("git add --all; git commit -q -m Mine")

    # WHEN a newer version comes out and is merged as the document says
    with serve_package(changed_package(built, tmp_path)) as url:
        output = shell.run(upgrade, env={"PACKAGE_URL": url})
    assert f"{box.answers()['functionName']}_HW_SK in the tool's secret store is unchanged" in output

    # THEN the project has the new version and the user's changes
    merged = settings.read_text(encoding="utf-8")
    assert all(part in merged for part in ('objectPrefix: "mine/"', "timeout: 90\n", "timeout: 580\n"))
    assert (project / "notes.txt").read_text() == "mine"
    assert (project / "code" / "index.py").read_text().endswith("# newer\n")
    assert (project / "events" / "newer.json").exists()
    assert not (project / "ci" / "yunxiao.yml").exists()
    assert "timeout: 580" in shell.run("git diff HEAD^\ns deploy -y\npython3 ops.py doctor")
    assert fc3.deployed["reconcile"]["timeout"] == 580
    assert fc3.deployed["forward"]["environmentVariables"]["HW_SK"] == box.huawei_credentials[1]

    # AND the steps back restore the old version
    shell.run("git revert --no-edit -m 1 HEAD\ns deploy -y")
    assert fc3.deployed["reconcile"]["timeout"] == 570
    assert "timeout: 90\n" in settings.read_text(encoding="utf-8")


@pytest.mark.extras
def test_the_documented_upgrade_after_setup_merges_s_yaml(shell, tool, box, built, tmp_path):
    # GIVEN a project without keys, the lines that setup writes into it, and ignored files
    once, upgrade = Document.read(LIFE_CYCLE).blocks_under("Upgrade")
    project = shell.folder / "project"
    init(tool, built, project, {**KEYLESS, "SYNC_URL": ""})
    shell.folder = project
    shell.run(once)
    keys = {name: f"${{secret('my-sync_{name}')}}" for name in ("HW_AK", "HW_SK")}
    settings_file.write(project / "s.yaml", {"SYNC_URL": box.task.sync_url, **keys}, print)
    shell.run("for name in HW_AK HW_SK; do s secret add --key my-sync_$name --value x; done")
    shell.run("mkdir mine; touch admin.sh mine/a.pem; echo '*.pem' > mine/.gitignore; echo /admin.sh >> .gitignore")
    shell.run("git add --all; git commit -q -m Mine")
    before = yaml.safe_load((project / "s.yaml").read_text(encoding="utf-8"))["vars"]

    # WHEN a newer version is merged as the document says, and once more, when nothing is new
    with serve_package(changed_package(built, tmp_path)) as url:
        shell.run(upgrade, env={"PACKAGE_URL": url})
        shell.run(upgrade, env={"PACKAGE_URL": url})
    assert shell.run("git branch --show-current").strip() == "main"

    # THEN the new version has setup's lines, and the ignored files are in the folder and in no commit
    text = (project / "s.yaml").read_text(encoding="utf-8")
    assert "timeout: 580\n" in text
    assert before["SYNC_URL"] == box.task.sync_url
    assert yaml.safe_load(text)["vars"] == before
    committed = set(shell.run("git log --all --no-renames --name-only --format=").split())
    assert {"mine/.gitignore", "events/newer.json"} <= committed
    assert not {"admin.sh", "mine/a.pem"} & committed
    assert (project / "admin.sh").exists() and (project / "mine" / "a.pem").exists()


@pytest.mark.extras
def test_an_upgrade_that_is_refused_changes_no_committed_file(shell, project, box):
    # GIVEN a machine that does not have the keys
    once, upgrade = Document.read(LIFE_CYCLE).blocks_under("Upgrade")
    shell.run(once)
    name = box.answers()["functionName"]
    shell.run(f"s secret delete --key {name}_HW_AK; s secret delete --key {name}_HW_SK")
    before = shell.run("git rev-parse main template")

    # WHEN the lines are pasted into a terminal, which continues after a failed line
    output = shell.attempt(f"set +e\n{upgrade}").stdout

    # THEN nothing is committed or merged, and the output names the way back
    assert "HW_SK" in output
    assert "`git reset --hard` restores them" in output
    assert shell.run("git rev-parse main template") == before
    shell.run("git reset -q --hard; git switch -q main; git diff --exit-code HEAD; test -f s.yaml")
    assert ".env" not in shell.run("git ls-files")


WEBHOOK = "https://oapi.dingtalk.com/robot/send?access_token=fedcba98765432100123456789abcdef"


# Append the command line of each process, as the list of processes shows it.
NOTE = 'const fs = require("fs"); fs.appendFileSync(%s, fs.readFileSync("/proc/self/cmdline"));'
CI = {
    "ALIBABA_CLOUD_ACCOUNT_ID": "1122334455",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIofCI0001",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secretOfCI00000000000000000001",
}


@pytest.mark.extras
def test_the_documented_ci_deploys_with_access_keys_of_its_own_store(
    shell, project, fc3, box, built, tool_home, tmp_path
):
    # GIVEN the project on a machine whose tool has no key
    other = Tool(shutil.copytree(tool_home, tmp_path / "machine of CI"))
    copy = tmp_path / "checkout"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".env"))
    keys = dict(zip(("HW_AK", "HW_SK"), box.huawei_credentials, strict=True))
    with standing_in(other, box) as component, serve_package(built) as url:
        ci = Shell(other, copy, url)

        def expect_failure(code: int, message: str, **variables: str) -> str:
            done = ci.attempt(command, env={**CI, **variables})
            assert done.returncode == code, done.stdout
            assert message in done.stdout
            return done.stdout

        # WHEN the document's command is run, and each process of the tool appends its command line
        command = "bash ci/deploy.sh"
        calls, note = tmp_path / "calls", tmp_path / "note.js"
        calls.write_text("")
        note.write_text(NOTE % json.dumps(str(calls)))
        node = f"{other.environment['NODE_OPTIONS']} --require {note}"
        output = ci.run(command, env={**CI, **keys, "NODE_OPTIONS": node})

        # THEN the functions have the keys, and neither output nor logs show them
        assert component.deployed["forward"]["environmentVariables"]["HW_SK"] == keys["HW_SK"]
        assert "Setup OK: " in output
        assert calls.read_text().count("/s\0") > 3
        secrets = [*keys.values(), CI["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]]
        assert_no_secret(output, other.home / ".s" / "logs", calls, secrets=secrets)

        # AND s.yaml can name an access that this machine lacks, and a webhook; and a fault of doctor fails the command
        text = (copy / "s.yaml").read_text(encoding="utf-8")
        (line,) = re.findall(r"`(ALERT_WEBHOOK: \$[^`]+)`", Document.read(ALARMS).text)
        named = {'ALERT_WEBHOOK: ""\n': f"{line}\n".replace("<functionName>", "the")}
        rewrite(copy / "s.yaml", {**named, 'access: "default"': "access: ours"})
        box.oms.faults.add(Fault.status(401))
        assert WEBHOOK not in expect_failure(1, "fault: access key: ", **keys, ALERT_WEBHOOK=WEBHOOK)
        assert component.deployed["forward"]["triggers"][0]["sourceArn"].split(":")[3] == CI["ALIBABA_CLOUD_ACCOUNT_ID"]
        webhooks = {
            name: props["environmentVariables"].get("ALERT_WEBHOOK") for name, props in component.deployed.items()
        }
        assert webhooks == {**dict.fromkeys(webhooks), "status": WEBHOOK}
        expect_failure(2, "ALERT_WEBHOOK is empty", **keys)

        # AND a missing key or name fails the command
        expect_failure(2, "HW_SK is empty", HW_AK="x")
        (copy / "s.yaml").write_text(text.replace("secret(", "env("), encoding="utf-8")
        expect_failure(2, "s.yaml has no HW_AK", **keys)


@pytest.mark.parametrize("name", ["github.yml", "yunxiao.yml"])
def test_each_ci_file_of_the_template_runs_the_deploy_script(name):
    text = (ROOT / "template" / "ci" / name).read_text(encoding="utf-8")
    assert "bash ci/deploy.sh" in json.dumps(yaml.safe_load(text))
    needed = [*CI, "HW_AK", "HW_SK", "ALERT_WEBHOOK"]
    script = (ROOT / "template" / "ci" / "deploy.sh").read_text()
    # `ops.py secrets` takes all other secrets of s.yaml from the environment.
    assert all(variable in script for variable in [*CI, "HW_AK", "HW_SK", "ops.py secrets"])
    if name == "github.yml":
        job = yaml.safe_load(text)["jobs"]["deploy"]
        assert job["steps"][-1]["env"] == {variable: f"${{{{ secrets.{variable} }}}}" for variable in needed}


@pytest.mark.extras
def test_a_project_paused_by_the_documented_step_loses_no_key(shell, project, box):
    # GIVEN a project that is paused
    (pause,) = Document.read(LIFE_CYCLE).blocks_under("Pause")
    box.tick("reconcile")
    shell.run(pause)

    # WHEN there are uploads meanwhile
    upload(box, "meanwhile")
    assert box.oms.accepted == {}

    # THEN they are submitted once it continues
    box.advance(3600)
    shell.run("s deploy -y\npython3 ops.py reconcile")
    assert set(box.oms.accepted) == {"meanwhile"}
    upload(box, "afterwards")
    assert set(box.oms.accepted) == {"meanwhile", "afterwards"}
