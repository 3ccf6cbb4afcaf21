"""The page of this project in the registry of Serverless Devs and in Alibaba Cloud's console.

The registry and the console read the tagged blocks of the page, as in the registry's own templates: `<description>`,
`<service>` (services and permissions), `<remark>` and `<disclaimers>` (warnings), `<appcenter>` (the button),
`<deploy>` (the commands), `<appdetail>` (the readme), `<usedetail>` (the usage) and `<development>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_CONSOLE = "https://cap.console.aliyun.com/template-detail?template="
_BUTTON = "https://img.alicdn.com/imgextra/i1/O1CN01w5RFbX1v45s8TIXPz_!!6000000006118-55-tps-95-28.svg"
_COMMANDS = """```sh
s init {0}
cd {0}
python3 ops.py setup
s deploy -y && python3 ops.py doctor
```"""
_USE = """```sh
python3 ops.py migrate
python3 ops.py status
python3 ops.py cutover --rehearse
python3 ops.py cutover --frozen-since now
```"""
_DETAIL, _DETAIL_ENDS = '<appdetail id="flushContent">\n\n', "\n</appdetail>\n"


class _Words(NamedTuple):
    """The headings and texts of the page in one language."""

    needs: str
    table: str
    remark: str
    disclaimers: str
    deploy: str
    button: str
    commands: str
    about: str
    use: str
    steps: str
    change: str
    development: str


_CHINESE = _Words(
    "前期准备",
    "| 服务 | 权限 |",
    "控制台不会运行 `python3 ops.py setup`。在控制台中创建项目后，请在装有 Python 3.10 和 Serverless Devs 工具的"
    "电脑上取得项目文件（例如克隆所绑定的代码仓库），在其中执行 setup 并部署。SYNC_URL、AK、SK 或记录 Bucket 为空时，"
    "部署会停止并给出提示。",
    "本项目尚未在真实账号中运行。请先用测试 Bucket 试用，并运行 `python3 ops.py canary`。OMS 读取的数据由阿里云按"
    "外网流出流量计费。",
    "部署",
    "在控制台中创建项目：",
    "或用 Serverless Devs 工具创建并部署，它会逐项提问并检查回答：",
    "介绍",
    "使用流程",
    "依次复制存量对象、查看进度、预演割接、在停写之后割接：",
    "二次开发",
    "函数的代码在 `code/` 中，无需构建。修改后执行 `s deploy -y`；升级时如何保留修改，见项目的"
    " `docs/lifecycle.zh.md`。",
)
_ENGLISH = _Words(
    "Before you begin",
    "| service | permissions |",
    "The console does not run `python3 ops.py setup`. After you created the project in the console, get its files on a"
    " computer with Python 3.10 and the Serverless Devs tool, for example by cloning the repository that you bound. Run"
    " setup there, and deploy. While SYNC_URL, AK, SK or the log bucket is empty, a deployment stops and says so.",
    "This project has not run in real accounts yet. Try it with a test bucket first, and run `python3 ops.py canary`."
    " Alibaba Cloud bills the data that OMS reads as outbound traffic.",
    "Deploy",
    "Create the project in the console:",
    "Or create and deploy it with the Serverless Devs tool, which asks for all it needs and checks the answers:",
    "What it is",
    "How to use it",
    "Copy the existing objects, look at the progress, rehearse the cutover, and cut over after all writes stopped:",
    "Change it",
    "The code of the functions is in `code/` and needs no build. After a change run `s deploy -y`. The project's"
    " `docs/lifecycle.md` describes how an upgrade keeps your changes.",
)


def for_the_console(readme: str) -> str:
    """Return a readme for the registry's page, without pictures, diagrams and relative links.

    The page cannot reach files of the repository, so the text of a relative link replaces the link.
    """
    readme = re.sub(r"^```mermaid\n.*?^```\n\n", "", readme, flags=re.MULTILINE | re.DOTALL)
    readme = re.sub(r"^!?\[[^\]]*\]\((?!https:)[^)]*\)\n\n", "", readme, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]*)\]\((?!https:)[^)]*\)", r"\1", readme)


def page(readme: str, manifest: Mapping[str, Any], *, chinese: bool) -> str:
    """Return the page of a readme, whose first line is the title, with blocks from publish.yaml (`manifest`)."""
    words = _CHINESE if chinese else _ENGLISH
    title, _, detail = readme.partition("\n")
    name = manifest["Name"]
    # The description in publish.yaml is in both languages, in Chinese first.
    in_chinese, stop, english = manifest["Description"].partition("。")
    services = [f"| {name} | {'；'.join(service['Authorities'])} |" for name, service in manifest["Service"].items()]
    return "\n".join(
        [
            title,
            "",
            _block("description", in_chinese + stop if chinese else english.strip()),
            f"## {words.needs}\n",
            _block("service", "\n".join([words.table, "|---|---|", *services])),
            _block("remark", words.remark),
            _block("disclaimers", words.disclaimers),
            f"## {words.deploy}\n",
            _block("appcenter", f"{words.button} [![Deploy with Serverless Devs]({_BUTTON})]({_CONSOLE}{name})"),
            _block("deploy", f"{words.commands}\n\n{_COMMANDS.format(name)}"),
            f"## {words.about}\n",
            f"{_DETAIL}{detail.strip()}\n{_DETAIL_ENDS}",
            f"## {words.use}\n",
            _block("usedetail", f"{words.steps}\n\n{_USE}", ' id="flushContent"'),
            f"## {words.change}\n",
            _block("development", words.development, ' id="flushContent"'),
        ]
    )


def _block(tag: str, text: str, attributes: str = "") -> str:
    return f"<{tag}{attributes}>\n\n{text}\n\n</{tag}>\n"


def readme_in(page: str) -> str:
    """Return the readme in a page of the registry. Raises ValueError if the page has no readme."""
    title, begins, below = page.partition("\n")
    _, opens, detail = below.partition(_DETAIL)
    detail, ends, _ = detail.rpartition(_DETAIL_ENDS)
    if not (begins and opens and ends):
        raise ValueError("the page shows no readme")
    return f"{title}\n\n{detail}"
