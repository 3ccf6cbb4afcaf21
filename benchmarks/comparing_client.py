"""A program that runs compare as Function Compute does: `python -S -s comparing_client.py CODE LIBRARIES`.

It submits no objects, and prints the answer of compare as JSON.
"""

import importlib
import json
import sys
from types import SimpleNamespace

sys.path[:] = [*sys.argv[1:], *sys.path[1:]]

answer = importlib.import_module("index").compare_handler(
    b'{"dry_run": true}', SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=600))
)
print(json.dumps(answer))
