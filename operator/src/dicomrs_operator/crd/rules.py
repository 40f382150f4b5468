"""The checks of the route model as an API server makes them: each in CEL, with a sentence for a clinic's IT person.

The model names its checks (`AfterValidator(types.ae_title)`), and this table says what each is on a cluster. So the
model stays the one source and the core knows no Kubernetes. A check that has no row here stops the generator.
CEL and not `pattern`, because what an API server says about a pattern is the pattern.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dicomrs.route import Destination, Receiver, types
from dicomrs.route import Rule as MatchRule

Fragment = dict[str, Any]
"""A piece of an OpenAPI v3 schema."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL expression over `self` that must be true, and what is said when it is not."""

    expression: str
    message: str

    def fragment(self) -> Fragment:
        """Return the rule as `x-kubernetes-validations` has it."""
        return {"rule": self.expression, "message": self.message}


@dataclass(frozen=True, slots=True)
class Text(Rule):
    """The rule of a text, which has at most `longest` characters."""

    longest: int


_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_HOST_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# isIP() knows no IPv4 address that is wrapped in an IPv6 one; the model does.
_WRAPPED: Final = r"self.matches(r'(?i)^[0:]+:ffff:([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-f]{1,4}:[0-9a-f]{1,4})$')"


def _matches(expression: str) -> str:
    return f"self.matches(r'{expression}')"


TEXTS: Final[Mapping[Callable[[str], str], Text]] = {
    types.ae_title: Text(
        _matches(r"^[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?$"),
        "write an AE title of 1 to 16 printable ASCII characters, without backslash and without spaces at its ends",
        longest=16,
    ),
    types.uid: Text(
        _matches(r"^[0-2](\.(0|[1-9][0-9]*))+$"),
        'write a UID: numbers without leading zeros, joined by dots, such as "1.2.840.10008.1.2"',
        longest=64,
    ),
    types.label: Text(
        _matches(_NAME),
        "write a name of small letters a to z, digits and hyphens, with a letter or digit at both ends",
        longest=63,
    ),
    types.modality: Text(
        _matches("^[A-Z0-9_][A-Z0-9_ ]*$"),
        'write a modality in capitals, such as "CT" or "RTSTRUCT"',
        longest=16,
    ),
    types.station: Text(
        # Text as Python's isprintable() sees it, here and in a folder.
        r"self.trim().matches(r'^([^\\\p{C}\p{Z}]| ){1,16}$')",
        "write a station name of 1 to 16 characters, without backslash and control characters",
        longest=64,
    ),
    types.address: Text(
        f"isIP(self) || {_WRAPPED}",
        'write an IP address such as "10.20.30.5" or "fd00::5", without port, mask and zone',
        longest=45,
    ),
    types.network: Text(
        "isIP(self) || isCIDR(self) && cidr(self) == cidr(self).masked()",
        'write a network such as "10.20.30.0/24", without bits to the right of its mask, '
        'or a single address such as "10.20.30.7"',
        longest=43,
    ),
    types.interface: Text(
        _matches("^[!-.0-9;-~]+$") + " && self != '.' && self != '..'",
        'write an interface as "ip link" lists it, such as "eth1"',
        longest=15,
    ),
    types.host: Text(
        f"isIP(self.split('%')[0]) || {_WRAPPED} || "
        rf"self.matches(r'^({_HOST_LABEL}\.)*{_HOST_LABEL}\.?$') && !self.matches(r'(^|\.)[0-9]+\.?$')",
        'write an IP address or a host name, such as "192.168.10.16" or "pacs.example.org", without port',
        longest=253,
    ),
    types.folder: Text(
        r"self.matches(r'^/([^\p{C}\p{Z}]| )*$') && !self.matches(r'/\.\.(/|$)') && !self.matches(r'^(/\.?)*$')",
        'write an absolute path, one from "/" and without "..", to a folder that is not the whole disk',
        longest=1024,
    ),
}
"""By check of the model."""

DURATION: Final = Text(
    "self != '' && " + _matches("^([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$"),
    'write a duration such as "90s", "15m", "1h30m" or "30d"',
    longest=40,  # four numbers of nine digits, each with its letter
)
_SECONDS: Final = " + ".join(
    f"int('0' + self.find('[0-9]{{1,9}}{letter}').replace('{letter}', '')){unit}"
    for letter, unit in (("d", " * 86400"), ("h", " * 3600"), ("m", " * 60"), ("s", ""))
)
LONGEST: Final = types.Between(types.Duration, "duration", "0s", "36500d")
"""What holds of every duration."""

_QUANTITY: Final = r"[0-9]{1,19}(\.[0-9]{1,9})?([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})?"
SIZE: Final = Rule(f"string(self).matches(r'^{_QUANTITY}$')", 'write a size such as "128Ki" or "16Gi"')
RESERVE: Final = (
    Rule(
        rf"string(self).matches(r'^({_QUANTITY}|[0-9]{{1,2}}(\.[0-9]{{1,6}})?%)$')",
        'write a share below 100 % such as "12%", or a size such as "20Gi"',
    ),
    Rule(
        "!isQuantity(string(self)) || [quantity(string(self))].all(size, size.compareTo(quantity('0')) == 0 || "
        "size.compareTo(quantity('1Mi')) >= 0 && size.isLessThan(quantity('8Ei')))",
        'a size is "1Mi" at least and less than "8Ei"; write "12%", or a size such as "20Gi"',
    ),
)


def between(check: types.Between[Any]) -> Rule:
    """Return the rule that a measure lies in its range; one that is no measure has a rule of its own."""
    message = f'write a {check.what} from "{check.least}" to "{check.most}"'
    if check.kind is types.Duration:
        least, most = (types.Duration.of(text).seconds for text in (check.least, check.most))
        return Rule(f"[{_SECONDS}].all(seconds, seconds >= {least} && seconds <= {most})", message)
    return Rule(
        "!isQuantity(string(self)) || [quantity(string(self))].all(size, "
        f"size.compareTo(quantity('{check.least}')) >= 0 && size.compareTo(quantity('{check.most}')) <= 0)",
        message,
    )


SECTIONS: Final[Mapping[type, tuple[Rule, ...]]] = {
    Receiver: (
        Rule(
            "has(self.bindAddress) != has(self.interface)",
            'needs exactly one of "bindAddress" (an IP address of this machine) and "interface" (its name)',
        ),
    ),
    MatchRule: (
        Rule(
            " || ".join(
                f"has(self.{field.alias}) && size(self.{field.alias}) > 0" for field in MatchRule.model_fields.values()
            ),
            'this rule is empty and would match everything; fill it in, or leave "match" out',
        ),
    ),
}
"""What holds between the fields of a section, for each section whose model has such a check."""

ROUTE: Final = Rule(
    f"self.metadata.name.size() <= 63 && self.metadata.name.matches(r'{_NAME}')",
    "write a name for the route of at most 63 small letters a to z, digits and hyphens, without dots",
)
"""What a ClinicRoute is called: Kubernetes alone would allow dots and 253 characters."""

KEYS: Final[Mapping[type, str]] = {Destination: "name"}
"""Sections of a list that are told apart by a field: no two of them may have it alike."""
