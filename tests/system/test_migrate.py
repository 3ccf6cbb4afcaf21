"""The command `python3 ops.py migrate` over sockets: a task group copies the existing objects, without events."""

from __future__ import annotations

import json

OLD = 2_000


def test_migrate_copies_two_thousand_existing_objects_during_an_upload(bare):
    box = bare.box
    bare.agree("--agree")
    box.oss.fill(box.source_bucket, [f"old/{number:04}" for number in range(OLD)], size=10, age=86_400)
    box.deploy_project(bare.folder, instances=2)
    box.bucket(box.source_bucket).put_object("new", b"live")
    box.wait_idle(60)

    answer = json.loads(bare.ops("migrate", "--yes", "--json"))
    assert answer["state"] == "done"
    assert answer["total"] == OLD + 1
    assert answer["copied"] == OLD
    assert answer["skipped"] == 1
    there = [key for key in box.obs.objects(box.destination_bucket) if not key.startswith("oms/")]
    assert len(there) == OLD + 1
    assert len(box.oms.accepted) == 1, "the old ones went no other way"
