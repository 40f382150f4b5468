"""Log files: written behind a service's back, whatever their volume does, and read back newest first."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dicomrs import log_writer
from dicomrs.log_files import FILES, LARGEST, Wanted, chronicle, log_path, newest, signature
from dicomrs.log_writer import LogWriter
from support.polling import eventually

BEGAN = datetime(2026, 11, 28, 10, 0).astimezone()


def line(second: float, service: str = "scp", event: str = "association", level: str = "info", **fields: object) -> str:
    at = (BEGAN + timedelta(seconds=second)).isoformat()
    return json.dumps({"service": service, "event": event, **fields, "level": level, "timestamp": at})


def write(folder: Path, service: str, *lines: str, number: int = 0) -> None:
    with open(log_path(str(folder), service, number), "a", encoding="utf-8") as file:
        file.writelines(f"{one}\n" for one in lines)


def seconds(folder: Path, **wanted: object) -> list[float]:
    found = newest(str(folder), Wanted(**wanted), 1000)
    return [(one.at - BEGAN).total_seconds() for one in found.lines]


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "root" / ".status" / "logs"
    writers = []

    class Logs:
        path = folder
        root = tmp_path / "root"

        def writer(self, service: str = "scp") -> LogWriter:
            writers.append(LogWriter(str(folder), service))
            return writers[-1]

    yield Logs()
    for writer in writers:
        writer.close()


def test_lines_of_all_services_come_in_the_order_of_time(tmp_path):
    write(tmp_path, "scp", line(1), line(4), number=1)
    write(tmp_path, "scp", line(5), line(7))
    write(tmp_path, "scu", line(2, "scu"), line(6, "scu"))
    assert seconds(tmp_path) == [7, 6, 5, 4, 2, 1]
    assert seconds(tmp_path, services=("scu",)) == [6, 2]
    assert [one.at for one in chronicle(str(tmp_path), Wanted())] == [
        BEGAN + timedelta(seconds=n) for n in (1, 2, 4, 5, 6, 7)
    ]


def test_lines_are_found_by_level_peer_and_text(tmp_path):
    write(
        tmp_path,
        "scp",
        line(1, calling="CT1", address="10.0.0.1"),
        line(2, level="warning", event="association rejected", calling="CT2", address="10.0.0.1"),
        line(3, level="error", event="not receiving", reason="Der Datenträger ist voll"),
    )
    write(tmp_path, "scu", line(4, "scu", event="delivered", destination="zero-click", host="10.0.0.9"))
    assert seconds(tmp_path, level="warning") == [3, 2]
    assert seconds(tmp_path, calling="CT1") == [1]
    assert seconds(tmp_path, address="10.0.0.1") == [2, 1]
    assert seconds(tmp_path, address="10.0.0.9") == [4]
    assert seconds(tmp_path, text="DATENTRÄGER") == [3]
    assert seconds(tmp_path, text="rejected", level="error") == []


def test_older_lines_are_looked_for_from_where_a_look_left_off(tmp_path):
    for number, start in ((2, 0), (1, 3000), (0, 6000)):
        write(tmp_path, "scp", *(line(second, word="x" * 100) for second in range(start, start + 3000)), number=number)
    found, until, looks = [], None, 0
    while looks == 0 or until is not None:
        page = newest(str(tmp_path), Wanted(), 500, until)
        found += [(one.at - BEGAN).total_seconds() for one in page.lines]
        until, looks = page.until, looks + 1
    assert (found, looks) == (list(reversed(range(9000))), 18)


def test_a_look_that_finds_little_ends_and_says_how_far_it_came(tmp_path):
    write(tmp_path, "scp", line(0, calling="RARE"), *(line(second, calling="CT") for second in range(1, 2000)))
    page = newest(str(tmp_path), Wanted(calling="RARE"), 10, budget=50_000)
    assert page.lines == ()
    assert page.until is not None
    assert newest(str(tmp_path), Wanted(calling="RARE"), 10, page.until).lines[0].fields["calling"] == "RARE"


def test_what_is_no_line_of_ours_is_passed_over(tmp_path):
    torn = line(2)[:40]
    strange = ["", "null", "[]", "[" * 5000, '{"timestamp": 1}', line(3, level=None), "\x00\xff", "x" * 300_000]
    write(tmp_path, "scp", line(1), torn, *strange, line(9))
    assert seconds(tmp_path) == [9, 1]
    assert [one.at.second for one in chronicle(str(tmp_path), Wanted())] == [1, 9]


def test_without_files_there_are_no_lines(tmp_path):
    assert newest(str(tmp_path / "none"), Wanted(), 10).lines == ()
    assert signature(str(tmp_path / "none")) == ()


def test_files_are_bounded_and_the_oldest_lines_go(logs):
    writer = logs.writer()
    logs.root.mkdir()
    one = line(0, word="x" * 20_000)
    for _ in range(6):
        for _ in range(100):
            writer.put(one)
        eventually(lambda: not writer._bytes, "they are written")
    writer.put(line(99))
    before = signature(str(logs.path))
    eventually(lambda: seconds(logs.path)[0] == 99, "the last is there")
    assert signature(str(logs.path)) != before
    sizes = [os.path.getsize(path) for path in logs.path.iterdir()]
    assert len(sizes) == FILES
    assert max(sizes) <= LARGEST


def test_a_program_that_ends_has_its_last_lines_in_the_file(tmp_path):
    (tmp_path / ".status").mkdir()
    folder = tmp_path / ".status" / "logs"
    program = (
        f"from dicomrs import log; log.configure('scp', {str(folder)!r}); log.get_logger().info('stopped', calling='é')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    written = (folder / "scp.jsonl").read_text()
    assert written == done.stderr
    (found,) = newest(str(folder), Wanted(), 10).lines
    assert (found.event, found.fields) == ("stopped", {"calling": "é"})


def test_a_root_that_comes_later_gets_the_lines_that_waited_for_it(logs):
    writer = logs.writer()
    writer.put(line(1))
    time.sleep(0.5)
    logs.root.mkdir()
    eventually(lambda: seconds(logs.path) == [1], "the line is there")


def test_files_that_a_person_removes_are_begun_anew(logs):
    writer = logs.writer()
    logs.root.mkdir()
    writer.put(line(1))
    eventually(lambda: seconds(logs.path) == [1], "the line is there")
    (logs.path / "scp.jsonl").unlink()
    logs.path.rmdir()
    writer.put(line(2))
    eventually(lambda: seconds(logs.path) == [2], "the next one is there")


def test_two_processes_of_one_service_share_its_files(logs):
    logs.root.mkdir()
    one, other = logs.writer(), logs.writer()
    word = "x" * 10_000
    for second in range(0, 600, 2):
        one.put(line(second, word=word))
        other.put(line(second + 1, word=word))
    written = lambda: sorted((one.at - BEGAN).total_seconds() for one in chronicle(str(logs.path), Wanted()))  # noqa: E731
    eventually(lambda: written() == list(range(600)), "all lines are there, in whichever file")


def test_a_volume_that_hangs_costs_nobody_time_and_the_gap_is_told(logs):
    """A FIFO that nobody reads: the writer's thread stays in open(2), as on a network volume that has gone."""
    logs.path.mkdir(parents=True)
    fifo = logs.path / "scp.jsonl"
    os.mkfifo(fifo)
    writer = logs.writer()
    text = line(0, word="x" * 1000)
    began = time.perf_counter()
    for _ in range(20_000):
        writer.put(text)
    assert time.perf_counter() - began < 2.0
    waiting = writer._bytes
    assert waiting <= log_writer._WAITING_LIMIT

    read = bytearray()

    def drain() -> None:
        with open(fifo, "rb", buffering=0) as file:
            while data := file.read(65536):
                read.extend(data)

    def told() -> int:
        """Lines that came, and those that are said to be lost."""
        lines = [json.loads(one) for one in read.rpartition(b"\n")[0].splitlines()]
        lost = [one["lines"] for one in lines if one["event"] == "log lines lost"]
        assert lost or len(lines) < 20_000
        return len(lines) - len(lost) + sum(lost)

    threading.Thread(target=drain, daemon=True).start()
    eventually(lambda: told() == 20_000, "every line came, or is said to be lost", 20)
