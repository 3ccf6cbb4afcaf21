"""The contents of a certificate: everything that a third party needs to check the verdict."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta

import pytest

from ops.certificate.check import find_false_claims
from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.clock import timestamp
from oss_oms_sync.errors import PayloadError, SettingsError
from oss_oms_sync.jobs import certify
from oss_oms_sync.jobs.certify.document import hash_code
from oss_oms_sync.rules.cutover import judge
from support.certificate import check
from support.certificate_oracle import RULES
from support.ops import TEMPLATE
from support.world import HOUR, World
from unit.ops.certificates import make_sample, rehearsal
from unit.ops.web_page import certificate_page, parse

PARTS = {
    "schema",
    "kind",
    "verdict",
    "text",
    "text_zh",
    "as_of",
    "made",
    "made_by",
    "task",
    "project",
    "source_bucket",
    "destination_bucket",
    "log_bucket",
    "scope",
    "frozen_since",
    "run",
    "closed",
    "migration",
    "open_projects",
    "oms",
    "checks",
    "passes",
    "source",
    "destination",
    "last_written",
    "classes",
    "folders",
    "storage",
    "sample",
    "headers",
    "accepted",
    "rehearsal",
    "shown",
    "sync_task",
    "oms_failure",
    "go_stands",
    "waiting",
    "lists",
    "missing_permissions",
    "clocks",
    "keys_a_minute",
    "document",
    "sha256",
}


@pytest.fixture
def document(world: World) -> dict:
    world.write("oms/sync_task/list.txt", "one of OMS's own")
    world.reach("ready with a list", world.get_ready)
    return world.certify(sample=2)


def compute_digest(objects: dict) -> str:
    """Compute the digest of a listing by the formula in the documentation."""
    lines = (hashlib.sha256(key.encode() + b"\0" + str(size).encode()).hexdigest() for key, size in objects.items())
    return f"{sum(int(line, 16) for line in lines) % 2**256:064x}"


def test_certify_stores_and_hashes_the_certificate_that_it_returns(world, document):
    assert document.keys() == PARTS
    assert [finding["id"] for finding in document["checks"]] == [*RULES]
    assert re.fullmatch("oms_source_record/certificates/oss-oms-sync/.*-go.json", document["document"])
    assert json.loads(world.bucket.objects[document["document"]].body) == document
    # As a release reports it, of the folder that has only the package.
    assert document["made_by"]["code_sha256"] == hash_code(TEMPLATE / "code")
    assert document["made_by"]["version"]
    without = {name: value for name, value in document.items() if name != "sha256"}
    canonical = json.dumps(without, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == document["sha256"]


def test_a_certificate_has_no_floating_point_number(world, document):
    def numbers(value):
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        yield from ((value,) if isinstance(value, float) else ())
        for part in parts:
            yield from numbers(part)

    assert document["shown"]["lag"]["copied"]["objects"] > 0
    assert not list(numbers(document))
    assert not list(numbers(world.rehearse(sample=1)))


def test_the_digests_leave_out_oms_own_lists(world, document):
    source = {key: len(stored.body) for key, stored in world.source.objects.items()}
    there = {key: len(stored.body) for key, stored in world.destination.objects.items() if not key.startswith("oms/")}
    assert (
        document["source"]["digest"]
        == compute_digest(source)
        == compute_digest(there)
        == document["destination"]["digest"]
    )
    assert document["source"]["objects"] == document["destination"]["objects"] == 3


def test_objects_outside_the_scope_are_not_in_the_digests():
    world = World.installed("a.jpg", OBJECT_SUFFIX=".jpg")
    world.put("b.tmp", "x", fate="lost")
    document = world.cut_over()
    assert document["scope"] == {"prefix": "", "suffix": ".jpg"}
    assert document["source"]["digest"] == compute_digest({"a.jpg": 2})


# Rehearsals.


def test_a_rehearsal_reports_the_freeze_and_the_failing_checks(world):
    world.advance(HOUR)
    world.put("b", "xy", fate="lost")
    world.advance(HOUR)
    world.tick("replay")
    world.prove()
    document = world.rehearse()
    rehearsal = document["rehearsal"]
    assert document["verdict"] == "REHEARSAL"
    assert document["frozen_since"] is None
    assert rehearsal["would_be"] == "NO-GO"
    assert rehearsal["failing"] == ["OLDER"]
    minutes = rehearsal["minutes"]
    # A step without a duration counts as a minute, as in `ops.py check`.
    assert (minutes["settle"], minutes["compare"], minutes["standstill"]) == (5, 1, 1)
    assert minutes["total"] == sum(minutes[name] for name in minutes if name != "total")
    assert check(document, "STOOD_STILL")["result"] == "not run"


def test_a_rehearsal_reports_how_many_objects_could_be_judged(world):
    # GIVEN objects in progress beside objects that could be judged
    world.advance(HOUR)
    world.put("c", "x", fate="lost")
    world.open_and_compare()
    world.advance(1)
    world.tick("replay")
    document = world.rehearse()
    assert document["rehearsal"]["would_be"] == "GO"
    assert find_false_claims(document) == []
    assert "the verdict would be GO. 3 of 4 objects could be judged." in document["text"]
    assert "All checks would pass; 3 of 4 objects could be judged." in parse(certificate_page(document)).text


def test_the_forecast_of_a_step_is_no_shorter_than_the_step():
    # GIVEN a comparison of 121 seconds, 601 keys to send at a call of ten a second, and a sample of 100 of ten objects
    # of 20 MB each, read on both sides at 30 MB a second
    document = rehearsal()
    compared = document["passes"]["compare"] | {"started": "2026-01-31T09:00:00Z", "ended": "2026-01-31T09:02:01Z"}
    compared |= {"source_listed": {"objects": 10, "bytes": 200_000_000}}
    group = {"reason": "UNKNOWN", "object_class": "missing", "number": 601, "keys": ["a"]}
    group |= dict.fromkeys(("is_same_size", "was_tried", "is_refused"), False)
    document |= {"passes": {"compare": compared, "standstill": None}, "keys_a_minute": 600}
    document |= {"sample": {**make_sample(), "asked": 100}}
    document["waiting"] |= {"number": 601, "groups": [group]}
    # WHEN the rules forecast the length of the freeze
    minutes = judge(from_json(CutoverFacts, document)).rehearsal.minutes
    of_steps = {"settle": 5, "replay": 2, "compare": 3, "again": 5, "close": 2, "oms": 10, "standstill": 3, "sample": 3}
    assert minutes == {**of_steps, "total": 33}
    # Without a comparison, the duration of the freeze is unknown.
    document["passes"] = {"compare": None, "standstill": None}
    minutes = judge(from_json(CutoverFacts, document)).rehearsal.minutes
    assert (minutes["compare"], minutes["total"]) == (None, None)


# Closing.


def test_a_close_names_the_last_certificate_and_ends_submissions(world, document):
    world.open_project(after_go=True)
    answer = world.close_project()
    assert answer["certificate"] == {name: document[name] for name in ("document", "verdict", "made")}
    assert (answer["closed"]["by"], answer["closed"]["why"]) == ("close", f"{document['document']}: GO")
    assert "and submits nothing" in str(answer["next"])
    mark = world.certify()["closed"]
    assert {**mark, "go": ""}.items() >= answer["closed"].items()


def test_a_close_after_a_rehearsal_names_no_certificate(world):
    world.rehearse()
    answer = world.close_project()
    assert answer["certificate"] is None
    assert answer["closed"]["why"] == "without a certificate"
    # Opening undoes it.
    assert world.open_project()["closed"] is None
    world.freeze()
    assert world.certify()["closed"] is None


def test_a_close_names_the_last_of_two_certificates_of_one_second(world, document):
    rehearsed, last = world.rehearse(), world.invoke("certify", {"frozen_since": world.frozen})
    numbers = [certificate["document"].rpartition("/")[2].partition("-")[0] for certificate in (rehearsed, last)]
    assert rehearsed["verdict"] == "REHEARSAL"
    assert last["verdict"] == "GO"
    assert numbers == sorted({*numbers})
    assert world.close_project()["certificate"]["document"] == last["document"]


def test_certify_overwrites_no_certificate_of_a_concurrent_call(world, document, mocker):
    # GIVEN a call that looked for the last certificate just before this world's GO was stored
    mocker.patch("oss_oms_sync.jobs.certify.Certificates.last_name", return_value="")
    for certificate in (world.invoke("certify", {"frozen_since": world.frozen}), document):
        assert json.loads(world.bucket.objects[certificate["document"]].body) == certificate


# Requests.


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ('{"frozen_since": "yesterday"}', "Give a time in UTC"),
        ('{"frozen_since": "2999-01-01"}', "in the future"),
        ('{"sample": 301}', "at most 300"),
        ('{"sample": -1}', "sample"),
        ('{"accept": {"missing": "me"}}', "Names that can be accepted: impossible, suspicious"),
        ('{"accept": {"equal_size": ""}}', r'and why. Give \{"accept": \{"equal_size": "who, why"\}\}$'),
        ('{"accept": {"equal_size": "me"}}', "without saying who accepts it, and why"),
        ('{"accept": {"equal_size": 1}}', "without saying who accepts it, and why"),
        ('{"accept": {"equal_size": "<who, why>"}}', "without saying who accepts it, and why"),
        ('{"accept": "equal_size"}', "JSON object"),
        ('{"close": true, "open": true}', "one at a time"),
        ('{"close": true, "sample": 1}', "one at a time"),
        ('{"open": true, "accept": {"metadata": "ops: none"}}', "one at a time"),
        ('{"forced": true}', "does not know"),
    ],
)
def test_certify_refuses_an_invalid_payload_and_stores_nothing(world, payload, message):
    before = dict(world.bucket.objects)
    with pytest.raises(PayloadError, match=message):
        world.within(lambda: certify.run(payload, world.invocation()))
    assert dict(world.bucket.objects) == before


def test_certify_accepts_a_freeze_time_up_to_a_minute_in_the_future(world):
    now = world.clock.now()
    assert world.invoke("certify", {"frozen_since": timestamp(now + timedelta(seconds=60))})["verdict"] != "GO"
    with pytest.raises(PayloadError, match="in the future"):
        world.invoke("certify", {"frozen_since": timestamp(now + timedelta(seconds=99))})


def test_certify_is_refused_if_the_variable_source_bucket_is_empty():
    with pytest.raises(SettingsError, match="SOURCE_BUCKET is empty"):
        World.installed(SOURCE_BUCKET="").rehearse()
