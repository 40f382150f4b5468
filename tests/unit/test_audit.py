"""The audit log: any change to its lines is found, a crash breaks nothing, a full disk does not stop it."""

import errno
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomrs.audit import HEAD, START, AuditLog, Head, check, differences, outcomes
from dicomrs.spool.fs import Data, OsFileSystem
from dicomrs.spool.proof import prepare_root
from dicomrs.spool.space import lay_ballast

FS = OsFileSystem()


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    prepare_root(FS, str(tmp_path))
    return AuditLog(FS, str(tmp_path))


def path_of(log: AuditLog) -> Path:
    return Path(log.root) / ".dicomrs" / "audit.jsonl"


def fill(log: AuditLog, count: int = 6) -> bytes:
    for number in range(count):
        log.append({"action": "hold", "who": "ana", "why": f"reason {number}"})
    return path_of(log).read_bytes()


def is_found(log: AuditLog, data: bytes) -> bool:
    found = check(data)
    return found.broken is not None or differences(found, log.noted_head()) != ""


def test_entries_come_back_as_they_were_written(log: AuditLog) -> None:
    assert log.read().head == Head(0, START)
    fill(log, 3)
    found = log.read()
    assert (found.broken, found.torn) == (None, ())
    assert [entry.number for entry in found.entries] == [1, 2, 3]
    assert [entry.fields["why"] for entry in found.entries] == ["reason 0", "reason 1", "reason 2"]
    assert differences(found, log.noted_head()) == ""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[AuditLog, bytes]:
    root = tmp_path_factory.mktemp("root")
    prepare_root(FS, str(root))
    log = AuditLog(FS, str(root))
    return log, fill(log)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_changed_byte_is_found(filled: tuple[AuditLog, bytes], data: st.DataObject) -> None:
    log, whole = filled
    at = data.draw(st.integers(0, len(whole) - 2))  # without the last newline, no entry is another
    new = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    assert is_found(log, whole[:at] + bytes([new]) + whole[at + 1 :])


JUNK = (b"{}\n", b"\n", b"torn\x18\n", b"\x18\n")


def edited(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    """One line taken out, added, repeated elsewhere or exchanged with another."""
    at = data.draw(st.integers(0, len(lines) - 1), "at")
    to = data.draw(st.integers(0, len(lines)), "to")
    match data.draw(st.sampled_from(["remove", "add", "repeat", "exchange"]), "edit"):
        case "remove":
            return lines[:at] + lines[at + 1 :]
        case "add":
            return [*lines[:to], data.draw(st.sampled_from(JUNK), "junk"), *lines[to:]]
        case "repeat":
            return [*lines[:to], lines[at], *lines[to:]]
    other = min(to, len(lines) - 1)
    lines = list(lines)
    lines[at], lines[other] = lines[other], lines[at]
    return lines


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_line_taken_out_added_repeated_or_moved_is_found(
    filled: tuple[AuditLog, bytes], data: st.DataObject
) -> None:
    log, whole = filled
    lines = before = whole.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3), "edits")):
        if lines:
            lines = edited(lines, data)
    # Lines that say of themselves that a crash cut them short may stand at the end: nothing was done because of them.
    harmless = lines[: len(before)] == before and all(line.endswith(b"\x18\n") for line in lines[len(before) :])
    assert is_found(log, b"".join(lines)) != harmless


def test_an_end_that_was_cut_off_is_found_by_the_second_place_only(log: AuditLog) -> None:
    lines = fill(log).splitlines(keepends=True)
    short = b"".join(lines[:4])
    path_of(log).write_bytes(short)
    assert check(short).broken is None
    assert differences(log.read(), log.noted_head()) == "entries 5 to 6 are missing at its end"


def test_a_log_that_was_written_anew_is_found_by_a_hash_that_was_noted(log: AuditLog) -> None:
    fill(log, 3)
    noted = log.noted_head()
    path_of(log).unlink()
    (Path(log.root) / ".status" / HEAD).unlink()
    fill(log, 5)
    assert log.read().broken is None
    assert "written anew" in differences(log.read(), noted)


def test_a_damaged_last_entry_stays_to_be_seen_when_others_follow(log: AuditLog) -> None:
    whole = fill(log, 3)
    path_of(log).write_bytes(whole[:-20] + b"#" + whole[-19:])
    fill(log, 2)
    found = log.read()
    assert found.broken is not None
    assert (found.broken.line, len(found.entries)) == (3, 2)


class DiedError(Exception):
    """The process is no more."""


class DyingFileSystem(OsFileSystem):
    """A process that dies when it has written so many bytes of a line."""

    def __init__(self, after: int) -> None:
        self.after = after

    def writev(self, fd: int, pieces: Sequence[Data]) -> int:
        OsFileSystem.writev(fd, [b"".join(pieces)[: self.after]])
        raise DiedError


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(0, 260), min_size=1, max_size=3))
def test_wherever_crashes_cut_the_last_line_the_chain_goes_on(tmp_path: Path, cuts: list[int]) -> None:
    root = tmp_path / str(len(list(tmp_path.iterdir())))
    prepare_root(FS, str(root))
    log = AuditLog(FS, str(root))
    fill(log, 1)
    for cut in cuts:
        with pytest.raises(DiedError):
            AuditLog(DyingFileSystem(cut), str(root)).append({"action": "hold", "who": "ana", "why": "x"})
        found = log.read()
        assert found.broken is None
        assert not differences(found, log.noted_head())
    whole = len(log.read().entries)
    fill(log, 2)
    found = log.read()
    assert found.broken is None
    assert len(found.entries) == whole + 2
    assert [entry.number for entry in found.entries] == list(range(1, whole + 3))


def test_an_entry_longer_than_one_look_at_the_end(log: AuditLog) -> None:
    fill(log, 1)
    log.append({"action": "discard", "objects": ["x" * 100] * 5000})
    fill(log, 1)
    assert [entry.number for entry in log.read().entries] == [1, 2, 3]


def test_several_writers_make_one_chain(log: AuditLog) -> None:
    threads = [threading.Thread(target=fill, args=(AuditLog(FS, log.root), 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = log.read()
    assert (found.broken, len(found.entries)) == (None, 40)


class FullDisk(OsFileSystem):
    """No room as long as the ballast is there."""

    def writev(self, fd, pieces):
        if self.exists(f"{self.root}/.ballast"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().writev(fd, pieces)


def test_on_a_full_disk_the_ballast_makes_room(log: AuditLog) -> None:
    lay_ballast(FS, log.root)
    full = FullDisk()
    full.root = log.root
    assert AuditLog(full, log.root).append({"action": "discard"}).number == 1
    with pytest.raises(FileNotFoundError):
        (Path(log.root) / ".ballast").stat()


def test_an_action_knows_its_end(log: AuditLog) -> None:
    log.append({"action": "hold"})
    log.append({"action": "release"})
    log.append({"of": 1, "objects": 3})
    pairs = [
        (begun.fields["action"], ended and ended.fields["objects"]) for begun, ended in outcomes(log.read().entries)
    ]
    assert pairs == [("hold", 3), ("release", None)]


def test_the_file_is_readable_with_any_program(log: AuditLog) -> None:
    fill(log, 1)
    (line,) = path_of(log).read_text().splitlines()
    assert json.loads(line).keys() == {"number", "at", "action", "who", "why", "previous", "hash"}
