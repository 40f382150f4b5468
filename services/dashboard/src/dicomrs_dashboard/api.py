"""/api/v1: for programs, such as the operator; nothing of it without the token."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from dicomrs import VERSION
from dicomrs.status_api import StatusReport
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.roles import programs


class Refusal(BaseModel):
    """Why a request is refused."""

    detail: str


def api_router(board: Board, token: BearerToken) -> APIRouter:
    """The pages under /api/v1."""
    router = APIRouter(
        prefix="/api/v1",
        dependencies=[Depends(programs(token))],
        responses={401: {"model": Refusal, "description": "The token is missing or wrong."}},
    )

    @router.get("/status")
    async def report() -> StatusReport:
        """How every route stands."""
        return await board.report()

    @router.get("/openapi.json")
    async def openapi() -> dict[str, Any]:
        """This API, in OpenAPI 3.1: for tools that make programs of it, or put it to the test."""
        return get_openapi(title="dicomrs", version=VERSION, routes=router.routes)

    return router
