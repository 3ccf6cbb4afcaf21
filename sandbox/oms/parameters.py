"""Checks of the query parameters and bodies of OMS's calls.

Each function raises GatewayError if OMS refuses the call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, get_args
from urllib.parse import quote, unquote

from sandbox.gateway import GatewayError
from sandbox.oms.copier import OverwriteMode
from sandbox.oms.group import GroupSettings
from sandbox.oms.task import KeyEncoding
from sandbox.server.message import Request

MAX_PAGE = 100
ACCESS_KEY_FIELDS = ("src_ak", "src_sk", "dst_ak", "dst_sk")
_MAX_ACCESS_KEY_LENGTH = 100
_MAX_KEYS = 10
# The required fields of a task, with their maximum lengths in characters.
_MAX_LENGTHS: Mapping[str, int] = {
    "src_region": 100,
    "src_bucket": 1024,
    "src_ak": _MAX_ACCESS_KEY_LENGTH,
    "src_sk": _MAX_ACCESS_KEY_LENGTH,
    "dst_ak": _MAX_ACCESS_KEY_LENGTH,
    "dst_sk": _MAX_ACCESS_KEY_LENGTH,
    "dst_region": 100,
    "dst_bucket": 1024,
}
# The optional fields of a task beside its description, with the values that the sandbox supports.
_TASK_CHOICES: Mapping[str, tuple[object, ...]] = {
    "src_cloud_type": ("Aliyun",),
    "enable_metadata_migration": (True, False),
    "enable_restore": (False,),
    "dst_storage_policy": ("STANDARD", "SRC_STORAGE_MAPPING"),
    "consistency_check": ("size_last_modified", "crc64", "transmission"),
}
# The optional fields of a group, and of its source and destination, with the values that the sandbox supports.
_GROUP_CHOICES: Mapping[str, tuple[object, ...]] = {
    "task_type": ("PREFIX",),
    "enable_metadata_migration": (True, False),
    "enable_failed_object_recording": (True, False),
    "enable_restore": (True, False),
    "enable_requester_pays": (False,),
    "object_overwrite_mode": get_args(OverwriteMode),
    "dst_storage_policy": ("STANDARD", "SRC_STORAGE_MAPPING"),
    "consistency_check": ("size_last_modified", "crc64"),
}
_SIDE_CHOICES: Mapping[str, tuple[object, ...]] = {
    "src_cloud_type": ("Aliyun",),
    "dst_cloud_type": ("HEC",),
    "src_crypto_type": ("DEFAULT",),
    "dst_crypto_type": ("DEFAULT",),
    "dst_save_prefix": ("",),
}
_MAX_WINDOWS, _MIN_BANDWIDTH, _MAX_BANDWIDTH = 5, 1_048_576, 209_715_200
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def make_parameter_error(problem: str) -> GatewayError:
    return GatewayError(400, "OMS.0001", f"Invalid parameter: {problem}.")


def try_read_keys(request: Request) -> tuple[list[str], list[str]]:
    """Return two lists of the keys in an unchecked call: as sent, and decoded. An unreadable body has none."""
    try:
        sent_keys = json.loads(request.body)["object_keys"]
        return list(sent_keys), [unquote(key) for key in sent_keys]
    except (ValueError, LookupError, TypeError, AttributeError):
        return [], []


def check_names(request: Request, params: Collection[str], has_body: bool) -> None:
    unknown_names = [name for name, _ in request.query if name not in params]
    if unknown_names:
        raise make_parameter_error(f"the sandbox does not know the parameter {unknown_names[0]}")
    if len(request.query) > len(request.params):
        raise make_parameter_error("a parameter is repeated")
    if request.body and not has_body:
        raise make_parameter_error(f"the call has no body, and {request.body!r} was sent")


def read_keys(request: Request, encoding: KeyEncoding) -> tuple[list[str], list[str]]:
    """Return two lists of the keys in the body: as sent, and decoded."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise make_parameter_error("Content-Type")
    sent_keys = parse_fields(request, "object_keys").get("object_keys")
    if not isinstance(sent_keys, list) or not 1 <= len(sent_keys) <= _MAX_KEYS:
        raise make_parameter_error(f"object_keys must be a list of 1 to {_MAX_KEYS} keys")
    if not all(isinstance(key, str) and key for key in sent_keys):
        raise make_parameter_error("object_keys must hold non-empty strings")
    if encoding == "raw":
        return sent_keys, sent_keys
    if any(quote(unquote(key), safe="") != key for key in sent_keys):
        raise make_parameter_error("object_keys must be URL-encoded")
    return sent_keys, [unquote(key) for key in sent_keys]


def parse_fields(request: Request, *names: str) -> dict[str, Any]:
    """Return the fields of the body; refuse a body that is not a JSON object or has other fields than `names`."""
    body = _parse_body(request)
    if unknown_names := body.keys() - set(names):
        raise make_parameter_error(f"the sandbox does not know the field {min(unknown_names)}")
    return body


