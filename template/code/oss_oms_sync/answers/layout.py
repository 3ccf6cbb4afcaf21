"""Names of objects in the log bucket and in OBS, for the functions and ops.py alike.

The project writes only below `oms_source_record/`. Records are in the layout of Huawei's guide
(https://support.huaweicloud.com/bestpractice-oms/oms_05_5602.html); other objects are beside them:

    oms_source_record/{task}/{kind}_object/{key}          the record of a key: OMS accepted it (success), it failed,
                                                          its object was proven equal by reading, or its object's
                                                          headers in OBS were compared or changed (mended)
    oms_source_record/{task}/{kind}_object_long/{sha256}  the record of a key that is too long to follow the prefix
    oms_source_record/{task}/state/                       the state of the jobs, and data from ops.py for the jobs
    oms_source_record/{task}/replay/{project}/{run}.json  a run file: keys that a run of replay has taken
    oms_source_record/certificates/{project}/{task}/      certificates
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

# Prefix of everything that the project writes.
RECORDS = "oms_source_record/"
# The keys of a canary begin with the project's prefix and this folder (ops/canary). The canary deletes its objects.
CANARY = ".oss-oms-sync-canary/"
# Folders to which OMS writes its lists of results: for sync tasks ("User Guide", "Viewing migration results"), task
# groups and tasks. In former versions, OMS wrote the lists of tasks to the last folder.
OMS_LISTS = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")
# OSS, "Object naming conventions": 1 to 1023 bytes of UTF-8.
# https://www.alibabacloud.com/help/en/oss/user-guide/object-naming-conventions
MAX_NAME_BYTES = 1023
# The path of a sync task in OMS's API, which SYNC_URL continues by `/events`, and its pattern.
TASK_PATH = r"/v2/(?P<project>[\w.~-]+)/sync-tasks/(?P<task>[\w.~-]+)"
SYNC_PATH_EXAMPLE = "/v2/<project id>/sync-tasks/<task id>/events"
SYNC_URL_EXAMPLE = f"https://oms.<region>.myhuaweicloud.com{SYNC_PATH_EXAMPLE}"

Kind = Literal["success", "failed", "proven", "mended"]


def record_root(task_id: str) -> str:
    """Return the prefix of the names of all objects that the project writes for this sync task, except certificates."""
    return f"{RECORDS}{task_id}/"


def record_prefix(task_id: str, kind: Kind, *, long: bool = False) -> str:
    return f"{record_root(task_id)}{kind}_object{'_long' if long else ''}/"


def is_long(task_id: str, kind: Kind, key: str) -> bool:
    """Return True if the name of the record contains a hash, because `key` is too long to follow the prefix."""
    return len(f"{record_prefix(task_id, kind)}{key}".encode()) > MAX_NAME_BYTES


def record_name(task_id: str, kind: Kind, key: str) -> str:
    if not is_long(task_id, kind, key):
        return f"{record_prefix(task_id, kind)}{key}"
    return f"{record_prefix(task_id, kind, long=True)}{hashlib.sha256(key.encode()).hexdigest()}"


def state_folder(task_id: str) -> str:
    return f"{record_root(task_id)}state/"


def closed_mark_name(task_id: str, project: str) -> str:
    return f"{state_folder(task_id)}closed-{project}.json"


def current_migration_name(task_id: str, project: str) -> str:
    """Return the name of the object that records the migration of the existing objects, until the migration ends."""
    return f"{state_folder(task_id)}migrate-{project}.json"


def finished_migrations_prefix(task_id: str, project: str) -> str:
    """Return the prefix of the names of the records of finished migrations.

    Another project has the same prefix if its name begins with this project's name.
    """
    return f"{state_folder(task_id)}migrated-{project}-"


def migration_speed_name(task_id: str, project: str) -> str:
    """Return the name of the object that records the bytes a migration has copied under bandwidth limits, by time."""
    return f"{state_folder(task_id)}migration-speed-{project}.json"


def canary_result_name(task_id: str, project: str) -> str:
    """Return the name of the object in which `ops.py canary` stores the last canary's result for doctor."""
    return f"{state_folder(task_id)}canary-{project}.json"


def back_to_source_name(task_id: str) -> str:
    """Return the name of the object in which `ops.py checklist` stores OBS's back-to-source rules for doctor."""
    return f"{state_folder(task_id)}back_to_source.json"


def run_files_folder(task_id: str, project: str = "") -> str:
    """Return the folder of a project's run files, or of all projects' run files if `project` is empty."""
    return f"{record_root(task_id)}replay/{f'{project}/' if project else ''}"


def keys_of_run_file(document: object) -> list[str]:
    """Return the keys in a run file, or only the readable keys if the file has another form."""
    entries = document.get("keys") if isinstance(document, dict) else None
    entries = entries if isinstance(entries, list) else []
    return [str(entry["key"]) for entry in entries if isinstance(entry, dict) and "key" in entry]


def certificate_folder(task_id: str, project: str) -> str:
    return f"{RECORDS}certificates/{project}/{task_id}/"


def task_lists_folder(task_id: str) -> str:
    return f"{OMS_LISTS[0]}{task_id}/"


def parse_task_id(address: str) -> str:
    """Return the id of the sync task in a SYNC_URL, or "" if the address contains no id."""
    match = re.search(f"{TASK_PATH}/events$", address, re.ASCII)
    return match["task"] if match else ""
