"""Durations and disk space read what people write, and give it back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomrs.route import Duration, Reserve

JUNK = st.one_of(st.text(), st.text(string.digits + "dhmsKMGTPEike%. "), st.integers(), st.floats(), st.none())


def text_of(kind, value) -> str:
    """Return the canonical text of `value`, or the sentence that refuses it."""
    try:
        return str(kind.of(value))
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [("90s", 90, "1m30s"), ("15m", 900, "15m"), ("1h30m", 5400, "1h30m"), ("720h", 2592000, "30d"), ("0s", 0, "0s")],
)
def test_a_duration_is_read(text, seconds, canonical) -> None:
    assert Duration.of(text).seconds == seconds
    assert str(Duration.of(text)) == canonical


@given(st.integers(0, 36500 * 86400))
def test_every_duration_survives_its_text(seconds) -> None:
    assert Duration.of(str(Duration(seconds))) == Duration(seconds)


@given(JUNK)
def test_whatever_is_written_a_duration_is_read_or_refused_in_words(value) -> None:
    text = text_of(Duration, value)
    assert "write" in text or text_of(Duration, text) == text


@pytest.mark.parametrize(
    ("text", "total", "kept"),
    [
        ("12%", 1000, 120),
        ("12%", 1001, 121),
        ("7.5%", 1000, 75),
        ("0%", 1000, 0),
        ("20Gi", 1, 20 * 2**30),
        ("1.5T", 1, 1_500_000_000_000),
        ("2e9", 1, 2_000_000_000),
        ("9E9", 1, 9_000_000_000),
        ("2E", 1, 2 * 10**18),
        (1048576, 1, 1048576),
    ],
)
def test_a_reserve_is_read(text, total, kept) -> None:
    assert Reserve.of(text).bytes_of(total) == kept


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("100%", "below 100 %"),
        ("-1%", "below 100 %"),
        ("12", '"12%"'),
        (12, '"12%"'),
        ("20GB", '"20Gi"'),
        ("20 Gi", '"20Gi"'),
        ("16Ei", 'less than "8Ei"'),
        ("1e99", 'less than "8Ei"'),
        ("٣Gi", '"20Gi"'),
        (True, '"20Gi"'),
    ],
)
def test_a_reserve_is_refused_with_an_example(text, hint) -> None:
    with pytest.raises(ValueError) as caught:
        Reserve.of(text)
    assert hint in str(caught.value)


@given(st.integers(0, 99_999_999).map(lambda millionths: f"{millionths // 1_000_000}.{millionths % 1_000_000:06}%"))
def test_every_share_survives_its_text(text) -> None:
    assert Reserve.of(str(Reserve.of(text))) == Reserve.of(text)


@given(JUNK)
def test_whatever_is_written_a_reserve_is_read_or_refused_in_words(value) -> None:
    text = text_of(Reserve, value)
    assert "write" in text or text_of(Reserve, text) == text
