"""Forwards created and changed OSS objects to a Huawei OMS sync task, and records what became of each.

Each module knows only those before it: errors, jsontext, reasons, settings, events, signer, retry, connection, oms,
counters, bucket, records, walk, state, payloads, sender, forward, replay, reconcile, doctor, status.
"""

import time

# When this was imported, before all else (time.monotonic()).
BEGAN = time.monotonic()
