"""Texts of scanners and patients as they may be shown: nothing in them steers the page or the reader's eye."""

import json
import unicodedata
from typing import Any, Final

_SIGNS: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_LONGEST: Final = 200
_MASK: Final = "•••"


def patient(text: str, *, masked: bool = False, longest: int = _LONGEST) -> str:
    """A text without control, format and bidirectional signs (Unicode UAX 9), cut to length.

    masked: its first letter only, and as many signs for every other text, so that its length tells nothing either.
    Escaping for HTML is the templates' business.
    """
    shown = "".join("�" if unicodedata.category(sign) in _SIGNS else sign for sign in text[: longest + 1])
    shown = shown if len(shown) <= longest else shown[:longest] + "…"
    if not masked:
        return shown
    return shown[:1] + _MASK if shown else ""


def json_text(value: Any) -> str:
    """What a file of ours says, as indented lines of JSON."""
    lines = json.dumps(value, indent=1, ensure_ascii=False, default=str).split("\n")
    return "\n".join(patient(line, longest=2000) for line in lines)
