"""The values a ClinicRoute is made of: AE titles, UIDs, addresses, names, durations and the disk reserve.

Every check raises ValueError with a sentence that says what is wrong and what would be right.
"""

import math
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Generic, Self, TypeVar

FieldPath = tuple[str | int, ...]
"""Where a field stands in a manifest: `("spec", "destinations", 0, "port")`."""

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_UID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MODALITY: Final = re.compile(r"[A-Z0-9_][A-Z0-9_ ]{0,15}")
_DURATION: Final = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_PERCENT: Final = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,6})?)%")
_QUANTITY: Final = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?)([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})?")
_CIDR: Final = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]{0,2}))?")

_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_BYTES: Final = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)} | {
    letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)
}
_LONGEST_SECONDS: Final = 36500 * 86400
_SMALLEST_BYTES: Final = 1024**2
_LARGEST_BYTES: Final = 2**63 - 1
_SHOWN: Final = 80


def shown(value: object) -> str:
    """Return `value` for a message: quoted when text, cut when long, nothing that steers a terminal."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if not isinstance(value, str):
        return str(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
    text = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return f'"{text}"' if text.isprintable() else f'"{ascii(text)[1:-1]}"'


def ae_title(value: str) -> str:
    """Return an application entity title (VR AE, PS3.5 table 6.2-1): 1 to 16 characters.

    Spaces at either end are not significant there; a manifest may not have them.
    """
    if not value or value != value.strip():
        raise ValueError(f"{shown(value)} is empty or has spaces at an end; write the AE title without them")
    if len(value) > 16:
        raise ValueError(f"{shown(value)} has {len(value)} characters; an AE title has at most 16")
    return _default_repertoire(value, "an AE title")


def station(value: str) -> str:
    """Return a Station Name (0008,1010) without the insignificant spaces (VR SH, PS3.5 table 6.2-1)."""
    text = value.strip()
    if not 1 <= len(text) <= 16:
        raise ValueError(f"{shown(value)} has {len(text)} characters; a station name has 1 to 16")
    if "\\" in text or not text.isprintable():
        raise ValueError(f"{shown(value)} has a backslash or a control character; a station name has neither")
    return text


def modality(value: str) -> str:
    """Return a Modality (0008,0060) as PS3.3 C.7.3.1.1.1 writes it (VR CS, PS3.5 table 6.2-1)."""
    if not _MODALITY.fullmatch(value):
        raise ValueError(f'{shown(value)} is not a modality; write it in capitals, such as "CT" or "RTSTRUCT"')
    return value


def uid(value: str) -> str:
    """Return a unique identifier (PS3.5 chapter 9): numbers without leading zeros, at most 64 characters."""
    if len(value) > 64:
        raise ValueError(f"{shown(value)} has {len(value)} characters; a UID has at most 64")
    if not _UID.fullmatch(value):
        raise ValueError(
            f'{shown(value)} is not a UID; write numbers without leading zeros, joined by dots: "1.2.840.10008.1.2"'
        )
    return value


def label(value: str) -> str:
    """Return a name that is an RFC 1123 label, as Kubernetes wants it."""
    if len(value) > 63:
        raise ValueError(f"{shown(value)} has {len(value)} characters; a name has at most 63")
    if not _LABEL.fullmatch(value):
        raise ValueError(
            f"{shown(value)} is not a name; use small letters a to z, digits and hyphens, "
            "with a letter or digit at both ends"
        )
    return value


def address(value: str) -> str:
    """Return an IPv4 or IPv6 address in its shortest spelling, without a zone."""
    try:
        found = ip_address(value)
    except ValueError:
        raise ValueError(
            f'{shown(value)} is not an IP address; write one such as "10.20.30.5" or "fd00::5", '
            'without port or mask, or name an "interface" in its place'
        ) from None
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        raise ValueError(f'{shown(value)} has a zone; leave it out, or name an "interface" in place of the address')
    return str(found)


def plain_ip(value: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `value` spells, an IPv4 one out of its IPv6 wrapping; None for a host name."""
    try:
        found = ip_address(value)
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def network(value: str) -> str:
    """Return a network in CIDR notation, or a single address as one of its own.

    IPv4 wrapped in IPv6 is refused: peers are looked up as what they are, and would never be found in it.
    """
    try:
        found = ip_network(value)
        if not _CIDR.fullmatch(value) or getattr(found.network_address, "ipv4_mapped", None):
            raise ValueError(value)
        return str(found)
    except ValueError:
        raise ValueError(
            f'{shown(value)} is not a network; write one such as "10.20.30.0/24", without bits to the right of its '
            'mask, or a single address such as "10.20.30.7"'
        ) from None


