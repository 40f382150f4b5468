"""python -m dicomrs_operator: the operator of one release, in the foreground. The chart dicomrs starts it."""

import asyncio
import os
import sys

import aiohttp
import kopf

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs_operator import handlers
from dicomrs_operator.crd import digest
from dicomrs_operator.kube import Api, ApiError, new_session
from dicomrs_operator.reconcile import Reconciler
from dicomrs_operator.schema import SchemaMissingError, schema_trouble
from dicomrs_operator.serving import serving
from dicomrs_operator.settings import Settings, SettingsError, read

logger = log.get_logger()


async def _run(settings: Settings) -> Exit:
    async with new_session(settings.access) as session, aiohttp.ClientSession() as web:
        api = Api(settings.access, settings.namespace, session)
        try:
            await schema_trouble(api, digest())
        except (SchemaMissingError, ApiError) as error:
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
