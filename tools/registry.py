"""The page of the registry and of Alibaba Cloud's console: a readme, and in front of it what these look for.

They take blocks out of the page by their tags, as in the templates of their own (devsapp/start-unzip-oss):
`<description>`, `<service>` (services and rights), `<appcenter>` (the button), `<deploy>` (the commands) and
`<appdetail id="flushContent">` (all else).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_CONSOLE = "https://devs.console.aliyun.com/applications/create?template="
_BUTTON = "https://img.alicdn.com/imgextra/i1/O1CN01w5RFbX1v45s8TIXPz_!!6000000006118-55-tps-95-28.svg"
_COMMANDS = """```sh
s init {0}
cd {0}
python3 ops.py setup
s deploy -y && python3 ops.py doctor
```"""
_DETAIL, _DETAIL_ENDS = '<appdetail id="flushContent">\n\n', "\n</appdetail>\n"


class _Words(NamedTuple):
    """What the page says in one language."""

    needs: str
    table: str
    deploy: str
    button: str
    commands: str
    about: str


_CHINESE = _Words(
    "前期准备",
    "| 服务 | 部署者需要的权限 |",
    "部署",
    "在控制台中部署：",
    "或用 Serverless Devs 工具部署，它会逐项提问并检查回答：",
    "介绍",
)
_ENGLISH = _Words(
    "Before you begin",
    "| service | what whoever deploys must be allowed to |",
    "Deploy",
    "In the console:",
    "Or with the Serverless Devs tool, which asks for all it needs and checks the answers:",
    "What it is",
)


def for_the_console(readme: str) -> str:
    """A readme as the registry's page shows it, where nothing of the repository is: without pictures, without diagrams
    in a language of their own, and with what relative links are called in their place."""
    readme = re.sub(r"^```mermaid\n.*?^```\n\n", "", readme, flags=re.MULTILINE | re.DOTALL)
    readme = re.sub(r"^!?\[[^\]]*\]\((?!https:)[^)]*\)\n\n", "", readme, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]*)\]\((?!https:)[^)]*\)", r"\1", readme)


def page(readme: str, manifest: Mapping[str, Any], *, chinese: bool) -> str:
    """The page that shows `readme`, whose first line is its title; the rest comes from publish.yaml."""
    words = _CHINESE if chinese else _ENGLISH
    title, _, detail = readme.partition("\n")
    name = manifest["Name"]
    # publish.yaml says both, in Chinese first.
    in_chinese, stop, english = manifest["Description"].partition("。")
    services = [f"| {name} | {'；'.join(one['Authorities'])} |" for name, one in manifest["Service"].items()]
    return "\n".join(
        [
            title,
            "",
            _block("description", in_chinese + stop if chinese else english.strip()),
            f"## {words.needs}\n",
            _block("service", "\n".join([words.table, "|---|---|", *services])),
            f"## {words.deploy}\n",
            _block("appcenter", f"{words.button} [![Deploy with Serverless Devs]({_BUTTON})]({_CONSOLE}{name})"),
            _block("deploy", f"{words.commands}\n\n{_COMMANDS.format(name)}"),
            f"## {words.about}\n",
            f"{_DETAIL}{detail.strip()}\n{_DETAIL_ENDS}",
        ]
    )


def _block(tag: str, text: str) -> str:
    return f"<{tag}>\n\n{text}\n\n</{tag}>\n"


def readme_in(page: str) -> str:
    """The readme that a page shows. Raises ValueError where there is none."""
    title, begins, rest = page.partition("\n")
    _, found, detail = rest.partition(_DETAIL)
    detail, ends, _ = detail.rpartition(_DETAIL_ENDS)
    if not (begins and found and ends):
        raise ValueError("the page shows no readme")
    return f"{title}\n\n{detail}"
