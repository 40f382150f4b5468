import pytest
from pydicom import charset
from pydicom.charset import convert_encodings, encode_string

from dicomrs.dataset import text as texts
from dicomrs.dataset.text import NAME_DELIMITERS, decode

JAPANESE = b"\\ISO 2022 IR 87"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Yamada^Tarou", ""),
        ("Müller^Jörg", "ISO_IR 100"),
        ("Łukasz", "ISO_IR 101"),
        ("Щщжюя", "ISO_IR 144"),
        ("Διονυσιος", "ISO_IR 126"),
        ("王^小東", "ISO_IR 192"),
        ("王^小东", "GB18030"),
        ("山田^太郎", ["", "ISO 2022 IR 87"]),
        ("김희중", ["", "ISO 2022 IR 149"]),
        ("丂", ["", "ISO 2022 IR 159"]),
    ],
)
def test_text_is_decoded_in_every_kind_of_character_set(text, terms):
    value = encode_string(text, convert_encodings(terms))
    character_set = "\\".join([terms] if isinstance(terms, str) else terms).encode()
    assert decode(value, character_set, NAME_DELIMITERS) == text


def test_half_width_katakana_and_simplified_chinese_with_escapes_are_decoded():
    # pydicom can read these and not write them.
    assert decode("ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), b"ISO_IR 13") == "ﾔﾏﾀﾞ^ﾀﾛｳ"
    assert decode(b"Wang^=\x1b$)A\xcd\xf5^", b"\\ISO 2022 IR 58", NAME_DELIMITERS) == "Wang^=王^"


def test_a_name_of_64_japanese_characters_comes_through_whole():
    name = "山" * 64
    assert decode(encode_string(name, ["iso8859", "iso2022_jp"]), JAPANESE, NAME_DELIMITERS) == name


def test_a_delimiter_returns_to_the_first_character_set():
    assert decode(b"\x1b-F\xc4\xe9^\xc4", b"ISO_IR 100\\ISO 2022 IR 126", NAME_DELIMITERS) == "Δι^Ä"


@pytest.mark.parametrize("term", [b"ISO-IR 100", b"iso_ir_100", b" ISO IR 100 "])
def test_a_misspelt_character_set_is_understood(term):
    assert decode(b"Buc^J\xe9r\xf4me", term) == "Buc^Jérôme"


@pytest.mark.parametrize("term", [b"ISO_IR 999", b"punycode", b"unicode_escape", b"\xff\0", b"utf_7"])
def test_an_unknown_character_set_is_read_as_latin_1_and_never_as_a_codec_of_python(term):
    assert decode(b"\\u0041-\xe9", term) == "\\u0041-é"


@pytest.mark.parametrize(
    ("value", "character_set"),
    [(b"\xff\xfe", b"ISO_IR 192"), (b"\x1b$B\x7f\x7f", JAPANESE), (b"\x1b$)C\xff", b""), (b"\xff", b"GB18030")],
)
def test_undecodable_bytes_are_replaced(value, character_set):
    assert "\N{REPLACEMENT CHARACTER}" in decode(value, character_set)


def test_an_unknown_escape_sequence_stays_as_data():
    assert decode(b"a\x1b%Gb", b"") == "a\x1b%Gb"


def test_padding_goes_and_other_nuls_stay():
    assert decode(b"\0a\0b \0 ", b"") == "\0a\0b"


def test_the_tables_are_pydicoms():
    assert charset.python_encoding == texts.ENCODINGS
    assert texts.ESCAPES == charset.CODES_TO_ENCODINGS
