"""/healthz and /metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from dicomrs_operator.reconcile import Reconciler


@asynccontextmanager
async def serving(reconciler: Reconciler, port: int) -> AsyncIterator[None]:
    """Serve while the context lasts, on all addresses.

    Raises:
        OSError: the port cannot be had.
    """

    async def healthz(_: web.Request) -> web.Response:
        trouble = reconciler.watch.trouble()
        return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

    async def metrics(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=reconciler.figures.text(), headers=headers)

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
