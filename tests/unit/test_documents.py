"""The documents: links have targets, both languages state the same facts, and all named commands and modules exist."""

from __future__ import annotations

import functools
import html
import io
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml

from ops.accounts.statements import destination_writer_policy, source_reader_policy
from ops.command_line import cli
from oss_oms_sync.jobs import compare, reconcile, replay, status
from oss_oms_sync.jobs.certify import cutover_options as of_certify
from oss_oms_sync.options import option_types
from package.tool import parse_arguments
from support.answers import ANSWERS
from support.documents import TARGETS, Document, extract_prose
from support.policies import run_script
from tools import certificates, documents
from tools.package import ROOT, manifest
from tools.render import render

README, TWIN = ROOT / "README.md", ROOT / "README.zh.md"
DEPLOY, DEPLOY_TWIN = ROOT / "docs" / "deploy.md", ROOT / "docs" / "deploy.zh.md"
LIFECYCLE, LIFECYCLE_TWIN = ROOT / "docs" / "lifecycle.md", ROOT / "docs" / "lifecycle.zh.md"
DOCUMENTS = [README, TWIN, *sorted(ROOT.glob("SECURITY*.md")), *sorted((ROOT / "docs").glob("*.md"))]
OF_THE_PROJECT = [ROOT / "template" / "readme.md", ROOT / "template" / "readme.zh.md"]
IN_CHINESE = [path for path in (*DOCUMENTS, *OF_THE_PROJECT) if path.name.endswith(".zh.md")]
# English documents that no program writes.
BY_HAND = [
    path for path in DOCUMENTS if path not in IN_CHINESE and path.stem not in ("reasons", "settings", "unconfirmed")
]
PAIRS = [(path.with_name(path.name.replace(".zh.", ".")), path) for path in IN_CHINESE]
OPTIONS = {
    "replay": option_types(replay.ReplayOptions),
    "reconcile": option_types(reconcile.ReconcileOptions),
    "compare": option_types(compare.CompareOptions),
    "certify": option_types(of_certify.CutoverOptions),
    "status": option_types(status.StatusOptions),
    "doctor": {},
    "forward": {},
}
FUNCTIONS = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", (ROOT / "s.yaml").read_text(encoding="utf-8")))["resources"]
# The tool's own commands are compared with its help: tests/package/test_commands.py.
OF_THE_TOOL = ("init", "config", "secret", "preview", "registry")
# Commands that are not checked: other products, whose arguments their own documents describe.
EXEMPT = ("aliyun", "ossutil", "npm", "pip")
# Commands of the shell and git: tests/package/test_walkthrough.py runs their blocks.
RUN_THERE = ("printf", "read", "export", "cd", "git", "bash")
OPTION = r"--?[a-z][a-z-]*"
# Parts of the addresses of Chinese documents and vendors' pages, and the same parts in English.
_ENGLISH_PAGES = {
    ".zh.md": ".md",
    "https://help.aliyun.com/zh/": "https://www.alibabacloud.com/help/en/",
    "https://support.huaweicloud.com/usermanual-": "https://support.huaweicloud.com/intl/en-us/usermanual-",
}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    render(ANSWERS, folder)
    return folder


def find_broken_links(document: Document, folder: Path) -> Iterator[str]:
    """Yield the links of a document in `folder` whose targets do not exist."""
    for link in document.links:
        file, _, anchor = link.partition("#")
        target = folder / file
        if link.startswith("https://") or (target.exists() and not anchor):
            continue
        if not target.exists() or anchor not in (Document.read(target) if file else document).anchors:
            yield link


def _find_shared_part(block: tuple[str, str]) -> str:
    """Return the part of a block that both languages share: of a chart all but its labels, of output the commands."""
    language, text = block
    if language == "mermaid":
        return re.sub(r"(?<=-- )[^-]+(?= -->)|(?<=[\[({])[^\[\](){}]+(?=[\])}])", "", text)
    lines = [line for line in text.splitlines() if language != "console" or line.startswith(("$ ", "sandbox> "))]
    return "\n".join([language, *lines])


def _find_english_page(link: str) -> str:
    """Return the English page for a link to the Chinese version of a document, or of a vendor's page."""
    for chinese, english in _ENGLISH_PAGES.items():
        link = link.replace(chinese, english)
    return link


def find_common_content(document: Document) -> dict[str, object]:
    """Return the parts of a document that must be equal in both languages."""
    # Headings have other anchors in another language, and each document links to its own language's anchors.
    links = (_find_english_page(link.partition("#")[0]) for link in document.links)
    return {
        "headings": [level for level, _ in document.headings],
        "blocks of code": list(map(_find_shared_part, document.blocks)),
        "links": Counter(link for link in links if not link.endswith(("README.md", "readme.md"))),
        "tables": [[[find_code(cell) for cell in row] for row in table] for table in document.tables],
        "numbers": find_numbers(document.prose),
    }


