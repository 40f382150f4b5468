"""How the doors are set: options of the command line. Secrets come by files only."""

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final
from urllib.parse import urlsplit

from dicomrs_dashboard.doors.outside import LOOPBACK_NAMES, Outside, is_base_path
from dicomrs_dashboard.doors.people import Role

_ROLES: Final = {role.label: role for role in Role}


@dataclass(frozen=True, slots=True)
class RoleMap:
    """What groups of another directory may do here; without an entry, a group is called as the role that it has."""

    roles: Mapping[str, Role] = field(default_factory=dict)

    def role_of(self, groups: Iterable[str]) -> Role | None:
        """The largest that one of the groups has, None if none has any."""
        known = self.roles or _ROLES
        return max((known[group] for group in groups if group in known), default=None)


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The headers of a proxy that signs people in; user: "" if there is none."""

    user: str = ""
    groups: str = ""


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """A provider of OpenID Connect. authority: a file with its CA, "" if that is known to the system."""

    issuer: str
    client: str
    secret_file: str
    claim: str
    name: str
    authority: str = ""


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """All of it. state: the folder whose `.dicomrs/` has users and audit log; idle, longest: seconds of a session."""

    state: str
    outside: Outside = field(default_factory=Outside)
    idle: float = 30 * 60.0
    longest: float = 12 * 3600.0
    proxy: ProxySettings = field(default_factory=ProxySettings)
    openid: OpenIdSettings | None = None
    role_map: RoleMap = field(default_factory=RoleMap)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command line may say of them."""
    parser.add_argument(
        "--state", metavar="FOLDER", required=True, help="where .dicomrs/ is to be: users and the audit log"
    )
    parser.add_argument(
        "--base-path", metavar="/PATH", type=_base_path, default="", help="the prefix that a proxy serves it under"
    )
    sessions = parser.add_argument_group("sessions")
    sessions.add_argument(
        "--session-idle", metavar="MINUTES", type=_minutes, default=30 * 60.0, help="sign out whoever asks for nothing"
    )
    sessions.add_argument(
        "--session-longest", metavar="MINUTES", type=_minutes, default=12 * 3600.0, help="sign everybody out after that"
    )
    proxies = parser.add_argument_group("a proxy in front of it")
    proxies.add_argument(
        "--trusted-proxy",
        metavar="NETWORK",
        type=_network,
        action="append",
        default=[],
        help="from there X-Forwarded-For and X-Forwarded-Proto are believed; may be repeated",
    )
    proxies.add_argument(
        "--proxy-user", metavar="HEADER", default="", help="the header in which that proxy says who is signed in"
    )
    proxies.add_argument(
        "--proxy-groups", metavar="HEADER", default="", help="the header in which it names that one's groups"
    )
    openid = parser.add_argument_group("signing in by OpenID Connect")
    openid.add_argument("--openid-issuer", metavar="URL", type=_issuer, help="the provider")
    openid.add_argument("--openid-client", metavar="ID", default="", help="what it knows the dashboard as")
    openid.add_argument("--openid-secret-file", metavar="FILE", default="", help="what the dashboard shows it")
    openid.add_argument("--openid-claim", metavar="NAME", default="groups", help="the claim that names groups")
    openid.add_argument("--openid-name", metavar="TEXT", default="OpenID", help="what the button is called by")
    openid.add_argument("--openid-ca", metavar="FILE", default="", help="the authority behind its certificate")
    parser.add_argument(
        "--role",
        metavar="GROUP=ROLE",
        type=_mapping,
        action="append",
        default=[],
        help="what members of a group may do; without it the groups are viewer, operator and admin; may be repeated",
    )


def settings_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> DoorSettings:
    """What it said; a wrong command line ends the program."""
    if options.proxy_user and not options.trusted_proxy:
        parser.error("--proxy-user needs --trusted-proxy: anybody could send that header")
    if bool(options.proxy_user) != bool(options.proxy_groups):
        parser.error("--proxy-user and --proxy-groups go together: without groups nobody has a role")
    openid = None
    if options.openid_issuer:
        if not options.openid_client or not options.openid_secret_file:
            parser.error("--openid-issuer needs --openid-client and --openid-secret-file")
        openid = OpenIdSettings(
            options.openid_issuer,
            options.openid_client,
            options.openid_secret_file,
            options.openid_claim,
            options.openid_name,
            options.openid_ca,
        )
    return DoorSettings(
        os.path.abspath(options.state),
        Outside(options.base_path, tuple(options.trusted_proxy)),
        options.session_idle,
        options.session_longest,
        ProxySettings(options.proxy_user, options.proxy_groups),
        openid,
        RoleMap(dict(options.role)),
    )


def _base_path(text: str) -> str:
    path = text.rstrip("/")
    if not is_base_path(path):
        raise argparse.ArgumentTypeError(f"{text!r} is no path prefix; write it as /dicomrs, of letters, digits, - _ .")
    return path


def _minutes(text: str) -> float:
    if not text.isdecimal() or not 1 <= int(text) <= 60 * 24 * 7:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes from 1 to {60 * 24 * 7}")
    return int(text) * 60.0


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no network: {error}; write it as 10.0.3.0/24") from None


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    private = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES)
    if not private or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no issuer: it begins with https:// (OpenID Connect Discovery 3)")
    return text


def _mapping(text: str) -> tuple[str, Role]:
    group, sign, role = text.rpartition("=")
    if not sign or not group or role not in _ROLES:
        raise argparse.ArgumentTypeError(f"{text!r} is no role of a group; write it as radiotherapy-it=admin")
    return group, _ROLES[role]
