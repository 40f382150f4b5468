import tempfile
import zlib

import pytest

from dicomrs.dataset.source import FileSource, InflatingSource, MalformedError
from unit.dataset.datasets import deflated

DATA = bytes(range(256)) * 1024  # 256 KiB: several windows


@pytest.fixture(params=["file", "inflating"])
def source(request):
    with tempfile.TemporaryFile() as file:
        inflating = request.param == "inflating"
        data = deflated(DATA) if inflating else DATA
        file.write(b"before" + data + b"after")
        file.flush()
        plain = FileSource(file.fileno(), 6, 6 + len(data))
        yield InflatingSource(plain) if inflating else plain


def test_reads_and_skips_forward_and_knows_where_it_is(source):
    assert source.read(10) == DATA[:10]
    assert source.skip(90_000) == 90_000
    assert source.position == 90_010
    assert source.read(70_000) == DATA[90_010:160_010]
    assert source.skip(5) == 5
    assert source.read(3) == DATA[160_015:160_018]
    assert source.position == 160_018


def test_gives_less_only_at_the_end_and_never_a_byte_beyond_it(source):
    assert source.skip(len(DATA) - 4) == len(DATA) - 4
    assert source.read(100) == DATA[-4:]
    assert source.read(100) == b""
    assert source.skip(100) == 0
    assert source.position == len(DATA)


def test_a_leap_beyond_the_end_counts_what_was_there(source):
    source.read(1)
    assert source.skip(0xFFFFFFFE) == len(DATA) - 1
    assert source.position == len(DATA)


def test_an_end_beyond_the_file_is_the_end_of_the_file():
    with tempfile.TemporaryFile() as file:
        file.write(b"12345")
        file.flush()
        assert FileSource(file.fileno(), 2, 1 << 40).skip(100) == 3
        assert FileSource(file.fileno(), 9, 20).skip(100) == 0


def inflating(file, data, **limit):
    file.write(data)
    file.flush()
    return InflatingSource(FileSource(file.fileno(), 0, len(data)), **limit)


def test_a_deflate_bomb_stops_at_the_limit():
    with tempfile.TemporaryFile() as file:
        source = inflating(file, deflated(bytes(10 << 20)), limit=1 << 20)
        with pytest.raises(MalformedError, match="inflates to more than 1048576 bytes"):
            source.skip(20 << 20)
        assert source.position <= 1 << 20


def test_a_dataset_of_exactly_the_limit_is_no_bomb_and_one_byte_more_is():
    with tempfile.TemporaryFile() as file:
        assert inflating(file, deflated(DATA), limit=len(DATA)).skip(1 << 30) == len(DATA)
    with tempfile.TemporaryFile() as file, pytest.raises(MalformedError, match="more than 262143 bytes"):
        inflating(file, deflated(DATA), limit=len(DATA) - 1).skip(1 << 30)


def test_a_damaged_stream_says_where():
    with tempfile.TemporaryFile() as file, pytest.raises(MalformedError, match="damaged before its byte"):
        inflating(file, b"\xff" * 100).read(1)


def test_a_stream_with_a_zlib_header_is_not_what_the_standard_asks_for():
    with tempfile.TemporaryFile() as file, pytest.raises(MalformedError):
        inflating(file, zlib.compress(DATA)).skip(len(DATA))


def test_a_stream_cut_short_ends_early():
    with tempfile.TemporaryFile() as file:
        data = deflated(DATA)
        assert 0 < inflating(file, data[: len(data) // 2]).skip(len(DATA)) < len(DATA)
