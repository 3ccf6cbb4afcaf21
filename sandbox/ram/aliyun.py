"""Stands in for `aliyun ram`: keeps what RAM has in the file that RAM_STATE names, and says what RAM says.

It reads all of its input, too: a script that is piped to a shell must not lend that to its commands.
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
    product, action, *words = sys.argv[1:]
    assert product == "ram"
    given = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    file = Path(os.environ["RAM_STATE"])
    state = json.loads(file.read_text())
    ram = Entities(lambda: 0.0, {kind: state[kind] for kind in ("users", "roles", "policies")})
    ram.denied = dict.fromkeys(state["denied"], "ImplicitDeny")
    try:
        told = ram.do(action, given)
    except RamError as error:
        said = f"ErrorCode: {error.code}\nRequestId: 1\nMessage: {error.message}"
        print(f"ERROR: SDK.ServerError\n{said}", file=sys.stderr)
        return 1
    file.write_text(json.dumps({**state, **ram.state}))
    print(json.dumps({"RequestId": "1", **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
