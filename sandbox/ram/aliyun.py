"""A stand-in for the command `aliyun ram`: it keeps its records in the file RAM_STATE, and prints RAM's answers.

It reads standard input to the end, so that a script on the shell's standard input fails if its commands consume it.
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
    ram.denied = dict.fromkeys(state["denied"], "ImplicitDeny")
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
