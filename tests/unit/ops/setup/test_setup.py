"""The command `ops.py setup`, which makes a working project from a source bucket, also after interruptions."""

import json
import re
from datetime import timedelta
from functools import partial
from itertools import cycle

import pytest

from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES
from ops.project import read
from sandbox.iam.identities import Arguments
from sandbox.server.faults import Fault
from support.administrator import draw_interruptions
from support.ops import OPS
from unit.ops.setup.setup_world import (
    NAME,
    OTHER,
    YES,
    SetupWorld,
    expect_exit,
    expect_success,
    is_change,
    request_number,
    set_variables,
    trust_policy,
)

KEYS = ("HW_AK", "HW_SK")


@pytest.fixture(scope="module")
def complete_run():
    """Return the resources after an undisturbed run of setup, and the number of its requests."""
    with SetupWorld() as world:
        expect_success(world.setup(typed=YES))
        return world.resources(), world.asked


def test_an_object_arrives_after_setup_and_deployment(world):
    # GIVEN two accounts in which every right is asked for
    world.binds_roles = True
    cost = f"the cost of a migration: {OPS} cost --objects N --size BYTES."
    expect_success(world.setup(typed=YES), f"s deploy -y && {OPS} doctor", cost)

    # WHEN the project is deployed, and something is written
    world.deploy_project(world.folder)
    world.oss.put(world.source_bucket, "hello", b"hello")
    world.advance(120)

    # THEN OMS has copied it with the keys that it got, and the functions saw it with theirs
    task = world.variables()["SYNC_URL"].split("/")[-2]
    assert world.obs.bucket(world.destination_bucket).objects["hello"].data == b"hello"
    assert f"oms_source_record/{task}/success_object/hello" in world.oss.objects(world.log_bucket)
    assert world.fc.invoke("status", b"{}").value["copying"] is not None


def test_setup_changes_nothing_until_the_hash_of_its_plan_confirms_it(world):
    # GIVEN a plan in JSON
    earlier_state = world.resources(), (world.folder / "s.yaml").read_bytes()
    plan = json.loads(expect_success(world.setup("--plan", "--json")).splitlines()[-1])

    # THEN it has all that is missing, each right in full, and nothing was done
    states = {step["what"]["en"]: step["state"] for step in plan["steps"]}
    expected_states = {"source bucket photos": "there", "sync task": "create", "log bucket photos-oms-log": "create"}
    assert {**states, **expected_states} == states
    assert "oss:GetObject on acs:oss:*:*:photos/*" in [fact["en"] for step in plan["steps"] for fact in step["facts"]]
    assert (world.resources(), (world.folder / "s.yaml").read_bytes()) == earlier_state
    assert {request.method for request in world.sent if "ram." not in request.url} == {"GET"}

    # WHEN another hash is given THEN nothing is done; with its own all is
    assert (world.setup("--yes", "00000000", "--agree")[0], world.resources()) == (2, earlier_state[0])
    expect_success(world.setup("--yes", plan["plan"], "--agree"))
    output = expect_success(world.setup("--plan"), "All resources exist.", "Total: nothing to do")
    assert re.findall(r"^ *(create|change|remove|stop|unreadable)", output, re.MULTILINE) == []


@pytest.mark.parametrize(("language", "title"), [("en", "Plan for both clouds"), ("zh", "两家云的设置计划")])
def test_the_page_of_setups_plan_shows_each_permission(world, language, title):
    file = world.folder / "plan.html"
    expect_success(world.setup("--plan", "--html", str(file), "--lang", language))
    page = file.read_text(encoding="utf-8")
    assert all(phrase in page for phrase in (title, "oss:GetObject", "acs:oss:*:*:photos/*"))
    # A file that cannot be written is reported before the first request.
    request_count = world.asked
    assert (world.setup("--plan", "--html", str(world.folder))[0], world.asked) == (2, request_count)


