"""Every environment variable of the functions, as the documents describe it: docs/settings.md is made of this."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.text import Text

SYNC_URL_LOOKS = "https://oms.<region>.myhuaweicloud.com/v2/<project id>/sync-tasks/<task id>/events"


@dataclass(frozen=True)
class Setting:
    """What one variable means; it is required if `default` is None."""

    default: str | None
    meaning: Text


SETTINGS = {
    "SYNC_URL": Setting(
        None,
        Text(
            "the sync task's Synchronization Request Receiving Address, from its details in the OMS console:"
            f" `{SYNC_URL_LOOKS}`",
            f"同步任务的“同步请求接收地址”，从 OMS 控制台的任务详情中复制：`{SYNC_URL_LOOKS}`",
        ),
    ),
    "HW_AK": Setting(
        None,
        Text(
            "access key ID (AK) of a Huawei Cloud IAM user with the permissions `oms:synctask:createEvent`,"
            " `oms:synctask:get` and `oms:synctask:statistics`",
            "华为云 IAM 用户的访问密钥 ID（AK）；该用户需有 `oms:synctask:createEvent`、`oms:synctask:get`、"
            "`oms:synctask:statistics` 三项权限",
        ),
    ),
    "HW_SK": Setting(None, Text("the secret access key (SK) for the AK", "与 AK 配对的 SK")),
    "HW_SECURITY_TOKEN": Setting("", Text("only for temporary access keys", "仅临时访问密钥需要")),
    "LOG_BUCKET": Setting(
        None,
        Text(
            "OSS bucket for the records, in the function's region, never the source bucket",
            "存放记录的 OSS Bucket，与函数同地域，且不能是源 Bucket",
        ),
    ),
    "OSS_ENDPOINT": Setting(
        "",
        Text(
            "OSS's endpoint, https; if empty, `https://oss-<the function's region>-internal.aliyuncs.com`",
            "OSS 的访问域名（Endpoint），须为 https；默认为 `https://oss-<函数所在地域>-internal.aliyuncs.com`",
        ),
    ),
    "OBS_ENDPOINT": Setting(
        "",
        Text(
            "OBS's endpoint, https; if empty, `https://obs.<the region of the task's destination>.myhuaweicloud.com`",
            "OBS 的访问域名（Endpoint），须为 https；默认为 `https://obs.<任务目的端所在地域>.myhuaweicloud.com`",
        ),
    ),
    "SOURCE_BUCKET": Setting(
        "",
        Text(
            "accept events of this bucket only; also the bucket that reconcile scans (required for reconcile)",
            "只处理该 Bucket 的事件；也是 reconcile 对账的 Bucket，使用 reconcile 时必填",
        ),
    ),
    "OBJECT_PREFIX": Setting(
        "",
        Text(
            "forward only object keys with this prefix, such as `photos/`: never with a leading `/`, as no object key"
            " has one, nor with control characters",
            "只转发对象名以此开头的对象，例如 `photos/`；对象名都不以 `/` 开头，因此前缀也不能；不能包含控制字符",
        ),
    ),
    "OBJECT_SUFFIX": Setting(
        "",
        Text(
            "forward only object keys with this suffix, such as `.jpg`, without control characters",
            "只转发对象名以此结尾的对象，例如 `.jpg`；不能包含控制字符",
        ),
    ),
    "OMS_KEY_ENCODING": Setting(
        "url",
        Text(
            "`url`, as OMS's documents require, or `raw`, if a task turns out to require unencoded object keys",
            "`url` 为 OMS 文档的要求；若某个任务实际需要未编码的对象名，设为 `raw`",
        ),
    ),
    # A tenth of the gateway's usual limit, so that new events go first.
    "OMS_RATE": Setting(
        "20",
        Text(
            "OMS calls per second, for replay and for reconcile each; fewer while OMS throttles batch after batch",
            "replay、reconcile 各自每秒调用 OMS 的次数；若整批请求持续被流控，则自动降低",
        ),
    ),
    "RECONCILE_PERIOD": Setting(
        "1d",
        Text(
            "interval between the starts of two passes: `12h`, `1d` (at most `30d`), or `off`",
            "相邻两轮对账开始时间的间隔：`12h`、`1d`（最长 `30d`），或 `off`",
        ),
    ),
    "COMPARE_PERIOD": Setting(
        "7d",
        Text(
            "interval between the starts of two comparisons with the destination: `1d`, `7d` (at most `30d`), or `off`",
            "相邻两轮比对（源端与目的端）开始时间的间隔：`1d`、`7d`（最长 `30d`），或 `off`",
        ),
    ),
    "COMPARE_DEEP": Setting(
        "off",
        Text(
            "whether the timer's comparisons read each object that nothing else proves, once for each version: `off` or"
            " `on`",
            "定时比对是否读取其他方式无法证明一致的对象（每个版本读取一次）：`off` 或 `on`",
        ),
    ),
    "REPLAY_PERIOD": Setting(
        "1m",
        Text(
            "only for doctor: how often replay's timer wakes it, or `off`: doctor does not expect one",
            "仅用于 doctor：replay 的定时触发器的间隔；`off` 表示没有该触发器",
        ),
    ),
    "STATUS_PERIOD": Setting(
        "15m",
        Text(
            "only for doctor: the same for status",
            "仅用于 doctor：status 的定时触发器的间隔，同上",
        ),
    ),
    "DESTINATION_REGION": Setting(
        "",
        Text(
            "only for doctor: the Huawei Cloud region that the sync task should copy to; if empty, any",
            "仅用于 doctor：同步任务目的端应在的华为云区域；为空则不检查",
        ),
    ),
    "DESTINATION_BUCKET": Setting(
        "",
        Text(
            "only for doctor: the OBS bucket that the sync task should copy to; if empty, any",
            "仅用于 doctor：同步任务应写入的 OBS 桶；为空则不检查",
        ),
    ),
    "PROJECT": Setting(
        "oss-oms-sync",
        Text(
            "name of the function `forward`, which the other functions' names extend; passes, run files of"
            " replay, and the mark of a closed project are stored under it",
            "函数 `forward` 的名称，其他函数的名称在其后加后缀；"
            "对账的中间结果、replay 的运行文件和项目的关闭标记以此命名存放",
        ),
    ),
    "LANES": Setting(
        "16",
        Text(
            "how many key ranges of a pass may be open at once, each of which keeps one instance busy: 1 to 64",
            "一轮对账最多同时处理的对象名区间数，每个区间占用一个实例：1 到 64",
        ),
    ),
    "PIECE_SECONDS": Setting(
        "120",
        Text(
            "how long an instance works on a range before it stores how far it got: 10 to 300",
            "实例连续处理一个区间、保存一次进度的时长（秒）：10 到 300",
        ),
    ),
    "ALERT_WEBHOOK": Setting(
        "",
        Text(
            "only for status: the address to which it sends [alarms](alarms.md), a secret: of a robot of DingTalk,"
            " Feishu or WeCom, of Slack, or any other that takes JSON",
            "仅用于 status：[告警](alarms.md)消息的接收地址（机密）：钉钉、飞书、企业微信机器人，Slack，"
            "或任何接收 JSON 的地址",
        ),
    ),
    "ALERT_LANGUAGE": Setting("en", Text("language of these messages: `en` or `zh`", "告警消息的语言：`en` 或 `zh`")),
    "LOG_LEVEL": Setting("INFO", Text("`DEBUG`, `INFO`, `WARNING`, `ERROR`", "`DEBUG`、`INFO`、`WARNING`、`ERROR`")),
}
