"""Compare when OBS hangs, refuses, redirects or answers nonsense.

Compare stops with a message and its remedy, and the next call continues at the same position.
"""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds import obs
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs import compare
from sandbox.obs.errors import ObsError, access_denied
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.instance import Instance

HOUR = 3600
KEYS = [f"photos/{number:05}.jpg" for number in range(2_500)]


@pytest.fixture
def prepared_sandbox(box, monkeypatch):
    """Return a sandbox with three pages of objects in each bucket; OBS lacks one of the objects."""
    monkeypatch.setattr(obs, "_READ_SECONDS", 0.5)
    box.oss.fill(box.source_bucket, KEYS, 5, age=3 * HOUR)
    box.obs.fill(box.destination_bucket, KEYS, 5, age=2 * HOUR)
    box.obs.delete(box.destination_bucket, KEYS[7])
    return box


def run_compare(box, seconds=30, **options):
    instance = Instance(box, LANES="1", PIECE_SECONDS="10", OMS_RATE="1000")
    return compare.run(json.dumps(options), instance.invocation(seconds))


def make_refusal(error: ObsError) -> Fault:
    return Fault.status(error.status, error.xml("1", "/"), error.headers)


ELSEWHERE = ObsError(307, "TemporaryRedirect", "elsewhere", {"Location": "https://login.example/?secret=1"})
WRONG_ORDER = (
    b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents><Key>a</Key>"
    b"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size></Contents></ListBucketResult>"
)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault.hang(), "Check OBS_ENDPOINT, if set, and the function's internet access"),
        (
            make_refusal(access_denied()),
            "Grant the IAM user behind HW_AK obs:bucket:ListBucket on the bucket photos-obs",
        ),
        (make_refusal(ELSEWHERE), "its host answers with a redirect, which is never followed"),
        (Fault.status(200, WRONG_ORDER), "Open a ticket with Huawei Cloud: the listing of photos-obs repeats itself"),
    ],
    ids=lambda value: getattr(value, "kind", None) and f"{value.kind} {value.code or ''}".strip(),
)
def test_compare_stops_with_a_remedy_and_resumes_at_its_position(prepared_sandbox, fault, sentence):
    # GIVEN an OBS that fails after its first page
    prepared_sandbox.obs.faults.add(fault, where=lambda request: bool(request.params.get("marker")))

    # WHEN it is compared, THEN the error says what to do, without what it was asked
    with pytest.raises(StorageError) as raised:
        run_compare(prepared_sandbox, seconds=12)
    assert sentence in str(raised.value)
    assert "secret" not in str(raised.value)
    # AND how far it came is seen, and why it stopped
    looked = run_compare(prepared_sandbox, look=True)
    assert not looked["finished"]
    assert "classes" not in looked
    assert looked["submitted"] == 1

    # WHEN OBS answers again, THEN the next call reads the remaining pages only
    prepared_sandbox.obs.faults.clear()
    markers = []

    def note(request: Request) -> bool:
        if request.method == "GET":
            markers.append(request.params.get("marker", ""))
        return False

    prepared_sandbox.obs.faults.add(fault, where=note)
    prepared_sandbox.advance(120)
    answer = run_compare(prepared_sandbox)
    assert answer["finished"]
    assert KEYS[900] < min(markers)
    # AND nothing is counted or sent twice
    counts = {name: sides["source"]["objects"] for name, sides in answer["classes"].items()}
    assert {name: number for name, number in counts.items() if number} == {"equal_contents": 2_499, "missing": 1}
    assert prepared_sandbox.oms.accepted == {KEYS[7]: 1}
