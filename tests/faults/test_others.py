"""What the same faults do to others, by the same means: as measured, whatever it is. The router must lose nothing."""

import time
from contextlib import suppress
from random import Random

import pytest

from support.load import Scanners
from support.objects import series
from support.peers import Orthanc, version
from support.polling import eventually
from support.power import FILE_SYSTEMS, PROGRAMS, shelf
from support.power_campaign import cut_power
from support.proof import LONG, trials
from support.sender import send_all
from support.subjects import Dicomrs, OrthancSubject, StorescpSubject
from support.volumes import enlarge, small_volume

pytestmark = pytest.mark.peer("storescp", "Orthanc")

MOUNTS = {"defaults": "", "sync": ", the file system mounted with -o sync"}
# https://orthanc.uclouvain.be/book/users/lua.html, and the same without deleting anything
AUTO_ROUTING = {
    "Delete(SendToModality())": "Delete(SendToModality(instanceId, 'sample'))",
    "SendToModality()": "SendToModality(instanceId, 'sample')",
}
PATIENCE_WITH_ORTHANC = 60  # seconds


@pytest.fixture(params=["dicomrs", "storescp", "Orthanc"])
def subject(request, tmp_path, tap):
    """Each of them, started by the test on a folder, and ended."""
    makers = {
        "dicomrs": lambda: Dicomrs(tmp_path, tap, reserve="16Mi"),
        "storescp": lambda: StorescpSubject(tmp_path),
        "Orthanc": lambda: OrthancSubject(tmp_path),
    }
    made = makers[request.param]()
    yield made
    made.close()


def keep_account(row, scanners, verdict):
    row.trials += 1
    row.acknowledged += len(scanners.acknowledged)
    row.losses += len(verdict.lost)


def assert_ours_is_clean(subject, row, verdicts):
    assert row.acknowledged
    if isinstance(subject, Dicomrs):
        assert not [verdict for verdict in verdicts if verdict.lost or verdict.wrong]


@pytest.mark.parametrize("other", [StorescpSubject, OrthancSubject])
def test_without_a_fault_the_others_have_what_they_acknowledged(other, tmp_path):
    """So that what is counted below is the fault's doing."""
    objects = [*series(20), *series(3, rows=512)]
    subject = other(tmp_path)
    try:
        send_all(subject.start(tmp_path), objects)
    finally:
        subject.close()
    assert not subject.judge(tmp_path, objects, set()).lost


@pytest.mark.peer(*PROGRAMS)
@pytest.mark.parametrize("kind", FILE_SYSTEMS if LONG else ["ext4"])
@pytest.mark.parametrize("options", MOUNTS if LONG else ["defaults"])
@pytest.mark.parametrize("other", [StorescpSubject, OrthancSubject])
def test_a_power_cut(other, options, kind, tmp_path, proof):
    """Each object once: what the others do with a second one under the same UID is their choice."""
    victim = other(tmp_path)
    whom = victim.name + MOUNTS[options]
    with shelf(tmp_path) as on, proof.row("power", f"power cut on {kind}, under load", whom) as row:
        verdicts = cut_power(victim, on, kind, trials(1, 25), row, options)
        if row.losses:
            row.note += f"; {victim.remark}"
        if unknown := sum(verdict.unknown for verdict in verdicts):
            row.note += f"; {unknown:,} of the lost lie on the disk, as files that its index does not know"
    assert row.acknowledged


def test_sigkill_under_load(subject, tmp_path, proof):
    luck = Random(f"kill {subject.name}")
    verdicts = []
    with proof.row("kills", "SIGKILL of all its processes under load", subject.name) as row:
        for number in range(trials(1, 25)):
            folder = tmp_path / f"kill-{number}"
            folder.mkdir()
            with Scanners(subject.start(folder), luck).at_work() as scanners:
                eventually(lambda s=scanners: s.acknowledged, "the first is acknowledged")
                time.sleep(luck.uniform(0, 1))  # the moment is luck's
                subject.kill()
            delivered = subject.delivered()
            owed = [one for one in scanners.acknowledged if one.identity not in delivered]
            verdicts.append(subject.judge(folder, owed, scanners.attempted))
            keep_account(row, scanners, verdicts[-1])
    assert_ours_is_clean(subject, row, verdicts)


