"""Decodes text values by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1): never fails, never warns.

pydicom knows the names of the character sets and the escape sequences. Its decoder is not used: it reports by
warnings, which are global to the process, and takes unknown names for codecs of Python.
"""

import re
from functools import cache

ESCAPE = b"\x1b"
NAME_DELIMITERS = b"^=\\"  # where person names return to the first character set (PS3.5 6.1.2.5.3)
TEXT_DELIMITERS = b"\r\n\f\t\\"
_DEFAULT = "latin_1"  # a superset of ISO IR 6, for those who send umlauts without saying so


def decode(value: bytes, character_set: bytes, delimiters: bytes = TEXT_DELIMITERS) -> str:
    """Return the text of a value.

    Args:
        value: The value as it came; trailing spaces and NULs are padding and go, other NULs stay.
        character_set: The value of Specific Character Set (0008,0005), empty when there is none.
        delimiters: The characters after which the first character set is in force again.
    """
    value = value.rstrip(b" \0")
    if value.isascii() and ESCAPE not in value:
        return value.decode("ascii")
    first = _encoding(character_set.split(b"\\")[0])
    runs = re.split(b"(?=\x1b)", value)
    return "".join(_decode_run(run, first, delimiters) for run in runs)


def _decode_run(run: bytes, first: str, delimiters: bytes) -> str:
    """Decode what stands between two escape sequences; the first of them, if any, begins the run."""
    size = 4 if run.startswith((b"\x1b$(", b"\x1b$)")) else 3
    encoding = _escapes().get(run[:size])
    if encoding is None:
        return run.decode(first, "replace")
    if encoding.startswith("iso2022"):
        return run.decode(encoding, "replace")  # Python's codec wants the escape sequence
    run = run[size:]
    end = next((at for at, byte in enumerate(run) if byte in delimiters), len(run))
    return run[:end].decode(encoding, "replace") + run[end:].decode(first, "replace")


def _encoding(defined_term: bytes) -> str:
    return _encodings().get(_letters(defined_term.decode("latin_1")), _DEFAULT)


def _letters(defined_term: str) -> str:
    """Reduce a defined term to what tells it from others: ISO-IR_100 is a common misspelling of ISO_IR 100."""
    return re.sub("[^A-Z0-9]", "", defined_term.upper())


@cache
def _encodings() -> dict[str, str]:
    from pydicom.charset import python_encoding  # noqa: PLC0415 - half a second, and most text is ASCII

    return {_letters(term): encoding for term, encoding in python_encoding.items()}


@cache
def _escapes() -> dict[bytes, str]:
    from pydicom.charset import CODES_TO_ENCODINGS  # noqa: PLC0415 - as above

    return CODES_TO_ENCODINGS
