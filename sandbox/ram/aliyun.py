"""A replacement of the command `aliyun ram`, which keeps RAM's records in a file.

The environment variable RAM_STATE names the file. The command reads its standard input to the end. A script that a
shell reads from standard input therefore fails, unless it redirects the input of its commands.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from sandbox.ram.entities import Entities
from sandbox.ram.limits import RamError


def main() -> int:
    sys.stdin.read()
    product, action, *options = sys.argv[1:]
    assert product == "ram"
    parameters = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    file = Path(os.environ["RAM_STATE"])
    state = json.loads(file.read_text())
    ram = Entities(lambda: 0.0, {kind: state[kind] for kind in ("users", "roles", "policies")})
    ram.denied_actions = dict.fromkeys(state["denied"], "ImplicitDeny")
    try:
        answer = ram.perform(action, parameters)
    except RamError as error:
        error_text = f"ErrorCode: {error.code}\nRequestId: 1\nMessage: {error.message}"
        print(f"ERROR: SDK.ServerError\n{error_text}", file=sys.stderr)
        return 1
    file.write_text(json.dumps({**state, **ram.state}))
    print(json.dumps({"RequestId": "1", **answer}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
