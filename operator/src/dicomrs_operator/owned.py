"""The objects that the operator owns: written when they are not as they should be, and brought into the pods."""

import asyncio
import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from dicomrs.log import get_logger
from dicomrs_operator import manifests
from dicomrs_operator.figures import Figures
from dicomrs_operator.kube import Api, Object
from dicomrs_operator.manifests import Sources
from dicomrs_operator.routes import Running
from dicomrs_operator.settings import Settings

_MOUNTED: Final = "dicomrs.io/mounted"
"""On a pod: the versions of what it mounts. The kubelet looks at the volumes when the pod changes, else each minute."""

_POLICIES: Final = "networkpolicies"

logger = get_logger()


class Owned:
    """Applies what belongs to the operator. Every method raises ApiError."""

    def __init__(self, api: Api, settings: Settings, figures: Figures) -> None:
        self._api = api
        self._settings = settings
        self._figures = figures
        self.token = ""
        """What is shown to the dashboard, in base64; "" before `ensure_token`."""

    async def routes(self) -> Object | None:
        """The ConfigMap of routes as it is."""
        return await self._api.get("v1", "configmaps", self._settings.routes_config_map)

    async def ensure_token(self) -> Object:
        """Make the dashboard's token unless there is one; return its Secret."""
        present = await self._api.get("v1", "secrets", self._settings.token_secret)
        value = ((present or {}).get("data") or {}).get(manifests.TOKEN_KEY)
        if present is None or not value:
            value = base64.b64encode(secrets.token_urlsafe(32).encode()).decode()
            present = await self._write("secrets", manifests.token(self._settings, value))
        self.token = value
        return present

    async def sources(self, routes: Iterable[Running]) -> Sources:
        """Return the Secrets that routes name, without those that do not exist."""
        routes = list(routes)
        names = sorted(manifests.receiver_secrets(routes) | manifests.destination_secrets(routes))
        found = await asyncio.gather(*(self._api.get("v1", "secrets", name) for name in names))
        return {name: one.get("data") or {} for name, one in zip(names, found, strict=True) if one is not None}

    async def write(
        self, routes: Iterable[Running], sources: Sources, routes_now: Object | None, token: Object
    ) -> None:
        """Bring all objects up to date, Secrets before the routes that name them, and then into the pods."""
        routes, settings = list(routes), self._settings
        names = {"scp": manifests.receiver_secrets(routes), "scu": manifests.destination_secrets(routes)}
        mounted = {"dashboard": token}
        for component, wanted in names.items():
            present = await self._api.get("v1", "secrets", settings.secrets_of(component))
            manifest = manifests.copies(settings, component, wanted, sources, present)
            mounted[component] = await self._as_wanted("secrets", present, manifest)
        config_map = await self._as_wanted("configmaps", routes_now, manifests.config_map(settings, routes))
        await self._policy(routes)
        await self._nudge({name: f"{_version(config_map)}-{_version(one)}" for name, one in mounted.items()})

    async def _policy(self, routes: Iterable[Running]) -> None:
        manifest = manifests.targets_policy(self._settings, routes)
        present = await self._api.get(manifest["apiVersion"], _POLICIES, self._settings.targets_policy)
        if self._settings.network_policy:
            await self._as_wanted(_POLICIES, present, manifest)
        elif present is not None:
            await self._api.delete(manifest["apiVersion"], _POLICIES, self._settings.targets_policy)

    async def _nudge(self, versions: Mapping[str, str]) -> None:
        """Have the kubelet look at the volumes of every pod that may not have them in these versions."""
        labels = manifests.labels(self._settings)
        selector = ",".join(f"{key}={labels[key]}" for key in ("app.kubernetes.io/name", "app.kubernetes.io/instance"))
        for pod in await self._api.list("v1", "pods", selector):
            metadata = pod["metadata"]
            component = metadata["labels"].get("app.kubernetes.io/component", "")
            version = versions.get(component)
            if version is None or (metadata.get("annotations") or {}).get(_MOUNTED) == version:
                continue
            patch = {"metadata": {"annotations": {_MOUNTED: version}}}
            await self._api.merge("v1", "pods", f"{metadata['name']}/status", patch)

    async def _as_wanted(self, plural: str, present: Object | None, manifest: Object) -> Object:
        if present is not None and manifests.is_as_wanted(present, manifest):
            return present
        return await self._write(plural, manifest)

    async def _write(self, plural: str, manifest: Object) -> Object:
        written = await self._api.apply(plural, manifest)
        self._figures.writes.labels(manifest["kind"]).inc()
        logger.info("object written", kind=manifest["kind"], name=manifest["metadata"]["name"])
        return written


def _version(present: Object) -> str:
    return str(present["metadata"].get("resourceVersion", ""))
