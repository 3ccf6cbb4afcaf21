"""What nobody has confirmed of the clouds: docs/unconfirmed.md is made of this, and doctor tells what a project rests
on."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.text import Text


@dataclass(frozen=True)
class Unconfirmed:
    """What is not known, what is assumed, and what rests on that, in Markdown. `setting`: what switches it, where
    something does; `fields`: what tells of it in the field report of a canary, by the names of parts."""

    question: Text
    assumed: Text
    rests: Text
    fields: tuple[str, ...] = ()
    setting: str = ""


_YES = Text("yes", "是")

UNCONFIRMED = {
    "doubles": Unconfirmed(
        Text(
            "whether OMS counts a key that is handed to it twice as finished twice",
            "同一个键两次提交给 OMS，是否计为完成两次",
        ),
        _YES,
        Text(
            "`OMS_FINISHED`: if it merges them, something seems to be left, and has to be accepted by name",
            "`OMS_FINISHED`：如果合并，看起来总有剩余，只能按名称接受",
        ),
        ("counts.doubles",),
    ),
    "lag of counts": Unconfirmed(
        Text("how late OMS's counts are", "OMS 的统计延迟多久"),
        Text("at most ten minutes", "最多十分钟"),
        Text("`OMS_FINISHED` waits until they have been quiet for that long", "`OMS_FINISHED` 会等到统计静止这么久"),
        ("counts.shown_after",),
    ),
    "step of counts": Unconfirmed(
        Text("in which steps OMS counts", "OMS 的统计步长"),
        Text("five minutes; doctor looks", "五分钟；doctor 会查看"),
        Text(
            "with steps of an hour `OMS_FINISHED` cannot pass, only be accepted by name",
            "步长为一小时时，`OMS_FINISHED` 不会通过，只能按名称接受",
        ),
        ("counts.step",),
    ),
    "part size": Unconfirmed(
        Text("in how large parts OMS writes", "OMS 分段写入的分段大小"),
        Text("50 MB or 50 MiB: both are tried", "50 MB 或 50 MiB：两者都尝试"),
        Text(
            "what `--deep` proves of objects in parts (`PROOF_SUSPICIOUS`, `PROOF_EQUAL_VERSION`, `PROOF_EQUAL_SIZE`)",
            "`--deep` 对分段对象的证明（`PROOF_SUSPICIOUS`、`PROOF_EQUAL_VERSION`、`PROOF_EQUAL_SIZE`）",
        ),
        ("part_size",),
    ),
    "written as a whole": Unconfirmed(
        Text(
            "whether OMS writes smaller objects as a whole, so that OBS's ETag is their MD5",
            "较小的对象是否整体写入，从而 OBS 的 ETag 就是其 MD5",
        ),
        _YES,
        Text("how much a comparison proves without reading", "比较时不读取内容能证明多少"),
        ("objects.between.etag",),
    ),
    "order of OBS": Unconfirmed(
        Text("the order of OBS's listings", "OBS 列举的顺序"),
        Text("bytes of UTF-8", "按 UTF-8 字节"),
        Text(
            "a listing in another order is an error, never an end: no comparison would be whole, so no GO",
            "其他顺序会报错，不会当作结束：比较无法完整，因此不会有 GO",
        ),
        ("listing.order",),
    ),
    "form of lists": Unconfirmed(
        Text("separator and columns of OMS's lists", "OMS 清单的分隔符和列"),
        Text(
            "none: the two columns are found that have the same key, quoted and not",
            "不作假设：查找编码与未编码的键相同的两列",
        ),
        Text(
            "what OMS failed to copy is sent again; lines that cannot be read are counted and shown",
            "OMS 复制失败的对象会重新发送；无法读取的行会计数并显示",
        ),
        ("lists.separator", "lists.columns"),
    ),
    "lag of lists": Unconfirmed(
        Text("how soon OMS's lists come", "OMS 清单多久出现"),
        Text("within the hour", "一小时内"),
        Text("failures that come later are only found by a comparison", "更晚出现的失败只能由比较发现"),
        ("lists.written_after",),
    ),
    "encoding of keys": Unconfirmed(
        Text("whether a task decodes the keys that it is handed", "同步任务是否会对收到的键解码"),
        Text("yes, once", "是，一次"),
        Text(
            "without it no key with special characters would arrive: `MISSING`",
            "否则带特殊字符的键都无法到达：`MISSING`",
        ),
        ("objects.hostile name.in_obs",),
        "OMS_KEY_ENCODING",
    ),
    "keys in events": Unconfirmed(
        Text("whether keys in OSS's events are plain text", "OSS 事件中的键是否为明文"),
        _YES,
        Text("the same", "同上"),
        ("objects.hostile name.event",),
    ),
    "mode": Unconfirmed(
        Text("which mode of overwriting a task really has", "任务实际的覆盖方式"),
        Text("the one that it tells", "任务自己返回的方式"),
        Text(
            "whether a new version of the same size may be skipped; doctor warns",
            "相同大小的新版本是否可能被跳过；doctor 会警告",
        ),
        ("task.mode", "task.check"),
    ),
    "CRC64": Unconfirmed(
        Text("whether OMS gives its copies a CRC64", "OMS 写入的副本是否带 CRC64"),
        Text("no", "否"),
        Text("nothing: where there is none, it counts as unknown", "无：没有时计为未知"),
        ("objects.small.crc64",),
    ),
    "headers": Unconfirmed(
        Text("which headers OMS carries", "OMS 携带哪些头域"),
        Text(
            "the type of the contents; others only with metadata migration, and then not all values",
            "内容类型；其他头域仅在开启元数据迁移时携带，且并非所有值",
        ),
        Text("no check: a certificate speaks of bytes", "没有检查项依赖它：证书只说明字节"),
        ("objects.metadata.headers",),
    ),
    "rate of OMS": Unconfirmed(
        Text("how often OMS may be called", "OMS 允许的调用频率"),
        Text("20 calls a second", "每秒 20 次"),
        Text("nothing: what is throttled is recorded, and sent again", "无：被流控的会记录并重新发送"),
        setting="OMS_RATE",
    ),
    "instances": Unconfirmed(
        Text("how fast Function Compute starts instances", "函数计算启动实例的速度"),
        Text("by its documents", "以其文档为准"),
        Text("nothing but how long a pass takes", "仅影响一轮所需的时间"),
        setting="LANES",
    ),
    "stopped task": Unconfirmed(
        Text("what a stopped task does with keys that it has accepted", "停止的任务如何处理已接受的键"),
        Text("it may copy them", "可能仍会复制"),
        Text("`OMS_FINISHED` comes before the end of a cutover", "割接结束之前先要通过 `OMS_FINISHED`"),
    ),
}
