"""The command `ops.py checklist`: its output, its page, and the back-to-source rules that it stores for doctor."""

import json
import re

import pytest

from ops.accounts import statements
from ops.checklist.bucket_settings import SETTINGS
from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES
from sandbox.server.faults import Fault
from support.grants import create_iam_user, create_ram_user
from support.ops import missing_parts
from support.policies import show
from support.stored import Stored
from unit.ops.setup.setup_world import SetupWorld, expect_exit, expect_success, set_variables

TAGS = b"<Tagging><TagSet><Tag><Key>team</Key><Value>a</Value></Tag></TagSet></Tagging>"
CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
    b"</CORSConfiguration>"
)


@pytest.fixture
def world():
    with SetupWorld() as world:
        world.obs.create_bucket(world.destination_bucket)
        world.oss.create_bucket(world.log_bucket)
        yield world


def source_documents(world):
    return world.oss.buckets["photos"].documents


def test_the_checklist_of_buckets_without_settings_is_empty(world):
    # AND the output names the settings that were not compared
    number = len(SETTINGS)
    unchecked = "This command does not check the following settings. Move them by hand: image styles, retention (WORM)"
    output = expect_success(world.run("checklist"), f"The {number} compared settings are equal", unchecked)
    assert output.count("on neither side") == number


def test_the_checklist_prints_the_document_and_manual_page_of_a_setting(world):
    source_documents(world).update(cors=CORS, tagging=TAGS)
    world.obs.bucket(world.destination_bucket).documents["tagging"] = TAGS
    output = expect_exit(
        world.run("checklist"),
        1,
        "1 setting to move by hand",
        "https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0074.html",
        "<CORSConfiguration>\n  <CORSRule>\n    <AllowedOrigin>*</AllowedOrigin>\n",
    )
    for line in (r"CORS rules +1 rule +- +set only at the source", r"Bucket tags +team=a +team=a +equal"):
        assert re.search(line, output)


def test_the_checklist_shows_unreadable_settings_before_settings_to_move(world):
    source_documents(world)["cors"] = CORS
    world.oss.deny("oss:GetBucketAcl", "photos")
    expect_exit(
        world.run("checklist"),
        3,
        "1 setting could not be read",
        "cannot be read: the permission oss:GetBucketAcl is missing",
        "only at the source",
    )


def test_the_checklists_json_and_page_contain_each_setting(world, tmp_path):
    source_documents(world)["cors"] = CORS
    output = expect_exit(world.run("checklist", "--json", "--html", str(tmp_path / "page.html")), 1)
    answer = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    settings = {setting["name"]: setting for setting in answer["settings"]}
    assert answer["exit_code"] == 1
    assert {name: settings[name]["state"] for name in ("cors", "acl")} == {"cors": "only at the source", "acl": "none"}
    assert settings["cors"]["source"]["right"] == "oss:GetBucketCors"
    assert settings["cors"]["document"].startswith("<CORSConfiguration>")
    page_text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert missing_parts(page_text, "&lt;CORSConfiguration&gt;\n  &lt;CORSRule&gt;", "only at the source") == []


SYNC_URL = "https://oms.cn-north-4.myhuaweicloud.com/v2/p/sync-tasks/task-1/events"
STORED_RULES = "oms_source_record/task-1/state/back_to_source.json"
RULE = b'{"rules": [{"id": "a", "condition": {"httpErrorCodeReturnedEquals": "404"}}]}'


@pytest.mark.parametrize(("document", "rules"), [(None, 0), (RULE, 1), (b'{"rules": 7}', None)])
def test_the_checklist_stores_the_number_of_back_to_source_rules(world, document, rules):
    keys = world.administrators()
    set_variables(world, SYNC_URL=SYNC_URL)
    if document:
        world.obs.bucket(world.destination_bucket).documents["mirrorBackToSource"] = document
    _, output = world.run("checklist")
    objects = Stored(world.oss, world.log_bucket).objects
    assert json.loads(objects[STORED_RULES].body).items() >= {"bucket": "photos-obs", "rules": rules}.items()
    # It writes nothing else, and prints no access key.
    assert [request.method for request in world.sent if request.method != "GET"] == ["PUT"]
    assert [*objects] == [STORED_RULES]
    assert [value for value in keys.values() if value in output] == []


def test_the_checklist_reports_rules_that_it_cannot_store_for_doctor(world):
    set_variables(world, SYNC_URL=SYNC_URL)
    world.oss.deny("oss:PutObject", world.log_bucket)
    expect_success(world.run("checklist"), "The number of back-to-source rules in OBS could not be stored for doctor: ")


def test_the_printed_permissions_suffice_for_the_checklist(world):
    # GIVEN two users with the permissions that policies/show.py --checklist prints
    documents = statements.checklist_policies(world.variables())
    assert missing_parts(show(world.folder, "--checklist"), *(json.dumps(part, indent=2) for part in documents)) == []
    alibaba, huawei = create_ram_user(world, documents[0], "reader"), create_iam_user(world, "reader", documents[1])
    keys = {**dict(zip(ALIBABA_VARIABLES, alibaba, strict=False)), **dict(zip(HUAWEI_VARIABLES, huawei, strict=False))}

    # WHEN checklist runs THEN it reads all settings, and the printed permissions are those of the table
    set_variables(world, SYNC_URL=SYNC_URL)
    assert "does not know" not in expect_success(world.run("checklist", keys=keys))
    required = {side.permission.lower() for setting in SETTINGS for side in (setting.source, setting.destination)}
    allowed = [statement for document in documents for statement in document["Statement"]]
    actions = sorted(action.lower() for statement in allowed for action in statement["Action"])
    assert actions == sorted(required | {"oss:putobject"})


@pytest.mark.parametrize(
    ("name", "code"), [("HUAWEICLOUD_SDK_AK", "InvalidAccessKeyId"), ("HUAWEICLOUD_SDK_SK", "SignatureDoesNotMatch")]
)
def test_the_checklist_prints_no_table_if_the_access_keys_are_unknown(world, name, code):
    keys = {**world.administrators(), name: "NOBODYS"}
    assert "cannot be read: " not in expect_exit(world.run("checklist", keys=keys), 1, code)


@pytest.mark.parametrize(("region", "refusal"), [(None, "404 NoSuchBucket"), ("cn-east-3", "307 TemporaryRedirect")])
def test_the_checklist_prints_no_table_if_a_bucket_refuses_each_request(world, region, refusal):
    world.obs.remove_bucket(world.destination_bucket)
    if region:
        world.obs.create_bucket(world.destination_bucket, region)
    assert "cannot be read: " not in expect_exit(world.run("checklist"), 1, refusal)


def test_the_checklist_shows_a_refused_setting_in_one_row(world):
    source_documents(world)["cors"] = CORS
    headers, body = {"x-obs-request-id": "1"}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
    refusal = Fault.status(403, body, headers)
    world.obs.faults.add(refusal, where=lambda request: "mirrorBackToSource" in request.raw_query)
    output = expect_exit(
        world.run("checklist"), 3, "1 setting could not be read", "only at the source", "SignatureDoesNotMatch"
    )
    assert re.search(r"Back-to-source rules +- +cannot be read: .*403 SignatureDoesNotMatch", output)
