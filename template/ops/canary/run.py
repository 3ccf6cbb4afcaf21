"""The run of a canary, and its removal."""

from __future__ import annotations

import json
import secrets
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.canary import field_report, hops
from ops.canary.accounts import Accounts
from ops.canary.hops import LIMITS, Followed, Watch
from ops.canary.journal import Journal, Journals
from ops.canary.objects import UPLOAD_PART, Item, items
from ops.canary.removal import remove
from ops.clock import timestamp
from ops.errors import OpsError, UsageError
from ops.project import Project
from ops.terminal import Line, Marked, Whole, width
from ops.waiting import Session, duration
from ops.words import Text

_EQUAL, _DIFFERS, _NOT_COME = 0, 1, 3
_LOOK_SECONDS = 5.0

_PLAN = Text(
    "Writes {} objects, {:.0f} MB, below {} of {}, follows each into {}, compares it, and deletes all of it.",
    "将在 {2}（{3}）下写入 {0} 个对象（{1:.0f} MB），逐个跟踪到 {4} 并比较，最后全部删除。",
)
_WRITES = Text("writing {}", "正在写入 {}")
_WAITS = Text("waiting at most {} more for: {}", "最多再等待 {}：{}")
_CLEANS = Text(
    "Deleting what was written. Ctrl-C leaves it; then: python3 ops.py canary --remove",
    "正在删除已写入的内容。再按 Ctrl-C 则保留，之后可执行：python3 ops.py canary --remove",
)
_HINT = Text(
    "Objects of the canary are left. Delete them: python3 ops.py canary --remove",
    "探针对象仍有残留。删除：python3 ops.py canary --remove",
)
_GOES_ON = Text("A canary of before was not removed; now it is: {}", "上次的探针对象未清除，现在清除：{}")
_SOMEBODYS = Text("Another canary has not been removed, or still runs: {}", "另一次探针测试尚未清除，或仍在运行：{}")
_REMOVE = Text(
    "If nobody runs it any more: python3 ops.py canary --remove", "如已无人运行：python3 ops.py canary --remove"
)
_NOTHING = Text("No canary has left anything.", "没有残留的探针对象。")
_HOPS = {
    "event": Text("event", "事件"),
    "accepted": Text("acceptance by OMS", "OMS 接受"),
    "in_obs": Text("copy in OBS", "OBS 中的副本"),
    "counted": Text("OMS's counts", "OMS 统计"),
    "listed": Text("OMS's lists", "OMS 清单"),
}
_COMMA = Text(", ", "、")
_OF = Text("{} ({})", "{}（{}）")
_ROW = Text("{} event {}, accepted {}, in OBS {}", "{} 事件 {}，接受 {}，进入 OBS {}")
_COLUMNS = 21
_SAME = Text("equal", "一致")
_IS_OTHER = Text("differs: {}", "不一致：{}")
_NOT_THERE = Text("not come: {}", "未到达：{}")
_FAILED = Text("failed: {}", "失败：{}")
_LOST = Text("headers that OMS did not carry: {}", "OMS 未携带的头域：{}")
_COUNTS = Text("OMS's counts ({}): {}; a key sent twice: {}", "OMS 统计（{}）：{}；重复发送的键：{}")
_STEPS = {
    "FIVE_MINUTES": Text("steps of five minutes", "步长五分钟"),
    "ONE_HOUR": Text("steps of an hour", "步长一小时"),
}
_DOUBLES = {"each counted": Text("counted twice", "计两次"), "merged": Text("counted once", "计一次")}
_UNKNOWN = Text("not known", "未知")
_COUNTED_ON = Text(
    "Unless OMS still finishes them, it goes on counting {} of these keys as accepted and not finished, and nobody can"
    " tell them from others: status shows them (python3 ops.py status --acknowledge), and so does a cutover"
    " (OMS_FINISHED)",
    "如果 OMS 一直未处理完，其统计中将保留 {} 个已接受而未处理完的探针对象键，且无法与其他对象区分：status 会显示它们"
    "（python3 ops.py status --acknowledge），割接时也是如此（OMS_FINISHED）",
)
_LISTS = Text("OMS's lists: {}", "OMS 清单：{}")
_ALL_EQUAL = Text("It works: all came, and is equal.", "运行正常：全部到达且一致。")
_SOME_DIFFER = Text("What came differs from what was written.", "到达的内容与写入的不一致。")
_SOME_LACK = Text(
    "Not everything came, in twice the documented time. The hop above says where to look: python3 ops.py doctor",
    "在两倍的文档时间内，未全部到达。上面的环节指出了应检查之处：python3 ops.py doctor",
)
_REPORT = Text(
    "The field report, in full. Nothing in it tells whose it is: no name, key, host, ETag or time.",
    "现场报告全文如下。其中没有能识别身份的内容：没有名称、密钥、主机、ETag 或时间。",
)
_WRITE_IT = Text("Write it to {}? [y/N]", "写入 {}？[y/N]")
_WRITTEN = Text(
    "Written: {}. It helps others: attach it to a field report at the project's issues.",
    "已写入：{}。欢迎将其附在项目 issue 的现场报告中，帮助他人。",
)
_UNWRITABLE = Text("{} cannot be written", "无法写入 {}")
_ANOTHER = Text("Name another file", "请指定其他文件")


