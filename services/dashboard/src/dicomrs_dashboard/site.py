"""What all pages have in common: templates in the reader's language, the frame around them, what is live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import Request, status
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from dicomrs import VERSION
from dicomrs.causes import owner_of
from dicomrs_dashboard.doors.people import Person, Role
from dicomrs_dashboard.doors.roles import may_still_see
from dicomrs_dashboard.language import LANGUAGES, N_, Language, best_language, filters
from dicomrs_dashboard.live import Live, Render
from dicomrs_dashboard.shown import json_text, patient
from dicomrs_dashboard.studying import CONFLICT_HOLDER
from dicomrs_dashboard.words.causes import MEANINGS, NEXT, OWNERS, REMEDIES, next_page
from dicomrs_dashboard.words.checks import CHECKS, STATES
from dicomrs_dashboard.words.studies import STUDY_STATES

STATIC: Final = Path(__file__).with_name("static")
LANGUAGE_COOKIE: Final = "dicomrs_language"
FLASH_COOKIE: Final = "dicomrs_flash"
_LONGEST_FLASH: Final = 1000  # characters
THEME_COOKIE: Final = "dicomrs_theme"
THEMES: Final = {"auto": N_("As the system"), "light": N_("Light"), "dark": N_("Dark")}


@dataclass(frozen=True, slots=True)
class NavItem:
    """A page in the navigation, for those of at least this role."""

    path: str
    label: str
    role: Role = Role.VIEWER


NAVIGATION: Final = (
    NavItem("/", N_("Overview")),
    NavItem("/studies", N_("Studies")),
    NavItem("/set-aside", N_("Set aside")),
    NavItem("/connectivity", N_("Connectivity")),
    NavItem("/services", N_("Services")),
    NavItem("/logs", N_("Logs")),
    NavItem("/diagnostics", N_("Diagnostics")),
    NavItem("/audit", N_("Audit"), Role.ADMIN),
    NavItem("/users", N_("Users"), Role.ADMIN),
)


class Site:
    """The frame. One environment of templates per language, so that a text is translated where it is shown."""

    def __init__(self, live: Live | None = None) -> None:
        self.live = live or Live()
        self._environments = {tag: environment(language) for tag, language in LANGUAGES.items()}

    def language(self, request: Request) -> Language:
        """The reader's."""
        return best_language(request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", ""))

    def page(self, request: Request, template: str, code: int = 200, **context: Any) -> HTMLResponse:
        """A whole page. It is never kept by anybody: it may show patients."""
        html = self.render(request, template, flash=_flash(request), **context)
        answer = HTMLResponse(html, code, headers={"Cache-Control": "no-store"})
        if FLASH_COOKIE in request.cookies:
            answer.delete_cookie(FLASH_COOKIE, path=url(request, "/"))
        return answer

    def go(self, request: Request, path: str, told: str = "", *, failed: bool = False) -> RedirectResponse:
        """Show another page after an action, with a sentence about it; told: in the reader's language."""
        answer = RedirectResponse(url(request, path), status.HTTP_303_SEE_OTHER)
        if told:
            text = quote(("-" if failed else "+") + told[:_LONGEST_FLASH])
            answer.set_cookie(FLASH_COOKIE, text, max_age=60, path=url(request, "/"), httponly=True, samesite="lax")
        return answer

    def render(self, request: Request, template: str, **context: Any) -> str:
        """A page or a piece of one, as a text."""
        language = self.language(request)
        person = person_of(request)
        return (
            self._environments[language.tag]
            .get_template(template)
            .render(
                lang=language.tag,
                languages=LANGUAGES.values(),
                theme=_theme(request),
                themes=THEMES,
                nonce=getattr(request.state, "nonce", ""),
                url=partial(url, request),
                here=request.url.path.removeprefix(request.scope.get("root_path", "")),
                person=person,
                can=lambda label: person is not None and person.role >= Role.of(label),
                navigation=[item for item in NAVIGATION if person is not None and person.role >= item.role],
                now=datetime.now().astimezone(),
                version=VERSION,
                **context,
            )
        )

    def stream(self, request: Request, render: Render, *what: object) -> EventSourceResponse:
        """A piece of a page whenever it changes.

        Args:
            request: a signed-in reader's.
            render: puts the piece together.
            what: it shows. It must be the same for all readers of one language and role who look at this.
        """
        person = person_of(request)
        assert person is not None, "a live page of nobody"
        request.state.stream = True  # connections.py counts it apart
        key = (self.language(request).tag, person.role, request.scope.get("root_path", ""), *what)
        return self.live.response((person.name, person.identified), key, render, may_still_see(request))


def download(name: str) -> dict[str, str]:
    """The headers of a file that a browser is to keep; nobody in between may. name: of letters, digits, - and dots."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def person_of(request: Request) -> Person | None:
    """Who is signed in, as the doors have found."""
    found: Person | None = getattr(request.state, "person", None)
    return found


def url(request: Request, path: str, **query: object) -> str:
    """A path of this site as the browser must ask for it, wherever the site is mounted."""
    made = request.url.replace(path=request.scope.get("root_path", "") + path, query="", fragment="")
    made = made.include_query_params(**{name: str(value) for name, value in query.items() if value not in ("", None)})
    return f"{made.path}?{made.query}" if made.query else made.path


def _flash(request: Request) -> tuple[bool, str] | None:
    """Whether what was done last failed, and a sentence about it."""
    text = unquote(request.cookies.get(FLASH_COOKIE, ""))[: _LONGEST_FLASH + 1]
    return (text.startswith("-"), patient(text[1:], longest=_LONGEST_FLASH)) if text else None


def _theme(request: Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def environment(language: Language) -> Environment:
    """Templates in a language."""
    made = Environment(
        loader=PackageLoader("dicomrs_dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
        language.catalogue.gettext, language.catalogue.ngettext, newstyle=True
    )
    made.filters |= filters(language) | {"patient": patient, "json_text": json_text}
    made.globals |= _words(language)
    return made


def _words(language: Language) -> Mapping[str, Any]:
    return {
        "meaning": lambda cause: language.say(MEANINGS[cause]),
        "remedy": lambda cause: language.say(REMEDIES[cause]),
        "owner_of": owner_of,
        "conflict_holder": CONFLICT_HOLDER,
        "next_page": next_page,
        "next_name": lambda path: language.say(NEXT[path]),
        "check_name": lambda check: language.say(CHECKS[check]),
        "check_state": lambda state: language.say(STATES[state]),
        "study_state": lambda state: language.say(STUDY_STATES[state]),
        "owner_name": lambda owner: language.say(OWNERS[owner]),
    }
