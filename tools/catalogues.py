"""Bring the dashboard's catalogues in line with the texts in its code and templates: `make i18n`.

A text that is new has no translation until somebody writes it into the .po file; one that is gone is taken out.
"""

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parents[1] / "services/dashboard/src/dicomrs_dashboard"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true"}}
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None, "say": None, "say_number": (1, 2)}


def texts() -> Catalog:
    """All texts that are to be translated."""
    found = Catalog()
    for _file, _line, message, _comments, context in extract_from_dir(
        PACKAGE, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True
    ):
        found.add(message, context=context)
    return found


def catalogues() -> dict[Path, Catalog]:
    """Those that there are. Both of our languages have one form for one thing and another for all other numbers."""
    found = {}
    for path in sorted(PACKAGE.glob("locale/*/LC_MESSAGES/dicomrs.po")):
        with path.open("rb") as file:
            found[path] = read_po(file)
    return found


def main() -> None:
    """Update them all, and say what is left to do."""
    wanted = texts()
    for path, catalogue in catalogues().items():
        catalogue.update(wanted, no_fuzzy_matching=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, omit_header=True, sort_output=True, ignore_obsolete=True)
        left = sum(1 for message in catalogue if message.id and not is_translated(message.string))
        sys.stdout.write(f"{path.relative_to(PACKAGE)}: {len(catalogue)} texts, {left} to translate\n")


def is_translated(text: str | tuple[str, ...] | None) -> bool:
    """Whether every form of it is there."""
    return bool(text) and all((text,) if isinstance(text, str) else text)


if __name__ == "__main__":
    main()