def test_setup_writes_only_its_own_lines_of_s_yaml_and_answers_json(world):
    # A byte order mark is valid.
    file = world.folder / "answers.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    earlier_text = (world.folder / "s.yaml").read_text()
    expect_success(world.setup(typed=YES))
    stored_answers, variables = json.loads(file.read_text()), world.variables()
    assert [variables[name] for name in ("SYNC_URL", "logBucket")] == [
        stored_answers[name] for name in ("SYNC_URL", "logBucket")
    ]
    later_text = (world.folder / "s.yaml").read_text()
    changed_lines = [
        line for line, was in zip(later_text.splitlines(), earlier_text.splitlines(), strict=True) if line != was
    ]
    assert [re.sub(": .* # ", " # ", line) for line in changed_lines] == [
        f"  {name} # setup" for name in ("SYNC_URL", *KEYS)
    ]
    assert (world.folder / "s.yaml.before-setup").read_text() == earlier_text


@pytest.mark.parametrize("written", [b"<<<<<<< HEAD\n{}\n", b"", "{}".encode("utf-16"), b"[]"])
def test_setup_keeps_an_unreadable_answers_file_and_writes_s_yaml(world, written):
    file = world.folder / "answers.json"
    file.write_bytes(written)
    output = expect_success(world.setup(typed=YES), "Setup is complete. ")
    (task,) = world.oms.tasks
    assert world.variables()["SYNC_URL"] == task.sync_url
    values = f'answers.json is not JSON and was not changed. Add these values to it: {{"SYNC_URL": "{task.sync_url}"'
    assert values in output
    assert file.read_bytes() == written


def test_setup_of_a_file_that_extends_s_yaml_does_not_change_s_yaml(world):
    # GIVEN a second environment with only its own settings
    set_variables(world, objectPrefix="photos/", replayRole="${vars.functionName}-own")
    earlier_files = [(path, path.read_bytes()) for path in (world.folder / "s.yaml", world.folder / "answers.json")]
    file = world.folder / "s.staging.yaml"
    empty_lines = "".join(f'  {name}: "" # setup\n' for name in ("SYNC_URL", "HW_AK", "HW_SK"))
    file.write_text(f"extend: s.yaml\nvars:\n  functionName: staging\n  logBucket: staging-log # setup\n{empty_lines}")

    # WHEN it is set up
    commands = f"s deploy -y -t {file.name} && {OPS} doctor -t {file.name}"
    expect_success(world.setup("-t", str(file), typed=YES), commands)

    # THEN its other settings are those of s.yaml, filled in with its own, and the files of s.yaml are unchanged
    variables = read(file, ("SYNC_URL", "sourceBucket"))
    assert (variables["objectPrefix"], variables["replayRole"], variables["access"]) == (
        "photos/",
        "staging-own",
        "default",
    )
    assert variables["HW_AK"] == "${secret('staging_HW_AK')}"
    assert [path.read_bytes() for path, _ in earlier_files] == [earlier_bytes for _, earlier_bytes in earlier_files]
    expect_success(
        world.setup("-t", str(file), "--remove", "--plan"),
        f"First remove the functions and triggers: s remove -y -t {file.name}",
    )


def test_setup_moves_a_project_to_another_destination_bucket(world):
    # GIVEN the steps of lifecycle.md: the task deleted, its address emptied, the new bucket in s.yaml
    world.set_up()
    world.oms._tasks.clear()
    world.advance(300)
    set_variables(world, SYNC_URL="", destinationBucket="photos-elsewhere")

    # WHEN setup runs, THEN the task and both policies have the new bucket, and each user of OMS has one key
    expect_success(world.setup(typed=YES))
    assert [task.bucket.name for task in world.oms.tasks] == ["photos-elsewhere"]
    assert len(world.iam_user("oms")["keys"]) == 1
    lines = world.plan().values()
    assert {line["state"] for line in lines} == {"there"}
    assert world.variables()["SYNC_URL"] == world.oms.tasks[0].sync_url


def test_setup_prints_the_lines_that_a_settings_file_lacks(world):
    file = world.folder / "s.yaml"
    file.write_text(file.read_text().replace(" # setup", ""))
    expect_exit(world.setup(typed=YES), 2, 'Write this line under vars in this file: SYNC_URL: "https://oms.')


NO_TERMINAL_TEXT = "Without a terminal"


