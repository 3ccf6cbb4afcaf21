"""Tests of the simulated OSS with the iterators and transfers of oss2."""

import os

import oss2

from support.law import HOSTILE

PART = 100 * 1024
LARGE = os.urandom(3 * PART + 17)


def test_the_simulated_oss_stores_hostile_keys_and_deletes_them_by_oss2(box, photos):
    for key in HOSTILE:
        photos.put_object(key, key.encode())

    for iterator in (oss2.ObjectIterator(photos, max_keys=4), oss2.ObjectIteratorV2(photos, max_keys=4)):
        assert [entry.key for entry in iterator] == sorted(HOSTILE)
    assert all(photos.get_object(key).read() == key.encode() for key in HOSTILE)
    writable = [key for key in HOSTILE if "\x01" not in key and "\r" not in key]
    assert photos.batch_delete_objects(writable).deleted_keys == writable
    for key in set(HOSTILE) - set(writable):  # XML cannot carry them
        photos.delete_object(key)
    assert not box.oss.objects("photos")


def test_the_simulated_oss_transfers_a_file_in_parts_and_ranges(photos, tmp_path):
    (tmp_path / "up").write_bytes(LARGE)
    upload_store, download_store = (
        store(root=str(tmp_path)) for store in (oss2.ResumableStore, oss2.ResumableDownloadStore)
    )
    sizes = {"part_size": PART, "num_threads": 2}

    oss2.resumable_upload(photos, "big", str(tmp_path / "up"), upload_store, multipart_threshold=PART, **sizes)
    oss2.resumable_download(
        photos, "big", str(tmp_path / "down"), multiget_threshold=PART, store=download_store, **sizes
    )

    assert (tmp_path / "down").read_bytes() == LARGE
    assert photos.head_object("big").etag.endswith("-4")
