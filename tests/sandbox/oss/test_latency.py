"""Test of the latency of the simulated OSS, for which only the slow requests wait."""

from concurrent.futures import ThreadPoolExecutor

import oss2
import pytest

AN_HOUR = 3600


def test_a_slow_listing_of_the_simulated_oss_delays_no_other_request(box, photos, eventually):
    box.oss.set_latency(listing=AN_HOUR)

    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(photos.list_objects)
        eventually(lambda: box.oss.requests)
        photos.put_object("a", b"x")
        assert photos.get_object("a").read() == b"x"
        assert not listing.done()
        box.oss.reset_connections()
        with pytest.raises(oss2.exceptions.RequestError):
            listing.result()
