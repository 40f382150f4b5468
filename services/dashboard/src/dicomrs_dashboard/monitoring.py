"""/healthz, and /metrics behind the token: for the cluster and for Prometheus, without anything of a patient."""

from datetime import datetime

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.roles import programs, public
from dicomrs_dashboard.metrics import exposition


def monitoring_router(board: Board, token: BearerToken) -> APIRouter:
    """The two pages."""
    router = APIRouter()

    @router.get("/healthz", response_class=PlainTextResponse, dependencies=[Depends(public)])
    async def healthz() -> str:
        """That requests are answered; asks no volume, for one that hangs is no reason to start this program anew."""
        return "ok\n"

    @router.get("/metrics", dependencies=[Depends(programs(token))])
    async def metrics() -> Response:
        """All services' metrics, in Prometheus' text format."""
        views = await board.views()
        text = exposition(views, board.refused, datetime.now().astimezone())
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
