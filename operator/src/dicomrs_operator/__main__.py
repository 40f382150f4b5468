"""python -m dicomrs_operator: the operator of one release, in the foreground. The chart dicomrs starts it."""

import asyncio
import os
import sys
from typing import Final

import kopf

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs_operator import dashboard, handlers
from dicomrs_operator.crd import digest
from dicomrs_operator.kube import Api, ApiError, new_session
from dicomrs_operator.reconcile import Reconciler
from dicomrs_operator.schema import SchemaMissingError, schema_trouble
from dicomrs_operator.serving import serving
from dicomrs_operator.settings import Settings, SettingsError, read

_RETRY_SECONDS: Final = 1

logger = log.get_logger()


async def _run(settings: Settings) -> Exit:
    async with new_session(settings.access) as session, dashboard.new_session() as web:
        api = Api(settings.access, settings.namespace, session)
        try:
            await _api_answers(api)
        except SchemaMissingError as error:
            logger.error("cannot start", problem=str(error))
            return Exit.FAILED
        reconciler = Reconciler(settings, api, web)
        async with serving(reconciler, settings.http_port), asyncio.TaskGroup() as tasks:
            # Begun before kopf, which takes every later task for one of its own, to be waited for at the end.
            loops = (reconciler.when_woken(), reconciler.every_so_often(), reconciler.ask())
            work = [tasks.create_task(one) for one in loops]
            logger.info("operator started", namespace=settings.namespace, release=settings.instance)
            await kopf.operator(
                registry=handlers.registry_of(reconciler, settings.access, settings.namespace),
                settings=handlers.settings(),
                namespaces=[settings.namespace],
                standalone=True,
            )
            for one in work:
                one.cancel()
    return Exit.OK


async def _api_answers(api: Api) -> None:
    """Wait until the API server answers; ending instead would mean minutes of back-off when a node has just started.

    Raises:
        SchemaMissingError: the cluster has no ClinicRoute.
    """
    said = ""
    while True:
        try:
            await schema_trouble(api, digest())
        except ApiError as error:
            if str(error) != said:
                logger.warning("the API server does not answer, trying again", problem=str(error))
            said = str(error)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return


def main() -> Exit:
    """Run until SIGTERM or SIGINT; the exit code of the program."""
    log.configure("operator")
    try:
        settings = read(os.environ)
    except SettingsError as error:
        logger.error("cannot start", problem=str(error))
        return Exit.USAGE
    return asyncio.run(_run(settings))


if __name__ == "__main__":
    sys.exit(main())
