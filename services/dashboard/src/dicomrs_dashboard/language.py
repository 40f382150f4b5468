"""The readers' languages: texts from the catalogues in locale/, dates and numbers as people there write them.

English stands in the code; a catalogue is a .po file, read when the program starts. tests/dashboard/test_language.py
fails on a text that is not translated.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Final

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from dicomrs.moments import moment

LOCALE: Final = Path(__file__).with_name("locale")
DOMAIN: Final = "dicomrs"
TAGS: Final = ("en", "pt-BR")
_NAMES: Final = {"en": "English", "pt-BR": "Português"}
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def N_(text: str) -> str:  # noqa: N802  # the name that gettext's tools know
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Language:
    """One language; tag: as in HTML's lang attribute."""

    tag: str

    @property
    def name(self) -> str:
        """In itself."""
        return _NAMES[self.tag]

    @cached_property
    def locale(self) -> Locale:
        """Babel's."""
        return Locale.parse("en_GB" if self.tag == "en" else self.tag, sep="_" if self.tag == "en" else "-")

    @cached_property
    def catalogue(self) -> NullTranslations:
        """The texts."""
        path = LOCALE / self.tag.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.po"
        if not path.exists():
            return NullTranslations()
        compiled = io.BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, domain=DOMAIN))
        compiled.seek(0)
        return Translations(compiled, DOMAIN)

    def say(self, text: str, /, **values: object) -> str:
        """A text of the code in this language, %(name)s replaced by values."""
        said = self.catalogue.gettext(text)
        return said % values if values else said

    def say_number(self, one: str, many: str, n: int, /, **values: object) -> str:
        """The form of a text for a number; %(n)s is that number as people write it."""
        return self.catalogue.ngettext(one, many, n) % {"n": self.number(n), **values}

    def number(self, value: float) -> str:
        """With separators; of a fraction at most one digit."""
        return numbers.format_decimal(value, format="#,##0.#", locale=self.locale)

    def percent(self, part: float) -> str:
        """0.123 is 12 %."""
        return numbers.format_percent(part, locale=self.locale)

    def size(self, count: float) -> str:
        """Bytes in the largest unit (of 1000) that leaves a number of at least 1."""
        power = 0
        while abs(count) >= 1000 and power < len(_UNITS) - 1:
            count, power = count / 1000, power + 1
        return f"{self.number(round(count, 1 if power and count < 100 else 0))} {_UNITS[power]}"

    def duration(self, seconds: float) -> str:
        """Roughly, in one unit."""
        return dates.format_timedelta(timedelta(seconds=max(0.0, seconds)), threshold=1.5, locale=self.locale)

    def ago(self, text: str, now: datetime) -> str:
        """How long before now an ISO 8601 text was; coarse, so that a live page does not change every second."""
        found = moment(text)
        if found is None:
            return text
        seconds = max(0.0, (now - found).total_seconds())
        seconds = seconds if seconds >= 60 else 10 * (seconds // 10)
        if not seconds:
            return self.say(N_("just now"))
        return self.say(N_("%(time)s ago"), time=self.duration(seconds))

    def moment(self, text: str) -> str:
        """Of an ISO 8601 text: date and time of day on this machine; a text that is no moment stays as it is."""
        found = moment(text)
        return text if found is None else self.at(found)

    def at(self, when: datetime) -> str:
        """Date and time of day, to the second."""
        return f"{self.day(when)} {self.clock(when)}"

    def day(self, when: datetime) -> str:
        """The date; in English the one that readers of both sides of an ocean take for the same day."""
        return dates.format_date(when, "yyyy-MM-dd" if self.tag == "en" else "dd/MM/yyyy", locale=self.locale)

    def da(self, text: str) -> str:
        """A date as DICOM has it (DA, PS3.5 6.2: YYYYMMDD); a text that is none stays as it is."""
        try:
            return self.day(datetime.strptime(text.strip(), "%Y%m%d"))  # noqa: DTZ007  # a day has no time zone
        except ValueError:
            return text

    def hour(self, when: datetime) -> str:
        """Hour and minute."""
        return when.strftime("%H:%M")

    def clock(self, when: datetime) -> str:
        """Time of day."""
        return when.strftime("%H:%M:%S")


LANGUAGES: Final[Mapping[str, Language]] = {tag: Language(tag) for tag in TAGS}


def best_language(wanted: str, accepted: str) -> Language:
    """Of those that there are.

    Args:
        wanted: a tag that the person has chosen, "" if none.
        accepted: the header Accept-Language (RFC 9110 12.5.4).
    """
    if wanted in LANGUAGES:
        return LANGUAGES[wanted]
    for tag in _by_quality(accepted[:200]):
        for known in TAGS:
            if tag.split("-")[0] == known.split("-")[0].lower():
                return LANGUAGES[known]
    return LANGUAGES["en"]


def _by_quality(accepted: str) -> list[str]:
    found: list[tuple[float, str]] = []
    for part in accepted.lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            found.append((float(quality or 1), tag))
        except ValueError:
            continue
    return [tag for quality, tag in sorted(found, key=lambda one: -one[0]) if quality > 0]


def filters(language: Language) -> dict[str, Any]:
    """What templates call."""
    return {
        "number": language.number,
        "percent": language.percent,
        "size": language.size,
        "duration": language.duration,
        "moment": language.moment,
        "ago": language.ago,
        "hour": language.hour,
        "da": language.da,
    }
