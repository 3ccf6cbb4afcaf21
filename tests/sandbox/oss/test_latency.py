"""Answers that take their time, as those of a cloud do, at the same time."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import oss2

# Much longer than a request really takes, also on a loaded machine.
LATENCY = 1.0


def seconds(call):
    start = time.monotonic()
    call()
    return time.monotonic() - start


def test_listings_take_their_time_and_delay_no_other_request(box, photos):
    box.oss.latency(listing=LATENCY)

    with ThreadPoolExecutor(4) as pool:
        listings = [pool.submit(seconds, call) for call in [photos.list_objects, photos.list_objects_v2] * 2]
        other = seconds(lambda: (photos.put_object("a", b""), photos.get_object("a").read()))

    assert all(LATENCY <= listing.result() < 3 * LATENCY for listing in listings), "four take no longer than one"
    assert other < LATENCY


def test_the_work_is_done_before_the_answer_is_back(box, photos, eventually):
    box.oss.latency(put=2)
    upload = threading.Thread(target=photos.put_object, args=("a", b""))
    upload.start()

    eventually(lambda: box.oss.requests)
    assert "a" not in box.oss.objects("photos"), "a request is on its way for half of the time"
    eventually(lambda: "a" in box.oss.objects("photos"))

    assert upload.is_alive()
    upload.join()


def test_one_of_several_writes_that_forbid_overwriting_succeeds(box, photos):
    box.oss.latency(put=0.2)

    def write(number):
        try:
            return photos.put_object("a", b"%d" % number, headers={"x-oss-forbid-overwrite": "true"}).status
        except oss2.exceptions.ServerError as error:
            return error.status, error.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))

    assert Counter(answers) == {200: 1, (409, "FileAlreadyExists"): 7}
    assert photos.get_object("a").read() == b"%d" % answers.index(200)
