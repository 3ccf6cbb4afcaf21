"""Uploads to the sandbox's source bucket, and the records that follow."""

from __future__ import annotations

from sandbox import Sandbox

# Long enough for a loaded machine; only a failing test ever waits for it.
PATIENCE = 60


def upload(box: Sandbox, *keys: str) -> None:
    """Store an object for each key, with the key as its contents, and wait until all events are handled."""
    for key in keys:
        box.oss.put(box.source_bucket, key, key.encode())
    box.wait_idle(PATIENCE)


def records(box: Sandbox, folder: str = "") -> dict[str, bytes]:
    """Return the contents of the objects in a folder of the task's records, by their names in the folder."""
    root = f"oms_source_record/{box.task_id}/{folder}"
    objects = dict(box.oss.objects(box.log_bucket))
    return {name.removeprefix(root): oss_object.data for name, oss_object in objects.items() if name.startswith(root)}