@pytest.mark.parametrize(
    ("typed", "phrases"),
    [
        ("y\n", ["Nothing was changed", "run the command again and type yes in full"]),
        ("yes\nyes\n", ["You did not agree, so nothing was changed", "run the command again and type agree in full"]),
        ("", ["Nothing was changed", NO_TERMINAL_TEXT]),
        ("yes\n", ["You did not agree, so nothing was changed", NO_TERMINAL_TEXT]),
    ],
    ids=[
        "a yes that is not written in full",
        "an agreement that is not written in full",
        "Ctrl-D",
        "Ctrl-D at the agreement",
    ],
)
def test_setup_changes_nothing_without_a_yes_and_an_agreement(world, typed, phrases):
    earlier_resources = world.resources()
    output = expect_exit(world.setup(typed=typed), 2, *phrases)
    assert (NO_TERMINAL_TEXT in output) == (NO_TERMINAL_TEXT in phrases)
    assert world.resources() == earlier_resources
    assert not {request.method for request in world.sent if "ram." not in request.url} - {"GET"}


@pytest.mark.long
@pytest.mark.parametrize("quarter", range(4))
def test_a_repeated_setup_completes_an_interrupted_setup(complete_run, quarter):
    resources, requests = complete_run
    # An interruption before the first change leaves nothing to complete.
    for fate, number in draw_interruptions(range(request_number(is_change) - 1, requests))[quarter::4]:
        with SetupWorld() as world:
            with world.cut_off(fate, number):
                world.setup(typed=YES)
            expect_success(world.setup(typed=YES))
            assert world.resources() == resources, (fate, number)


@pytest.mark.parametrize("minutes", [0, 30])
def test_setup_waits_for_permissions_that_take_effect_late(world, minutes):
    world.ram.entities.grant_delay = world.iam.grant_delay = minutes * 60.0
    start_time = world.platform.now()
    expect_success(world.setup(typed=YES))
    assert (
        timedelta(minutes=minutes)
        <= timedelta(seconds=world.platform.now() - start_time)
        < timedelta(minutes=minutes + 2)
    )


def test_setup_leaves_no_access_key_if_permissions_never_take_effect(world):
    world.iam.grant_delay = None
    expect_exit(world.setup(typed=YES), 3, "writing to the destination: the new access key still lacks the permission")
    assert world.resources()["users"][f"{NAME}-oms"][1] == 0
    world.iam.grant_delay = 0.0
    expect_success(world.setup(typed=YES))
    assert world.resources()["tasks"] == [("photos", "photos-obs", True)]


def test_setup_reads_a_new_resource_again_that_is_not_listed_yet(world):
    world.ram.entities.visibility_delay = world.iam.visibility_delay = 3.0
    expect_success(world.setup(typed=YES))


def enable_versioning(world):
    world.oss.create_bucket(world.log_bucket)
    world.oss.buckets[world.log_bucket].versioning = "Suspended"


def create_foreign_task(world):
    world.obs.create_bucket(world.destination_bucket)
    world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))


def create_foreign_ram_policy(world):
    world.ram.entities.create_policy(f"{NAME}-trigger", json.dumps(OTHER))
    world.ram.entities.create_role(f"{NAME}-trigger", trust_policy("oss"), description=f"oss-oms-sync:{NAME}:photos")


