"""The hook of the package, which `s init` calls with the answers, run here in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

# Calls the hook in the tool's place, before and after the files are written. The secret store is empty.
_HOOK = """
const fs = require("fs");
const path = require("path");
const [command, , , appPath, , given] = process.argv.slice(2);
if (command === "init") {
  const { preInit, postInit } = require("./hook");
  const names = Object.keys(require("./hook/questions.json").properties);
  const answers = { ...Object.fromEntries(names.map((name) => [name, ""])), ...JSON.parse(given) };
  const artTemplate = (name) => fs.writeFileSync(path.join(appPath, name), JSON.stringify(answers));
  const paths = { appPath, tempAppPath: `${appPath}_1` };
  preInit(paths).then(() => {
    fs.mkdirSync(appPath, { recursive: true });
    return postInit({ ...paths, artTemplate });
  });
}
"""


def run_hook(
    package: Path, project: Path, answers: Mapping[str, object], **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the hook with these answers, without Serverless Devs, which takes seconds for each command."""
    with zipfile.ZipFile(package) as built, tempfile.TemporaryDirectory() as folder:
        for name in ("hook/index.js", "hook/questions.json"):
            built.extract(name, folder)
        program = Path(folder) / "s.js"
        program.write_text(_HOOK)
        return subprocess.run(
            ["node", program, "init", "-y", "-d", project, "--parameters", json.dumps(answers)],
            cwd=project.parent,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
