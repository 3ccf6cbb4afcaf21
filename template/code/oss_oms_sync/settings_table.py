"""All environment variables of the functions, with the texts from which docs/settings.md is generated."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.layout import SYNC_URL_EXAMPLE
from oss_oms_sync.answers.text import Text, t


@dataclass(frozen=True)
class Setting:
    """The meaning and the default of an environment variable; a variable whose default is None is required."""

    default: str | None
    meaning: Text


SETTINGS = {
    "SYNC_URL": Setting(
        None,
        t(
            "the sync task's *Synchronization Request Receiving Address*, which the OMS console shows in"
            " the task's details: `{sync_url_looks}`",
            sync_url_looks=SYNC_URL_EXAMPLE,
        ),
    ),
    "HW_AK": Setting(
        None,
        t(
            "access key ID (AK) of a Huawei Cloud IAM user with the permissions"
            " `oms:synctask:createEvent`, `oms:synctask:get`, `oms:synctask:statistics` and"
            " `oms:taskgroup:get`, and permissions for OBS, which `python3 policies/show.py` prints"
        ),
    ),
    "HW_SK": Setting(None, t("secret access key (SK) that belongs to the AK")),
    "HW_SECURITY_TOKEN": Setting("", t("security token, only for temporary access keys")),
    "LOG_BUCKET": Setting(
        None,
        t("OSS bucket for the records, in the function's region and different from the source bucket"),
    ),
    "OSS_ENDPOINT": Setting(
        "",
        t("OSS endpoint (https); if empty, `https://oss-<the function's region>-internal.aliyuncs.com`"),
    ),
    "OBS_ENDPOINT": Setting(
        "",
        t("OBS endpoint (https); if empty, `https://obs.<the region of the task's destination>.myhuaweicloud.com`"),
    ),
    "SOURCE_BUCKET": Setting(
        "",
        t("source bucket: events of other buckets are rejected. Required for reconcile, compare and certify"),
    ),
    "OBJECT_PREFIX": Setting(
        "",
        t(
            "prefix of the object keys to forward, such as `photos/`; no control characters, and no"
            " leading `/`, because no object key begins with `/`"
        ),
    ),
    "OBJECT_SUFFIX": Setting(
        "",
        t("suffix of the object keys to forward, such as `.jpg`; no control characters"),
    ),
    "OMS_KEY_ENCODING": Setting(
        "url",
        t(
            "encoding of submitted object keys: `url`, as OMS's documentation requires, or `raw` if your"
            " task requires unencoded keys"
        ),
    ),
    # A tenth of the gateway's usual limit, so that new events have priority.
    "OMS_RATE": Setting(
        "20",
        t(
            "maximum number of requests to OMS per second, for replay, reconcile and compare each: 0.01 to 1000"
            " ([capacity](how-it-works.md#more-uploads-than-oms-admits)). While OMS throttles consecutive batches, they"
            " send fewer"
        ),
    ),
    "RECONCILE_PERIOD": Setting(
        "1d",
        t("interval between the starts of two reconcile passes: `12h`, `1d` (at most `30d`), or `off`"),
    ),
    "COMPARE_PERIOD": Setting(
        "7d",
        t(
            "interval between the starts of two comparisons of the source with OBS: `1d`, `7d` (at most"
            " `30d`), or `off`"
        ),
    ),
    "COMPARE_DEEP": Setting(
        "off",
        t(
            "`on` if scheduled comparisons should read objects that they cannot prove equal in another way,"
            " once per version; otherwise `off`"
        ),
    ),
    "CHANGE_HEADERS": Setting(
        "off",
        t("only for doctor: `on` if the IAM user of HW_AK should be able to change headers in OBS"),
    ),
    "REPLAY_PERIOD": Setting(
        "1m",
        t(
            "only for doctor: the interval of replay's timer. `replayPeriod` also sets the timer (`@every`), so it"
            ' cannot be `off`: if you delete the timer from `s.yaml`, write `REPLAY_PERIOD: "off"`'
        ),
    ),
    "STATUS_PERIOD": Setting(
        "15m",
        t(
            "only for doctor: the interval of status's timer. `statusPeriod` also sets the timer (`@every`), so it"
            ' cannot be `off`: if you delete the timer from `s.yaml`, write `STATUS_PERIOD: "off"`'
        ),
    ),
    "DESTINATION_REGION": Setting(
        "",
        t(
            "only for doctor: the Huawei Cloud region to which the sync task should copy; if empty, doctor"
            " accepts any region"
        ),
    ),
    "DESTINATION_BUCKET": Setting(
        "",
        t("only for doctor: the OBS bucket to which the sync task should copy; if empty, doctor accepts any bucket"),
    ),
    "PROJECT": Setting(
        "oss-oms-sync",
        t(
            "name of the function `forward`, with which the other functions' names begin. The data of"
            " passes, replay's run files and the mark of a closed project are stored under this name"
        ),
    ),
    "LANES": Setting(
        "32",
        t("maximum number of key ranges of a pass that are processed at the same time, each by one instance: 1 to 64"),
    ),
    "PIECE_SECONDS": Setting(
        "120",
        t("time in seconds for which an instance processes a range of keys before it stores its progress: 10 to 300"),
    ),
    "ALERT_WEBHOOK": Setting(
        "",
        t(
            "only for status: the secret webhook address for [alarms](alarms.md): a DingTalk, Feishu or WeCom"
            " robot, Slack, or any other address that accepts JSON"
        ),
    ),
    "ALERT_LANGUAGE": Setting("en", t("language of the alarms: `en` or `zh`")),
    "LOG_LEVEL": Setting("INFO", t("log level: `DEBUG`, `INFO`, `WARNING` or `ERROR`")),
}
