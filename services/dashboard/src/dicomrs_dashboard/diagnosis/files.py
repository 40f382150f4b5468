"""A diagnosis as a file: a page to read, with the JSON of it inside; and back, from whatever somebody hands over."""

import re
from typing import Final

from markupsafe import Markup
from pydantic import ValidationError

from dicomrs_dashboard.diagnosis.model import LARGEST, Diagnosis

_START: Final = b'<script type="application/json" id="dicomrs-diagnosis">'
_END: Final = b"</script>"
_SIGNS: Final = {sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""As JSON may write them (RFC 8259 7), and as no HTML is made of."""


class NoDiagnosisError(Exception):
    """The file is none; the message says why."""


def embedded(diagnosis: Diagnosis) -> Markup:
    """The JSON, to stand in a script element: nothing in it ends that, whatever a scanner has sent."""
    json = diagnosis.model_dump_json(by_alias=True)
    return Markup(re.sub("[<>&\u2028\u2029]", lambda found: _SIGNS[found[0]], json))  # noqa: S704  # no HTML is left


def file_name(diagnosis: Diagnosis) -> str:
    """A name for the file."""
    at = re.sub(r"[^0-9T]", "", diagnosis.at[:19])
    return f"dicomrs-diagnosis-{at}{'-with-patients' if diagnosis.patients else ''}.html"


def parse(data: bytes) -> Diagnosis:
    """What is in a file: the page, or the JSON of it.

    Raises:
        NoDiagnosisError: it is none, or too large.
    """
    if len(data) > LARGEST:
        raise NoDiagnosisError(f"larger than {LARGEST} bytes")
    _, found, rest = data.partition(_START)
    try:
        return Diagnosis.model_validate_json(rest.partition(_END)[0] if found else data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        raise NoDiagnosisError(f"{where}: {first['msg']}" if where else first["msg"]) from error