# By the obstacle: the call that causes it, the exit code, and a phrase of the output.
WRONG_SETTINGS = {
    "no source": (lambda world: world.oss.remove_bucket("photos"), 1, "source bucket photos: none"),
    "a log bucket with versions": (enable_versioning, 1, "log bucket photos-oms-log: versioning is or was enabled"),
    "a destination with a period": (
        lambda world: set_variables(world, destinationBucket="photos.obs"),
        1,
        "the name contains a period",
    ),
    "a destination of an archive class": (
        lambda world: setattr(world.obs.create_bucket(world.destination_bucket), "storage_class", "COLD"),
        1,
        "storage class COLD, in which OMS cannot write objects",
    ),
    "an alias of another account": (
        lambda world: setattr(world, "tool_account", "200**********002"),
        1,
        "access alias default of the Serverless Devs tool, for deployment: belongs to another account:"
        " 200**********002",
    ),
    "a sync task of other users": (
        create_foreign_task,
        1,
        "the two buckets already have a sync task, which setup did not create",
    ),
    "a RAM policy of other users": (
        create_foreign_ram_policy,
        1,
        "existing resources that setup did not create for this source bucket: policy photos-sync-trigger",
    ),
    # Resources that setup cannot read are named with the permission.
    "a source bucket without permission": (
        lambda world: world.oss.deny("oss:GetBucketInfo", "photos"),
        3,
        "oss:GetBucketInfo",
    ),
    # The cause may also be a bucket of another owner.
    "a log bucket of other users": (
        lambda world: world.oss.create_bucket(world.log_bucket, owner="2000000000000002"),
        3,
        "If the bucket belongs to another account, set logBucket in s.yaml to another bucket",
    ),
    "a destination of other users": (
        lambda world: setattr(world.obs.create_bucket(world.destination_bucket), "owner", "somebody"),
        3,
        "If the bucket belongs to another account, set destinationBucket in s.yaml to another bucket",
    ),
}


SUBFOLDERS = "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>"
MIRROR = "<RoutingRule><Redirect><RedirectType>Mirror</RedirectType></Redirect></RoutingRule>"


def set_website(world, pages):
    document = f"<WebsiteConfiguration>{pages}</WebsiteConfiguration>".encode()
    world.oss.buckets["photos"].documents["website"] = document


def test_setup_names_obstacles_and_creates_everything_else(world):
    world.tool_account = ""
    set_website(world, f"{SUBFOLDERS}<RoutingRules>{MIRROR}</RoutingRules>")
    world.obs.create_bucket(world.destination_bucket).is_encrypted = True
    expect_success(
        world.setup(typed=YES),
        "by hand: access alias default of the Serverless Devs tool, for deployment: none",
        "s config add -a default",
        "by hand: source bucket photos: static website with a subfolder homepage",
        "back-to-source rules: reading a missing object fetches the object from another origin",
        "unchanged: destination bucket photos-obs: the bucket is encrypted",
    )


def test_setup_reports_no_obstacle_for_a_website_without_subfolder_pages(world):
    set_website(world, SUBFOLDERS.replace("true", "false"))
    assert "unchanged: source bucket photos" in world.setup("--plan")[1]


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_an_obstacle_to_resolve_stops_setup_before_its_changes(world, name):
    prepare, code, phrase = WRONG_SETTINGS[name]
    prepare(world)
    earlier_resources = world.resources()
    expect_exit(world.setup(typed=YES), code, phrase)
    assert world.resources() == earlier_resources


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (ALIBABA_VARIABLES[0], "ram."),
        (ALIBABA_VARIABLES[1], "ram."),
        (HUAWEI_VARIABLES[0], "iam."),
        (HUAWEI_VARIABLES[1], "iam."),
    ],
)
def test_setup_names_the_cloud_of_a_wrong_access_key(world, name, host):
    result = world.setup(keys={**world.administrators(), name: "x"})
    output = expect_exit(result, 1, "-> Check that the access key and the secret match")
    assert re.search(rf"{host}\S+ refused (GET|POST): 40[0-4] ", output)


def test_setup_names_the_resource_that_exceeds_an_account_limit(world):
    for number in range(50):
        world.iam.create_user(Arguments((), {"name": f"user-{number}"}, {}))
    expect_exit(
        world.setup(typed=YES),
        1,
        "IAM user with which OMS writes to the destination: iam.myhuaweicloud.com refused POST: 409 PAP5.0003",
        "-> A quota of the account is exhausted",
    )


def test_setup_repairs_changes_by_hand_and_keeps_attachments_of_others(world, resources):
    # GIVEN a project that was set up, with a changed policy, a detached policy, and a policy of others
    ram = world.ram.entities
    ram.roles[f"{NAME}-function"]["attached"] = {}
    ram.create_policy(policy_name="other", policy_document=json.dumps(OTHER))
    ram.attach_policy_to_role("Custom", "other", f"{NAME}-trigger")
    ram.create_policy_version(f"{NAME}-trigger", json.dumps(OTHER), set_as_default="true")

    # WHEN setup runs THEN it prints both differences, and repairs them
    expect_success(
        world.setup("--plan"),
        f"the policy {NAME}-function is not attached",
        f"the policy {NAME}-trigger differs from what setup creates; setup's change removes these"
        " permissions: oss:ListObjects on",
    )
    expect_success(world.setup(typed=YES))
    assert world.resources()["roles"] == {**resources["roles"], f"{NAME}-trigger": sorted([f"{NAME}-trigger", "other"])}


