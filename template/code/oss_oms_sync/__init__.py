"""The functions that submit new and changed OSS objects to a Huawei OMS sync task, and record each outcome."""

import time

# The value of time.monotonic() when Python begins to import the project's modules.
IMPORT_START = time.monotonic()

# The template's version, as in publish.yaml.
VERSION = "0.2.0"
