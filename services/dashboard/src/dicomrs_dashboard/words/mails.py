"""A text to copy into a mail to whoever can mend what a check has found, with all that they will ask for."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from dicomrs.causes import Cause
from dicomrs.doctor import Run, State, Step
from dicomrs_dashboard.language import N_, Language
from dicomrs_dashboard.shown import patient
from dicomrs_dashboard.words.causes import MEANINGS, REMEDIES
from dicomrs_dashboard.words.checks import CHECKS, STATES

_LONGEST: Final = 500

# What others are asked to do; where it is this server's own job, the remedy says it.
REQUESTS: Final[Mapping[Cause, str]] = {
    Cause.NAME_UNKNOWN: N_("Please add %(host)s to the name servers that this server asks, or tell us its address."),
    Cause.HOST_UNREACHABLE: N_(
        "Please check the way from %(own)s to %(host)s: the routes in both directions, and that the machine is "
        "switched on and connected."
    ),
    Cause.NO_PING: N_("Please tell us whether pings from %(own)s to %(host)s are blocked on purpose."),
    Cause.FILTERED: N_(
        "Please let TCP connections from %(own)s to %(host)s port %(port)s through every firewall on the way, and tell "
        "us when that is done."
    ),
    Cause.PORT_CLOSED: N_(
        "Please check that your DICOM service (storage SCP) runs on %(host)s and listens on port %(port)s, or tell us "
        "the right port. If it runs, a firewall on the way refuses the connection in its place (TCP reset): network "
        "team, please let TCP from %(own)s to %(host)s port %(port)s through."
    ),
    Cause.TLS_PEER: N_(
        "Please check that your certificate is valid and bears the name %(host)s, send us the certificate of the "
        "authority that signed it, and check that your system trusts the authority of ours."
    ),
    Cause.TLS_NOT_SPOKEN: N_("Please tell us the port of %(host)s on which your DICOM service speaks TLS."),
    Cause.TLS_EXPECTED: N_(
        "Please tell us what we need to connect with TLS to %(host)s port %(port)s, or the port without TLS."
    ),
    Cause.NOT_DICOM: N_(
        "Please tell us the host and the port of your DICOM service: another program answers on %(host)s port %(port)s."
    ),
    Cause.CLOSED: N_(
        "Please look in your log why connections from %(own)s (AE title %(calling)s) are closed without an answer; "
        "often the address or the AE title is not on a list of permitted systems."
    ),
    Cause.SILENT: N_(
        "Please look at your DICOM service on %(host)s port %(port)s: it takes connections and does not answer; a "
        "restart of it may help, and so may a name server that knows the address %(own)s."
    ),
    Cause.CALLING_REFUSED: N_(
        "Please add the AE title %(calling)s, exactly as it is written here, with the address %(own)s to the systems "
        "that may send to %(called)s."
    ),
    Cause.CALLED_REFUSED: N_(
        "Please tell us the AE title of your DICOM service exactly as it is configured: it does not go by %(called)s."
    ),
    Cause.ASSOCIATION_REFUSED: N_("Please look in your log why associations from %(calling)s (%(own)s) are rejected."),
    Cause.BUSY: N_("Please see why your DICOM service has no resources or associations left."),
    Cause.ABORTED: N_("Please look in your log why associations from %(calling)s (%(own)s) are aborted."),
    Cause.NOT_OFFERED: N_("Please enable what is named above for objects from %(calling)s."),
    Cause.REFUSES_OBJECTS: N_("Please look in your log why objects from %(calling)s are answered with that status."),
    Cause.NOT_COMMITTED: N_("Please see why your system does not commit to the objects that it has taken."),
    Cause.PARKED: N_("Please look in your log why some objects from %(calling)s are not taken."),
    Cause.QUARANTINED: N_("Please have the images sent again: they came without their pixels."),
    Cause.CONFLICT: N_("Please see why different images came under one UID."),
}

_OUT: Final = N_(
    """Subject: DICOM connection from %(own)s to %(called)s (%(host)s port %(port)s)

Hello,

images from our DICOM router do not reach %(called)s. We checked the connection at %(when)s:

From: %(own)s, AE title %(calling)s
To: %(host)s, TCP port %(port)s, AE title %(called)s
Failed step: %(step)s
What was seen: %(meaning)s
In detail: %(detail)s
All steps: %(steps)s

%(request)s

Thank you"""
)
_IN: Final = N_(
    """Subject: DICOM receiver %(called)s (%(host)s port %(port)s)

Hello,

scanners cannot send to our DICOM router. We checked its receiver at %(when)s:

Receiver: %(host)s, TCP port %(port)s, AE title %(called)s
Failed step: %(step)s
What was seen: %(meaning)s
In detail: %(detail)s
All steps: %(steps)s

%(request)s

Thank you"""
)


def mail(run: Run, step: Step, language: Language) -> str:
    """The text about a step that has failed, or "" for one that has not."""
    if step.cause is None or step.state not in (State.FAILED, State.WARNING):
        return ""
    values: dict[str, str] = defaultdict(lambda: "?")  # for what nobody has found out
    values |= {name: patient(value) for name, value in step.params.items() if value}
    request = language.say(REQUESTS.get(step.cause, REMEDIES[step.cause])) % values
    values |= {
        "when": language.moment(step.params.get("at", run.at)),
        "step": language.say(CHECKS[step.check]),
        "meaning": language.say(MEANINGS[step.cause]),
        "detail": patient(step.detail, longest=_LONGEST),
        "steps": ", ".join(
            f"{language.say(CHECKS[one.check])}: {language.say(STATES[one.state])}" for one in run.steps
        ),
        "request": request,
    }
    return language.say(_OUT if run.destination else _IN) % values
