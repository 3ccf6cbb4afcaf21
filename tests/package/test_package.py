"""The package for the registry: its files, and the registry's checks of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from types import SimpleNamespace

import pytest
import yaml

import oss_oms_sync
from ops.accounts.statements import functions_policy
from oss_oms_sync.jobs.certify.document import hash_code
from support.answers import ANSWERS
from support.documents import Document
from tools import package, registry
from tools.package import ROOT
from tools.serverless import run_server

# The tool drops the port of a registry's address, and port 80 is not for tests: this puts the port back.
PORT_FIX = """
const http = require("http");
const { request } = http;
http.request = (options, ...rest) => {
  if (options.hostname === "127.0.0.1" && !Number(options.port)) options.port = Number(process.env.REGISTRY_PORT);
  return request(options, ...rest);
};
"""


@contextmanager
def run_registry() -> Iterator[SimpleNamespace]:
    """Run a registry on this machine that accepts a single release; yield an object that describes it.

    The object has the registry's `address`, and the package that was `uploaded`.
    """
    registry = SimpleNamespace(address="", uploaded=b"")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Write no log of requests."""

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def do_POST(self):
            self.body()
            self.answer(json.dumps({"request_id": "r", "body": {"url": f"{registry.address}/upload"}}).encode())

        def do_PUT(self):
            registry.uploaded = self.body()
            self.answer(b"{}")

    with run_server(Handler) as registry.address:
        yield registry


def test_the_same_sources_make_a_package_of_the_same_bytes(built, tmp_path, mocker):
    # GIVEN a copy of the sources in another folder, with other times and permissions
    copy = tmp_path / "another clone"
    for name in (*package._NAMES, *package._READMES):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    for name in package._FOLDERS:
        shutil.copytree(ROOT / name, copy / name)
    for path in copy.rglob("*"):
        path.chmod(0o755)
        os.utime(path, (1_000_000_000, 1_000_000_000))

    # WHEN the package is built from it on another day
    mocker.patch.object(package, "ROOT", copy)
    mocker.patch("time.time", return_value=2_000_000_000)
    # THEN it is the same, byte for byte
    assert package.build(tmp_path / "dist").read_bytes() == built.read_bytes()


def test_the_package_has_exactly_the_projects_files(built):
    names = zipfile.ZipFile(built).namelist()
    needed = {"publish.yaml", "version.md", "readme.md", "hook/index.js", "hook/filter.js", "src/s.yaml"}
    assert needed | {"src/code/oss_oms_sync/answers/zh.json"} <= set(names)
    belongs = re.compile(
        r"(publish\.yaml|version\.md|readme(_en)?\.md|hook/(index\.js|filter\.js|questions\.json)"
        r"|src/(s\.yaml|readme(\.zh)?\.md|ready\.js|ops\.py|ops/functions/arguments\.js|digests\.py"
        r"|docs/([\w-]+(\.zh)?\.md|certificate\.(json|png)|monitoring/(alerts\.yaml|dashboard\.json|\w+\.sql))"
        r"|ci/(deploy\.sh|\w+\.yml)"
        r"|policies/show\.py|code/index\.py|code/oss_oms_sync/(\w+/)*\w+\.py|ops/(\w+/)*\w+\.py"
        r"|code/oss_oms_sync/answers/zh\.json"
        r"|events/put-object\.json\.stpl))"
    )
    assert [name for name in names if not belongs.fullmatch(name)] == []
    assert built.stat().st_size < 1_000_000


def cells(document: Document) -> list[str]:
    """Return the text of each cell in a document's tables, as a reader sees it."""
    return [
        "".join(token.content for token in cell.children) for table in document.tables for row in table for cell in row
    ]


PAGES = pytest.mark.parametrize(("shown", "source"), [("readme.md", "README.zh.md"), ("readme_en.md", "README.md")])


@PAGES
def test_the_readme_for_the_registry_has_no_dead_links(built, shown, source):
    # GIVEN a readme with pictures, a diagram and links into the repository
    readme = Document.read(ROOT / source)
    assert "![" in readme.text
    assert any(not link.startswith("https:") for link in readme.links)

    # WHEN the registry's console shows the package's
    page = Document(registry.readme_in(zipfile.ZipFile(built).read(shown).decode()))

    # THEN it has no picture, and every link leads somewhere from anywhere
    assert "![" not in page.text
    assert page.links == [link for link in readme.links if link.startswith("https:")]

    # AND nothing else is missing
    blocks = [block for block in readme.blocks if block[0] != "mermaid"]
    assert page.headings == readme.headings
    assert page.blocks == blocks
    assert cells(page) == cells(readme)


