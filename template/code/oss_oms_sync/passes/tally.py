"""What a pass counts."""

from __future__ import annotations

# scanned = covered + failed_before + submitted + pending, submitted = accepted + failed.
COUNTS = ("scanned", "covered", "failed_before", "submitted", "accepted", "failed", "pending", "orphans")
# Kept next to them, of the objects written since the last pass: those of which it is known whether their event arrived,
# and those whose event did not. If most did not, the trigger is dead. A pass without any takes both from the last one.
NEW, NEW_MISSING = "new", "new_missing"
