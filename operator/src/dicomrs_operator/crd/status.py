"""The status of a ClinicRoute: what the operator writes, and what `kubectl get clinicroute` shows."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_camel

Figure = Annotated[StrictInt, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class Condition(_Part):
    """One thing that is so, is not so, or is not known."""

    type: Annotated[str, Field(max_length=63)]
    """Accepted, Receiving, Forwarding, StorageHealthy or Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: Annotated[str, Field(max_length=63)]
    """Why, in one word; docs/troubleshooting.md has a section for each."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, in a sentence: what is wrong and who can put it right."""
    observed_generation: Figure
    """The generation of the route that this is about."""
    last_transition_time: AwareDatetime
    """Since when the condition has had this status."""


class Waiting(_Part):
    """What some destination has not confirmed yet, and what nobody has set aside."""

    objects: Figure = 0
    """How many objects."""
    bytes: Figure = 0
    """How large they are together."""


class Status(_Part):
    """What has become of a route."""

    observed_generation: Figure | None = None
    """The generation of the route that this status is about."""
    conditions: tuple[Condition, ...] = ()
    """What is so: Accepted, Receiving, Forwarding, StorageHealthy, Ready."""
    destinations: str | None = None
    """The names of the destinations, joined by commas."""
    waiting: Waiting | None = None
    """What waits."""
    oldest: AwareDatetime | None = None
    """When the object that has waited longest arrived."""
    last_delivery: AwareDatetime | None = None
    """When a destination last confirmed an object."""
    parked: Figure | None = None
    """Objects that a destination refuses; a person decides about them."""
    quarantined: Figure | None = None
    """Objects without pixels, or damaged on the disk; a person decides about them."""

    def to_object(self) -> dict[str, Any]:
        """Return the status as Kubernetes stores it; what is not known is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
