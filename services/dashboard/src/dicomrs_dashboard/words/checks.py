"""The doctor's steps, how they stand, and the rows of the firewall matrix, in words."""

from collections.abc import Mapping
from typing import Final

from dicomrs.doctor import Check, State
from dicomrs.firewall import Direction, Purpose
from dicomrs_dashboard.language import N_

CHECKS: Final[Mapping[Check, str]] = {
    Check.NAME: N_("Name"),
    Check.ADDRESS: N_("Address"),
    Check.LINK: N_("Link"),
    Check.ROUTE: N_("Network route"),
    Check.PING: N_("Ping"),
    Check.TCP: N_("TCP port"),
    Check.TLS: N_("TLS"),
    Check.ASSOCIATION: N_("DICOM association"),
    Check.ECHO: N_("C-ECHO"),
    Check.STORE: N_("Test image (C-STORE)"),
    Check.PROBE: N_("What it can take"),
}

QUESTIONS: Final[Mapping[Check, str]] = {
    Check.NAME: N_("Does the name resolve to an address?"),
    Check.ADDRESS: N_("Does this server have the address that it needs?"),
    Check.LINK: N_("Is the network interface switched on and connected?"),
    Check.ROUTE: N_("Does this server know a way there?"),
    Check.PING: N_("Does the machine answer a ping?"),
    Check.TCP: N_("Does a program take connections at the port?"),
    Check.TLS: N_("Do both sides accept each other's certificates?"),
    Check.ASSOCIATION: N_("Do both sides agree on their AE titles?"),
    Check.ECHO: N_("Does the DICOM service answer?"),
    Check.STORE: N_("Does it take an image?"),
    Check.PROBE: N_("Which kinds of objects does it take?"),
}

STATES: Final[Mapping[State, str]] = {
    State.WAITING: N_("to come"),
    State.RUNNING: N_("running"),
    State.OK: N_("OK"),
    State.WARNING: N_("attention"),
    State.FAILED: N_("failed"),
    State.SKIPPED: N_("skipped"),
}
BADGES: Final[Mapping[State, tuple[str, str]]] = {
    State.WAITING: ("", "…"),
    State.RUNNING: ("", "▶"),
    State.OK: ("good", "✓"),
    State.WARNING: ("look", "!"),
    State.FAILED: ("bad", "✕"),
    State.SKIPPED: ("", "»"),
}
"""The class of a step's badge and the sign in it."""

PURPOSES: Final[Mapping[Purpose, str]] = {
    Purpose.IMAGES_IN: N_("Images from the scanners"),
    Purpose.IMAGES_OUT: N_("Images to the target"),
    Purpose.REPORTS_IN: N_("Storage commitment reports from the target"),
    Purpose.REPORTS_OUT: N_("Storage commitment reports to the scanner"),
    Purpose.PING: N_("Ping, for these checks only"),
}
DIRECTIONS: Final[Mapping[Direction, str]] = {Direction.IN: N_("in"), Direction.OUT: N_("out")}

# What steps tell of when they are well, by the names of their params.
TOLD: Final[Mapping[Check, tuple[str, ...]]] = {
    Check.NAME: ("address",),
    Check.ADDRESS: ("own",),
    Check.LINK: ("interface",),
    Check.ROUTE: ("gateway",),
    Check.TCP: ("address", "port"),
    Check.ASSOCIATION: ("implementation",),
    Check.ECHO: ("status",),
    Check.STORE: ("status",),
}