READ_PERMISSIONS = ["oss:GetObject on acs:oss:*:*:photos/*", "obs:object:getObject on obs:*:*:object:photos-obs/*"]


def test_the_plan_of_setup_says_why_functions_read_objects(world):
    # GIVEN a project before its setup THEN the plan names the permissions in both clouds, what for, and the way out
    reason, way_out = (
        "`cutover --sample`, `--deep`, `headers` and `deletions` need this permission",
        'set readObjects to "off" in s.yaml',
    )
    output = " ".join(expect_success(world.setup("--plan")).split())
    assert (output.count(reason), output.count(way_out)) == (2, 2)
    assert READ_PERMISSIONS[0] in output[output.index("RAM role for forward") : output.index("RAM role for trigger")]
    assert READ_PERMISSIONS[1] in output


@pytest.mark.parametrize(
    ("variables", "phrase"),
    [
        ({"readObjects": "never"}, "vars.readObjects in s.yaml has an unusable value: never"),
        ({"readObjects": "off", "compareDeep": "on"}, "compareDeep"),
        ({"changeHeaders": "yes"}, "vars.changeHeaders in s.yaml has an unusable value: yes"),
        ({"readObjects": "off", "changeHeaders": "on"}, "headers could not be read"),
    ],
)
def test_setup_refuses_an_impossible_setting_of_permissions(world, variables, phrase):
    set_variables(world, **variables)
    expect_exit(world.setup("--plan"), 2, phrase)


def test_setup_offers_and_grants_the_permission_to_change_headers(world):
    offer, actions = (
        'set changeHeaders to "on" in s.yaml',
        [f"obs:object:modifyObjectMeta{end}" for end in ("Data", "data")],
    )
    right = f"{', '.join(actions)} on obs:*:*:object:photos-obs/*"
    for setting, expected_line in (("off", offer), ("on", right)):
        set_variables(world, changeHeaders=setting)
        output = " ".join(expect_success(world.setup("--plan")).split())
        assert [part for part in (offer, right) if part in output] == [expected_line]
        assert ("oss:GetObjectTagging, oss:GetObject on acs:oss:*:*:photos/*" in output) == (setting == "on")


def test_the_plan_of_setup_names_permissions_that_it_revokes(world, resources):
    # GIVEN a project that was set up, and then left the permission to read objects out
    set_variables(world, readObjects="off")
    # WHEN it is looked at again THEN just that is named, and nothing that stays
    output = expect_success(world.setup("--plan"))
    assert "`cutover --sample`" not in output
    changes = [
        line.partition("; setup's change removes these permissions: ")[2]
        for line in output.splitlines()
        if "change: " in line
    ]
    assert changes == READ_PERMISSIONS


# The list of all buckets, after the creation of another bucket.
VIDEOS = (["photos", "photos-oms-log", "videos"], True)


@pytest.mark.parametrize("address", ["filled in", "empty"])
def test_setup_stops_if_the_sync_task_has_another_destination(world, resources, address):
    set_variables(world, destinationBucket="photos-new", **({"SYNC_URL": ""} if address == "empty" else {}))
    expect_exit(
        world.setup(typed=YES), 1, "stop: sync task: the task copies photos to photos-obs, but s.yaml has other buckets"
    )
    assert world.resources() == resources
    # The printed steps lead to a project that is set up.
    expect_success(world.setup("--remove", typed="yes\n"))
    expect_success(world.setup(typed=YES))
    assert [task.bucket.name for task in world.oms.tasks] == ["photos-new"]


def test_setup_with_remove_stops_if_the_sync_task_has_another_source(world, resources):
    world.oss.create_bucket("videos")
    set_variables(world, sourceBucket="videos")
    output = expect_exit(world.setup("--remove", typed="yes\n"), 1, "First restore the source bucket in s.yaml: photos")
    assert "remove: " not in output
    assert world.resources() == {**resources, "buckets": VIDEOS}


