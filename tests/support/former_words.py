"""Words that printed text and documents no longer use, with their replacements.

Each pattern matches whole words, except where a word has another, legitimate meaning.
"""

from __future__ import annotations

_PRONOUN = r"(?:it|them|what|these|those|objects|keys|the (?:objects|keys))"

ENGLISH = {
    r"rights": "permissions",
    r"reckon\w*": "estimate",
    r"t(?:old|ells?|elling)(?! \w+ apart)": "report, say, show",
    r"look(?:s|ed|ing)? (?:at|again)|[Ll]ook,": "check",
    r"stands? in(?! between)": "is in",
    r"some (?:\d+|minutes|hours|days)": "about, a few minutes",
    r"mayn't|whom|[Ww]ho(?:m|so)?ever|whatever|(?:[Nn]o|[Ss]ome)body(?! else can read)|people": "who, you",
    r"[Ww]hat (?:is|are|was|were|has|had|came|comes|failed|fails|waits|remains|stands|OMS|OBS|it|they)": "a noun",
    r"[Ss]ee (?:that|whether|if|what|why|which|in)": "check, make sure that",
    r"[Ss]ee (?:its|OMS's|OBS's) (?:\w+ )*message": "check",
    r"not known": "unknown",
    r"[Oo]ld objects": "existing objects",
    r"go(?:es|ing|ne)? on(?! \w+day)": "continue",
    r"judged? (?:\w+ ){0,3}again": "recheck",
    r"on (?:its|their|the) way": "in progress, running",
    r"anew": "again, start over",
    r"(?:is|are) over(?! \d)": "finished",
    r"of both(?! (?:buckets|sides|clouds|listings))|half within": "of the two, either, median",
    rf"[Ss]e(?:nd|nt|nds|nding) (?:{_PRONOUN} )?(?:again|anew|at once)": "resend",
    r"[Nn]othing is sent|nobody sends": "nothing is submitted",
    r"not sent": "not submitted",
    r"leave (?:it|them) out": "omit, remove",
    r"this lasts": "this persists",
    r"by eye": "by hand",
    r"[Oo]ver 50 MB that is how": "above 50 MB this always happens",
    r"is not as setup makes it": "differs from what setup creates",
    r"does not gate": "is not part of the verdict",
    r"[Tt]his is told again|[Nn]one told of|told again": "repeats, is missing",
    r"stand nowhere else": "are recorded nowhere else",
    r"(?:user|role|administrator|keys?) may (?!have|be|still|also|exist|need|wait|change)\w+": "can, is allowed to",
    r"[Tt]here in another version|that is how it ends|as fast as it ever was": "outdated, always, the highest rate",
    r"leaves a hole that": "leaves an unnoticed gap",
}

CHINESE = {
    "重新发送|再次发送|再次提交": "重发",
    "(?:华为云|OBS|OMS|目的端)(?:的|所在的?|在(?:该|其他))?地域": "区域",
    "警报": "告警",
    "(?<![关按捷主])键(?![盘入值])": "对象名",
    "现场报告": "实测报告",
    "两朵云": "两家云",
    "回滚": "回退",
    "已接收|未接收|接收了": "已接受",
    "比较": "比对",
    "两端": "两侧",
    "计划的标识": "计划的哈希",
    "定时器": "定时触发器",
    "凭据": "凭证",
    "对应摘要": "副本摘要",
    "限流": "流控",
    "不知道|没有告知|无人发送|没有人可以": "未知、未返回、没有项目会重发",
    "了结": "处理",
    "偶尔才做|除此之外一无所知|谁在哪里写入": "不常用、无法判断、查明写入",
    "静止这么久|尚未开始过|无事可做": "不再变化、尚未执行、空闲",
}
