"""What a pass counts."""

from __future__ import annotations

# What a pass counts; scanned = covered + failed_before + submitted + pending, submitted = accepted + failed.
COUNTS = ("scanned", "covered", "failed_before", "submitted", "accepted", "failed", "pending", "orphans")
# Kept beside them: of the objects written since the last pass, those of which is known whether their event came, and
# those whose event did not. Where most did not, the trigger is dead. A pass without any says what the last one did.
NEW, NEW_MISSING = "new", "new_missing"
