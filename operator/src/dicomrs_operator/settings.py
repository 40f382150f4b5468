"""What the chart tells the operator, by environment variables: the release, what it reserved, where things are."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dicomrs.route.types import plain_ip

_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


class SettingsError(Exception):
    """A variable is missing or makes no sense; the message is one line for whoever deploys the operator."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the chart holds for this release on the node; a route may use nothing else."""

    address: str
    """The node's address on the scanners' network (values `htr.address`)."""
    ports: tuple[int, ...]
    """Ports on that address (values `htr.ports`)."""
    commitment_ports: tuple[int, ...]
    """Ports of the scu pod for storage commitment reports (values `scu.commitment.ports`)."""
    mount_path: str
    """Where the spool's volume is mounted (values `spool.mountPath`)."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API server is and what is shown to it."""

    server: str
    token_file: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's settings."""

    namespace: str
    fullname: str
    """What the release's objects are called after; the first part of their names."""
    instance: str
    """The release: `app.kubernetes.io/instance` of its pods."""
    reservation: Reservation
    dashboard_url: str
    access: Access
    network_policy: bool = True
    """Whether NetworkPolicies are made from routes."""
    http_port: int = 8081
    """Where /healthz and /metrics are served."""
    late_seconds: int = 30
    """How long the watch may be silent about what a list shows, before /healthz says that it is dead."""
    seconds: int = 2
    """How often all is looked at, whether or not anybody said that something changed."""

    @property
    def routes_config_map(self) -> str:
        """The ConfigMap of accepted routes."""
        return f"{self.fullname}-routes"

    @property
    def token_secret(self) -> str:
        """The Secret that the dashboard and the operator share."""
        return f"{self.fullname}-dashboard-token"

    @property
    def targets_policy(self) -> str:
        """The NetworkPolicy of the sending service."""
        return f"{self.fullname}-scu-targets"

    def secrets_of(self, component: str) -> str:
        """The Secret with the copies that `component` (scp or scu) mounts."""
        return f"{self.fullname}-{component}-secrets"


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        SettingsError: a variable is missing or makes no sense.
    """

    def needed(name: str) -> str:
        value = environment.get(name, "")
        if not value:
            raise SettingsError(f"the environment variable {name} is missing; the chart dicomrs sets it")
        return value

    policy = environment.get("DICOMRS_NETWORK_POLICY", "true")
    if policy not in {"true", "false"}:
        raise SettingsError(f'DICOMRS_NETWORK_POLICY is "{policy}"; write true or false')
    return Settings(
        namespace=needed("DICOMRS_NAMESPACE"),
        fullname=needed("DICOMRS_FULLNAME"),
        instance=needed("DICOMRS_INSTANCE"),
        reservation=reservation(needed("DICOMRS_RESERVATION")),
        dashboard_url=needed("DICOMRS_DASHBOARD_URL").rstrip("/"),
        access=_access(environment),
        network_policy=policy == "true",
        http_port=_number(environment, "DICOMRS_HTTP_PORT", 8081),
        seconds=_number(environment, "DICOMRS_POLL_SECONDS", 2),
        late_seconds=_number(environment, "DICOMRS_WATCH_LATE_SECONDS", 30),
    )


def reservation(text: str) -> Reservation:
    """Return what DICOMRS_RESERVATION says.

    Raises:
        SettingsError: it is not what the chart writes.
    """
    try:
        data: Any = json.loads(text)
        address = plain_ip(data["address"])
        if address is None:
            raise ValueError(f'"{data["address"]}" is no IP address')
        return Reservation(
            str(address),
            tuple(map(int, data["ports"])),
            tuple(map(int, data.get("commitmentPorts", ()))),
            os.path.normpath(data["mountPath"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"DICOMRS_RESERVATION cannot be read ({type(error).__name__}: {error}); the chart dicomrs writes it"
        ) from error


def _access(environment: Mapping[str, str]) -> Access:
    if url := environment.get("DICOMRS_KUBERNETES_URL"):  # for development: kubectl proxy
        return Access(url.rstrip("/"))
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise SettingsError(
            "this is no pod of a cluster (KUBERNETES_SERVICE_HOST is missing); outside of one, run kubectl proxy and "
            "set DICOMRS_KUBERNETES_URL=http://127.0.0.1:8001"
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Access(server, f"{_ACCOUNT}/token", f"{_ACCOUNT}/ca.crt")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal():
        raise SettingsError(f'{name} is "{text}"; write a number')
    return int(text)
