"""Forwards created and changed OSS objects to a Huawei OMS sync task, and records what became of each."""

import time

# When this was imported, before all else (time.monotonic()).
BEGAN = time.monotonic()
