"""Targets that misbehave in every way, and then are well: everything is there, unchanged, and nothing is parked."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from dicomrs_scu.backoff import TARGET_LIMIT
from support import bad_target as bad
from support.bad_target import BadTarget, Script, accepting, rejecting, with_other_syntaxes
from support.objects import IMPLICIT, Instance, image, instance, series, write_files
from support.peers import Storescp
from support.polling import eventually
from support.proof import LONG, trials
from support.router import SERVICES, Router, destination, route
from support.sender import others_flowing, send_all, storescu
from support.spool_view import DAMAGED, QUARANTINE
from support.volumes import Loss, network_namespace

only_long = pytest.mark.skipif(not LONG, reason="takes minutes: DICOMRS_LONG=1 runs it")

BAD_SECONDS = trials(3, 240)
"""In the campaign long enough for every time-out of the router's own: 120 s for an answer."""
PAUSE = 1.5  # seconds between the objects of the scanner that goes on: associations are released meanwhile
RECOVERY = TARGET_LIMIT + trials(30, 270)
"""An object whose context was refused for minutes waits for a time of its own: up to a quarter of `park.over`."""
MEMORY = 64  # MB that a service may grow by
REJECTS = "rejects associations: every result, source and reason of PS3.8, and undefined ones"
LAZY, FLAPPING = "never answers a release", "flaps: a second there, a second gone"

REJECTIONS = [  # PS3.8 table 9-21
    (result, source, reason)
    for result in (1, 2)
    for source, reasons in ((1, (1, 2, 3, 7)), (2, (1, 2)), (3, (1, 2)))
    for reason in reasons
] + [(0, 0, 0), (9, 9, 9)]
SCRIPTS: dict[str, list[Script]] = {
    # Two by two, because a route has 32 destinations at most.
    REJECTS: [rejecting(*pair) for pair in zip(REJECTIONS[::2], REJECTIONS[1::2], strict=True)],
    "aborts when it is asked for an association": [bad.abort_unheard],
    "aborts before the dataset": [accepting(bad.abort_at_the_command)],
    "aborts in the dataset": [accepting(bad.abort_in_the_dataset)],
    "aborts after the dataset": [accepting(bad.abort_after_the_dataset)],
    "never answers the request for an association": [bad.never_accept],
    "never answers an object": [accepting(bad.never_answer)],
    "stops to read in the middle of an object": [accepting(bad.never_read)],
    "answers with success for another message": [accepting(bad.answer_for_another)],
    "answers a C-STORE as if it were a C-ECHO": [accepting(bad.answer_with_an_echo)],
    "answers every object twice": [accepting(bad.answer_twice)],
    "answers with half a command set": [accepting(bad.answer_with_half_a_command)],
    "answers with noise": [accepting(bad.answer_with_noise)],
    "closes the connection after each answer, without release": [accepting(bad.take_and_close)],
    "closes the connection before its answer": [accepting(bad.close_before_the_answer)],
    "resets the connection in the dataset": [accepting(bad.reset_in_the_dataset)],
    LAZY: [bad.well],
    "accepts another transfer syntax than was proposed": [with_other_syntaxes(IMPLICIT, 0)],
    "accepts none of the transfer syntaxes": [with_other_syntaxes(IMPLICIT, 4)],
    FLAPPING: [bad.well],
}
SILENT = [name for name in SCRIPTS if "never" in name or "stops" in name]


