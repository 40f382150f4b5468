"""The application: every page is a router of its own, made of what it needs."""

from fastapi import FastAPI

from dicomrs import VERSION
from dicomrs_dashboard.api import api_router
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.monitoring import monitoring_router
from dicomrs_dashboard.pages.overview import overview_router
from dicomrs_dashboard.pages.preferences import preferences_router
from dicomrs_dashboard.pages.static import static_router
from dicomrs_dashboard.site import Site


def create_app(board: Board, token: BearerToken) -> FastAPI:
    """Put it together."""
    # The pages about the API would have browsers load scripts from the internet.
    app = FastAPI(title="dicomrs", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    site = Site()
    app.include_router(monitoring_router(board))
    app.include_router(api_router(board, token))
    app.include_router(static_router())
    app.include_router(preferences_router())
    app.include_router(overview_router(site, board))
    return app
