"""Forwards new and changed OSS objects to a Huawei OMS sync task, and records the outcome of each."""

import time

# The time of this package's import, before all others (time.monotonic()).
IMPORT_START = time.monotonic()

# The template's version, as in publish.yaml.
VERSION = "0.2.0"
