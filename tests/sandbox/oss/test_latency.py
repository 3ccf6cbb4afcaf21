"""Tests of the latency of the simulated OSS, for which simultaneous requests wait at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor

# This is much longer than a request takes, even on a loaded machine.
LATENCY = 1.0


def seconds(call):
    start = time.monotonic()
    call()
    return time.monotonic() - start


def test_slow_listings_of_the_simulated_oss_delay_no_other_request(box, photos):
    box.oss.set_latency(listing=LATENCY)

    with ThreadPoolExecutor(4) as pool:
        listings = [pool.submit(seconds, call) for call in [photos.list_objects, photos.list_objects_v2] * 2]
        other_seconds = seconds(lambda: (photos.put_object("a", b""), photos.get_object("a").read()))

    assert all(LATENCY <= listing.result() < 3 * LATENCY for listing in listings), "four take no longer than one"
    assert other_seconds < LATENCY
