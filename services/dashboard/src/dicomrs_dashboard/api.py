"""/api/v1: for programs, such as the operator; nothing of it without the token."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, status

from dicomrs.status_api import StatusReport
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board


def api_router(board: Board, token: BearerToken) -> APIRouter:
    """The pages under /api/v1."""

    def need_token(authorization: Annotated[str, Header()] = "") -> None:
        if why := token.refusal(authorization):
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, why, {"WWW-Authenticate": "Bearer"})

    router = APIRouter(prefix="/api/v1", dependencies=[Depends(need_token)])

    @router.get("/status")
    async def report() -> StatusReport:
        """How every route stands."""
        return await board.report()

    return router