def find_numbers(prose: list[str]) -> Counter[float]:
    """Return the numbers in digits, without prices, because each language has its own currency."""
    text = re.sub(r"\d[\d,.]* *(?:dollars|yuan|美元|元)", "", "\n".join(prose))
    units = {"million": 10**6, "万": 10**4, "": 1}
    numbers = re.findall(r"(?<![\w.-])(\d[\d,]*(?:\.\d+)?) ?(million|万|)", text)
    return Counter(float(number.rstrip(",").replace(",", "")) * units[unit] for number, unit in numbers)


def split_words(prose: str) -> list[str]:
    return re.findall(r"[\w'’/.-]*\w[\w'’/.-]*", prose)


def find_code(cell) -> list[str]:
    """Return the texts in backticks in a table's cell, which are the same in both languages."""
    return sorted(token.content for token in cell.children if token.type == "code_inline")


def find_wrong_commands(document: Document, project: Path) -> Iterator[str]:
    """Yield each command with an unknown name or with unknown arguments, and the problem."""
    for words in document.commands:
        try:
            _check_command(words, project)
        except (ValueError, AssertionError) as problem:
            yield f"{' '.join(words)}: {problem}"


def _check_command(words: list[str], project: Path) -> None:
    match words:
        case ["make", target, *variables]:
            assert target in TARGETS, "no such target"
            assert all(re.match(r"[A-Z]+=", variable) for variable in variables), "no such variable"
        case ["python3", script, *options]:
            assert (project / script).is_file(), "no such file in the project"
            help_options = find_options(script, *options[:1] if script == "ops.py" else ())
            assert all(option in help_options for option in options if option.startswith("-")), "no such option"
        case ["bash", script]:
            assert (project / script).is_file(), "no such file in the project"
        case ["s", name, ("invoke" | "logs" | "deploy" | "remove") as action, *options] if name in FUNCTIONS:
            parsed = parse_arguments(action, options)
            if action == "invoke" and parsed.event:
                payload = json.loads(parsed.event)
                assert payload.keys() <= OPTIONS[name].keys(), f"{name} does not take that"
            if action == "invoke" and parsed.event_file:
                assert (project / parsed.event_file).is_file(), "no such file in the project"
        case ["s", ("deploy" | "remove") as action, *options]:
            parse_arguments(action, options)
        case ["s", name, *_]:
            assert name in OF_THE_TOOL, "neither the tool's nor a function"
        case [name, *_]:
            assert name in (*EXEMPT, *RUN_THERE), "no test knows this command"


@functools.cache
def find_options(script: str, *command: str) -> set[str]:
    """Return the options in the help of a script of the project, or in the help of a command of `ops.py`."""
    if script != "ops.py":
        return set(re.findall(OPTION, run_script(script, ROOT, "--help").stdout))
    help_text = io.StringIO()
    with redirect_stdout(help_text), redirect_stderr(io.StringIO()), pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0, "no such command"
    return set(re.findall(OPTION, help_text.getvalue()))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_of_a_document_inside_the_repository_has_a_target(path):
    assert list(find_broken_links(Document.read(path), path.parent)) == []


def test_each_link_of_a_document_inside_a_created_project_has_a_target(project):
    for path in (project / "readme.md", project / "readme.zh.md", *(project / "docs").glob("*.md")):
        # Files that `s init` writes beside the rendered files are tested with the tool.
        assert list(find_broken_links(Document.read(path), path.parent)) == [], path


@pytest.mark.parametrize(("english", "twin"), PAIRS, ids=lambda path: path.name)
def test_both_languages_of_a_document_have_the_same_facts(english, twin):
    both = [find_common_content(Document.read(path)) for path in (english, twin)]
    if english.stem == "costs":
        # Its tables have the prices in dollars and in yuan: test_estimate.py compares them.
        both = [{**content, "numbers": Counter()} for content in both]
    assert both[0] == both[1]


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: path.name)
def test_the_documents_cells_have_at_most_25_words_and_paragraphs_80(path):
    document = Document.read(path)
    cells = [extract_prose(cell) for table in document.tables for row in table for cell in row]
    assert [cell for cell in cells if len(split_words(cell)) > 25] == []
    assert [text for text in document.prose if len(split_words(text)) > 80] == []


