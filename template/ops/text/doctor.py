"""What doctor found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ops.terminal import Line, Marked
from ops.words import Report, colon, in_lang, sentence, word

# What has to be done comes first.
_STATES = ("fault", "unknown", "warning", "skipped", "ok")


def lines(report: Report, lang: str) -> Iterator[Line]:
    """What is wrong first, and below it what to do; what is well is only counted."""
    found = sorted(report["checks"], key=lambda one: _STATES.index(one["state"]))
    count = Counter(one["state"] for one in found)
    comma = "，" if lang == "zh" else ", "
    told = comma.join(f"{word(state, lang)} {count[state]}" for state in reversed(_STATES) if count[state])
    yield f"{sentence(report, lang)}{colon(lang)}{told}"
    # Those that depend on others have nothing to be done about them.
    depending = [in_lang(one, "name", lang) for one in found if one["state"] == "unknown" and not one["fix"]]
    for one in found:
        if one["state"] != "ok" and in_lang(one, "name", lang) not in depending:
            seen = f"{colon(lang)}{in_lang(one, 'name', lang)}{colon(lang)}{in_lang(one, 'seen', lang)}"
            yield Marked("  ", word(one["state"], lang), one["state"], seen)
            if one["fix"]:
                yield f"      -> {in_lang(one, 'fix', lang)}"
    if depending:
        yield f"  {word('depends', lang)}{colon(lang)}{comma.join(depending)}"
