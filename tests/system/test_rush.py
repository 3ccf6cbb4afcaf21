"""More uploads than OMS's gateway admits, over sockets: forward gives way to replay's batches, and no key is lost."""

from support.world import payload
from tools.render import render

TIMEOUT = 120
UPLOADS = 300


def test_above_the_gateways_limit_no_key_is_lost_and_replay_brings_what_forward_leaves_to_it(box, tmp_path):
    # GIVEN a gateway that admits 5 calls a second, and 300 uploads at once
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path, environment={**box.environment(), "OMS_RATE": "4"}, instances=4)
    box.oms.throttle(5)
    keys = [f"photos/{number:03}.jpg" for number in range(UPLOADS)]
    for key in keys:
        box.fc.submit("forward", payload(key))

    # WHEN forward has handled all of their events
    box.fc.wait_idle(TIMEOUT)

    # THEN each key is accepted, or waits for replay
    waiting = {name.partition("/failed_object/")[2] for name in box.oss.objects(box.log_bucket)} - {""}
    assert waiting | box.oms.accepted.keys() == set(keys)
    assert waiting

    # AND after replay's ticks, still throttled, every one is accepted, by fewer calls than keys
    for _ in range(5):
        if box.tick("replay").value["finished"]:
            break
    assert box.oms.accepted.keys() == set(keys)
    assert UPLOADS / sum(call.status == 200 for call in box.oms.calls) >= 1.7