@pytest.mark.parametrize("path", IN_CHINESE, ids=lambda path: path.name)
def test_a_chinese_document_links_to_chinese_documents(path):
    for link in Document.read(path).links:
        target, _, _ = link.partition("#")
        if target.endswith(".md") and not target.endswith((".zh.md", "README.md", "readme.md")):
            # In a generated project the documents are beside its readme; here they are not.
            here = (ROOT if path.parent.name == "template" else path.parent) / target
            assert not here.with_name(here.name.replace(".md", ".zh.md")).exists(), link


def test_each_document_for_users_exists_in_chinese():
    # Documents for developers are in English only; these two hold both languages in one file.
    without = {"contributing", "performance", "reasons", "settings"}
    english, chinese = ({path.name.partition(".")[0] for path in paths} for paths in (DOCUMENTS, IN_CHINESE))
    assert english - chinese == without
    assert OF_THE_PROJECT[1].exists()


@pytest.mark.long
@pytest.mark.parametrize("path", [*DOCUMENTS, Path("readme.md"), Path("readme.zh.md")], ids=lambda path: path.name)
def test_every_command_in_the_documents_exists(path, project):
    # A relative path is a path of the project.
    assert list(find_wrong_commands(Document.read(project / path), project)) == []


def test_the_readme_has_at_most_140_lines_and_names_the_limits():
    for readme in (README, TWIN):
        text = readme.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 140
        assert [fact for fact in ("500 Mbit/s", "MgC", "20 Gbit/s", "clyso/chorus", "--deep") if fact not in text] == []


def test_the_picture_of_the_demo_shows_this_version_and_the_quoted_lines():
    picture = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8")
    shown = " ".join(re.sub(r"<[^>]+>", "\n", html.unescape(picture)).replace("\xa0", " ").split())
    assert f"make demo - oss-oms-sync {manifest()['Version']}" in shown
    (quoted,) = (text for info, text in Document.read(README).blocks if info == "console" and "NO-GO" in text)
    assert len(quoted.splitlines()) == 6
    for line in quoted.splitlines():
        # Numbers and digests differ from run to run.
        parts = re.split(r"\b[0-9a-f]{64}\b|[\d,.:TZ-]*\d[\d,.:TZ-]*", line.strip())
        assert re.search(".+?".join(map(re.escape, parts)), shown), line


@pytest.mark.parametrize(
    ("path", "text"), documents.make_documents().items(), ids=lambda case: getattr(case, "name", "")
)
def test_generated_parts_of_documents_are_current(path, text):
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_the_documents_name_the_regions_of_sync_tasks_like_the_consoles():
    regions = {
        "cn-north-4": ("CN North-Beijing4", "华北-北京四"),
        "cn-east-3": ("CN East-Shanghai1", "华东-上海一"),
        "cn-southwest-2": ("CN Southwest-Guiyang1", "西南-贵阳一"),
    }
    english, chinese = (" ".join(path.read_text(encoding="utf-8").split()) for path in (DEPLOY, DEPLOY_TWIN))
    for region, (name, name_zh) in regions.items():
        assert f"{name} (`{region}`)" in english
        assert f"{name_zh}（`{region}`）" in chinese
    for path in DOCUMENTS:
        # Shanghai2 has none.
        assert "cn-east-2" not in path.read_text(encoding="utf-8"), path


def test_every_document_about_crc64_mode_explains_its_fallback():
    texts = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    explained = [path.name for path, text in texts.items() if "falls back" in text or "退回" in text]
    assert {"how-it-works.md", "how-it-works.zh.md"} <= set(explained)
    for path, text in texts.items():
        if "CRC64_COMPARISON_OVERWRITE" in text and path.name not in explained:
            assert "how-it-works.md#overwrite-modes" in text or "how-it-works.zh.md#覆盖方式" in text, path


def test_make_docs_judges_a_stored_certificate_again_from_its_facts(tmp_path):
    text, file = certificates.FILES[0].read_text(encoding="utf-8"), tmp_path / "certificate.json"
    document = json.loads(text)
    stale = {"checks": document["checks"][1:], "verdict": "NO-GO", "text": "", "sha256": "0" * 64}
    file.write_text(json.dumps(document | stale), encoding="utf-8")
    assert certificates.judge_again(file) == text


BREAKS = {
    "a heading": ("## Pause", "Pause", "headings"),
    "a command": ("git branch template\n", "git branch main\n", "blocks of code"),
    "a link": ("(monitoring.md", "(prices.md", "links"),
    "a cell": ("`objectPrefix`", "`objectStart`", "tables"),
    "a number": ("port 443", "port 444", "numbers"),
    "a row": ("| sync task, same", "| sync task | x | y | z |\n| sync task, same", "tables"),
}


