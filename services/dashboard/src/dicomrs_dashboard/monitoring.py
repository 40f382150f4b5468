"""/healthz and /metrics: for the cluster and for Prometheus, without a token, and without anything of a patient."""

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from dicomrs_dashboard.board import Board
from dicomrs_dashboard.metrics import exposition


def monitoring_router(board: Board) -> APIRouter:
    """The two pages."""
    router = APIRouter()

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """That requests are answered; asks no volume, for one that hangs is no reason to start this program anew."""
        return "ok\n"

    @router.get("/metrics")
    async def metrics() -> Response:
        """All services' metrics, in Prometheus' text format."""
        views = await board.views()
        text = exposition(views, board.refused, datetime.now().astimezone())
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
