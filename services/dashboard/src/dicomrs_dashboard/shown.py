"""Texts of scanners and patients as they may be shown: nothing in them steers the page or the reader's eye."""

import unicodedata
from typing import Final

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
