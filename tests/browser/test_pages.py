"""Every page that links lead to, in every way of looking: nothing is wrong with any of them, and none is forgotten."""

import re
from urllib.parse import urldefrag, urlsplit

import pytest
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Page

from dicomrs.route import Manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.app import create_app
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.house import make_doors
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.settings import DoorSettings
from support.browsing import PHONE, Visitor
from support.made_up import MadeUpClinic
from support.polling import eventually

pytestmark = [pytest.mark.peer("chromium", "storescp", "Orthanc"), pytest.mark.timeout(300)]
PLAIN = {"language": "en"}
OTHER = {"language": "pt-BR", "dark": True, "screen": PHONE}
# What is no page: files, streams, programs' answers.
NO_PAGE = re.compile(r"/(api|live|static)/|/(live|healthz|metrics|download|receipt(\.json)?)$|/login/openid")


def templates(folder: str) -> dict[str, re.Pattern[str]]:
    """The paths of all pages, and what each stands for."""
    fs = OsFileSystem()
    board = Board(fs, Manifests([], awaited=True))
    app = create_app(board, BearerToken(f"{folder}/token"), make_doors(fs, DoorSettings(folder)))
    pages = [one.path for one in iter_route_contexts(app.routes) if "GET" in (one.methods or ())]
    return {path: re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)) for path in pages if not NO_PAGE.search(path)}


def links(page: Page) -> list[str]:
    """Where its links lead on this site, but for downloads."""
    found = page.locator("a[href]:not([download])").evaluate_all("all => all.map(one => one.href)")
    here = urlsplit(page.url)
    return [urldefrag(one)[0] for one in found if urlsplit(one)[:2] == here[:2]]


def walk(person: Visitor, known: dict[str, re.Pattern[str]]) -> dict[str, str]:
    """Open one page of each kind that links lead to, from the overview on; their addresses by kind."""
    seen: dict[str, str] = {}
    coming = [f"{person.origin}/"]
    while coming:
        address = coming.pop(0)
        path = urlsplit(address).path
        kind = next((one for one, pattern in known.items() if pattern.fullmatch(path)), None)
        if kind in seen or NO_PAGE.search(path):
            continue
        assert kind is not None, f"{path} is no page"
        seen[kind] = address
        coming += links(person.open(address.removeprefix(person.origin)))
    return seen


def test_an_admin_finds_every_page_and_nothing_is_wrong_with_any(clinic: MadeUpClinic, sign_in, tmp_path):
    known = templates(str(tmp_path))
    found = walk(sign_in(clinic.site, Role.ADMIN, **PLAIN), known)
    reached_by_forms = {"/login", "/once", "/studies/{route}/{key}/discard"}  # test_signing_in, test_studies
    assert set(known) - set(found) == reached_by_forms


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN], ids=lambda role: role.label)
def test_on_a_dark_phone_in_portuguese_nothing_is_wrong_with_any_page(clinic: MadeUpClinic, sign_in, tmp_path, role):
    walk(sign_in(clinic.site, role, **OTHER), templates(str(tmp_path)))


def test_without_javascript_every_page_reads_the_same(clinic: MadeUpClinic, sign_in, tmp_path):
    known = templates(str(tmp_path))
    pages = walk(sign_in(clinic.site, Role.ADMIN, scripts=False), known)
    with_scripts = sign_in(clinic.site, Role.ADMIN)
    without = sign_in(clinic.site, Role.ADMIN, scripts=False)
    for address in pages.values():
        path = address.removeprefix(clinic.site.origin)
        words = eventually(lambda path=path: words_between(without, with_scripts, path), f"{path} stands still")
        assert words[0] == words[1], path


def words_between(one: Visitor, other: Visitor, path: str) -> list[list[str]] | None:
    """Of a page, as one sees it between two looks of another, if these see the same: what is live goes on meanwhile."""
    seen = []
    for who in (other, one, other):
        who.page.goto(path)
        seen.append(shape(who.page.locator("main").inner_text()))
    return seen[:2] if seen[0] == seen[2] else None


def shape(text: str) -> list[str]:
    """The lines of a page without what goes on by itself: numbers and moments."""
    return [
        re.sub(r"\d+([.,]\d+)?|just now|now|seconds?|minutes?", "#", line) for line in text.splitlines() if line.strip()
    ]