@PAGES
def test_the_readme_in_the_package_has_the_blocks_that_the_console_needs(built, shown, source):
    # GIVEN the page of the package
    text = zipfile.ZipFile(built).read(shown).decode()

    # THEN it has each block once, in sequence and not nested, as in the registry's own templates
    tags = re.findall(r"^<(/?\w+)(?: [^>]*)?>$", text, re.MULTILINE)
    names = ["description", "service", "remark", "disclaimers", "appcenter", "deploy", "appdetail", "usedetail"]
    names.append("development")
    assert tags == [tag for name in names for tag in (name, f"/{name}")]
    blocks = {name: re.findall(rf"<{name}[^>]*>\n(.*?)</{name}>", text, re.DOTALL)[0] for name in names}
    manifest = package.manifest()
    assert blocks["description"].strip() in manifest["Description"]
    for service in manifest["Service"].values():
        assert all(right in blocks["service"] for right in service["Authorities"])
    assert f"(https://cap.console.aliyun.com/template-detail?template={manifest['Name']})" in blocks["appcenter"]
    # setup does not run in the console.
    assert "python3 ops.py setup" in blocks["remark"]
    assert "canary" in blocks["disclaimers"]
    assert "python3 ops.py cutover --frozen-since now" in blocks["usedetail"]
    assert f"s init {manifest['Name']}\n" in blocks["deploy"]

    # AND the title of the readme
    assert text.partition("\n")[0] == (ROOT / source).read_text(encoding="utf-8").partition("\n")[0]


# Serverless-Devs, docs/zh/development-manual (d781476).
CATEGORIES = [
    "基础云服务",
    "Web框架",
    "全栈应用",
    "人工智能",
    "音视频处理",
    "图文处理",
    "监控告警",
    "大数据",
    "IoT",
    "新手入门",
    "其它",
    "开源项目",
]
SERVICES = [
    "函数计算",
    "容器服务",
    "镜像服务",
    "消息队列",
    "工作流",
    "CDN",
    "对象存储",
    "表格存储",
    "MNS",
    "日志服务",
    "API网关",
    "数据库",
    "解析服务",
    "云应用",
    "其它",
]


def test_the_manifest_has_only_categories_and_services_of_the_registry():
    manifest = package.manifest()
    assert manifest["Category"] in CATEGORIES
    assert {*manifest["Service"]} <= {*SERVICES}
    assert manifest["HomePage"].startswith("https://")


def test_all_pages_name_the_same_permissions_of_the_functions_key():
    granted = {
        action
        for statement in functions_policy(ANSWERS)["Statement"]
        for action in statement["Action"]
        if action.startswith("oms:")
    }
    manifest = package.manifest()
    notes = (ROOT / "hooks" / "index.js").read_text(encoding="utf-8").partition("function printRequirements")[2]
    english, chinese = notes.split("\n`,\n")[:2]
    for text in (english, chinese, manifest["Service"]["其它"]["Authorities"][1]):
        assert {*re.findall(r"oms:\w+:\w+", text)} == granted


def test_package_code_and_changes_have_the_same_version(built):
    version = package.manifest()["Version"]
    assert version == oss_oms_sync.VERSION
    assert built.name == f"oss-oms-sync-{version}.zip"
    assert (ROOT / "version.md").read_text(encoding="utf-8").startswith(f"# {version}\n")


def test_the_page_on_manual_setup_names_the_file_of_the_package(built):
    page = " ".join((ROOT / "docs" / "by-hand.md").read_text(encoding="utf-8").split())
    name = built.name.replace(oss_oms_sync.VERSION, "<version>")
    assert f"s init --uri <repository>/dist/{name}" in page


