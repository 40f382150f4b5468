"""ClinicRoute v1alpha1: where a clinic's images come in and where they go.

One model for the manifest on one machine and for the custom resource on a cluster. A field exists only once it
works. Sections are frozen and compare by value, so that a service sees which of them a reload has changed.
The text under a field is its reference: docs/clinicroute.md repeats it, error messages quote it.
"""

from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from dicomrs.route import types

AeTitle = Annotated[str, AfterValidator(types.ae_title)]
Uid = Annotated[str, AfterValidator(types.uid)]
Label = Annotated[str, AfterValidator(types.label)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Network = Annotated[str, AfterValidator(types.network)]
Count = Annotated[StrictInt, Field(ge=1, le=1000)]
Item = TypeVar("Item")
# Lists are bounded, so that an API server can tell beforehand what checking a route may cost.
Many = Annotated[tuple[Item, ...], Field(max_length=256)]
Few = Annotated[tuple[Item, ...], Field(max_length=32)]
Span = Annotated[types.Duration, PlainValidator(types.Duration.of), PlainSerializer(str)]

# What an API server adds to an object; `kubectl get -o yaml` shows it, and it is nobody's wish.
_SERVER_SIDE: Final = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
}


REVISION: Final = "dicomrs.io/revision"
"""The annotation by which the operator recognises, in the services' heartbeats, the route that it has handed them."""
DRAINING: Final = "dicomrs.io/draining"
"""The annotation, "true" on a route that is being deleted: nothing is received for it, what waits is delivered."""


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Metadata(_Section):
    """What the route is called."""

    name: Label
    """The route's name: small letters, digits and hyphens, at most 63. Every route has its own."""
    namespace: Label | None = None
    """The Kubernetes namespace; no meaning on one machine."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Kubernetes labels; no meaning to dicomrs."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Kubernetes annotations. Those of `dicomrs.io/` are between the parts of dicomrs on a cluster; on one machine \
leave them out."""

    @model_validator(mode="before")
    @classmethod
    def _drop_server_side(cls, data: Any) -> Any:
        return _without(data, _SERVER_SIDE)


class Allow(_Section):
    """Who may open an association. An empty list lets everybody in."""

    calling_ae_titles: Many[AeTitle] = ()
    """AE titles that scanners may call themselves. Without any, all may send."""
    networks: Many[Network] = ()
    """Networks that scanners may come from, such as `10.20.30.0/24`. Without any, all may send."""


class Limits(_Section):
    """What one peer, and all of them, may take of the receiver."""

    associations: Count = 100
    """Associations open at once, 1 to 1000; more are rejected for the moment."""
    associations_per_peer: Count = 50
    """Associations open at once from one address, 1 to 1000."""
    artim: Annotated[Span, AfterValidator(types.Between(types.Duration, "duration", "1s", "10m"))] = types.Duration.of(
        "30s"
    )
    """How long a connection may take to say who it is (the ARTIM timer of PS3.8 9.1.4)."""
    idle: Annotated[Span, AfterValidator(types.Between(types.Duration, "duration", "1s", "1d"))] = types.Duration.of(
        "10m"
    )
    """How long an association may be silent between two messages."""
    pdu: Annotated[
        types.Size,
        PlainValidator(types.Size.of),
        PlainSerializer(str),
        AfterValidator(types.Between(types.Size, "size", "4Ki", "1Mi")),
    ] = types.Size.of("128Ki")
    """The longest P-DATA-TF that senders may use, `4Ki` to `1Mi`."""
    largest_object: Annotated[
        types.Size,
        PlainValidator(types.Size.of),
        PlainSerializer(str),
        AfterValidator(types.Between(types.Size, "size", "1Mi", "1Ti")),
    ] = types.Size.of("16Gi")
    """The largest dataset, `1Mi` to `1Ti`; a larger one is refused."""


class ReceiverTls(_Section):
    """TLS on the receiver's port: then it speaks nothing else."""

    secret_name: Label
    """The Secret with `tls.crt`, `tls.key` and `ca.crt`; on one machine the folder of that name under `secrets/` \
beside the manifest."""
    client_certificates: Literal["Required", "Ignored"] = "Required"
    """`Required`: scanners show a certificate that `ca.crt` vouches for. `Ignored`: they need none."""


