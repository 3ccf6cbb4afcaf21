"""Whether there is anything in scope: a typo in prefix or suffix leaves out every object, and all else looks well."""

import pytest

from support.doctor import deploy, states, the_check

NAME = "objects in scope"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"OBJECT_PREFIX": "phots/"}, "OBJECT_PREFIX 'phots/'"),
        ({"OBJECT_SUFFIX": ".jpgg"}, "all 2 names were looked at"),
        ({"OBJECT_PREFIX": "oms_source_record/"}, "all 1 name was looked at"),
    ],
    ids=["prefix", "suffix", "records"],
)
def test_nothing_in_scope_is_a_warning_that_names_what_may_have_a_typo(box, handler, changes, told):
    for key in ("photos/1.jpg", "oms_source_record/x"):
        box.oss.put(box.source_bucket, key, b"x")
    report = handler(box, {**box.environment(), **changes})
    assert NAME in states(report, "warning")
    check = the_check(report, NAME)
    assert told in check["seen"]
    assert "typo" in check["fix"]

    # AND with the right one it is none
    assert NAME in states(handler(box, {**box.environment(), "OBJECT_PREFIX": "photos/", "OBJECT_SUFFIX": ""}), "ok")


def test_what_doctor_has_no_time_to_look_at_is_known_once_a_pass_has_looked(box, tmp_path, handler, in_process):
    # GIVEN more objects than doctor looks at, none of which has the suffix
    environment = {**box.environment(), "OBJECT_SUFFIX": ".png"}
    deploy(box, tmp_path, environment)
    box.oss.fill(box.source_bucket, (f"{number:05}.jpg" for number in range(10_500)))
    report = handler(box, environment)
    assert (NAME in states(report, "unknown"), report["ok"]) == (True, False)
    assert "the first 10,000 names were looked at" in the_check(report, NAME)["seen"]
    assert "python ops.py reconcile" in the_check(report, NAME)["fix"]

    # WHEN a pass has looked at them, THEN it is known, and so it is when one with the suffix has come
    in_process(box, "reconcile", environment=environment)
    assert NAME in states(handler(box, environment), "warning")
    box.oss.fill(box.source_bucket, ["z.png"])
    in_process(box, "reconcile", environment=environment)
    report = handler(box, environment)
    assert NAME in states(report, "ok")
    assert "by the pass of" in the_check(report, NAME)["seen"]
