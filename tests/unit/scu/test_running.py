"""What keeps a route going while something of its root cannot be had."""

from pathlib import Path

from dicomrs.route import ClinicRoute
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import HINTS
from dicomrs_scu.running import RunningRoute
from support.filled_spool import FilledSpool
from support.objects import image, instance
from support.polling import eventually
from support.router import destination, route


class WithoutHints(OsFileSystem):
    """Somebody has removed the folder of hints."""

    def listdir(self, path: str) -> list[str]:
        if path.endswith(f"/{HINTS}"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return super().listdir(path)


def test_a_rescan_finds_everything_though_hints_cannot_be_followed(tmp_path: Path) -> None:
    FilledSpool(tmp_path).receive(*(instance(image(rows=8)) for _ in range(3)))
    document = route(tmp_path, destination("target", 4242), suspend=True)
    running = RunningRoute(WithoutHints(), ClinicRoute.model_validate(document), Secrets([]), lambda: None)
    running.start()
    try:
        eventually(lambda: running.waiting == 3, "all three studies are found", 20)
    finally:
        running.stop()
        running.join(20)
