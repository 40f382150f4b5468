"""Styles, scripts and signs: all of them travel with the program."""

from typing import Final

from fastapi import APIRouter, Depends, HTTPException, status
from fastapi.responses import FileResponse

from dicomrs_dashboard.doors.roles import public
from dicomrs_dashboard.site import STATIC

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {
    path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.suffix in _KINDS and path.is_file()
}


def static_router() -> APIRouter:
    """The files that were there at the start, by their names; no path is ever made of a request."""
    router = APIRouter(dependencies=[Depends(public)])

    @router.get("/static/{name:path}")
    async def file(name: str) -> FileResponse:
        """One of them. A new version of the program may have another one of this name: a browser asks again."""
        path = _FILES.get(name)
        if path is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        kept = "public, max-age=31536000, immutable" if name.startswith("vendor/") else "public, no-cache"
        return FileResponse(path, media_type=_KINDS[path.suffix], headers={"Cache-Control": kept})

    return router