@contextmanager
def flapping(target: BadTarget) -> Iterator[None]:
    """It comes and goes until the block is left; then it is there."""
    over = threading.Event()

    def flap() -> None:
        while not over.wait(1):
            target.vanish()
            over.wait(1)
            target.listen()

    thread = threading.Thread(target=flap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def targets() -> Iterator[dict[str, list[BadTarget]]]:
    """All of them, bad from the first moment."""
    made = {name: [BadTarget(script, receive_buffer=4096) for script in scripts] for name, scripts in SCRIPTS.items()}
    (lazy,) = made[LAZY]
    lazy.releases = bad.ignore
    yield made
    for target in every(made):
        target.recover()
        target.vanish()


def every(targets: dict[str, list[BadTarget]]) -> list[BadTarget]:
    return [target for group in targets.values() for target in group]


def missing(target: BadTarget, objects: list[Instance]) -> set[str]:
    """Objects that it has not taken, or not as they were."""
    found: dict[str, set[tuple[str, str, str, bytes]]] = {}
    for one in list(target.taken):
        found.setdefault(one.uid, set()).add(one.identity)
    return {one.uid for one in objects if found.get(one.uid) != {one.identity}}


def test_targets_that_misbehave_get_everything_once_they_are_well(tmp_path, make_router, tap, targets, proof):
    """All at once, beside one that is well and a scanner that goes on."""
    named = {f"t{number}": target for number, target in enumerate(every(targets))}
    to = [destination(name, target.port) for name, target in named.items()]
    router = make_router(route(tmp_path / "root", destination("tap", tap.port), *to))
    spool = router.spool()
    objects = [instance(image(rows=1024)), *series(9)]
    before = memory(router)
    with ExitStack() as rows:
        table = {name: rows.enter_context(proof.row("targets", name)) for name in targets}
        with ExitStack() as misbehaving:
            flow = misbehaving.enter_context(others_flowing(router.port(), PAUSE))
            misbehaving.enter_context(flapping(targets[FLAPPING][0]))
            began = time.monotonic()
            send_all(router.port(), objects)
            tap.wait_stored(len(objects))
            arrived = time.monotonic() - began
            eventually(lambda: time.monotonic() - began > BAD_SECONDS, "time passes", BAD_SECONDS + 10)
            eventually(lambda: not idle(targets), "each has been bad")
            assert len(tap.stored) > len(objects), "the one that is well is served beside them"
            objects += flow
            played = {name: sum(target.played for target in group) for name, group in targets.items()}
        objects = list({one.uid: one for one in [*objects, *flow]}.values())
        for target in every(targets):
            target.recover()
        spool.wait_empty(within=RECOVERY)
        for name, group in targets.items():
            row = table[name]
            row.trials, row.acknowledged = played[name], len(objects) * len(group)
            row.losses = sum(len(missing(target, objects)) for target in group)
        grown = {service: after - before[service] for service, after in memory(router).items()}
        first = next(iter(table.values()))
        first.note = f"a healthy target beside them had all in {arrived:.1f} s; memory " + ", ".join(
            f"{service} {mb:+.0f} MB" for service, mb in grown.items()
        )
    assert sum(row.losses for row in table.values()) == 0
    assert {one.uid: one.identity for one in tap.stored} == {one.uid: one.identity for one in objects}
    assert not [fault for target in every(targets) for fault in target.faults]
    assert not spool.receipts(kind="parked")
    assert not spool.kept_aside(QUARANTINE)
    assert not spool.kept_aside(DAMAGED)
    for name in named:
        assert {event["uid"] for event in spool.receipts(kind="delivered", destination=name)} == {
            one.uid for one in objects
        }
    assert max(grown.values()) < MEMORY


def idle(targets: dict[str, list[BadTarget]]) -> list[str]:
    """Those that have not had their chance yet; in the campaign, the silent ones a second one, after a time-out."""
    enough = {name: trials(1, 2) for name in SILENT} | {LAZY: 2, FLAPPING: 2, REJECTS: 2}
    return [name for name, group in targets.items() for one in group if one.played < enough.get(name, 1)]


def memory(router: Router) -> dict[str, float]:
    """MB that each service has."""
    return {service: router.memory(service) for service in router.children}


def test_a_target_that_accepts_no_context_is_not_asked_by_every_object(tmp_path, make_router, proof):
    """Some hundred objects that wait ask together, now and then."""
    target = BadTarget(with_other_syntaxes(IMPLICIT, 4))
    router = make_router(route(tmp_path / "root", destination("target", target.port)))
    objects = series(300, rows=8)
    with proof.row("targets", "accepts none of the transfer syntaxes of 300 objects") as row:
        send_all(router.port(), objects)
        eventually(
            lambda: router.spool().status("scu")["destinations"]["target"]["refused"] == len(objects),
            "each has had a try",
        )
        eventually(lambda: target.played > trials(0, 3), "it is asked again")
        asked = target.played
        assert asked < 20
        target.recover()
        router.spool().wait_empty(within=RECOVERY)
        row.trials, row.acknowledged, row.losses = asked, len(objects), len(missing(target, objects))
        row.note = f"{asked} associations while it was bad"
        assert row.losses == 0
    target.vanish()
    assert not router.spool().receipts(kind="parked")


@pytest.fixture
def namespace(tmp_path) -> Iterator[list[str]]:
    """A network for the router and its target alone."""
    with network_namespace(tmp_path / "namespace.log") as enter:
        yield enter


@pytest.fixture
def storescp(tmp_path, namespace) -> Iterator[Storescp]:
    """DCMTK's, in there."""
    made = Storescp(tmp_path / "target", wrap=namespace)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.peer("unshare", "nft", "storescp", "storescu")
@pytest.mark.parametrize(
    ("moment", "noticed"),
    [
        ("before it is called", "does not answer within"),
        ("for a while, in the middle of objects", ""),
        pytest.param("for good, in the middle of objects", "within", marks=only_long),
        pytest.param("in the middle of objects, and comes back restarted", "", marks=only_long),
    ],
)
def test_a_target_that_vanishes_without_a_word_gets_everything(
    moment, noticed, tmp_path, make_router, namespace, storescp, proof
):
    """Its packets are dropped in silence: there is nothing to notice but that nothing comes."""
    loss = Loss(namespace, storescp.port)
    router = make_router(route(tmp_path / "root", destination("target", storescp.port)), start=False)
    router.wrap = namespace
    spool = router.spool()
    for service in SERVICES:
        router.launch(service)
    eventually(lambda: spool.status("scp").get("listening") and spool.status("scu"), "both serve")
    objects = series(100, rows=256)
    write_files(tmp_path / "scan", objects)
    with proof.row("targets", f"vanishes by silent packet loss {moment}") as row, ThreadPoolExecutor(1) as pool:
        if moment.startswith("before"):
            loss.cut()
        sending = pool.submit(storescu, router.port(), tmp_path / "scan", wrap=namespace)
        if not moment.startswith("before"):
            eventually(lambda: len(storescp.files()) > 5, "some have arrived")
            loss.cut()
        lost = time.monotonic()
        assert sending.result().returncode == 0, "the scanner notices nothing"
        if noticed:
            why = eventually(lambda: failure(router, noticed), "the router notices", 200)
            row.note = f"noticed after {time.monotonic() - lost:.0f} s: {why.partition(': ')[0]}"
        eventually(lambda: time.monotonic() - lost > 3, "packets are lost for 3 s")
        assert spool.waiting(), "what was not confirmed has not left"
        if "restarted" in moment:
            storescp.kill()  # its last packets are lost, too
        loss.mend()
        if "restarted" in moment:
            storescp.start()
        spool.wait_empty(within=RECOVERY)
        kept = {path.name.split(".", 1)[1]: path.read_bytes() for path in storescp.files()}
        row.trials, row.acknowledged = 1, len(objects)
        row.losses = sum(not kept.get(one.uid, b"").endswith(one.dataset) for one in objects)
        assert row.losses == 0
    assert not spool.receipts(kind="parked")
    assert {event["uid"] for event in spool.receipts(kind="delivered")} == {one.uid for one in objects}


def failure(router: Router, words: str) -> str:
    """The first failure that the sending service has logged with these words."""
    lines = router.events("scu", "destination failed")
    return next((line["reason"] for line in lines if words in line["reason"]), "")
