"""Asks the dashboard how the services fare."""

import base64
import os
from typing import Final

import aiohttp
from pydantic import ValidationError

from dicomrs.status_api import StatusReport

_SECONDS: Final = aiohttp.ClientTimeout(total=10)  # a large spool takes long to count
_LARGEST_BYTES: Final = 16 << 20


class DashboardError(Exception):
    """It does not answer, or not what it should; the message is part of a sentence for the ClinicRoute's status."""


def new_session() -> aiohttp.ClientSession:
    """Return a session without credentials that looks the dashboard up and connects anew for each question.

    A connection that stays open would be kept to whoever answered first: to what had the address of a Service before,
    say, while the cluster's DNS still remembers it.
    """
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False))


async def ask(session: aiohttp.ClientSession, url: str, token: str) -> StatusReport:
    """Return what the dashboard at `url` says.

    Args:
        session: with no credentials of its own.
        url: of the dashboard's Service.
        token: as it stands in the Secret, in base64.

    Raises:
        DashboardError: it does not answer within ten seconds, or refuses, or says what cannot be read.
    """
    try:
        bearer = base64.b64decode(token).decode("ascii").strip()  # as the dashboard reads it; a person may have made it
        async with session.get(
            f"{url}/api/v1/status", headers={"Authorization": f"Bearer {bearer}"}, timeout=_SECONDS
        ) as response:
            if response.status == 401:
                raise DashboardError("it refuses the token of the Secret that it shares with the operator")
            if response.status != 200:
                raise DashboardError(f"it answered {response.status}")
            return StatusReport.model_validate_json(await _whole(response))
    except TimeoutError as error:
        raise DashboardError("no answer within 10 seconds") from error
    except aiohttp.ClientConnectorError as error:
        raise DashboardError(f"no connection to {url} ({_cause(error.os_error)}); look at its pod") from error
    except (aiohttp.ClientError, OSError) as error:
        raise DashboardError(f"{type(error).__name__}: {error}") from error
    except ValidationError as error:
        raise DashboardError("what it says cannot be read; are operator and dashboard of one version?") from error
    except ValueError as error:  # not base64, not ASCII, or not fit for a header
        raise DashboardError("the token in the Secret that they share is none; delete that Secret") from error


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, which arrives in as many pieces as the network likes."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _LARGEST_BYTES:
            raise DashboardError("it says more than can be read")
    return bytes(body)


def _cause(error: OSError) -> str:
    """The system's words, which asyncio replaces by its own."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