def canary(session: Session, options: Namespace, folder: Path) -> int:
    """Run it, or remove what runs have left; return the exit code. Raises OpsError."""
    project = Project.read(options.template or folder / "s.yaml")
    accounts = Accounts.of(session, project)
    journals = Journals(accounts, (options.template or folder / "s.yaml").absolute().parent)
    session.hint = _HINT
    if options.remove:
        return _remove_all(session, options, accounts, journals)
    accounts.check(session)
    mine = journals.mine()
    if mine:
        session.screen.say(_GOES_ON.of(session.lang).format(mine.prefix))
        if not remove(session, accounts, journals, mine):
            return _NOT_COME
    for other in journals.all():
        raise UsageError(_SOMEBODYS.filled(other.run), _REMOVE)
    return _Run(session, accounts, journals).fly(options)


def _remove_all(session: Session, options: Namespace, accounts: Accounts, journals: Journals) -> int:
    found = list(journals.all())
    left = [one.prefix for one in found if not remove(session, accounts, journals, one)]
    if options.json:
        session.screen.answer([Whole(json.dumps({"removed": [one.prefix for one in found], "left": left}))])
    elif not found:
        session.screen.answer([_NOTHING.of(session.lang)])
    return _NOT_COME if left else _EQUAL


class _Run:
    """One run, which leaves nothing behind but OMS's lists, and a report if it is wanted."""

    def __init__(self, session: Session, accounts: Accounts, journals: Journals) -> None:
        self._session, self._accounts, self._journals = session, accounts, journals
        self._run = f"{session.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self._watch = Watch(accounts, session.clock, self._run)
        prefix = f"{accounts.folder}{self._run}/"
        self._journal = Journal(self._run, prefix, timestamp(session.clock.now()))

    def fly(self, options: Namespace) -> int:
        """Write, follow, compare, delete, tell."""
        session, accounts = self._session, self._accounts
        self._say_plan()
        try:
            for item in items():
                self._write(item)
            self._follow()
            self._compare()
            versions = bool(accounts.source.versioning()), bool(accounts.destination.versioning())
        except (KeyboardInterrupt, OpsError) as error:
            session.screen.say(Marked("", _CLEANS.of(session.lang), "open"))
            remove(session, accounts, self._journals, self._journal)
            session.hint = None
            raise error from None
        self._journal.is_settled = not self._watch.missing() and self._watch.is_done
        told = field_report.report(self._watch, self._run, accounts.shown, versions=versions)
        code, missing = self._exit_code(), self._watch.missing()
        lines = list(self._lines(missing, code))
        is_gone = remove(session, accounts, self._journals, self._journal)
        session.hint = None
        named = {hop: [one.title for one in some] for hop, some in missing.items()}
        answer = {"code": code, "missing": named, "unfinished": self._watch.unfinished, "report": told}
        session.screen.answer([Whole(json.dumps(answer))] if options.json else lines)
        self._keep(options.report, told)
        return code if is_gone else code or _NOT_COME

    def _say_plan(self) -> None:
        accounts, all_items = self._accounts, items()
        size = sum(one.size for one in all_items) / 1e6
        said = (len(all_items), size, self._journal.prefix, accounts.source.name, accounts.destination.name)
        self._session.screen.say(_PLAN.of(self._session.lang).format(*said))

    def _write(self, item: Item) -> None:
        """Tell of it, and then write it."""
        session, source = self._session, self._accounts.source
        key = self._accounts.key(self._run, item.ending)
        session.screen.progress(_WRITES.of(session.lang).format(_title(item, session.lang)))
        self._journal.keys.append(key)
        self._journals.write(self._journal, session.clock.now())
        if item.how == "copy":
            source.copy(self._accounts.key(self._run, "small"), key)
        elif item.how == "parts":
            source.upload(key, item.contents(self._run), UPLOAD_PART, item.headers)
        else:
            source.put(key, item.contents(self._run), item.headers)
        found = source.head(key)
        one = Followed(item, key)
        if found:
            one.etag, one.written = found.headers.get("etag", "").strip('"'), hops.modified(found)
        self._watch.followed.append(one)
        if item.twice:
            session.caller.ask("forward", _event(self._accounts.project, one))

    def _follow(self) -> None:
        """Look until all has come, or what has not is over its limit."""
        session, watch = self._session, self._watch
        session.screen.begin()
        began = session.clock.monotonic()
        while True:
            watch.look()
            gone = session.clock.monotonic() - began
            waited_for = {hop: some for hop, some in watch.missing().items() if gone < LIMITS[hop]}
            if not waited_for:
                return
            left = max(LIMITS[hop] for hop in waited_for) - gone
            session.screen.progress(_WAITS.of(session.lang).format(duration(left), _named(waited_for, session.lang)))
            # What comes soon is seen soon.
            session.clock.sleep(_LOOK_SECONDS if gone < 60 else 3 * _LOOK_SECONDS)

    def _compare(self) -> None:
        carries = self._accounts.shown.get("enable_metadata_migration") is True
        for one in self._watch.followed:
            if one.in_obs:
                found = self._accounts.destination.get(one.key)
                hops.compare(one, found, one.item.contents(self._run), carries_metadata=carries)

    def _exit_code(self) -> int:
        if any(one.differs for one in self._watch.followed):
            return _DIFFERS
        return _NOT_COME if self._watch.missing() else _EQUAL

    def _lines(self, missing: Mapping[str, list[Item]], code: int) -> Iterator[Line]:
        lang, watch = self._session.lang, self._watch
        for one in watch.followed:
            yield _row(one, lang)
        lost = sorted({name for one in watch.followed for name, became in one.headers.items() if became != "kept"})
        if lost:
            yield _LOST.of(lang).format(", ".join(lost))
        first = min((one.accepted for one in watch.followed if one.accepted), default=None)
        counts = watch.counts
        if counts:
            step = _STEPS.get(counts.step, _UNKNOWN)
            shown_after = _since(first, watch.counted if watch.is_alone else None)
            yield _COUNTS.of(lang).format(step.of(lang), shown_after, _DOUBLES.get(watch.doubles, _UNKNOWN).of(lang))
        yield _LISTS.of(lang).format(_since(first, watch.lists[0].written if watch.lists else None))
        if watch.unfinished:
            yield _COUNTED_ON.of(lang).format(watch.unfinished)
        if missing:
            yield Marked("", _NOT_THERE.of(lang).format(_named(missing, lang)), "open")
        said = {_EQUAL: _ALL_EQUAL, _DIFFERS: _SOME_DIFFER, _NOT_COME: _SOME_LACK}[code]
        yield Marked("", said.of(lang), {_EQUAL: "good", _DIFFERS: "bad"}.get(code, "open"))

    def _keep(self, file: Path | None, told: dict[str, Any]) -> None:
        """Show the report, and write it where that is wanted."""
        screen, lang = self._session.screen, self._session.lang
        screen.say(_REPORT.of(lang))
        text = json.dumps(told, indent=1)
        for line in text.splitlines():
            screen.say(line)
        try:
            if file is None and screen.interactive:
                wanted = Path("field-report.json")
                answer = screen.ask(_WRITE_IT.of(lang).format(wanted))
                file = wanted if answer.lower() in ("y", "yes", "是") else None
        except EOFError:
            return
        if file is None:
            return
        try:
            file.write_text(f"{text}\n", encoding="utf-8")
        except OSError:
            raise UsageError(_UNWRITABLE.filled(str(file)), _ANOTHER) from None
        screen.say(_WRITTEN.of(lang).format(file))


