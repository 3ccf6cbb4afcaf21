"""`ops.py setup`: from a source bucket and two accounts to a project that works, whatever happens on the way."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from ops.clouds.keys import ALIBABA, HUAWEI
from ops.project import read
from ops.setup import statements
from sandbox.iam.identities import Asked
from sandbox.server.faults import Fault
from support.administrator import KilledError
from support.ops import OPS
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, ends, to, well

# Of the requests of a run one in so many is where it ends.
EACH = 12


@pytest.fixture(scope="module")
def whole():
    """What there is after a run that nothing disturbed, and how many requests it took."""
    with SetupWorld() as made:
        assert made.setup(typed=YES)[0] == 0
        return made.made(), made.asked


def test_what_it_makes_is_enough_for_an_object_to_arrive(world):
    # GIVEN two accounts in which every right is asked for
    world.binds_roles = True
    said = well(world.setup(typed=YES))
    assert f"s deploy -y && {OPS} doctor" in said
    assert f"what a migration costs: {OPS} cost --objects N --size BYTES." in said

    # WHEN the project is deployed, and something is written
    world.deploy_project(world.folder)
    world.oss.put(world.source_bucket, "hello", b"hello")
    world.later(120)

    # THEN OMS has copied it with the keys that it got, and the functions saw it with theirs
    task = world.variables()["SYNC_URL"].split("/")[-2]
    assert world.obs.bucket(world.destination_bucket).objects["hello"].data == b"hello"
    assert f"oms_source_record/{task}/success_object/hello" in world.oss.objects(world.log_bucket)
    assert world.fc.invoke("status", b"{}").value["copying"] is not None


def test_a_plan_changes_nothing_and_is_made_by_its_hash(world):
    # GIVEN a plan in JSON
    before = world.made(), (world.folder / "s.yaml").read_bytes()
    code, said = world.setup("--plan", "--json")
    shown = json.loads(said.splitlines()[-1])

    # THEN it has all that is missing, each right in full, and nothing was done
    assert code == 0
    states = {one["what"]["en"]: one["state"] for one in shown["steps"]}
    assert states["source bucket photos"] == "there"
    assert states["sync task"] == states["log bucket photos-oms-log"] == "create"
    assert any(
        "oss:GetObject on acs:oss:*:*:photos/*" in [fact["en"] for fact in one["facts"]] for one in shown["steps"]
    )
    assert (world.made(), (world.folder / "s.yaml").read_bytes()) == before
    assert {one.method for one in world.sent if "ram." not in one.url} == {"GET"}

    # WHEN another hash is given THEN nothing is done; with its own all is
    assert world.setup("--yes", "00000000", "--agree")[0] == 2
    assert world.made() == before[0]
    assert world.setup("--yes", shown["plan"], "--agree")[0] == 0
    said = well(world.setup("--plan"), "All is there.")
    assert re.findall(r"^ *(create|change|remove|stop|not seen)", said, re.MULTILINE) == []


@pytest.mark.parametrize(("language", "title"), [("en", "Plan of both clouds"), ("zh", "两朵云的计划")])
def test_a_page_of_the_plan_has_each_right_as_well(world, language, title):
    file = world.folder / "plan.html"
    assert world.setup("--plan", "--html", str(file), "--lang", language)[0] == 0
    page = file.read_text(encoding="utf-8")
    assert title in page
    assert all(one in page for one in ("oss:GetObject", "acs:oss:*:*:photos/*"))
    # A file that cannot be written is noticed before anything is asked.
    asked = world.asked
    assert world.setup("--plan", "--html", str(world.folder))[0] == 2
    assert world.asked == asked


def test_what_it_fills_in_is_in_the_answers_that_an_upgrade_takes_and_the_rest_stays_as_it_was(world):
    before = (world.folder / "s.yaml").read_text()
    assert world.setup(typed=YES)[0] == 0
    kept, given = json.loads((world.folder / "answers.json").read_text()), world.variables()
    assert {name: given[name] for name in ("SYNC_URL", "logBucket")} == {
        one: kept[one] for one in ("SYNC_URL", "logBucket")
    }
    after = (world.folder / "s.yaml").read_text()
    changed = [line for line, was in zip(after.splitlines(), before.splitlines(), strict=True) if line != was]
    assert [line.split(":")[0].strip() for line in changed] == ["SYNC_URL", "HW_AK", "HW_SK"]
    assert all(line.endswith("# setup") for line in changed)
    assert (world.folder / "s.yaml.before-setup").read_text() == before


@pytest.mark.parametrize("written", [b"\xef\xbb\xbf{}", b"<<<<<<< HEAD\n{}\n", b"", "{}".encode("utf-16"), b"[]"])
def test_answers_that_cannot_be_read_stay_as_they_are_and_s_yaml_is_filled_in(world, written):
    file = world.folder / "answers.json"
    file.write_bytes(written)
    said = well(world.setup(typed=YES), "Set up. ")
    address = world.variables()["SYNC_URL"]
    assert address
    if written.endswith(b"{}"):  # an editor's mark before it is no fault
        assert json.loads(file.read_text())["SYNC_URL"] == address
    else:
        assert file.read_bytes() == written
        assert f'answers.json is no JSON, and stays as it is. Write into it: {{"SYNC_URL": "{address}"' in said


def test_a_file_that_extends_s_yaml_has_its_settings_but_not_its_answers_and_is_named_in_each_command(world):
    # GIVEN a second environment that says only what is its own
    to(world, objectPrefix="photos/", replayRole="${vars.functionName}-own")
    first = [(one, one.read_bytes()) for one in (world.folder / "s.yaml", world.folder / "answers.json")]
    file = world.folder / "s.staging.yaml"
    empty = "".join(f'  {name}: "" # setup\n' for name in ("SYNC_URL", "HW_AK", "HW_SK"))
    file.write_text(f"extend: s.yaml\nvars:\n  functionName: staging\n  logBucket: staging-log # setup\n{empty}")

    # WHEN it is set up
    named = f"s deploy -y -t {file.name} && {OPS} doctor -t {file.name}"
    well(world.setup("-t", str(file), typed=YES), named)

    # THEN what it does not say is that of s.yaml, with its own in it, and that one's files are as they were
    given = read(file, ("SYNC_URL", "sourceBucket"))
    assert (given["objectPrefix"], given["replayRole"], given["access"]) == ("photos/", "staging-own", "default")
    assert given["HW_AK"] == "${secret('staging_HW_AK')}"
    assert [one.read_bytes() for one, _ in first] == [before for _, before in first]
    well(world.setup("-t", str(file), "--remove", "--plan"), f"Remove them first: s remove -y -t {file.name}")


def test_a_file_without_those_lines_is_told_what_to_write(world):
    file = world.folder / "s.yaml"
    file.write_text(file.read_text().replace(" # setup", ""))
    ends(world.setup(typed=YES), 2, 'Write it under vars: SYNC_URL: "https://oms.')


def test_who_does_not_say_yes_changes_nothing(world):
    before = world.made()
    said = ends(world.setup(typed="y\n"), 2, "Nothing was done", "run this again, and type yes in full")
    assert (world.made(), "nobody can be asked" in said) == (before, False)
    # And who does not agree has everything but the task.
    ends(world.setup(typed="yes\nyes\n"), 2, "Nobody agreed", "run this again, and type agree in full")
    assert world.made()["tasks"] == []


@pytest.mark.parametrize(("typed", "told"), [("", "Nothing was done"), ("yes\n", "Nobody agreed")])
def test_who_presses_ctrl_d_has_not_said_yes(world, typed, told):
    ends(world.setup(typed=typed), 2, told)
    assert world.made()["tasks"] == []


def finish(world):
    """Go on until all is there; what there is then."""
    well(world.setup(typed=YES))
    return world.made()


@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
@pytest.mark.parametrize("first", range(1, 5))
def test_interrupted_at_a_request_and_begun_again_it_ends_the_same(whole, fate, first):
    made, requests = whole
    for number in range(first, requests, EACH):
        with SetupWorld() as world:
            with world.cut_off(fate, number):
                world.setup(typed=YES)
            assert finish(world) == made, number


def test_a_second_person_waits_for_the_first(world):
    world.dies_after = 40
    with pytest.raises(KilledError):
        world.setup(typed=YES)
    world.dies_after = -1
    ends(world.setup(typed=YES), 2, "Another setup of this has been running since ", ", or was cut off")


def test_a_lock_that_cannot_be_read_back_is_in_nobody_s_way(world):
    world.oss.faults.add(Fault.status(503), 4, where=lambda one: one.method == "GET" and "/setup/" in one.raw_path)
    ends(world.setup(typed=YES), 1, "refused GET: 503")
    well(world.setup(typed=YES))


@pytest.mark.parametrize("minutes", [0, 10, 30])
def test_grants_that_act_late_are_waited_for(world, minutes):
    world.ram.entities.acts_after = world.iam.acts_after = minutes * 60.0
    began = world.ground.now()
    well(world.setup(typed=YES))
    assert timedelta(minutes=minutes) <= timedelta(seconds=world.ground.now() - began) < timedelta(minutes=minutes + 2)


def test_grants_that_never_act_end_with_what_it_waits_for_and_no_key_is_left(world):
    world.iam.acts_after = None
    ends(world.setup(typed=YES), 3, "writing to the destination: the new key still may not")
    assert world.made()["users"][f"{NAME}-oms"][1] == 0
    world.iam.acts_after = 0.0
    assert finish(world)["tasks"] == [("photos", "photos-obs", True)]


def test_a_right_that_the_administrator_lacks_is_asked_for_and_not_waited_for(world):
    world.oms.deny("oms:synctask:create")
    began = world.ground.now()
    ends(world.setup(typed=YES), 3, "refused POST: 403 APIGW.0302", "Ask for what this needs: oms:synctask:list, oms:")
    assert world.ground.now() - began < 60
    assert world.made()["users"][f"{NAME}-oms"][1] == 0


def test_what_was_just_made_and_is_not_seen_yet_is_asked_for_again(world):
    world.ram.entities.stale_for = world.iam.stale_for = 3.0
    well(world.setup(typed=YES))


def version(world):
    world.oss.create_bucket(world.log_bucket)
    world.oss.buckets[world.log_bucket].versioning = "Suspended"


def archive(world):
    world.obs.create_bucket(world.destination_bucket).storage_class = "COLD"


def somebody_elses_task(world):
    world.obs.create_bucket(world.destination_bucket)
    world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))


WRONG = {
    "no source": (lambda world: world.oss.remove_bucket("photos"), "source bucket photos: there is none"),
    "a log bucket with versions": (version, "log bucket photos-oms-log: it keeps versions"),
    "a destination elsewhere": (
        lambda world: world.obs.create_bucket(world.destination_bucket, "cn-east-3"),
        "it is in another region than cn-north-4",
    ),
    "a destination with a period": (lambda world: to(world, destinationBucket="photos.obs"), "its name has a period"),
    "a destination of the archive": (archive, "its class is COLD, which OMS does not write"),
    "an alias of another account": (
        lambda world: setattr(world, "tool_account", "200**********002"),
        "alias default of the Serverless Devs tool, which deploys: it is of another account: 200**********002",
    ),
    "a task of somebody else": (somebody_elses_task, "there is one for these buckets, which setup did not make"),
    "a user of that name": (
        lambda world: world.iam.users.update(x=IAM_USER),
        "photos-sync-functions is there, and setup did not make it",
    ),
}
IAM_USER = {
    "told": {"user_id": "x", "user_name": f"{NAME}-functions", "description": "mine"},
    "made": 0.0,
    "keys": {},
    "attached": {},
}


SUBFOLDERS = "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>"
MIRROR = "<RoutingRule><Redirect><RedirectType>Mirror</RedirectType></Redirect></RoutingRule>"


def website(world, pages):
    document = f"<WebsiteConfiguration>{pages}</WebsiteConfiguration>".encode()
    world.oss.buckets["photos"].documents["website"] = document


def test_what_is_in_the_way_and_is_somebody_s_to_mend_is_said_and_the_rest_is_made(world):
    world.tool_account = ""
    website(world, f"{SUBFOLDERS}<RoutingRules>{MIRROR}</RoutingRules>")
    world.obs.create_bucket(world.destination_bucket).encrypted = True
    said = well(world.setup(typed=YES))
    assert "by hand: alias default of the Serverless Devs tool, which deploys: there is none" in said
    assert "s config add -a default" in said
    assert "by hand: source bucket photos: its static website has subfolder pages" in said
    assert "it fetches what it lacks from elsewhere when it is read" in said
    assert "is there: destination bucket photos-obs: it is encrypted" in said


def test_a_website_without_pages_of_subfolders_is_in_nobody_s_way(world):
    website(world, SUBFOLDERS.replace("true", "false"))
    assert "is there: source bucket photos" in world.setup("--plan")[1]


@pytest.mark.parametrize("name", WRONG)
def test_what_somebody_has_to_choose_stops_it_before_anything_is_made(world, name):
    prepare, told = WRONG[name]
    prepare(world)
    before = world.made()
    ends(world.setup(typed=YES), 1, told)
    assert world.made() == before


@pytest.mark.parametrize(
    ("deny", "right"),
    [
        (lambda world: world.oss.deny("oss:GetBucketInfo", "photos"), "oss:GetBucketInfo"),
        (lambda world: world.oms.deny("oms:synctask:list"), "oms:synctask:list"),
    ],
)
def test_what_cannot_be_seen_is_named_with_its_right_and_nothing_is_made(world, deny, right):
    deny(world)
    before = world.made()
    ends(world.setup(typed=YES), 3, right)
    assert world.made() == before


@pytest.mark.parametrize("name", ["logBucket", "destinationBucket"])
def test_a_bucket_of_somebody_else_is_not_taken_for_a_missing_right_alone(world, name):
    if name == "logBucket":
        world.oss.create_bucket(world.log_bucket, owner="2000000000000002")
    else:
        world.obs.create_bucket(world.destination_bucket).owner = "somebody"
    ends(world.setup(typed=YES), 3, f"If the bucket is somebody else's, name another one in s.yaml: {name}")


@pytest.mark.parametrize(
    ("name", "host"), [(ALIBABA[0], "ram."), (ALIBABA[1], "ram."), (HUAWEI[0], "iam."), (HUAWEI[1], "iam.")]
)
def test_a_wrong_key_is_told_with_the_cloud_that_does_not_know_it(world, name, host):
    said = ends(world.setup(keys={**world.administrators(), name: "x"}), 1)
    assert re.search(rf"{host}\S+ refused (GET|POST): 40[0-4] ", said)
    assert "-> See that access key and secret belong together" in said


def test_a_limit_that_is_reached_is_told_with_what_it_is_about(world):
    for number in range(50):
        world.iam.create_user(Asked((), {"name": f"user-{number}"}, {}))
    ends(
        world.setup(typed=YES),
        1,
        "IAM user with whose key OMS writes to the destination: iam.myhuaweicloud.com refused POST: 409 PAP5.0003",
        "-> A limit of the account is reached",
    )


def test_what_was_changed_by_hand_is_put_right_and_what_others_made_stays(world):
    # GIVEN a project that was set up, and a policy that was changed, one that was detached, and one of somebody else
    assert world.setup(typed=YES)[0] == 0
    ram, made = world.ram.entities, world.made()
    ram.roles[f"{NAME}-function"]["attached"] = {}
    ram.create_policy(policy_name="other", policy_document=json.dumps(DOCUMENT))
    ram.attach_policy_to_role("Custom", "other", f"{NAME}-trigger")
    ram.create_policy_version(f"{NAME}-trigger", json.dumps(DOCUMENT), set_as_default="true")

    # WHEN it is looked at THEN both differences are told, and mended
    _, said = world.setup("--plan")
    assert f"the policy {NAME}-function is not attached" in said
    assert f"the policy {NAME}-trigger says something else, and will no longer allow oss:ListObjects on" in said
    assert world.setup(typed=YES)[0] == 0
    now = world.made()
    assert now["roles"] == {**made["roles"], f"{NAME}-trigger": sorted([f"{NAME}-trigger", "other"])}


def test_what_a_grant_of_more_rights_loses_is_named_in_the_plan(world):
    # GIVEN a project that was set up, and then given the right to read objects, in both clouds
    assert world.setup(typed=YES)[0] == 0
    given = read(world.folder / "s.yaml", ())
    (policy,) = (one for one in world.iam.policies.values() if one["told"]["policy_name"] == f"{NAME}-functions")
    deep = next(one for one in statements.roles(given, deep=True) if one.policy == f"{NAME}-function")
    world.ram.entities.create_policy_version(deep.policy, json.dumps(deep.document), set_as_default="true")
    policy["versions"]["v1"]["document"] = json.dumps(statements.functions_in_huawei(given, deep=True))

    # WHEN it is looked at again THEN just that is named, and nothing that stays
    said = well(world.setup("--plan"))
    changes = [line.partition(", and will no longer allow ")[2] for line in said.splitlines() if "change: " in line]
    assert changes == ["oss:GetObject on acs:oss:*:*:photos/*", "obs:object:getObject on obs:*:*:object:photos-obs/*"]


ALLOWED = {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:x"]}
DOCUMENT = {"Version": "1", "Statement": [ALLOWED]}


@pytest.mark.parametrize("address", ["filled in", "empty"])
def test_another_destination_stops_it_because_the_task_goes_on_copying_to_the_one_of_before(world, address):
    assert world.setup(typed=YES)[0] == 0
    made = world.made()
    to(world, destinationBucket="photos-new", **({"SYNC_URL": ""} if address == "empty" else {}))
    ends(world.setup(typed=YES), 1, "stop: sync task: it copies photos to photos-obs, and s.yaml says otherwise")
    assert world.made() == made
    # What is said then leads on.
    well(world.setup("--remove", typed="yes\n"))
    to(world, SYNC_URL="")
    well(world.setup(typed=YES))
    assert [one.bucket.name for one in world.oms.tasks] == ["photos-new"]


def test_with_another_source_nothing_is_taken_away_before_that_of_the_task_is_written_back(world):
    assert world.setup(typed=YES)[0] == 0
    world.oss.create_bucket("videos")
    made = world.made()
    to(world, sourceBucket="videos")
    said = ends(world.setup("--remove", typed="yes\n"), 1, "Write the source bucket back into s.yaml first: photos")
    assert "remove: " not in said
    assert world.made() == made
    # What is said then leads on.
    to(world, sourceBucket="photos")
    well(world.setup("--remove", typed="yes\n"))
    to(world, sourceBucket="videos", SYNC_URL="")
    well(world.setup(typed=YES))
    assert [one.src_bucket for one in world.oms.tasks] == ["videos"]


def test_another_project_of_the_same_name_stops_it_and_the_first_keeps_all_it_has(world):
    assert world.setup(typed=YES)[0] == 0
    made = world.made()
    world.oss.create_bucket("videos")
    to(world, SYNC_URL="", HW_AK="", HW_SK="", sourceBucket="videos", destinationBucket="videos-obs")
    said = ends(
        world.setup(typed=YES), 1, f"{NAME}-functions is there, and setup did not make it for this source bucket"
    )
    assert "remove: " not in said
    for words in (("--only", "alibaba"), ("--remove",)):
        world.setup(*words, typed=YES)
    assert world.made() == {**made, "buckets": (["photos", "photos-oms-log", "videos"], True)}


def test_a_task_that_is_stopped_is_not_taken_for_one_that_copies(world):
    assert world.setup(typed=YES)[0] == 0
    world.oms.tasks[0].status = "STOPPED"
    said = ends(world.setup("--plan"), 3, "wait: sync task: it is stopped, and copies nothing")
    assert "All is there" not in said


def test_another_machine_gets_a_key_of_its_own_and_that_of_the_first_goes_on_working(world):
    # GIVEN a project that was set up on one machine
    assert world.setup(typed=YES)[0] == 0
    first = dict(world.secrets)

    # WHEN setup runs on another, whose store is empty
    world.secrets.clear()
    code, said = world.setup(typed="yes\n")

    # THEN both machines have a key, and both are the functions' user's
    assert code == 0, said
    assert world.secrets[f"{NAME}_HW_AK"] != first[f"{NAME}_HW_AK"]
    (user,) = [one for one in world.iam.users.values() if one["told"]["user_name"] == f"{NAME}-functions"]
    assert sorted(user["keys"]) == sorted([first[f"{NAME}_HW_AK"], world.secrets[f"{NAME}_HW_AK"]])


@pytest.mark.parametrize("cloud", ["Alibaba", "Huawei"])
def test_the_account_s_own_key_wants_a_second_yes(world, cloud):
    if cloud == "Alibaba":
        world.ram.add_credentials(*world.user_credentials, holder="root")
    else:
        world.iam.add_credentials(*world.huawei_credentials, holder="root")
    ends(world.setup(typed="yes\nno\n"), 2, "The key of a user would be safer")
    assert world.setup(typed=f"yes\n{YES}")[0] == 0


def shows_a_secret(world, *said):
    """Whether one of those that the clouds told in this run, or an administrator's, is in what was said or written; and
    how many there are."""
    bodies = b"".join(one.body for one in world.answered).decode("utf-8", "replace")
    secrets = {*re.findall(r'"(?:AccessKeySecret|secret_access_key)": *"([^"]+)"', bodies)}
    secrets |= {world.user_credentials[1], world.huawei_credentials[1]}
    files = [path.read_text(encoding="utf-8", errors="replace") for path in world.folder.rglob("*") if path.is_file()]
    written = world.oss.objects(world.log_bucket).values() if world.log_bucket in world.oss.buckets else ()
    texts = (*said, *files, *(one.data.decode("utf-8", "replace") for one in written))
    return any(secret in text for secret in secrets for text in texts), len(secrets)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_no_secret_is_in_what_it_says_or_writes(world, words):
    world.iam.acts_after = 60.0
    said = well(world.setup(*words, typed=YES))
    assert shows_a_secret(world, said) == (False, 2 + 3)
    _, renewed = world.setup("--new-key", *words, typed="yes\n")
    _, removed = world.setup("--remove", *words, typed="yes\n")
    assert shows_a_secret(world, renewed, removed) == (False, 2 + 4)


@pytest.mark.parametrize("status", [400, 403])
def test_no_secret_is_in_what_it_says_of_a_request_that_is_refused(whole, status):
    refused = 0
    for number in range(3, whole[1], 7):
        with SetupWorld() as world:

            def refuse(at, world=world, number=number):
                for service in (
                    (world.ram, world.iam, world.functions, world.oms, world.oss, world.obs) if at == number else ()
                ):
                    service.faults.add(Fault.status(status, b'{"message": "SECRET of the cloud"}'), times=1)

            world.before = refuse
            code, said = world.setup(typed=YES)
            refused += code != 0
            assert shows_a_secret(world, said)[0] is False
            assert "of the cloud" not in said
    assert refused > 5


def test_a_service_that_is_away_for_a_moment_is_asked_again(world):
    for service in (world.ram, world.iam, world.functions, world.oms, world.oss, world.obs):
        service.faults.add(Fault.status(503), times=1)
    well(world.setup(typed=YES))
