"""A program that builds the package for `s init` and the registry: dist/oss-oms-sync-<version>.zip, and its SHA256SUMS.

Serverless Devs expects the names in the package (publish.yaml, src/, hook/). Equal sources give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tools import registry

ROOT = Path(__file__).parents[1]
# The documents for users of the project; documents about developing it are not in the package.
DOCUMENTS = (
    "migration",
    "deploy",
    "by-hand",
    "how-it-works",
    "operations",
    "lifecycle",
    "cutover",
    "certificate",
    "costs",
    "reasons",
    "settings",
    "alarms",
    "monitoring",
    "objects",
    "unconfirmed",
)
# Documents with a Chinese version; the other two are in both languages.
IN_CHINESE = tuple(name for name in DOCUMENTS if name not in ("reasons", "settings"))
_MONITORING = ("alerts.yaml", "dashboard.json", "status_is_silent.sql", "webhook_fails.sql", "current_state.sql")
_NAMES = {
    "s.yaml": "src/s.yaml",
    "publish.yaml": "publish.yaml",
    "version.md": "version.md",
    **{f"docs/{name}.md": f"src/docs/{name}.md" for name in DOCUMENTS},
    **{f"docs/{name}.zh.md": f"src/docs/{name}.zh.md" for name in IN_CHINESE},
    **{f"docs/monitoring/{name}": f"src/docs/monitoring/{name}" for name in _MONITORING},
    # The example in the document on certificates.
    **{f"docs/certificate.{kind}": f"src/docs/certificate.{kind}" for kind in ("json", "png")},
}
# The registry shows readme.md as Chinese.
_READMES = {"README.zh.md": "readme.md", "README.md": "readme_en.md"}
_FOLDERS = {"template": "src", "hooks": "hook"}
# The earliest time that a zip file can contain.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def manifest() -> dict[str, Any]:
    """Return publish.yaml, which has the version and the questions of `s init`."""
    contents: dict[str, Any] = json.loads(_convert_to_json((ROOT / "publish.yaml").read_text(encoding="utf-8")))
    return contents


@lru_cache
def _convert_to_json(text: str) -> str:
    """Convert YAML to JSON text, cached because parsing YAML takes most of the time of rendering."""
    return json.dumps(yaml.safe_load(text))


def contents() -> dict[str, bytes]:
    files = {name: (ROOT / source).read_bytes() for source, name in _NAMES.items()}
    for source, name in _READMES.items():
        readme = registry.for_the_console((ROOT / source).read_text(encoding="utf-8"))
        files[name] = registry.page(readme, manifest(), chinese=name == "readme.md").encode()
    for folder, name in _FOLDERS.items():
        files |= {
            f"{name}/{path.relative_to(ROOT / folder).as_posix()}": path.read_bytes() for path in _list_files(folder)
        }
    # The hook checks answers by the patterns of the questions, and cannot read YAML.
    files["hook/questions.json"] = json.dumps(manifest()["Parameters"], ensure_ascii=False, indent=1).encode()
    return dict(sorted(files.items()))


def _list_files(folder: str) -> Iterator[Path]:
    for path in (ROOT / folder).rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and "__pycache__" not in parts and not any(part.startswith(".") for part in parts):
            yield path


def build(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"oss-oms-sync-{manifest()['Version']}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for name, data in contents().items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            package.writestr(entry, data)
    return target


def write_checksums(package: Path) -> Path:
    """Write SHA256SUMS next to the package, in the format of `sha256sum --check`; return its path.

    A comment in the file has the hash of the code, which certificates state.
    """
    # Imported here, because programs without the function's code import this module.
    from oss_oms_sync.jobs.certify.document import hash_code

    target = package.with_name("SHA256SUMS")
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    code = hash_code(ROOT / "template" / "code")
    target.write_text(f"{digest}  {package.name}\n# code_sha256 {code}\n", encoding="utf-8")
    return target


if __name__ == "__main__":
    package_path = build(ROOT / "dist")
    print(f"{package_path.relative_to(ROOT)}: {package_path.stat().st_size / 1000:.0f} kB, {len(contents())} files")
    print(write_checksums(package_path).read_text(encoding="utf-8"), end="")