class Peer(_Section):
    """Where an application entity of the scanners' network listens."""

    ae_title: AeTitle
    """Its AE title, as it calls itself."""
    host: Annotated[str, AfterValidator(types.host)]
    """Its host name or IP address."""
    port: Port
    """The TCP port on which it listens, 1 to 65535."""


class Receiver(_Section):
    """The storage SCP that scanners send to."""

    bind_address: Annotated[str, AfterValidator(types.address)] | None = None
    """The IPv4 or IPv6 address to listen on. Either this or `interface`."""
    interface: Annotated[str, AfterValidator(types.interface)] | None = None
    """The network interface to listen on, whatever its address. Either this or `bindAddress`."""
    port: Port = 104
    """The TCP port to listen on, 1 to 65535."""
    ae_title: AeTitle = "DICOMRS"
    """The AE title of the receiver, at most 16 characters."""
    suspend: StrictBool = False
    """Receive nothing for now: associations are rejected as transient, and scanners try again later."""
    transfer_syntaxes: Many[Uid] = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
    """Transfer syntaxes to prefer, best first, where one presentation context offers several. \
All others are accepted too, in the order the scanner offers them."""
    allow: Allow = Allow()
    """Who may open an association."""
    check_called_ae_title: StrictBool = False
    """Reject associations that call another AE title than `aeTitle`."""
    limits: Limits = Limits()
    """What one peer, and all of them, may take of the receiver."""
    tls: ReceiverTls | None = None
    """TLS on the receiver's port: then it speaks nothing else."""
    peers: Many[Peer] = ()
    """Where scanners listen for storage commitment reports that come too late for their own association."""

    @model_validator(mode="after")
    def _one_place_to_listen(self) -> Self:
        if (self.bind_address is None) == (self.interface is None):
            raise ValueError(
                'needs exactly one of "bindAddress" (an IP address of this machine) and "interface" (its name)'
            )
        return self


class Storage(_Section):
    """Where objects wait on disk, and for how long their study's record stays."""

    root: Annotated[str, Field(max_length=1024), AfterValidator(types.folder)] = ""
    """The route's own folder, an absolute path that is no part of another route's. \
Without it `/home/dicom/` and the route's name."""
    reserve: Annotated[types.Reserve, PlainValidator(types.Reserve.of), PlainSerializer(str)] = types.Reserve.of("12%")
    """Disk space that receiving leaves free: a share of the volume such as `12%` or a size such as `20Gi`."""
    retention: Span = types.Duration.of("30d")
    """How long a study's folder and receipts stay after its last object has gone."""
    on_conflict: Literal["Forward", "Park"] = "Forward"
    """What happens when other bytes arrive under a UID that still waits: \
`Forward` sends both in order, `Park` lets the later one wait for a person."""


class Park(_Section):
    """When to set aside an object that a destination refuses for reasons that may pass."""

    tries: Annotated[StrictInt, Field(ge=1, le=1000)] = 5
    """At least so many tries, 1 to 1000."""
    over: Span = types.Duration.of("15m")
    """And at least so much time from the first try to the last."""


class Rule(_Section):
    """Objects to send: every list that is given must hold the object's value."""

    modalities: Few[Annotated[str, AfterValidator(types.modality)]] = ()
    """Modality (0008,0060), such as `CT`."""
    calling_ae_titles: Few[AeTitle] = ()
    """The AE title that the scanner called itself."""
    called_ae_titles: Few[AeTitle] = ()
    """The AE title that the scanner called."""
    stations: Few[Annotated[str, Field(max_length=64), AfterValidator(types.station)]] = ()
    """Station Name (0008,1010)."""
    sop_classes: Few[Uid] = ()
    """SOP Class UIDs."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(dict(self).values()):
            raise ValueError('this rule is empty and would match everything; fill it in, or leave "match" out')
        return self


class DestinationTls(_Section):
    """TLS to the target."""

    secret_name: Label
    """The Secret with `ca.crt`, and with `tls.crt` and `tls.key` where the target asks who calls; on one machine \
the folder of that name under `secrets/` beside the manifest."""
    server_name: Annotated[str, AfterValidator(types.host)] = ""
    """The name that the target's certificate bears. Without it `host`."""


class Listen(_Section):
    """Where the sending service waits for storage commitment reports that come on associations of their own."""

    bind_address: Annotated[str, AfterValidator(types.address)]
    """The IPv4 or IPv6 address to listen on, one that the target reaches."""
    port: Port
    """The TCP port to listen on, 1 to 65535."""
    ae_title: AeTitle = ""
    """The AE title that the target calls there. Without it the destination's `callingAeTitle`."""