@pytest.mark.parametrize("part", BREAKS)
def test_the_check_of_documents_detects_a_translation_that_differs(part):
    before, after, feature = BREAKS[part]
    text = LIFECYCLE.read_text(encoding="utf-8")
    assert before in text
    changed = Document(text.replace(before, after, 1))
    assert find_common_content(changed)[feature] != find_common_content(Document.read(LIFECYCLE_TWIN))[feature]


def test_the_check_of_documents_compares_a_chart_without_its_labels():
    chart = "oss[(OSS<br>source bucket)] -- event --> forward\n"
    (translated, rewired) = ("oss[(OSS<br>源 Bucket)] -- 事件 --> forward\n", chart.replace("forward", "replay"))
    assert _find_shared_part(("mermaid", translated)) == _find_shared_part(("mermaid", chart))
    assert _find_shared_part(("mermaid", rewired)) != _find_shared_part(("mermaid", chart))


@pytest.mark.parametrize(
    "link", ["docs/nowhere.md", "docs/costs.md#nowhere", "#nowhere", "docs/nowhere.png"], ids=lambda link: link
)
def test_the_check_of_documents_detects_a_broken_link(link):
    text = README.read_text(encoding="utf-8").replace("(docs/performance.md)", f"({link})", 1)
    assert list(find_broken_links(Document(text), ROOT)) == [link]


WRONG = [
    "make tea",
    "python3 policies/shows.py",
    "python3 ops.py status --pdf",
    "python3 ops.py gossip",
    "s doctors invoke",
    "s doctor invoke --loudly",
    "s forward logs --follow",
    "s reconcile invoke -e '{\"dryrun\": true}'",
    "s forward invoke --event-file events/nothing.json",
    "s remove --all",
    "s destroy now",
    "bash ci/deploy.bat",
]


@pytest.mark.parametrize(
    "text",
    [*(f"```sh\n{command}\n```" for command in (*WRONG, "curl x")), *(f"Use `{command}`." for command in WRONG)],
)
def test_the_check_of_documents_detects_a_broken_command(text, project):
    assert len(list(find_wrong_commands(Document(text), project))) == 1


def test_contributing_md_names_each_module_in_its_package():
    document = Document.read(ROOT / "docs" / "contributing.md")
    tables = [[[cell.content for cell in row] for row in table] for table in document.tables]
    ((_, *rows),) = (table for table in tables if table[0] == ["package", "its modules"])
    code = ROOT / "template" / "code"
    packages = {}
    for init in (code / "oss_oms_sync").rglob("__init__.py"):
        modules = {path.stem for path in init.parent.glob("[!_]*.py")} | {
            path.parent.name for path in init.parent.glob("*/__init__.py")
        }
        packages[str(init.parent.relative_to(code)).removeprefix("oss_oms_sync/")] = modules
    functions_rows = [row for row in rows if not row[0].startswith("in `ops/`")]
    assert {package.strip("`"): set(re.findall(r"`(\w+)`", named)) for package, named in functions_rows} == packages


@pytest.mark.parametrize("ending", [".md", ".zh.md"])
def test_both_lists_of_the_permissions_of_omss_users_equal_setups_policies(ending):
    # A project has only the page on manual setup; reviewers read SECURITY.md.
    for path in (ROOT / f"SECURITY{ending}", ROOT / "docs" / f"by-hand{ending}"):
        rows = [row for table in Document.read(path).tables for row in table if row[0].content.startswith("OMS")]
        actions = {
            next(cloud for cloud in ("RAM", "IAM") if cloud in name.content): {
                code.lower() for code in find_code(permissions) if ":" in code
            }
            for name, permissions in rows
            if "RAM" in name.content or "IAM" in name.content
        }
        assert actions == {
            "RAM": list_actions(source_reader_policy("bucket")),
            "IAM": list_actions(destination_writer_policy("bucket")),
        }, path


def list_actions(policy: dict) -> set[str]:
    """Return the actions of a policy in lower case, because IAM ignores the case of actions."""
    return {action.lower() for statement in policy["Statement"] for action in statement["Action"]}


def test_make_help_describes_every_target_in_its_group():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    # The environment is that of a shell, because a make within a make prints the folders that it enters.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    words = ["make", "-f", "Makefile", "help"]
    printed = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\w+) +\S", printed, re.MULTILINE)) == set(targets.split())
    assert [line for line in printed.splitlines() if line and not line.startswith("  ")] == re.findall(
        r"^##@ (.*)", text, re.MULTILINE
    )