@pytest.mark.peer("mount")
def test_a_full_disk(subject, tmp_path, tap, proof):
    """The target is away. When all is over the disk is given more room, so that each can be asked what it has."""
    tap.stop()
    luck = Random(f"full {subject.name}")
    with (
        small_volume(tmp_path / "volume", 64) as volume,
        proof.row("disk", "a disk of 64 MB runs full", subject.name) as row,
    ):
        with Scanners(subject.start(volume), luck, slices=[512], pause=0).at_work() as scanners:
            eventually(lambda: scanners.refused.total() + scanners.cut_off >= 20, "it takes no more")
        subject.close()
        enlarge(volume, 256)
        verdict = subject.judge(volume, scanners.acknowledged, scanners.attempted)
        keep_account(row, scanners, verdict)
        statuses = ", ".join(f"{status:04X}" for status in sorted(scanners.refused)) or "none"
        row.note = f"statuses answered: {statuses}; associations rejected or aborted: {scanners.cut_off}"
    assert_ours_is_clean(subject, row, [verdict])


AWAY = "the target is away, the forwarder is restarted, the target comes back"


def test_the_target_is_away(tmp_path, tap, proof):
    tap.stop()
    subject = Dicomrs(tmp_path, tap)
    objects = series(10)
    with proof.row("targets", AWAY) as row:
        try:
            send_all(subject.start(tmp_path), objects)
        finally:
            subject.close()
        verdict = subject.judge(tmp_path, objects, {one.identity for one in objects})
        row.trials, row.acknowledged, row.losses = 1, len(objects), len(verdict.lost)
    assert_ours_is_clean(subject, row, [verdict])


@pytest.mark.skipif(not LONG, reason="a row of the comparison that takes a minute: make campaign")
@pytest.mark.parametrize("script", AUTO_ROUTING)
def test_the_target_of_an_orthanc_with_a_script_is_away(script, tmp_path, tap, proof):
    """The Orthanc Book's auto-routing; what has not arrived a while after the target's return is stuck, or gone."""
    lua = tmp_path / "route.lua"
    lua.write_text(f"function OnStoredInstance(instanceId, tags, metadata)\n  {AUTO_ROUTING[script]}\nend\n")
    orthanc = Orthanc(tmp_path / "orthanc", {"sample": ("TAP", tap.port)}, LuaScripts=[str(lua)])
    objects = series(10)
    with proof.row("targets", AWAY, f"Orthanc {version('Orthanc')} with {script}") as row:
        try:
            orthanc.start()
            send_all(orthanc.port, series(1))
            tap.wait_stored(1)  # the script works
            eventually(lambda: _jobs_over(orthanc), "the job has ended")
            before = _jobs_over(orthanc)
            tap.stop()
            tap.stored.clear()
            send_all(orthanc.port, objects)
            eventually(lambda: _jobs_over(orthanc) > before, "the jobs of these have ended too")
            orthanc.close()
            tap.start()
            orthanc.start()
            with suppress(AssertionError):
                tap.wait_stored(len(objects), PATIENCE_WITH_ORTHANC)
            held = {one.uid for one in objects} & orthanc.uids()
        finally:
            orthanc.close()
        row.trials, row.acknowledged = 1, len(objects)
        row.losses = len({one.uid for one in objects} - tap.by_uid().keys())
        row.note = f"{PATIENCE_WITH_ORTHANC} s after the target's return; {len(held)} of them are still in Orthanc"
    assert row.acknowledged


def _jobs_over(orthanc):
    """How many there were; none while one goes on."""
    states = [job["State"] for job in orthanc.rest("/jobs?expand")]
    return len(states) if set(states) <= {"Success", "Failure"} else 0