class Commitment(_Section):
    """Storage commitment (PS3.4 annex J): the target's word that it keeps the object."""

    mode: Literal["Required", "WhenOffered"] = "Required"
    """`Required`: nothing leaves the disk before the target has committed to it. \
`WhenOffered`: the same, unless the target does not offer storage commitment."""
    timeout: Annotated[Span, AfterValidator(types.Between(types.Duration, "duration", "5s", "7d"))] = types.Duration.of(
        "15m"
    )
    """How long to wait for a report before the target is asked again."""
    listen: Listen | None = None
    """Where reports arrive that come on associations of their own. Without it only those on ours are heard."""


class Destination(_Section):
    """A storage SCP that objects are delivered to."""

    name: Label
    """The destination's name in receipts and in the status; its own within the route."""
    host: Annotated[str, AfterValidator(types.host)]
    """Host name or IP address of the target."""
    port: Port
    """TCP port of the target, 1 to 65535."""
    ae_title: AeTitle
    """AE title of the target, at most 16 characters."""
    calling_ae_title: AeTitle = ""
    """The AE title that dicomrs calls itself there. Without it the receiver's `aeTitle`."""
    associations: Annotated[StrictInt, Field(ge=1, le=16)] = 1
    """How many associations may send at once, 1 to 16."""
    park: Park = Park()
    """When to set aside an object that the target refuses for reasons that may pass."""
    tls: DestinationTls | None = None
    """TLS to the target."""
    commitment: Commitment | None = None
    """Storage commitment, after which alone an object counts as delivered. Without it none is asked for."""
    match: Few[Rule] = ()
    """Rules, any of which suffices. Without rules every object is sent."""


class Spec(_Section):
    """What the route does."""

    suspend: StrictBool = False
    """Send nothing for now; receiving goes on."""
    receiver: Receiver
    """Where images come in: a storage SCP."""
    storage: Storage = Storage()
    """Where objects wait on disk."""
    destinations: Few[Destination] = ()
    """Where images go. With none, objects are kept and shown as "no destination"."""

    @field_validator("destinations", mode="after")
    @classmethod
    def _call_as_the_receiver(
        cls, destinations: tuple[Destination, ...], info: ValidationInfo
    ) -> tuple[Destination, ...]:
        receiver = info.data.get("receiver")
        if receiver is None:  # it has an error of its own
            return destinations
        return tuple(_with_titles(one, receiver.ae_title) for one in destinations)


class ClinicRoute(_Section):
    """One route. In a loaded route `storage.root` and each AE title are filled in, never empty."""

    api_version: Literal["dicomrs.io/v1alpha1"]
    """Always `dicomrs.io/v1alpha1`."""
    kind: Literal["ClinicRoute"]
    """Always `ClinicRoute`."""
    metadata: Metadata
    """What the route is called."""
    spec: Spec
    """What the route does."""

    @property
    def revision(self) -> str:
        """Which version of the route it is, in the operator's words; "" on one machine."""
        return self.metadata.annotations.get(REVISION, "")

    @property
    def draining(self) -> bool:
        """Whether it is being deleted: nothing more is received, what waits is delivered."""
        return self.metadata.annotations.get(DRAINING) == "true"

    @model_validator(mode="before")
    @classmethod
    def _drop_status(cls, data: Any) -> Any:
        return _without(data, {"status"})

    @field_validator("spec", mode="after")
    @classmethod
    def _root_by_name(cls, spec: Spec, info: ValidationInfo) -> Spec:
        metadata = info.data.get("metadata")
        if metadata is None or spec.storage.root:
            return spec
        storage = spec.storage.model_copy(update={"root": f"/home/dicom/{metadata.name}"})
        return spec.model_copy(update={"storage": storage})


def _with_titles(destination: Destination, own: str) -> Destination:
    calling = destination.calling_ae_title or own
    filled: dict[str, Any] = {"calling_ae_title": calling}
    commitment = destination.commitment
    if commitment is not None and commitment.listen is not None and not commitment.listen.ae_title:
        listen = commitment.listen.model_copy(update={"ae_title": calling})
        filled["commitment"] = commitment.model_copy(update={"listen": listen})
    return destination.model_copy(update=filled)


def _without(data: Any, keys: set[str]) -> Any:
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if key not in keys}
