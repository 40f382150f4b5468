"""The sending service dies while it does what a person wants: nothing is lost, nothing is done twice unasked, and the
record says how far it came. (Every single step is interrupted in tests/spool.)"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dicomrs.audit import AuditLog, outcomes
from dicomrs.spool import control
from dicomrs.spool.fs import OsFileSystem
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.polling import eventually
from support.router import destination, route
from support.spool_view import QUARANTINE

FS = OsFileSystem()
ANA = {"who": "ana", "why": "the check is mended"}


def test_a_release_from_quarantine_survives_the_death_of_the_service(tmp_path, make_router, tap):
    root = tmp_path / "root"
    good, bad = series(80), instance(image(without=("PixelData",)))
    spool = FilledSpool(root)
    spool.quarantine(*good)
    spool.receive(bad)
    router = make_router(route(root, destination("tap", tap.port)))
    left = lambda: len(list(root.glob(f"{QUARANTINE}/*/*.dcm")))  # noqa: E731 (asked again and again)
    answers = []
    with ThreadPoolExecutor(1) as persons:
        for until in (70, 20):
            asked = persons.submit(control.ask, FS, str(root), control.Release(**ANA), 60.0)
            eventually(lambda n=until, one=asked: left() <= n or one.done(), f"{until} are left in quarantine")
            router.kill("scu")
            router.start("scu")
            answers.append(asked.result(60))
        answers.append(persons.submit(control.ask, FS, str(root), control.Release(**ANA), 60.0).result(60))
    assert answers[-1].failed == ""
    router.spool().wait_empty()
    assert [path.stem for path in root.glob(f"{QUARANTINE}/*/*.dcm")] == [bad.uid]
    assert {one.identity for one in tap.stored} == {one.identity for one in good}

    found = AuditLog(FS, str(root)).read()
    assert found.broken is None
    cut_off = [begun.number for begun, ended in outcomes(found.entries) if ended is None]
    failed = [answer.failed for answer in answers if answer.failed]
    assert 0 < len(cut_off) <= len(failed)  # one may have died between the end of its work and its answer
    assert all("ended meanwhile" in one for one in failed)
    released = router.spool().receipts(kind="released", destination="")
    assert {one["uid"] for one in released} == {one.uid for one in good}


def test_a_discard_survives_the_death_of_the_service(tmp_path, make_router, tap):
    root = tmp_path / "root"
    tap.stop()
    objects = series(60)
    spool = FilledSpool(root)
    (folder,) = {arrival.folder for arrival in spool.receive(*objects)}
    router = make_router(route(root, destination("tap", tap.port)))
    ask = partial(control.ask, FS, str(root), seconds=60.0)
    eventually(lambda: router.spool().status("scu")["destinations"]["tap"]["waiting"] == 60, "all wait")
    assert ask(control.Hold(**ANA, folder=folder)).objects == 60
    wish = control.Discard(**ANA, folder=folder, what=(control.What.HELD,))
    with ThreadPoolExecutor(1) as persons:
        asked = persons.submit(ask, wish)
        eventually(lambda: len(router.spool().waiting()) <= 40, "some are discarded")
        router.kill("scu")
        left = {path.stem for path in router.spool().waiting()}
        router.start("scu")
        tap.start()
        asked.result(60)
    assert ask(control.Release(**ANA, folder=folder)).failed == ""
    router.spool().wait_empty()
    discarded = {one["uid"] for one in router.spool().receipts(kind="discarded")}
    delivered = {one.uid for one in tap.stored}
    assert delivered | discarded == {one.uid for one in objects}
    assert not delivered & discarded
    assert delivered <= left
    begun = AuditLog(FS, str(root)).read().entries[2]
    assert {one["instance"] for one in begun.fields["objects"]} == {one.uid for one in objects}
