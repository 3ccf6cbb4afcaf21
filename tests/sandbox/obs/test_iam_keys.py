"""Tests of the permissions that access keys of simulated IAM users have in OBS and OMS."""

import pytest


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": [action], "Resource": [resource]}


def test_a_simulated_access_key_has_the_permissions_of_its_policies(box, huawei, iam_key, obs_requests):
    key = iam_key(
        allow("obs:bucket:listBucket", "obs:*:*:bucket:photos-obs"),
        allow("obs:object:getObject", "obs:*:*:object:photos-obs/oms/*"),
        {"Effect": "Allow", "Action": ["oms:synctask:get"]},
    )
    for name in ("oms/a", "a"):
        box.obs.put("photos-obs", name, b"")

    def status(*details, **headers):
        return obs_requests.send(*details, **headers, credentials=key).status_code

    assert (status(), status("HEAD")) == (200, 403)
    assert (status("GET", "oms/a"), status("GET", "a"), status("DELETE", "oms/a")) == (200, 403, 403)
    task = box.task.sync_url.removesuffix("/events")
    task_status = huawei.call("GET", f"{task}?query_time={int(box.oms.now() * 1000)}", credentials=key)
    assert (task_status.status_code, huawei.submit("a", credentials=key).status_code) == (200, 403)


@pytest.mark.parametrize(("delay", "status_before", "status_after"), [(0, 200, 200), (600, 403, 200), (None, 403, 403)])
def test_a_simulated_permission_takes_effect_immediately_later_or_never(
    box, iam_key, obs_requests, delay, status_before, status_after
):
    box.iam.grant_delay = delay
    key = iam_key(allow("obs:*:*"))
    assert obs_requests.send(credentials=key).status_code == status_before
    box.advance(600)
    assert obs_requests.send(credentials=key).status_code == status_after
