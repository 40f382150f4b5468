"""The application: every page is a router of its own, made of what it needs."""

from fastapi import FastAPI

from dicomrs import VERSION
from dicomrs_dashboard.api import api_router
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.monitoring import monitoring_router


def create_app(board: Board, token: BearerToken) -> FastAPI:
    """Put it together."""
    # The pages about the API would have browsers load scripts from the internet.
    app = FastAPI(title="dicomrs", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(monitoring_router(board))
    app.include_router(api_router(board, token))
    return app
