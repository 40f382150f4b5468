"""Which destinations an object is for: a pure function of the route and of what is known of the object."""

from dataclasses import dataclass

from dicomrs.route.model import ClinicRoute, Rule


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at; "" where the object does not say. Spaces at the ends are not significant."""

    modality: str
    """Modality (0008,0060)."""
    calling: str
    """The calling AE title of the association it came by."""
    called: str
    """The called AE title of that association."""
    station: str
    """Station Name (0008,1010)."""
    sop_class: str
    """Affected SOP Class UID (0000,0002)."""


def destinations_for(route: ClinicRoute, facts: Facts) -> tuple[str, ...]:
    """Return the names of the route's destinations that want the object, in the manifest's order.

    A suspended route names them too: suspending stops the sending, not the wanting.
    """
    return tuple(
        destination.name
        for destination in route.spec.destinations
        if not destination.match or any(_matches(rule, facts) for rule in destination.match)
    )


def _matches(rule: Rule, facts: Facts) -> bool:
    given = (
        (rule.modalities, facts.modality),
        (rule.calling_ae_titles, facts.calling),
        (rule.called_ae_titles, facts.called),
        (rule.stations, facts.station),
        (rule.sop_classes, facts.sop_class),
    )
    return all(value.strip() in allowed for allowed, value in given if allowed)