def _event(project: Project, one: Followed) -> dict[str, Any]:
    """The event of an object, as Function Compute hands it to forward (help.aliyun.com, "OSS triggers")."""
    of_object = {"key": one.key, "eTag": one.etag, "size": one.item.size}
    written = timestamp(one.written) if one.written else ""
    event = {
        "eventName": "ObjectCreated:PutObject",
        "eventSource": "acs:oss",
        "eventTime": written,
        "oss": {"bucket": {"name": project.source}, "object": of_object},
        "region": project.region,
    }
    return {"events": [event]}


def _row(one: Followed, lang: str) -> Line:
    times = (_since(one.written, one.recorded), _since(one.written, one.accepted), _since(one.accepted, one.in_obs))
    title = _title(one.item, lang)
    text = _ROW.of(lang).format(title + " " * (_COLUMNS - width(title)), *times)
    if one.differs:
        return Marked(f"{text}  ", _IS_OTHER.of(lang).format(", ".join(one.differs)), "bad")
    if one.in_obs:
        return Marked(f"{text}  ", _SAME.of(lang), "good")
    hop = "event" if not one.recorded else "in_obs" if one.accepted else "accepted"
    said = _FAILED.of(lang).format(one.reason) if one.reason else _NOT_THERE.of(lang).format(_HOPS[hop].of(lang))
    return Marked(f"{text}  ", said, "open")


def _since(one: Any, other: Any) -> str:
    return "-" if one is None or other is None else f"+{(other - one).total_seconds():.0f} s"


def _named(missing: Mapping[str, list[Item]], lang: str) -> str:
    comma = _COMMA.of(lang)
    return comma.join(
        _OF.of(lang).format(_HOPS[hop].of(lang), comma.join(_title(one, lang) for one in some))
        if some
        else _HOPS[hop].of(lang)
        for hop, some in missing.items()
    )


def _title(item: Item, lang: str) -> str:
    return item.title_zh if lang == "zh" else item.title
