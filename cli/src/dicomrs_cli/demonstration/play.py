"""The acts of the demonstration."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from dicomrs.route import load_manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs.survey import Survey, survey
from dicomrs_cli.demonstration.children import Program, answers, free_ports, until
from dicomrs_cli.demonstration.figures import Figure, parked_in, router_figures, target_figures
from dicomrs_cli.demonstration.objects import make_series, sample_files
from dicomrs_cli.demonstration.targets import AE_TITLE, Target
from dicomrs_cli.output import progress
from dicomrs_cli.part10 import DicomFile, read_dicom_file
from dicomrs_cli.sending import Answer, send_files
from dicomrs_cli.standin import LOOPBACK
from dicomrs_cli.status_tables import show_survey
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from dicomrs_dashboard.doors.welcome import FIRST

SLICES: Final = 200
LATE_SLICES: Final = 20
_START_SECONDS, _NOTICE_SECONDS, _DELIVER_SECONDS = 30.0, 30.0, 90.0
_ROUTE: Final = "demo"
_DESTINATION: Final = "zeroclick"


class Play:
    """A router between a scanner and a target, all on loopback."""

    def __init__(self, folder: Path, target: Target, to: Console) -> None:
        """folder: an empty one, for everything; to: where to tell the story."""
        self._folder = folder
        self._target = target
        self._to = to
        self._port, self._page = free_ports(2)
        manifest = folder / "clinicroute.yaml"
        manifest.write_text(json.dumps(self._manifest()), encoding="utf-8")  # JSON is YAML
        (self._route,) = load_manifests([manifest])
        dashboard = f"--dashboard={LOOPBACK}:{self._page}"
        command = [sys.executable, "-m", "dicomrs_cli", "up", "--watch-stdin", dashboard, str(manifest)]
        self._router = Program(command, folder / "router.log")
        self._answers: list[Answer] = []

    @property
    def programs(self) -> tuple[Program, ...]:
        """Those that are to be ended, in this order."""
        return self._router, self._target.program

    def run(self) -> list[Figure]:
        """Play it; the figures.

        Raises:
            DemoError: something did not happen in time.
        """
        to = self._to
        to.print(f"making a CT series of {SLICES} slices of 0.5 MB")
        series = make_series(self._folder / "ct", SLICES, "DEMO-1")
        late = make_series(self._folder / "late", LATE_SLICES, "DEMO-2")
        bad = make_series(self._folder / "bad", 1, "DEMO-2", late[0].header.study, pixels=False)
        samples = sample_files()

        to.print(f"starting the router and a target: {self._target.name}")
        way_in = self._way_in()
        self._target.start()
        self._router.start()
        until(lambda: answers(self._port), "the router listens", _START_SECONDS, self._router)
        to.print(f"its dashboard, as long as this runs: {way_in} (signs you in once, as admin)")

        self._send("CT series", series)
        self._send(f"{len(samples)} sample files of pydicom", samples)
        self._wait_delivered()

        to.print("stopping the target")
        self._target.program.stop()
        self._send(f"{LATE_SLICES} more slices, while the target is down", late)
        self._send("a slice of the same study without pixel data", bad)
        waiting = self._wait_noticed()
        show_survey(to, waiting, _ROUTE, latest=3)

        to.print("the target returns")
        self._target.start()
        self._wait_delivered()
        return self._figures(series + late, waiting)

    def _way_in(self) -> str:
        """The address of the dashboard, with a code that signs in without a password."""
        users = Users(self._route.spec.storage.root)
        users.add(FIRST, Role.ADMIN)
        return f"http://{LOOPBACK}:{self._page}/once?code={users.give_code(FIRST, sets_password=False)}"

    def _manifest(self) -> dict[str, object]:
        destination = {
            "name": _DESTINATION,
            "host": LOOPBACK,
            "port": self._target.port,
            "aeTitle": AE_TITLE,
            "park": {"tries": 1, "over": "0s"},  # in earnest it would be tried again for some time
        }
        return {
            "apiVersion": "dicomrs.io/v1alpha1",
            "kind": "ClinicRoute",
            "metadata": {"name": _ROUTE},
            "spec": {
                "receiver": {"bindAddress": LOOPBACK, "port": self._port},
                "storage": {"root": str(self._folder / "spool"), "reserve": "64Mi"},
                "destinations": [destination],
            },
        }

    def _survey(self) -> Survey:
        return survey(OsFileSystem(), self._route.spec.storage.root, self._route)

    def _send(self, what: str, files: Sequence[DicomFile]) -> None:
        with progress(sizes=True) as bar:
            task = bar.add_task(f"sending {what}", total=sum(file.length for file in files))
            sent = send_files(
                LOOPBACK,
                self._port,
                files,
                calling="DEMO_CT",
                called=self._route.spec.receiver.ae_title,
                on_answer=lambda answer: bar.advance(task, answer.file.length),
            )
        accepted = sum(answer.accepted for answer in sent)
        self._to.print(f"sent {what}: {accepted} of {len(files)} acknowledged")
        self._answers += sent

    def _wait_delivered(self) -> None:
        """Until nothing waits any more."""
        with progress() as bar:
            task = bar.add_task("delivering", total=sum(answer.accepted for answer in self._answers))

            def nothing_waits() -> bool:
                found = self._survey()
                parked = parked_in(found)
                done = sum(study.gone for study in found.studies) + len(found.quarantined) + parked
                bar.update(task, completed=done)
                return found.totals.on_disk == parked

            until(nothing_waits, "everything is delivered", _DELIVER_SECONDS, self._router, self._target.program)

    def _wait_noticed(self) -> Survey:
        """Until the router knows that its target is down; how things stand then."""
        until(
            lambda: bool(self._survey().destinations[0].trouble),
            "the router notices that its target is down",
            _NOTICE_SECONDS,
            self._router,
        )
        return self._survey()

    def _figures(self, made: Sequence[DicomFile], down: Survey) -> list[Figure]:
        files = [answer.file for answer in self._answers]
        waiting = down.totals.on_disk - parked_in(down)
        spool = Path(self._route.spec.storage.root)
        parked = {read_dicom_file(path).sop_instance for path in spool.glob("[!._]*/*.dcm")}
        picky = self._target.picky
        return [
            *router_figures(self._answers, waiting, LATE_SLICES, self._survey(), picky=bool(picky)),
            *target_figures(files, made, self._target.contents(), parked, picky=picky),
        ]
