"""The volume of the log files is full, or takes no writes: receiving and sending go on, and the files catch up."""

import os
import shutil
import time

import pytest

from dicomrs.log_files import Wanted, chronicle
from dicomrs.log_writer import LEFT_FREE, LogWriter
from dicomrs.spool.space import BALLAST_SIZE
from support.objects import series
from support.polling import eventually, hold
from support.router import destination, route
from support.sender import send_all
from support.volumes import ext4_volume, fill, small_volume, standstill


def logging_router(make_router, tmp_path, tap, volume):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)), start=False)
    router.options = ["--log-folder", str(volume / ".status" / "logs")]
    router.start()
    return router


def associations(volume):
    """What the files say of associations, whatever service wrote it."""
    lines = chronicle(str(volume / ".status" / "logs"), Wanted(services=("scp",)))
    return [line.fields["kept"] for line in lines if line.event == "association"]


@pytest.mark.peer("mount")
def test_a_full_volume_of_logs_keeps_nothing_from_being_received(tmp_path, make_router, tap):
    with small_volume(tmp_path / "logs", 64) as volume:
        router = logging_router(make_router, tmp_path, tap, volume)
        send_all(router.port(), series(2))
        eventually(lambda: associations(volume) == [2], "the first association is in the file")
        filler = fill(volume)
        for number in range(60):
            send_all(router.port(), series(3), calling=f"SCANNER{number}")
        tap.wait_stored(182)
        assert len(associations(volume)) < 61
        filler.unlink()
        eventually(lambda: associations(volume) == [2, *[3] * 60], "every line is there, none twice")
        router.close()


@pytest.mark.peer("mount")
def test_log_lines_do_not_take_the_room_that_the_ballast_gives_back_for_receipts(tmp_path):
    with small_volume(tmp_path / "root", 64) as volume:
        filler = fill(volume)
        writer = LogWriter(str(volume / ".status" / "logs"), "scp")
        for _ in range(30):
            writer.put("x" * 100_000)
        os.truncate(filler, filler.stat().st_size - BALLAST_SIZE)
        hold(lambda: shutil.disk_usage(volume).free >= BALLAST_SIZE, "it is left free", 1)
        os.truncate(filler, filler.stat().st_size - LEFT_FREE)
        eventually(lambda: shutil.disk_usage(volume).free < LEFT_FREE + BALLAST_SIZE - 2_000_000, "they are written")
        writer.close()


@pytest.mark.peer("mount", "mkfs.ext4", "fsfreeze")
def test_a_volume_of_logs_that_stands_still_costs_receiving_no_time(tmp_path, make_router, tap):
    with ext4_volume(tmp_path / "logs", 64) as volume:
        router = logging_router(make_router, tmp_path, tap, volume)
        send_all(router.port(), series(2))
        eventually(lambda: associations(volume) == [2], "the first association is in the file")
        with standstill(volume):
            began = time.monotonic()
            for _ in range(10):
                send_all(router.port(), series(3))
            tap.wait_stored(32)
            assert time.monotonic() - began < 30
            assert associations(volume) == [2]
            eventually(lambda: router.spool().status("scp")["sinceStart"]["kept"] == 32, "and it still says so")
        eventually(lambda: associations(volume) == [2, *[3] * 10], "every line is there")
        router.close()
