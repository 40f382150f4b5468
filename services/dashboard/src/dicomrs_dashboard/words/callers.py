"""Why a scanner was refused, by the receiver's own words, and what to do about it."""

from typing import Final

from dicomrs_dashboard.language import N_

_REFUSALS: Final = (
    (
        "allow.networks",
        N_("Its address is not on the route's list: add it to spec.receiver.allow.networks if it may send."),
    ),
    (
        "allow.callingAeTitles",
        N_("Its AE title is not on the route's list: add it to spec.receiver.allow.callingAeTitles if it may send."),
    ),
    (
        "checkCalledAeTitle",
        N_("It calls us by another AE title: correct ours in the scanner's list of destinations."),
    ),
    ("limits.", N_("It had too many associations open at once; it tries again.")),
    ("suspend", N_("Receiving is suspended in the route.")),
    ("not DICOM", N_("What it asks for is not DICOM as we know it: ask the scanner's vendor.")),
)


def refusal(why: str) -> str:
    """What that means and what to do, to be translated; "" if nobody here knows. why: the service's own words."""
    return next((text for sign, text in _REFUSALS if sign in why), "")
