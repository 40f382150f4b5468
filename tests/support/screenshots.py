"""Pictures of every page of the dashboard, with made-up patients; python -m support.screenshots writes them.

English and Portuguese, light and dark; PNG, 1280 x 800, of 64 colours: enough for pages, and a third of the size.
"""

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from dicomrs_dashboard.doors.people import Role
from support.browsing import Visitor, browser
from support.made_up import HELD, MadeUpClinic
from support.router import Router

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
LANGUAGES: Final = ("en", "pt-BR")
_COLOURS: Final = 256


def pages(clinic: MadeUpClinic) -> Iterator[tuple[str, str]]:
    """Name and path of each picture."""
    yield from (
        ("overview", "/"),
        ("studies", "/studies"),
        ("study", clinic.path_of(HELD)),
        ("set-aside", "/set-aside"),
        ("connectivity", "/connectivity?route=hospital-b"),
        ("services", "/services"),
        ("logs", "/logs"),
        ("diagnostics", "/diagnostics"),
        ("audit", "/audit"),
        ("users", "/users"),
    )


def take(person: Visitor, path: str, file: Path) -> None:
    """One picture; the page must be in order."""
    data = person.open(path).screenshot()
    file.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(BytesIO(data)) as picture:
        # By coverage, a rare colour such as a small red light is not taken for the nearest one that is common.
        small = picture.convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(file, optimize=True)


def main() -> None:
    """See the module's docstring."""
    folder = Path(tempfile.mkdtemp())
    clinic = MadeUpClinic(folder, partial(Router, folder))
    try:
        clinic.start()
        clinic.fill()
        with browser() as chromium:
            for language in LANGUAGES:
                for colours in ("light", "dark"):
                    person = Visitor(chromium, clinic.site.origin, language=language, dark=colours == "dark")
                    take(person, "/login", FOLDER / f"login-{language}-{colours}.png")
                    person.bring(clinic.site.cookies(Role.ADMIN))
                    for name, path in pages(clinic):
                        take(person, path, FOLDER / f"{name}-{language}-{colours}.png")
                    person.close()
    finally:
        clinic.close()
        shutil.rmtree(folder)
    kept = list(FOLDER.glob("*.png"))
    print(f"{len(kept)} pictures, {sum(one.stat().st_size for one in kept) / 1e6:.1f} MB in {FOLDER}")


if __name__ == "__main__":
    main()
