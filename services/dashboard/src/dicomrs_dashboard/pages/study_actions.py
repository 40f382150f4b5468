"""What a person can do to a study: the requests of the commands, each with a reason, which goes on record."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Request, status
from fastapi.responses import Response, StreamingResponse

from dicomrs.audit import AuditLog
from dicomrs.export import Copied
from dicomrs.spool.control import Discard, Hold, Release, Resend, What
from dicomrs.spool.mailbox import LONGEST_TEXT
from dicomrs_dashboard.asking import SAY_WHY, Asking, Told, identity_of
from dicomrs_dashboard.bundle import archive
from dicomrs_dashboard.doors.roles import Admin, AskedFirst, Operator
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.pages.study import Key, RouteName, StudyPages, read
from dicomrs_dashboard.site import download
from dicomrs_dashboard.words.studies import OBJECT_STATES, WHATS, explanation

_NO_NAME: Final = N_("That is not the study's name; nothing was done.")
_NOTHING_CHOSEN: Final = N_("Choose what is to be discarded; nothing was done.")
_OBJECT_SECONDS: Final = 600.0  # one is read once more for its digest, and may be very large

Why = Annotated[str, Form(max_length=LONGEST_TEXT)]
Name = Annotated[str, Form(max_length=100)]


def study_actions_router(pages: StudyPages) -> APIRouter:
    """The actions."""
    router = APIRouter(prefix="/studies/{route}/{key}", route_class=AskedFirst)
    asking = Asking(pages.board, pages.record, pages.patience)
    for kind in (Resend, Release, Hold):
        _asking(router, pages, asking, kind)
    _exporting(router, pages)
    _discarding(router, pages, asking)
    return router


def _asking(router: APIRouter, pages: StudyPages, asking: Asking, kind: type[Resend | Release | Hold]) -> None:
    @router.post(f"/{kind.action}")
    async def act(
        request: Request,
        route: RouteName,
        key: Key,
        person: Operator,
        destination: Name = "",
        why: Why = "",
        back: Name = "",
    ) -> Response:
        """Have it done to all of the study; destination: only as far as this one is concerned."""
        if kind is Resend and not destination:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT)
        subject, language = await pages.subject(route, key), pages.site.language(request)
        told = Told(language.say(SAY_WHY), failed=True)
        if why.strip():
            wish = partial(kind, **identity_of(person), why=why, folder=subject.view.folder, destination=destination)
            told = await asking.do(subject.route, key, person, wish, language)
        path = "/set-aside" if back == "set-aside" else subject.path
        return pages.site.go(request, path, told.text, failed=told.failed)


def _exporting(router: APIRouter, pages: StudyPages) -> None:
    @router.post("/export")
    async def export(request: Request, route: RouteName, key: Key, person: Admin, why: Why = "") -> Response:
        """A copy of all that is here of it, on record in the root's audit log as `dicomrs export` has it."""
        subject = await pages.subject(route, key)
        if not why.strip():
            return pages.site.go(request, subject.path, pages.say(request, SAY_WHY), failed=True)
        await pages.record.note(person, "ask", request="export", route=route, study=key, why=why)
        log = AuditLog(pages.board.fs, subject.root)
        told = {"action": "export", **identity_of(person), "why": why, "study": key, "folder": subject.view.folder}
        begun = await pages.patience.call(log.append, {**told, "instance": "", "to": f"download by {person.address}"})

        def ended(found: list[Copied], failed: str) -> None:
            log.append(_outcome(begun.number, found, failed))

        pieces = archive(pages.board.fs, subject.root, subject.view.folder, ended)
        sent = pages.patience.each(pieces, _OBJECT_SECONDS)
        return StreamingResponse(sent, media_type="application/zip", headers=download(f"study-{key}.zip"))


def _outcome(begun: int, found: list[Copied], failed: str) -> dict[str, object]:
    notes = [f"{one.source}: {one.failed}" for one in found if one.failed][:20]
    return {"of": begun, "objects": sum(bool(one.path) for one in found), "notes": notes, "failed": failed}


def _discarding(router: APIRouter, pages: StudyPages, asking: Asking) -> None:
    @router.get("/discard")
    async def confirm(request: Request, route: RouteName, key: Key, person: Admin) -> Response:
        """What would go, to be confirmed."""
        subject = await pages.subject(route, key)
        await pages.saw(person, subject)
        what = _chosen(request.query_params.getlist("what"))
        if not what:
            return pages.site.go(request, subject.path, pages.say(request, _NOTHING_CHOSEN), failed=True)
        made = await pages.patience.call(read, pages.board.fs, subject)
        going = [one for one in made.objects if one.state.value.replace(" ", "-") in what]
        return pages.site.page(
            request,
            "study/discard.html",
            study=subject.view,
            route=subject.route,
            path=subject.path,
            what=what,
            whats=WHATS,
            going=going,
            object_states=OBJECT_STATES,
            explanation=explanation,
            longest=LONGEST_TEXT,
        )

    @router.post("/discard")
    async def discard(
        request: Request,
        route: RouteName,
        key: Key,
        person: Admin,
        what: Annotated[list[What], Form()],
        why: Why = "",
        name: Name = "",
    ) -> Response:
        """Remove them for good."""
        subject = await pages.subject(route, key)
        language = pages.site.language(request)
        if name.strip() != key or not why.strip():
            told = Told(language.say(SAY_WHY if not why.strip() else _NO_NAME), failed=True)
        else:
            chosen = tuple(dict.fromkeys(what))
            wish = partial(Discard, **identity_of(person), why=why, folder=subject.view.folder, what=chosen)
            told = await asking.do(subject.route, key, person, wish, language)
        return pages.site.go(request, subject.path, told.text, failed=told.failed)


def _chosen(names: list[str]) -> list[What]:
    return [what for what in What if what.value in names]
