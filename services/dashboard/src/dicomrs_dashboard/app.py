"""The application: every page is a router of its own, made of what it needs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI

from dicomrs import VERSION
from dicomrs.spool.fs import FileSystem, OsFileSystem
from dicomrs_dashboard.api import api_router
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.house import LARGEST_BODY, Doors, hang
from dicomrs_dashboard.doors.login import login_router
from dicomrs_dashboard.doors.roles import close
from dicomrs_dashboard.doors.turned_away import turn_away
from dicomrs_dashboard.monitoring import monitoring_router
from dicomrs_dashboard.pages.account import account_router
from dicomrs_dashboard.pages.audit import audit_router
from dicomrs_dashboard.pages.connectivity import connectivity_router
from dicomrs_dashboard.pages.diagnostics import Maker, diagnostics_router
from dicomrs_dashboard.pages.errors import errors_for_people
from dicomrs_dashboard.pages.logs import logs_router
from dicomrs_dashboard.pages.overview import overview_router
from dicomrs_dashboard.pages.preferences import preferences_router
from dicomrs_dashboard.pages.services import Restarts, services_router
from dicomrs_dashboard.pages.set_aside import set_aside_router
from dicomrs_dashboard.pages.static import static_router
from dicomrs_dashboard.pages.studies import studies_router
from dicomrs_dashboard.pages.study import StudyPages, study_router
from dicomrs_dashboard.pages.study_actions import study_actions_router
from dicomrs_dashboard.pages.users import users_router
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.site import Site


@dataclass(frozen=True, slots=True)
class Program:
    """What the pages know of the program around them.

    log_folder: of the services' log files, None if there is none; restart: has this program started anew, soon.
    """

    fs: FileSystem = field(default_factory=OsFileSystem)
    log_folder: str | None = None
    restart: Callable[[], None] = lambda: None


def create_app(board: Board, token: BearerToken, doors: Doors, program: Program | None = None) -> FastAPI:
    """Put it together. A route that says not who may call it is a fault: see dicomrs_dashboard.doors.roles."""
    program = program or Program()
    # The pages about the API would have browsers load scripts from the internet.
    app = FastAPI(
        title="dicomrs",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=LARGEST_BODY,
        redirect_slashes=False,
    )
    site, patience = Site(), Patience()
    app.include_router(monitoring_router(board, token))
    app.include_router(api_router(board, token))
    app.include_router(static_router())
    app.include_router(preferences_router())
    app.include_router(login_router(site, doors))
    app.include_router(overview_router(site, board))
    restarts = Restarts(board, program.fs, patience, doors.record.note, program.restart)
    app.include_router(services_router(site, board, restarts))
    app.include_router(logs_router(site, program.log_folder, patience))
    app.include_router(studies_router(site, board, doors.record))
    study = StudyPages(site, board, doors.record, patience)
    app.include_router(study_router(study))
    app.include_router(study_actions_router(study))
    app.include_router(connectivity_router(site, board, patience))
    maker = Maker(board, program.fs, patience, program.log_folder)
    app.include_router(diagnostics_router(site, maker, doors.record.note))
    app.include_router(audit_router(site, board, doors, patience))
    app.include_router(users_router(site, doors))
    app.include_router(account_router(site, doors))
    app.include_router(set_aside_router(site, board, doors.record, patience))
    errors_for_people(app, site)
    turn_away(app, site, doors.record)
    hang(app, doors)
    return close(app)
