"""A radiotherapy clinic with made-up patients: everything that the dashboard can show is there to be seen.

Two routes: what comes over `hospital-a` is delivered to a planning system (DCMTK) and an archive (Orthanc), but for a
few objects; the planning system of `hospital-b` is away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.uid import generate_uid

from dicomrs.desk import Examine, ask_service
from dicomrs.doctor import read_runs
from dicomrs.spool.control import Hold, ask
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import study_key
from dicomrs_wire import dimse
from support.bad_target import BadTarget, Caller, accepting
from support.objects import Instance, image, instance, respelled
from support.peers import Orthanc, Storescp
from support.polling import eventually
from support.processes import free_port
from support.router import Router, destination, route
from support.sender import send_all
from support.site import Site


@dataclass(frozen=True)
class Patient:
    """And a study of theirs: so many images, from a scanner of this AE title."""

    name: str
    id: str
    modality: str
    images: int
    scanner: str
    description: str

    def study(self, **fields: Any) -> list[Instance]:
        """The same objects every time."""
        study, series = self._uid("study"), self._uid("series")
        return [self._object(number, study=study, series=series, **fields) for number in range(1, self.images + 1)]

    def _object(self, number: int, **fields: Any) -> Instance:
        made = image(
            uid=self._uid(f"image {number}"),
            number=number,
            patient_name=self.name,
            patient_id=self.id,
            modality=self.modality,
            station=self.scanner,
            **fields,
        )
        made.StudyDescription = self.description
        return instance(made)

    def _uid(self, what: str) -> str:
        return str(generate_uid(entropy_srcs=[self.id, self.description, what]))


DELIVERED = [
    Patient("ALMEIDA^TEREZA CRISTINA", "204418", "CT", 24, "CT_RT_1", "Planning CT, breast left"),
    Patient("BARBOSA^JOÃO BATISTA", "198830", "CT", 32, "CT_RT_1", "Planning CT, prostate"),
    Patient("BARBOSA^JOÃO BATISTA", "198830", "MR", 18, "MR_1", "MR pelvis"),
    Patient("CARVALHO^INÊS", "210077", "CT", 20, "CT_RT_1", "Planning CT, lung"),
    Patient("DUARTE^RUI^^DR.", "187145", "CT", 28, "CT_RT_2", "Planning CT, head and neck"),
    Patient("FERREIRA^ANA LÚCIA", "211302", "MR", 16, "MR_1", "MR brain with contrast"),
    Patient("GONÇALVES^PEDRO HENRIQUE", "209951", "CT", 22, "CT_RT_2", "Planning CT, rectum"),
    Patient("MACHADO^LÍVIA", "212640", "CT", 26, "CT_RT_1", "Planning CT, cervix"),
    Patient("OLIVEIRA^SEBASTIÃO", "175528", "CT", 12, "CT_RT_1", "Cone beam, fraction 3"),
]
WITHOUT_PIXELS = Patient("PEREIRA^JOSÉ CARLOS", "213004", "CT", 2, "CT_RT_2", "Planning CT, spine")
REFUSED = Patient("NOGUEIRA^HELENA", "208213", "MR", 4, "MR_2", "MR liver")
DAMAGED = Patient("SANTANA^MARCOS", "199172", "CT", 6, "CT_RT_1", "Planning CT, bladder")
HELD = Patient("TAVARES^BEATRIZ", "212988", "CT", 10, "CT_HOSP_B", "Planning CT, wrong patient selected?")
CONFLICTING = Patient("VIEIRA^ANTÔNIO", "207361", "CT", 8, "CT_HOSP_B", "Planning CT, stomach")
WAITING = Patient("XAVIER^CAMILA", "213110", "CT", 30, "CT_HOSP_B", "Planning CT, brain")


def _refuse(caller: Caller) -> None:
    """Objects for good: they are not what their class says (PS3.4 Table B.2-1). Otherwise it is well."""
    context_id, command = caller.begin()
    if command.field == dimse.C_ECHO_RQ:
        caller.reply(context_id, dimse.echo_response(command))
    else:
        caller.dataset()
        caller.reply(context_id, dimse.store_response(command, 0xA900))


class MadeUpClinic:
    """Needs the peers storescp and Orthanc. start, fill, close."""

    def __init__(self, folder: Path, make_router: Callable[..., Router]) -> None:
        """make_router: of routes."""
        self.planning = Storescp(folder / "planning")
        self.archive = Orthanc(folder / "archive")
        self.picky = BadTarget(accepting(_refuse))
        away = free_port()
        self.router = make_router(
            route(
                folder / "hospital-a",
                destination("zero-click", self.planning.port, match=[{"modalities": ["CT"]}]),
                destination("archive", self.archive.port),
                destination("mr-viewer", self.picky.port, match=[{"stations": [REFUSED.scanner]}]),
                name="hospital-a",
            ),
            route(
                folder / "hospital-b",
                destination("zero-click-b", away),
                name="hospital-b",
                storage={"onConflict": "Park"},
            ),
        )
        self.site = Site(self.router)

    def start(self) -> None:
        """Targets, services and dashboard."""
        self.planning.start()
        self.archive.start()
        self.site.start()

    def fill(self) -> None:
        """Let everything happen that is to be seen."""
        first, second = self.router.port(0), self.router.port(1)
        for patient in DELIVERED:
            send_all(first, patient.study(), patient.scanner)
        send_all(first, WITHOUT_PIXELS.study(without=("PixelData",)), WITHOUT_PIXELS.scanner)
        send_all(first, REFUSED.study(), REFUSED.scanner)
        self.router.spool(0).wait_receipts(REFUSED.images, kind="parked")
        self._damage()
        for patient in (HELD, CONFLICTING, WAITING):
            send_all(second, patient.study(), patient.scanner)
        send_all(second, [respelled(CONFLICTING.study()[0], patient_id=b"207316")], CONFLICTING.scanner)
        self._hold()
        self._examine()
        spool = self.router.spool(0)
        eventually(lambda: spool.kept_aside("_DAMAGED"), "the damage is found")

    def path_of(self, patient: Patient) -> str:
        """Of the page of a patient's study."""
        for index, document in enumerate(self.router.routes):
            for metadata, folder in zip(
                self.router.spool(index).metadata(), self.router.spool(index).folders(), strict=True
            ):
                if patient.id in folder.name:
                    return f"/studies/{document['metadata']['name']}/{study_key(metadata['studyInstanceUID'])}"
        raise AssertionError(f"nothing of {patient.name} is here")

    def _examine(self) -> None:
        for index, name in ((0, "zero-click"), (1, "zero-click-b")):
            root = str(self.router.spool(index).root)
            wish = Examine(
                who="ana", identified="operating system", why="the planning system gets nothing", destination=name
            )
            ask_service(OsFileSystem(), root, "scu", wish, 30)
            eventually(lambda r=root: any(run.ended for run in read_runs(OsFileSystem(), r)), "it is examined")

    def _damage(self) -> None:
        self.router.stop("scu")
        send_all(self.router.port(0), DAMAGED.study(), DAMAGED.scanner)
        path = max(one for one in self.router.spool(0).waiting() if DAMAGED.id in one.parent.name)
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        self.site.start("scu")

    def _hold(self) -> None:
        spool = self.router.spool(1)
        (folder,) = [path.name for path in spool.folders() if HELD.id in path.name]
        wish = Hold(who="ana", why="wrong patient selected", identified="operating system", folder=folder)
        ask(OsFileSystem(), str(spool.root), wish, 30)

    def close(self) -> None:
        """End everything."""
        self.router.close()
        self.picky.vanish()
        self.archive.close()
        self.planning.close()