def test_another_project_of_the_same_name_stops_setup_without_changes(world, resources):
    world.oss.create_bucket("videos")
    set_variables(world, SYNC_URL="", HW_AK="", HW_SK="", sourceBucket="videos", destinationBucket="videos-obs")
    reason = (
        "existing resources that setup did not create for this source bucket:"
        f" IAM user {NAME}-functions, policy {NAME}-functions"
    )
    assert "remove: " not in expect_exit(world.setup(typed=YES), 1, reason)
    for words in (("--only", "alibaba"), ("--remove",)):
        world.setup(*words, typed=YES)
    assert world.resources() == {**resources, "buckets": VIDEOS}


@pytest.mark.parametrize("word", ["--new-key", "--remove"])
def test_setup_changes_no_resource_with_plan_or_without_a_yes(world, resources, word):
    earlier_state = world.snapshot()
    expect_success(world.setup(word, "--plan"))
    expect_exit(world.setup(word, typed="no\n"), 2)
    assert world.snapshot() == earlier_state


def test_setup_does_not_take_a_stopped_sync_task_for_a_running_task(world, resources):
    world.oms.tasks[0].status = "STOPPED"
    output = expect_exit(world.setup("--plan"), 3, "wait: sync task: stopped: the task copies nothing")
    assert "All resources exist" not in output


@pytest.mark.parametrize("cloud", ["Alibaba", "Huawei"])
def test_setup_with_an_accounts_own_access_key_needs_a_second_yes(world, cloud):
    service, key = {
        "Alibaba": (world.ram, world.user_credentials),
        "Huawei": (world.iam, world.huawei_credentials),
    }[cloud]
    service.add_credentials(*key, holder="root")
    expect_exit(world.setup(typed="yes\nno\n"), 2, "A user's access key is safer")
    expect_success(world.setup(typed=f"yes\n{YES}"))


def find_secrets(world, *outputs):
    """Return True if a secret was printed or written to a file, and the number of secrets in the world."""
    bodies = b"".join(response.body for response in world.answered).decode("utf-8", "replace")
    secrets = {*re.findall(r'"(?:AccessKeySecret|secret_access_key)": *"([^"]+)"', bodies)}
    secrets |= {world.user_credentials[1], world.huawei_credentials[1]}
    files = [path.read_text(encoding="utf-8", errors="replace") for path in world.folder.rglob("*") if path.is_file()]
    log_objects = world.oss.objects(world.log_bucket).values() if world.log_bucket in world.oss.buckets else ()
    texts = (*outputs, *files, *(record.data.decode("utf-8", "replace") for record in log_objects))
    return any(secret in text for secret in secrets for text in texts), len(secrets)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_setup_writes_no_secret_to_its_output_or_to_a_file(world, words):
    world.iam.grant_delay = 60.0
    output = expect_success(world.setup(*words, typed=YES))
    assert find_secrets(world, output) == (False, 2 + 3)
    later_outputs = [world.setup(word, *words, typed="yes\n")[1] for word in ("--new-key", "--remove")]
    assert find_secrets(world, *later_outputs) == (False, 2 + 4)


def test_setup_prints_no_secret_of_a_refused_request(complete_run):
    refused = 0
    for number, status in zip(range(3, complete_run[1], 7), cycle([400, 403]), strict=False):
        fault = Fault.status(status, b'{"message": "SECRET of the cloud"}')
        with SetupWorld() as world:
            world.meanwhile[number] = partial(fail_each_once, world, fault)
            code, output = world.setup(typed=YES)
            refused += code != 0
            assert "of the cloud" not in output
            assert not find_secrets(world, output)[0]
    assert refused > 5


def fail_each_once(world, fault):
    for service in (world.ram, world.iam, world.functions, world.oms, world.oss, world.obs):
        service.faults.add(fault, times=1)


def test_setup_repeats_a_request_that_a_service_does_not_answer(world):
    fail_each_once(world, Fault.status(503))
    expect_success(world.setup(typed=YES))