def networks(values: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return checked networks as objects that an address can be looked up in."""
    return tuple(map(ip_network, values))


def interface(value: str) -> str:
    """Return the name of a network interface, as Linux allows it (1 to 15 bytes)."""
    if not 1 <= len(value) <= 15 or value in {".", ".."} or re.search(r"[^!-~]|[/:]", value):
        raise ValueError(f'{shown(value)} is not an interface name; write one that "ip link" lists, such as "eth1"')
    return value


def host(value: str) -> str:
    """Return an IP address or a host name (RFC 1123; underscores pass, Windows names have them)."""
    if plain_ip(value) is not None:
        return value
    labels = value.removesuffix(".").split(".")
    # A last part of digits only is a mistyped IPv4 address, never a name (RFC 1123 2.1).
    if len(value) > 253 or labels[-1].isdecimal() or not all(map(_HOST_LABEL.fullmatch, labels)):
        raise ValueError(
            f'{shown(value)} is neither an IP address nor a host name; write one such as "192.168.10.16" '
            'or "pacs.example.org", without port'
        )
    return value


def folder(value: str) -> str:
    """Return an absolute path, normalised without looking at the disk: a folder that is not the root."""
    if not value.startswith("/") or ".." in value.split("/") or not value.isprintable():
        raise ValueError(f'{shown(value)} is not an absolute path; write one from "/", without ".."')
    path = "/" + posixpath.normpath(value).lstrip("/")
    if path == "/":
        raise ValueError('"/" is the whole disk; give the route a folder of its own')
    return path


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time in whole seconds; `str()` gives its shortest text, such as "1h30m"."""

    seconds: int

    @classmethod
    def of(cls, value: object) -> Self:
        """Read "90s", "15m", "1h30m" or "30d": days, hours, minutes, seconds in this order; 100 years at most.

        Raises:
            ValueError: `value` is not such a text.
        """
        if isinstance(value, cls):
            return value
        match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
        if match is None:
            raise ValueError(f'{shown(value)} is not a duration; write one such as "90s", "15m", "1h30m" or "30d"')
        counts = (int(digits or 0) for digits in match.groups())
        seconds = sum(count * unit for count, unit in zip(counts, _SECONDS.values(), strict=True))
        if seconds > _LONGEST_SECONDS:
            raise ValueError(f'{shown(value)} is too long; write at most 100 years, "36500d"')
        return cls(seconds)

    def __str__(self) -> str:
        parts, rest = "", self.seconds
        for letter, unit in _SECONDS.items():
            count, rest = divmod(rest, unit)
            parts += f"{count}{letter}" if count else ""
        return parts or "0s"


@dataclass(frozen=True, slots=True)
class Reserve:
    """Disk space to keep free: a share of the volume (0 to 1, exact) or a number of bytes; the other is 0."""

    share: Fraction = Fraction(0)
    size: int = 0

    @classmethod
    def of(cls, value: object) -> Self:
        """Read "12%", a Kubernetes quantity such as "20Gi" or "1.5T", or a number of bytes (none, or 1 MiB at least).

        Raises:
            ValueError: `value` is not such a text.
        """
        if isinstance(value, cls):
            return value
        text = _plain_text(value)
        if percent := _PERCENT.fullmatch(text):
            return cls(share=Fraction(percent[1]) / 100)
        if (size := _quantity(text)) is not None:
            # A bare "12" was meant as something else than 12 bytes.
            if 0 < size < _SMALLEST_BYTES:
                raise ValueError(f'{shown(value)} is only {size} bytes; write "12%", or a size such as "20Gi"')
            return cls(size=size)
        raise ValueError(
            f'{shown(value)} is not an amount of disk space; write a share below 100 % such as "12%", '
            'or a size such as "20Gi"'
        )

    def bytes_of(self, total_bytes: int) -> int:
        """Return the bytes to keep free on a volume of `total_bytes`, rounded up."""
        share = self.share  # in whole numbers, because this is asked for every object
        return -(-share.numerator * total_bytes // share.denominator) + self.size

    def __str__(self) -> str:
        if self.share:
            # At most six places were read, so this is exact.
            return f"{float(self.share * 100):.6f}".rstrip("0").rstrip(".") + "%"
        return _quantity_text(self.size)


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A number of bytes; `str()` gives it as a Kubernetes quantity."""

    bytes: int

    @classmethod
    def of(cls, value: object) -> Self:
        """Read a Kubernetes quantity such as "128Ki" or "16Gi", or a number of bytes.

        Raises:
            ValueError: `value` is not such a text.
        """
        if isinstance(value, cls):
            return value
        size = _quantity(_plain_text(value))
        if size is None:
            raise ValueError(f'{shown(value)} is not a size; write one such as "128Ki" or "16Gi"')
        return cls(size)

    def __str__(self) -> str:
        return _quantity_text(self.bytes)


_Measure = TypeVar("_Measure", Duration, Size)


@dataclass(frozen=True, slots=True)
class Between(Generic[_Measure]):
    """The check that a measure lies between two, both included; what: its name in the sentence."""

    kind: type[_Measure]
    what: str
    least: str
    most: str

    def __call__(self, value: _Measure) -> _Measure:
        """Return `value`, or raise ValueError with the sentence."""
        if not self.kind.of(self.least) <= value <= self.kind.of(self.most):
            raise ValueError(f'"{value}" is out of range; write a {self.what} from "{self.least}" to "{self.most}"')
        return value


def _plain_text(value: object) -> str:
    """Return what a manifest may spell as text or as a whole number; "" of anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _quantity(text: str) -> int | None:
    """Return the bytes of a Kubernetes quantity, rounded up; None if it is none."""
    quantity = _QUANTITY.fullmatch(text)
    if quantity is None:
        return None
    number, suffix = Fraction(quantity[1]), quantity[2] or "e0"
    size: int = math.ceil(number * (_BYTES.get(suffix) or 10 ** int(suffix[1:])))
    if size > _LARGEST_BYTES:
        raise ValueError(f'{shown(text)} is too large; write less than "8Ei"')
    return size


def _quantity_text(size: int) -> str:
    exact = [(unit, suffix) for suffix, unit in _BYTES.items() if size and size % unit == 0]
    unit, suffix = max(exact, default=(1, ""))
    return f"{size // unit}{suffix}"


def _default_repertoire(value: str, what: str) -> str:
    if "\\" in value or not (value.isascii() and value.isprintable()):
        raise ValueError(
            f"{shown(value)} has a character that {what} cannot have; use printable ASCII without backslash"
        )
    return value
