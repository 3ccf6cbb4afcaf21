"""A right answer to each of the questions that `s init` asks."""

ANSWERS = {
    "region": "cn-hangzhou",
    "sourceBucket": "photos",
    "objectPrefix": "",
    "objectSuffix": "",
    "SYNC_URL": "https://oms.cn-north-4.myhuaweicloud.com/v2/0123456789abcdef/sync-tasks/0f7c9b1e-5a3d/events",
    "HW_AK": "FAKEACCESSKEY0000001",
    "HW_SK": "fakeSecretKey00000000000000000000000001",
    "logBucket": "photos-oms-log",
    "functionRole": "oss-oms-sync-function",
    "triggerRole": "oss-oms-sync-trigger",
    "runtime": "python3.12",
    "replayPeriod": "1m",
    "reconcilePeriod": "1d",
    "comparePeriod": "7d",
    "compareDeep": "off",
    "functionName": "my-sync",
}
