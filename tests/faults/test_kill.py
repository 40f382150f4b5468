"""kill -9 of scp, of scu, of both, under load: whatever was acknowledged arrives, bit for bit."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from support.objects import series
from support.polling import eventually
from support.proof import Row, trials
from support.router import Router, destination, route
from support.sender import StubbornScanner
from support.spool_view import DAMAGED, QUARANTINE

OBJECTS = 500
SCANNERS = 8
KILLS = trials(4, 250)  # of one router
ROUTERS = trials(1, 8)
VICTIMS = (("scp",), ("scu",), ("scp", "scu"))


@pytest.mark.parametrize("victims", VICTIMS, ids="+".join)
def test_what_was_acknowledged_arrives_when_services_are_killed(victims, tmp_path, make_router, tap, proof):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    spool = router.spool()
    scanner = StubbornScanner(router.port(), series(OBJECTS))
    with proof.row("kills", f"{' and '.join(victims)}, twice, in the middle of a series") as row:
        thread = threading.Thread(target=scanner.run)
        thread.start()
        try:
            for part in (5, 2):  # after a fifth, and once half is there
                eventually(lambda p=part: len(tap.stored) >= OBJECTS // p, "objects are on their way")
                router.kill(*victims)
                router.start(*victims)
                row.trials += 1
        finally:
            thread.join(120)
        assert not thread.is_alive()
        row.acknowledged = len(scanner.acknowledged)
        assert row.acknowledged == OBJECTS
        spool.wait_empty()
        lost = tap.lost(scanner.instances)
        row.losses = len(lost)
        assert not lost
    assert {event["uid"] for event in spool.receipts(kind="delivered")} == {one.uid for one in scanner.instances}
    assert not spool.kept_aside(QUARANTINE)
    assert not spool.kept_aside(DAMAGED)
    assert not spool.parts(), "what was cut off is swept away at the next start"
    if "scp" in victims:
        assert scanner.failures


def keep_sending(port: int, over: threading.Event) -> list[StubbornScanner]:
    """As a scanner at work: series after series, each over an association of its own."""
    done = []
    while not over.is_set():
        done.append(StubbornScanner(port, series(5, rows=16)))
        done[-1].run()
        over.wait(0.3)
    return done


def kill_at_random(router: Router, random: Random, row: Row) -> list[StubbornScanner]:
    """While scanners send; what they have sent."""
    over = threading.Event()
    with ThreadPoolExecutor(SCANNERS) as pool:
        sending = [pool.submit(keep_sending, router.port(), over) for _ in range(SCANNERS)]
        try:
            for _ in range(KILLS):
                victims = random.choice(VICTIMS)
                time.sleep(random.uniform(0, 0.5))
                router.kill(*victims)
                router.start(*victims)
                row.trials += 1
        finally:
            over.set()
        return [scanner for one in sending for scanner in one.result(120)]


def test_services_are_killed_at_random_under_load(tmp_path, make_router, tap, proof):
    """The seed says when, and whom; what they do at those moments is another thing each time."""
    with proof.row("kills", f"scp, scu or both, at random, while {SCANNERS} scanners send") as row:
        for number in range(ROUTERS):
            router = make_router(route(tmp_path / f"root-{number}", destination("tap", tap.port)))
            spool = router.spool()
            scanners = kill_at_random(router, Random(number), row)
            row.acknowledged += sum(len(scanner.acknowledged) for scanner in scanners)
            spool.wait_empty(120)
            lost = tap.lost(one for scanner in scanners for one in scanner.instances)
            row.losses += len(lost)
            assert not lost
            assert {event["uid"] for event in spool.receipts(kind="delivered")} == set(tap.by_uid())
            assert not spool.kept_aside(QUARANTINE)
            assert not spool.kept_aside(DAMAGED)
            assert not spool.parts()
            assert sum(scanner.failures for scanner in scanners), "associations were cut off"
            router.close()
            tap.arrived.clear()
            tap.stored.clear()
