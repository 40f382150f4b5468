"""What kopf does for us: it watches ClinicRoutes, through time-outs and silent connections, and tells of each change.

All work is in Reconciler, which looks at the whole release, so one handler without memory is enough. kopf's own
finalizer and its record of handled changes would write to people's objects at every step of a drain.
"""

import logging
from typing import Any, Final

import kopf

from dicomrs_operator.kube import new_session
from dicomrs_operator.reconcile import Reconciler
from dicomrs_operator.routes import PLURAL
from dicomrs_operator.settings import Access

GROUP: Final = "dicomrs.io"
VERSION: Final = "v1alpha1"


def registry_of(reconciler: Reconciler, access: Access, namespace: str) -> kopf.OperatorRegistry:
    """Return the handlers."""
    registry = kopf.OperatorRegistry()
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # else a line for every change, besides our own

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(
            server=access.server, default_namespace=namespace, aiohttp_session=new_session(access)
        )

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def changed(uid: str, meta: kopf.Meta, **_: Any) -> None:
        reconciler.watch.delivered(uid, str(meta.get("resourceVersion", "")))
        reconciler.wake()

    return registry


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: nothing that asks for rights in the whole cluster, all marks under our own name."""
    found = kopf.OperatorSettings()
    found.scanning.disabled = True
    found.posting.enabled = False  # the Events are our own: on transitions of conditions only
    # Never FINALIZER: kopf takes its own away from objects that no handler of deletion waits for.
    found.persistence.finalizer = f"{GROUP}/kopf"
    found.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    found.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    found.networking.request_timeout = 30
    found.networking.connect_timeout = 10
    found.watching.server_timeout = 300
    found.watching.client_timeout = 310
    found.process.ultimate_exiting_timeout = 20
    return found
