"""The AK/SK are changed in the midst of traffic: nothing is lost."""

from __future__ import annotations

from tools.render import render


def test_keys_that_come_while_the_old_secret_is_disabled_go_out_with_the_next_replay(box, tmp_path):
    # GIVEN uploads before, between and after
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    bucket = box.bucket(box.source_bucket)

    def upload(part: str) -> None:
        for number in range(10):
            bucket.put_object(f"{part}/{number}", part.encode())
        box.wait_idle(60)

    upload("with the old key")

    # WHEN the old key is disabled too early, and the new one deployed a while later
    new = ("SANDBOXHWAK000000002", "SANDBOXHWSK0000000000000000000000000002")
    box.oms.add_credentials(*new)
    box.oms.remove_credentials(box.huawei_credentials[0])
    upload("in between")
    environment = {**box.environment(), "HW_AK": new[0], "HW_SK": new[1]}
    for function in ("sync", "replay"):
        box.fc.update_function(function, environment)
    upload("with the new key")
    assert len(box.oms.accepted) == 20

    # THEN replay sends what failed in between
    assert box.tick("replay").value["accepted"] == 10
    assert len(box.oms.accepted) == 30
    box.wait_idle(60)
    assert len(box.task.destination) == 30