def test_the_checksums_match_the_package_and_the_certificates_code(built, tmp_path):
    # GIVEN a downloaded release, and a project made of it
    shutil.copy(built, tmp_path)
    sums = package.write_checksums(tmp_path / built.name)
    zipfile.ZipFile(built).extractall(tmp_path / "package")

    # THEN the usual program finds it whole, and damaged it does not
    check = ["sha256sum", "--check", "--strict", sums.name]
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 0
    (tmp_path / built.name).write_bytes(built.read_bytes() + b"x")
    assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 1

    # AND the code has the printed hash
    assert f"# code_sha256 {hash_code(tmp_path / 'package' / 'src' / 'code')}" in sums.read_text().splitlines()


def test_no_role_of_the_project_has_full_access():
    template = (path for path in (ROOT / "template").rglob("*.*") if path.suffix != ".pyc")
    for path in (ROOT / "publish.yaml", ROOT / "s.yaml", *template, *(ROOT / "hooks").iterdir()):
        assert "FullAccess" not in path.read_text(encoding="utf-8"), path


def test_each_question_of_init_has_a_description_an_example_and_a_default():
    parameters = package.manifest()["Parameters"]
    assert set(parameters["required"]) <= parameters["properties"].keys()
    for name, question in parameters["properties"].items():
        chinese, _, english = question["title"].partition(" / ")
        assert english, name
        assert re.search(r"[一-鿿]", chinese + question["description"]), name
        assert re.search(r"[a-z]{3}", question["description"]), name
        assert question["type"] in ("string", "secret"), f"{name}: the tool never asks for another type"
        assert "pattern" in question or "enum" in question, name
        default = question.get("default")
        if default and "pattern" in question:
            assert re.fullmatch(question["pattern"], default.replace("${default-suffix}", "ab12")), name


def test_init_does_not_ask_for_a_setting_with_a_suitable_default():
    properties = package.manifest()["Parameters"]["properties"]
    silent = {name for name, question in properties.items() if not question.get("input", True)}
    assert silent == {"runtime", "replayPeriod", "reconcilePeriod", "comparePeriod", "compareDeep", "alertLanguage"}
    assert all("default" in properties[name] for name in silent)


def test_the_questions_of_init_keep_their_names_and_their_order():
    assert list(package.manifest()["Parameters"]["properties"]) == [
        "region",
        "sourceBucket",
        "objectPrefix",
        "objectSuffix",
        "destinationRegion",
        "destinationBucket",
        "SYNC_URL",
        "HW_AK",
        "HW_SK",
        "logBucket",
        "runtime",
        "replayPeriod",
        "reconcilePeriod",
        "comparePeriod",
        "compareDeep",
        "alertLanguage",
        "functionName",
    ]


def test_the_registry_accepts_the_package(built, tool, tmp_path):
    # GIVEN the package in a folder, and a registry
    folder = tmp_path / "package"
    zipfile.ZipFile(built).extractall(folder)
    fix = tmp_path / "fix.js"
    fix.write_text(PORT_FIX)
    with run_registry() as registry:
        environment = {
            "serverless_devs_registry_token": "x",
            "NODE_OPTIONS": f"{tool.environment['NODE_OPTIONS']} --require {fix}",
            "REGISTRY_PORT": registry.address.rpartition(":")[2],
        }
        tool.run("set", "registry", "http://127.0.0.1")

        # WHEN it is published
        done = tool.run("registry", "publish", cwd=folder, env=environment)

    # THEN the tool's checks pass, and the registry has the same files
    assert done.returncode == 0, done.stdout
    assert registry.uploaded, done.stdout
    arrived = zipfile.ZipFile(BytesIO(registry.uploaded))
    assert yaml.safe_load(arrived.read("publish.yaml"))["Name"] == "oss-oms-sync"
    assert {name for name in arrived.namelist() if not name.endswith("/")} == set(package.contents())


@pytest.mark.parametrize("folder", ["template", "hooks"])
def test_the_package_contains_no_caches_or_hidden_files(folder, mocker):
    real = package.Path.rglob
    stray = [ROOT / folder / "__pycache__" / "x.pyc", ROOT / folder / ".env"]
    mocker.patch.object(package.Path, "rglob", lambda self, pattern: [*real(self, pattern), *stray])
    mocker.patch.object(package.Path, "is_file", lambda self: self in stray or self.exists())
    assert not [path for path in package._list_files(folder) if path in stray]
