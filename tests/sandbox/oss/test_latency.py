"""Answers that take their time, as those of a cloud do: one beside the other."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import oss2
import pytest

# Much longer than a request really takes, also on a loaded machine.
LATENCY = 1.0


def seconds(call):
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def test_a_listing_takes_its_time_and_keeps_nothing_else_waiting(box, photos):
    box.oss.latency(listing=LATENCY)

    with ThreadPoolExecutor(5) as pool:
        calls = [photos.list_objects, photos.list_objects_v2] * 2 + [photos.list_objects]
        listings = [pool.submit(seconds, call) for call in calls]
        others = seconds(lambda: (photos.put_object("a", b""), photos.get_object("a").read()))

    assert all(LATENCY <= listing.result() < 3 * LATENCY for listing in listings), "five take no longer than one"
    assert others < LATENCY


@pytest.mark.parametrize(
    ("kind", "slow"),
    [
        ("put", [lambda bucket: bucket.put_object("b", b"")]),
        ("get", [lambda bucket: bucket.get_object("a").read(), lambda bucket: bucket.head_object("a")]),
        ("delete", [lambda bucket: bucket.delete_object("a"), lambda bucket: bucket.batch_delete_objects(["b"])]),
    ],
)
def test_other_kinds_of_requests_can_take_their_time_too(box, photos, kind, slow):
    photos.put_object("a", b"")
    box.oss.latency(**{kind: LATENCY})

    with ThreadPoolExecutor(3) as pool:
        times = [pool.submit(seconds, lambda call=call: call(photos)) for call in slow]
        assert seconds(photos.list_objects) < LATENCY
    assert all(time_.result() >= LATENCY for time_ in times)

    box.oss.latency()
    photos.put_object("a", b"")
    assert all(seconds(lambda call=call: call(photos)) < LATENCY for call in slow)


def test_the_work_is_done_before_the_answer_is_back(box, photos, eventually):
    box.oss.latency(put=2)
    upload = threading.Thread(target=photos.put_object, args=("a", b""))
    upload.start()

    eventually(lambda: box.oss.requests)
    assert "a" not in box.oss.objects("photos"), "a request is on its way for half of the time"
    eventually(lambda: "a" in box.oss.objects("photos"))

    assert upload.is_alive()
    upload.join()


def test_of_writes_at_the_same_time_that_forbid_overwriting_one_succeeds(box, photos):
    box.oss.latency(put=0.2)

    def write(number):
        try:
            return photos.put_object("a", b"%d" % number, headers={"x-oss-forbid-overwrite": "true"}).status
        except oss2.exceptions.ServerError as refused:
            return refused.status, refused.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))

    assert Counter(answers) == {200: 1, (409, "FileAlreadyExists"): 7}
    assert photos.get_object("a").read() == b"%d" % answers.index(200)
