"""Hints, on a real file system: they come once, may get lost, and do not pile up."""

import pytest

from dicomrs.spool import hints
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.hints import HintReader, HintWriter
from dicomrs.spool.inbox import Outcome
from dicomrs.spool.layout import HINTS, INCOMING
from support.filled_spool import FilledSpool
from support.objects import image, instance

FS = OsFileSystem()


@pytest.fixture
def root(tmp_path):
    (tmp_path / HINTS).mkdir()
    for process in ("one", "two"):
        (tmp_path / INCOMING / process).mkdir(parents=True)
    return tmp_path


def writer(root, process="one"):
    return HintWriter(FS, str(root), process)


def reader(root):
    return HintReader(FS, str(root))


def names(root):
    return sorted(path.name for path in (root / HINTS).iterdir())


def test_each_hint_is_read_once(root):
    sending, reading = writer(root), reader(root)
    sending.write("study/1.dcm")
    sending.write("study/2.dcm")
    assert reading.poll() == ["study/1.dcm", "study/2.dcm"]
    assert reading.poll() == []
    sending.write("study/3.dcm")
    assert reading.poll() == ["study/3.dcm"]


def test_an_object_that_comes_again_is_announced_again(tmp_path):
    """Its first receiver may have died between keeping and announcing it."""
    spool = FilledSpool(tmp_path / "root")
    one = instance(image())
    reading = reader(spool.root)
    spool.receive(one)
    first = reading.poll()
    (arrival,) = spool.receive(one)
    assert arrival.outcome is Outcome.REPEATED
    assert reading.poll() == first


def test_several_receivers_do_not_disturb_each_other(root):
    sending = [writer(root, "one"), writer(root, "two")]
    for number, each in enumerate(sending):
        each.write(f"study/{number}.dcm")
    assert sorted(reader(root).poll()) == ["study/0.dcm", "study/1.dcm"]
    assert len(names(root)) == 2


def test_a_line_is_read_when_it_is_whole(root):
    reading = reader(root)
    path = root / HINTS / "one.000001"
    path.write_bytes(b"study/1.dcm\nstud")
    assert reading.poll() == ["study/1.dcm"]
    path.write_bytes(b"study/1.dcm\nstudy/2.dcm\n")
    assert reading.poll() == ["study/2.dcm"]


def test_a_name_that_is_no_utf8_comes_through(root):
    name = b"study\xff/1.dcm".decode("utf-8", "surrogateescape")
    writer(root).write(name)
    assert reader(root).poll() == [name]


def test_a_long_file_is_followed_by_a_new_one_and_goes(root, monkeypatch):
    monkeypatch.setattr(hints, "_ROTATE_AT", 100)
    sending, reading = writer(root), reader(root)
    for number in range(20):
        sending.write(f"study/{number:08}.dcm")
    assert len(names(root)) > 2
    assert len(reading.poll()) == 20
    reading.tidy()
    assert len(names(root)) == 1, "the file that is being written to stays"
    sending.write("study/last.dcm")
    assert reading.poll() == ["study/last.dcm"]


def test_the_files_of_a_dead_process_go(root):
    sending, reading = writer(root, "gone"), reader(root)
    sending.write("study/1.dcm")
    sending.close()
    assert reading.poll() == ["study/1.dcm"]
    reading.tidy()
    assert names(root) == []
    assert reading.poll() == []


def test_too_many_hints_ask_for_a_rescan_once(root, monkeypatch):
    monkeypatch.setattr(hints, "_READ_LIMIT", 100)
    sending, reading = writer(root), reader(root)
    for number in range(20):
        sending.write(f"study/{number:08}.dcm")
    with pytest.raises(OverflowError):
        reading.poll()
    sending.write("study/next.dcm")
    assert reading.poll() == ["study/next.dcm"]


def test_a_hint_that_cannot_be_written_is_no_failure(root):
    sending, reading = writer(root), reader(root)
    (root / HINTS).rename(root / "elsewhere")
    sending.write("study/lost.dcm")
    (root / "elsewhere").rename(root / HINTS)
    sending.write("study/2.dcm")
    assert reading.poll() == ["study/2.dcm"]
