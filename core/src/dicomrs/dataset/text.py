"""Decodes text values by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1): never fails, never warns.

pydicom's decoder is not used: it reports by warnings, which are global to the process, takes unknown names for codecs
of Python, and would cost every service 50 MB. A test compares the tables below with pydicom's.
"""

import re
from typing import Final

ESCAPE = b"\x1b"
NAME_DELIMITERS = b"^=\\"  # where person names return to the first character set (PS3.5 6.1.2.5.3)
TEXT_DELIMITERS = b"\r\n\f\t\\"
_DEFAULT = "latin_1"  # a superset of ISO IR 6, for those who send umlauts without saying so

ENCODINGS: Final = {
    "": "iso8859",
    "ISO_IR 6": "iso8859",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso_ir_126",
    "ISO_IR 127": "iso_ir_127",
    "ISO_IR 138": "iso_ir_138",
    "ISO_IR 144": "iso_ir_144",
    "ISO_IR 148": "iso_ir_148",
    "ISO_IR 166": "iso_ir_166",
    "ISO 2022 IR 6": "iso8859",
    "ISO 2022 IR 13": "shift_jis",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 100": "latin_1",
    "ISO 2022 IR 101": "iso8859_2",
    "ISO 2022 IR 109": "iso8859_3",
    "ISO 2022 IR 110": "iso8859_4",
    "ISO 2022 IR 126": "iso_ir_126",
    "ISO 2022 IR 127": "iso_ir_127",
    "ISO 2022 IR 138": "iso_ir_138",
    "ISO 2022 IR 144": "iso_ir_144",
    "ISO 2022 IR 148": "iso_ir_148",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 159": "iso2022_jp_2",
    "ISO 2022 IR 166": "iso_ir_166",
    "ISO 2022 IR 58": "iso_ir_58",
    "ISO_IR 192": "UTF8",
    "GB18030": "GB18030",
    "ISO 2022 GBK": "GBK",
    "ISO 2022 58": "GB2312",
    "GBK": "GBK",
}
"""Defined terms (PS3.3 C.12.1.1.2), and misspelt ones, -> Python's codec."""
ESCAPES: Final = {
    b"\x1b(B": "iso8859",
    b"\x1b-A": "latin_1",
    b"\x1b)I": "shift_jis",
    b"\x1b(J": "shift_jis",
    b"\x1b$B": "iso2022_jp",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso_ir_126",
    b"\x1b-G": "iso_ir_127",
    b"\x1b-H": "iso_ir_138",
    b"\x1b-L": "iso_ir_144",
    b"\x1b-M": "iso_ir_148",
    b"\x1b-T": "iso_ir_166",
    b"\x1b$)C": "euc_kr",
    b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)A": "iso_ir_58",
}
"""Escape sequences (PS3.3 tables C.12-3 and C.12-4) -> Python's codec of what follows."""


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
    encoding = ESCAPES.get(run[:size])
    if encoding is None:
        return run.decode(first, "replace")
    if encoding.startswith("iso2022"):
        return run.decode(encoding, "replace")  # Python's codec wants the escape sequence
    run = run[size:]
    end = next((at for at, byte in enumerate(run) if byte in delimiters), len(run))
    return run[:end].decode(encoding, "replace") + run[end:].decode(first, "replace")


def _encoding(defined_term: bytes) -> str:
    return _ENCODINGS.get(_letters(defined_term.decode("latin_1")), _DEFAULT)


def _letters(defined_term: str) -> str:
    """Reduce a defined term to what tells it from others: ISO-IR_100 is a common misspelling of ISO_IR 100."""
    return re.sub("[^A-Z0-9]", "", defined_term.upper())


_ENCODINGS: Final = {_letters(term): encoding for term, encoding in ENCODINGS.items()}