def _parse_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise make_parameter_error("the body is not JSON") from None
    if not isinstance(body, dict):
        raise make_parameter_error("the body is no object")
    return body


def parse_access_keys(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the access keys of source and destination in a body; each has at most 100 characters (StartSyncTask)."""
    _check_texts(body, ACCESS_KEY_FIELDS)
    return {name: body[name] for name in ACCESS_KEY_FIELDS}


def _check_texts(body: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        text = body.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= _MAX_LENGTHS[name]:
            raise make_parameter_error(name)


def parse_task(request: Request) -> dict[str, Any]:
    body = _parse_body(request)
    _check_texts(body, _MAX_LENGTHS)
    _check_options(body, _MAX_LENGTHS, _TASK_CHOICES)
    return body


class GroupParameters(NamedTuple):
    """The parameters of CreateTaskGroup.

    `node_fields` has the access keys, regions and buckets of both sides, by the field names of CreateSyncTask.
    """

    node_fields: dict[str, Any]
    settings: GroupSettings
    mode: OverwriteMode
    copies_metadata: bool
    restores_archived: bool
    storage_policy: str
    bandwidth: list[dict[str, Any]]


def parse_group(request: Request) -> GroupParameters:
    body = _parse_body(request)
    nodes = {side: body.get(f"{side}_node") for side in ("src", "dst")}
    if not all(isinstance(node, dict) for node in nodes.values()):
        raise make_parameter_error("src_node and dst_node")
    node_fields = {f"{side}_{name}": value for side, node in nodes.items() for name, value in (node or {}).items()}
    prefixes = node_fields.pop("src_object_key", None)
    _check_texts(node_fields, _MAX_LENGTHS)
    _check_options(node_fields, _MAX_LENGTHS, _SIDE_CHOICES)
    if not isinstance(prefixes, list) or not prefixes or not all(isinstance(prefix, str) for prefix in prefixes):
        raise make_parameter_error('object_key: the prefixes, or [""] for the whole bucket')
    _check_options(body, ("src_node", "dst_node", "bandwidth_policy"), _GROUP_CHOICES)
    settings = GroupSettings(
        node_fields["src_bucket"],
        node_fields["src_region"],
        prefixes,
        body.get("enable_failed_object_recording", False),
        body.get("consistency_check", "size_last_modified"),
        body.get("description", ""),
    )
    mode = body.get("object_overwrite_mode", "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE")
    copies_metadata, restores_archived = (
        body.get(f"enable_{name}", False) for name in ("metadata_migration", "restore")
    )
    policy = body.get("dst_storage_policy", "STANDARD")
    return GroupParameters(
        node_fields, settings, mode, copies_metadata, restores_archived, policy, parse_bandwidth(body)
    )


def parse_bandwidth(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the bandwidth windows in a body, with limits in bytes a second; refuse over five windows, and overlaps."""
    windows = body.get("bandwidth_policy", [])
    if (
        not isinstance(windows, list)
        or len(windows) > _MAX_WINDOWS
        or not all(_is_window(window) for window in windows)
    ):
        raise make_parameter_error("bandwidth_policy")
    sorted_windows = sorted(windows, key=lambda window: str(window["start"]))
    if any(window["end"] > next_window["start"] for window, next_window in pairwise(sorted_windows)):
        raise make_parameter_error("bandwidth_policy: windows overlap")
    return windows


def _is_window(window: Any) -> bool:
    return (
        isinstance(window, dict)
        and window.keys() == {"start", "end", "max_bandwidth"}
        and all(isinstance(window[name], str) and _CLOCK_TIME.fullmatch(window[name]) for name in ("start", "end"))
        and window["start"] < window["end"]
        and isinstance(window["max_bandwidth"], int)
        and _MIN_BANDWIDTH <= window["max_bandwidth"] <= _MAX_BANDWIDTH
    )


def _check_options(
    body: Mapping[str, Any], checked_names: Iterable[str], choices: Mapping[str, tuple[object, ...]]
) -> None:
    """Refuse an invalid description, and any other field whose value `choices` does not allow.

    The caller has checked the fields in `checked_names`.
    """
    for name in body.keys() - set(checked_names):
        value = body[name]
        if name == "description":
            if not isinstance(value, str) or not re.fullmatch(r"[^<>()\"'&]{0,255}", value):
                raise make_parameter_error(name)
        elif name not in choices or value not in choices[name]:
            raise make_parameter_error(f"{name}: the sandbox has no more than {choices.get(name, 'nothing')}")


def parse_number(request: Request, name: str, default: int, minimum: int, maximum: int) -> int:
    text = request.params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not minimum <= int(text) <= maximum:
        raise make_parameter_error(name)
    return int(text)


def parse_milliseconds(request: Request, name: str) -> int:
    text = request.params.get(name, "")
    # 13 digits: OMS can detect that a time is in seconds by mistake.
    if not re.fullmatch(r"[0-9]{13}", text):
        raise make_parameter_error(f"{name} must be a time in milliseconds")
    return int(text)
