"""Keeps README's table of questions in step with publish.yaml: `python -m tools.questions` writes it."""

from __future__ import annotations

from .package import ROOT, manifest

_BEGIN, _END = "<!-- questions: made by `make docs` -->\n", "<!-- end of questions -->\n"


def table() -> str:
    """The questions as a Markdown table, in English."""
    rows = ["| question | meaning | default |", "|---|---|---|"]
    for name, question in manifest()["Parameters"]["properties"].items():
        english = _english(question["description"])
        required = name in manifest()["Parameters"]["required"]
        default = question.get("default", "")
        rows.append(f"| `{name}` | {english} | {f'`{default}`' if default else 'required' if required else 'none'} |")
    return "\n".join(rows) + "\n"


def _english(description: str) -> str:
    """The part behind the Chinese one, which ends in the last full-width full stop."""
    return description.rpartition("。")[2].strip().replace("<", "&lt;").replace("|", "\\|")


def updated(text: str) -> str:
    """`text` with its table of questions made anew."""
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}{table()}{_END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(updated(readme.read_text(encoding="utf-8")), encoding="utf-8")
