"""What the audit log's actions and fields are called, to be translated; one that is not here is shown as it is."""

from collections.abc import Mapping
from typing import Final

from dicomrs_dashboard.language import N_

ACTIONS: Final[Mapping[str, str]] = {
    "sign-in": N_("signed in"),
    "sign-out": N_("signed out"),
    "sign-in refused": N_("sign-in refused"),
    "refused": N_("not allowed"),
    "diagnose": N_("diagnostics with patient data"),
    "ask": N_("asked for"),
    "view": N_("looked at"),
    "release": N_("release"),
    "hold": N_("hold"),
    "resend": N_("resend"),
    "export": N_("export"),
    "discard": N_("discard"),
    "examine": N_("check of a connection"),
    "restart": N_("restart"),
    "user added": N_("user added"),
    "user's role changed": N_("role changed"),
    "user removed": N_("user removed"),
    "user reset": N_("password taken away"),
    "one-time code made": N_("one-time code made"),
    "password set": N_("password set"),
    "audit log downloaded": N_("audit log downloaded"),
}
ABOUT: Final[Mapping[str, str]] = {
    "request": N_("request"),
    "route": N_("route"),
    "user": N_("user"),
    "role": N_("role"),
    "service": N_("service"),
    "destination": N_("destination"),
    "study": N_("study"),
    "instance": N_("object"),
    "needs": N_("needs"),
    "text": N_("text"),
    "what": N_("what"),
}
VALUES: Final[Mapping[str, str]] = {
    **ACTIONS,
    "viewer": N_("viewer"),
    "operator": N_("operator"),
    "admin": N_("admin"),
    "password": N_("password"),
    "one-time code": N_("one-time code"),
    "operating system": N_("operating system"),
    "audit": N_("the page Audit"),
    "studies": N_("the page Studies"),
    "set-aside": N_("the page Set aside"),
    "study": N_("the page of a study"),
    "dashboard": N_("dashboard"),
}
"""Of these fields, and how it is known who somebody is."""
