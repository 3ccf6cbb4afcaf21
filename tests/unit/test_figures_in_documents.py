"""Figures in the English and Chinese documents, which equal those in the code."""

from __future__ import annotations

import pytest

from ops.canary.objects import canary_objects
from oss_oms_sync.clouds import calls
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.comparison import recheck
from oss_oms_sync.comparison.judge import MIN_CUTOVER_AGE_SECONDS
from oss_oms_sync.delivery import sender
from oss_oms_sync.jobs.certify import gathering
from oss_oms_sync.jobs.replay import resting
from oss_oms_sync.jobs.status import _MAX_MONTHS, backlog
from oss_oms_sync.ledger import waiting
from oss_oms_sync.passes import digests, pieces, work
from oss_oms_sync.passes.entries import MIN_EVENT_AGE
from oss_oms_sync.rules.cutover import CHECKS
from oss_oms_sync.settings_table import SETTINGS
from tools.package import ROOT

RATE, LANES, PIECE = (int(str(SETTINGS[name].default)) for name in ("OMS_RATE", "LANES", "PIECE_SECONDS"))
A_DAY = RATE * KEYS_PER_CALL * 24 * 60 * 60 // 10**6
A_PASS = pieces.MAX_PIECES * PIECE * int(work._CALLS_PER_SENDING_LANE) * KEYS_PER_CALL // 10**6
A_WIDE_PASS = pieces.MAX_PIECES * PIECE * RATE * KEYS_PER_CALL // LANES / 10**6
RESTS = resting._FIRST_PAUSE_SECONDS // 60
CANARY_MB = sum(canary_object.size for canary_object in canary_objects()) // 10**6
MINUTES = int(MIN_EVENT_AGE.total_seconds()) // 60
# The project's OSS triggers are on the source bucket (one) and on the log bucket; Function Compute permits ten on each.
TRIGGERS = (ROOT / "s.yaml").read_text(encoding="utf-8").count("triggerType: oss")
NUMBERS = dict(enumerate(zip(["three", "four", "five", "six", "seven"], "三四五六七", strict=True), 3))

# A document, and its sentence in English and in Chinese.
FIGURES = [
    ("deploy", f"{NUMBERS[TRIGGERS][0]} OSS triggers", f"{NUMBERS[TRIGGERS][1]}个 OSS 触发器"),
    ("deploy", f"at most {NUMBERS[11 - TRIGGERS][0]} triggers", f"触发器不超过{NUMBERS[11 - TRIGGERS][1]}个"),
    ("monitoring", f"uses {NUMBERS[TRIGGERS - 1][0]} on its log bucket", f"使用{NUMBERS[TRIGGERS - 1][1]}个"),
    ("operations", f"at {RATE} calls a second", f"每秒 {RATE} 次调用"),
    ("operations", f"{A_DAY} million objects a day", f"{A_DAY * 100:,} 万个对象"),
    ("operations", f"({A_PASS} million at that rate)", f"（按该速率为 {A_PASS * 100:,} 万）"),
    ("operations", f"younger than {MINUTES} minutes", f"不足 {MINUTES} 分钟"),
    (
        "operations",
        f"({MIN_CUTOVER_AGE_SECONDS // 60} in a cutover",
        f"（割接中为 {MIN_CUTOVER_AGE_SECONDS // 60} 分钟）",
    ),
    ("operations", f"({recheck.MAX_KEYS:,} at most)", f"（最多 {recheck.MAX_KEYS:,} 个）"),
    ("operations", f"status adds up at most {_MAX_MONTHS} months", f"最多累计最近 {_MAX_MONTHS} 个月"),
    ("operations", f"the {backlog._MAX_RECORDS_READ} that status reads", f"所读的 {backlog._MAX_RECORDS_READ} 条记录"),
    ("reasons", f"at once, after {RESTS} minutes, then", f"首次立即重发，之后间隔 {RESTS} 分钟"),
    ("operations", f"eight objects ({CANARY_MB} MB)", f"八个对象（{CANARY_MB} MB）"),
    ("operations", "accepts no key of five batches", "连续五批一个都不接受"),
    ("how-it-works", f"{RATE * KEYS_PER_CALL * 60:,} object keys a minute", f"每分钟 {RATE * KEYS_PER_CALL * 60:,} 个"),
    (
        "cutover",
        f"until the freeze is {MIN_CUTOVER_AGE_SECONDS // 60} minutes old",
        f"停写满 {MIN_CUTOVER_AGE_SECONDS // 60} 分钟",
    ),
    ("certificate", f"more than {gathering.MAX_RECORDS:,} failed records", f"超过 {gathering.MAX_RECORDS:,} 条"),
    ("certificate", f"({waiting._MAX_LISTED:,} with those of other projects)", f"超过 {waiting._MAX_LISTED:,} 条"),
    ("certificate", f"more than {gathering._MAX_RUN_FILES} run files", f"超过 {gathering._MAX_RUN_FILES} 个"),
    ("costs", f"default {LANES} lanes", f"并行数 {LANES}（默认值）"),
    ("costs", f"`lanes` in `s.yaml`; default {LANES}", f"`s.yaml` 中的 `lanes`，默认为 {LANES}"),
    ("objects", f"of the first {digests.MAX_FOLDERS}", f"前 {digests.MAX_FOLDERS} 个目录"),
    ("how-it-works", f"at most {calls._MAX_ATTEMPTS} times in all", f"连同首次最多 {calls._MAX_ATTEMPTS} 次"),
    ("how-it-works", f"`LANES` ({LANES})", f"`LANES`（{LANES}）"),
    ("how-it-works", f"a range of {work.MIN_SPLIT_OBJECTS:,} objects", f"{work.MIN_SPLIT_OBJECTS:,} 个对象以上"),
    ("how-it-works", f"more than {pieces.MAX_PIECES:,} pieces", f"超过 {pieces.MAX_PIECES:,} 段"),
    ("how-it-works", f"pieces: {A_PASS} million keys", f"提交 {A_PASS * 100:,} 万个对象"),
    ("how-it-works", f"otherwise {A_WIDE_PASS} million", f"其他情况下 {A_WIDE_PASS * 100:.0f} 万个"),
]


def read_text(name: str) -> str:
    return " ".join((ROOT / "docs" / name).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("document", "english", "chinese"), FIGURES, ids=lambda case: case)
def test_each_figure_in_the_documents_equals_that_of_the_code(document, english, chinese):
    assert english in read_text(f"{document}.md")
    # A document without a twin holds both languages.
    twin = f"{document}.zh.md"
    assert chinese in read_text(twin if (ROOT / "docs" / twin).exists() else f"{document}.md")


@pytest.mark.parametrize(
    ("readme", "checks"),
    [("README.md", f"{len(CHECKS)} checks passed"), ("README.zh.md", f"{len(CHECKS)} 项检查通过")],
    ids=["en", "zh"],
)
def test_the_readmes_certificate_has_passed_all_checks(readme, checks):
    assert checks in (ROOT / readme).read_text(encoding="utf-8")


def test_the_sender_has_the_documented_limit_of_refused_batches():
    assert sender._MAX_REFUSED_BATCHES == 5
