"""`ops.py checklist` as a person sees it."""

import json
import re

import pytest

from ops.accounts import statements
from ops.checklist.bucket_settings import SETTINGS
from ops.clouds.keys import ALIBABA, HUAWEI
from sandbox.server.faults import Fault
from support.grants import iam_user, ram_user
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
    with SetupWorld() as made:
        made.obs.create_bucket(made.destination_bucket)
        made.oss.create_bucket(made.log_bucket)
        yield made


def here(world):
    return world.oss.buckets["photos"].documents


def test_buckets_without_settings_have_nothing_to_be_moved(world):
    # AND it claims no more than it has looked at
    number, rest = len(SETTINGS), "Not looked at here, so see to it yourself: image styles, retention (WORM)"
    said = expect_success(world.run("checklist"), f"The {number} settings that are compared here", rest)
    assert said.count("none on both sides") == number


def test_what_is_left_to_do_is_said_with_pages_and_the_document(world):
    here(world).update(cors=CORS, tagging=TAGS)
    world.obs.bucket(world.destination_bucket).documents["tagging"] = TAGS
    said = expect_exit(
        world.run("checklist"),
        1,
        "1 setting to be seen to by hand",
        "https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0074.html",
        "<CORSConfiguration>\n  <CORSRule>\n    <AllowedOrigin>*</AllowedOrigin>\n",
    )
    for line in (r"CORS rules +1 rule +- +only at the source", r"Tags of the bucket +team=a +team=a +equal"):
        assert re.search(line, said)


def test_what_cannot_be_read_comes_before_what_is_to_do(world):
    here(world)["cors"] = CORS
    world.oss.deny("oss:GetBucketAcl", "photos")
    expect_exit(
        world.run("checklist"),
        3,
        "1 setting could not be read",
        "cannot be read: right oss:GetBucketAcl",
        "only at the source",
    )


def test_programs_and_pages_have_it_too(world, tmp_path):
    here(world)["cors"], page = CORS, tmp_path / "page.html"
    said = expect_exit(world.run("checklist", "--json", "--html", str(page)), 1)
    told = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    by_name = {one["name"]: one for one in told["settings"]}
    cors = by_name["cors"]
    states = told["exit_code"], cors["state"], by_name["acl"]["state"]
    assert states == (1, "only at the source", "none")
    assert (cors["source"]["right"], cors["document"][:19]) == ("oss:GetBucketCors", "<CORSConfiguration>")
    shown = page.read_text(encoding="utf-8")
    assert all(one in shown for one in ("&lt;CORSConfiguration&gt;\n  &lt;CORSRule&gt;", "only at the source"))


SYNC_URL = "https://oms.cn-north-4.myhuaweicloud.com/v2/p/sync-tasks/task-1/events"
NOTED = "oms_source_record/task-1/state/back_to_source.json"
RULE = b'{"rules": [{"id": "a", "condition": {"httpErrorCodeReturnedEquals": "404"}}]}'


@pytest.mark.parametrize(("document", "rules"), [(None, 0), (RULE, 1), (b'{"rules": 7}', None)])
def test_back_to_source_rules_are_noted_for_doctor_and_the_sample(world, document, rules):
    set_variables(world, SYNC_URL=SYNC_URL)
    if document:
        world.obs.bucket(world.destination_bucket).documents["mirrorBackToSource"] = document
    world.run("checklist")
    noted = json.loads(Stored(world.oss, world.log_bucket).objects[NOTED].body)
    assert (noted["bucket"], noted["rules"]) == (world.destination_bucket, rules)


def test_what_cannot_be_noted_is_said(world):
    set_variables(world, SYNC_URL=SYNC_URL)
    world.oss.deny("oss:PutObject", world.log_bucket)
    expect_success(world.run("checklist"), "Doctor does not know of back-to-source rules in OBS: ")


def test_it_is_said_in_chinese(world):
    here(world)["cors"] = CORS
    page = "https://help.aliyun.com/zh/oss/developer-reference/getbucketcors"
    expect_exit(world.run("checklist", "--lang", "zh"), 1, "仅源端有", page)


def test_it_only_reads_and_no_key_is_told(world):
    keys = world.administrators()
    set_variables(world, SYNC_URL=SYNC_URL)
    _, said = world.run("checklist")
    assert [one.method for one in world.sent if one.method != "GET"] == ["PUT"]
    assert [*Stored(world.oss, world.log_bucket).objects] == [NOTED]
    assert not [value for value in keys.values() if value in said]


def test_what_show_prints_is_what_it_needs_and_all_of_it(world):
    # GIVEN two who may do what policies/show.py --checklist prints
    documents = statements.checklist(world.variables())
    shown = show(world.folder, "--checklist")
    assert all(json.dumps(document, indent=2) in shown for document in documents)
    alibaba, huawei = ram_user(world, documents[0], "reader"), iam_user(world, "reader", documents[1])
    keys = {**dict(zip(ALIBABA, alibaba, strict=False)), **dict(zip(HUAWEI, huawei, strict=False))}

    # WHEN they run it THEN all is read, with each right of the table, and those are all that is printed
    set_variables(world, SYNC_URL=SYNC_URL)
    assert "does not know" not in expect_success(world.run("checklist", keys=keys))
    named = {side.right.lower() for setting in SETTINGS for side in (setting.source, setting.destination)} | {
        "oss:putobject"
    }
    allowed = [one for document in documents for one in document["Statement"]]
    assert sorted(action.lower() for one in allowed for action in one["Action"]) == sorted(named)


@pytest.mark.parametrize(
    ("name", "code"), [("HUAWEICLOUD_SDK_AK", "InvalidAccessKeyId"), ("HUAWEICLOUD_SDK_SK", "SignatureDoesNotMatch")]
)
def test_keys_that_nobody_has_are_an_error_and_no_table(world, name, code):
    keys = {**world.administrators(), name: "NOBODYS"}
    assert "cannot be read: " not in expect_exit(world.run("checklist", keys=keys), 1, code)


@pytest.mark.parametrize("name", ["a bucket that is not there", "a bucket in another region"])
def test_a_bucket_that_refuses_everything_is_an_error_and_no_table(world, name):
    world.obs.remove_bucket(world.destination_bucket)
    if name == "a bucket in another region":
        world.obs.create_bucket(world.destination_bucket, "cn-east-3")
    told = "307 TemporaryRedirect" if "region" in name else "404 NoSuchBucket"
    assert "cannot be read: " not in expect_exit(world.run("checklist"), 1, told)


def test_one_setting_that_is_refused_is_one_row(world):
    here(world)["cors"] = CORS
    headers, body = {"x-obs-request-id": "1"}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
    refusal = Fault.status(403, body, headers)
    world.obs.faults.add(refusal, where=lambda one: "mirrorBackToSource" in one.raw_query)
    said = expect_exit(
        world.run("checklist"), 3, "1 setting could not be read", "only at the source", "SignatureDoesNotMatch"
    )
    assert re.search(r"Back-to-source rules +- +cannot be read: .*403 SignatureDoesNotMatch", said)
