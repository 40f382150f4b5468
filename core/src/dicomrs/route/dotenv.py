"""The clinics' old `.env` file, turned into a ClinicRoute."""

import json
import re
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from dicomrs.route.check import check_routes
from dicomrs.route.documents import parse
from dicomrs.route.model import ClinicRoute
from dicomrs.route.problems import ManifestError, Problem, sentences
from dicomrs.route.types import FieldPath, shown

_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]{0,99})\s*=\s*(.*)")
_QUOTED: Final = re.compile(r"""(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?""")
_PORT: Final = re.compile(r"[0-9]{1,9}")

_DEFAULTS: Final = {
    "SCP_PORT": "104",
    "SCP_AET": "DICOMRS",
    "DICOM_ROOT": "/home/dicom/{name}",
    "TARGET_HOST": "192.168.10.16",
    "TARGET_PORT": "4243",
    "TARGET_AET": "ZEROCLICK",
}
_FIELDS: Final[dict[FieldPath, str]] = {
    ("spec", "receiver", "bindAddress"): "HTR_IP",
    ("spec", "receiver", "port"): "SCP_PORT",
    ("spec", "receiver", "aeTitle"): "SCP_AET",
    ("spec", "storage", "root"): "DICOM_ROOT",
    ("spec", "destinations", 0, "host"): "TARGET_HOST",
    ("spec", "destinations", 0, "port"): "TARGET_PORT",
    ("spec", "destinations", 0, "aeTitle"): "TARGET_AET",
}
_MANIFEST: Final = """\
# A ClinicRoute made from an old .env file. docs/clinicroute.md explains every field.
apiVersion: dicomrs.io/v1alpha1
kind: ClinicRoute
metadata:
  name: {name}
spec:
  receiver:
    bindAddress: {HTR_IP}
    port: {SCP_PORT}
    aeTitle: {SCP_AET}
  storage:
    root: {DICOM_ROOT}
  destinations:
    - name: zeroclick
      host: {TARGET_HOST}
      port: {TARGET_PORT}
      aeTitle: {TARGET_AET}
"""


@dataclass(slots=True)
class _Env:
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def import_env(text: str, name: str = "clinic", file: str = ".env") -> str:
    """Return a commented manifest that does what the old `.env` did.

    Args:
        text: the content of the `.env`: `KEY=value` lines, with or without `export`, quotes and comments.
        name: the name of the route.
        file: the name of the `.env`, for messages.

    Raises:
        ManifestError: a value is missing or cannot be used; it names the line and the key.
    """
    env = _read(text, file)
    manifest = _render(env, name, file)
    problems = env.problems or _check(manifest, env, file)
    if problems:
        raise ManifestError(tuple(problems))
    return manifest


def _read(text: str, file: str) -> _Env:
    env = _Env()
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        assignment = _ASSIGNMENT.fullmatch(line.strip())
        value = _value(assignment[2]) if assignment else None
        if assignment is None:
            env.problems.append(Problem(file, number, "", 'is no assignment; write "KEY=value"'))
        elif value is None:
            env.problems.append(Problem(file, number, assignment[1], "has an open quote; close it"))
        elif assignment[1] not in _FIELDS.values():
            env.notes.append(f"{assignment[1]} (line {number}) was left out: ClinicRoute has no such field.")
        else:
            key = assignment[1]
            if key in env.lines:
                env.notes.append(f"{key} was set on line {env.lines[key]} too; line {number} counts.")
            env.values[key], env.lines[key] = value, number
    return env


def _value(text: str) -> str | None:
    """Return the value, without quotes and comment, or None where a quote stays open."""
    if text.startswith(('"', "'")):
        quoted = _QUOTED.fullmatch(text)
        return (quoted[1] or quoted[2] or "").strip() if quoted else None
    return re.split(r"(?:^|\s+)#", text, maxsplit=1)[0].strip()


def _render(env: _Env, name: str, file: str) -> str:
    """Return the manifest; what the template cannot say for itself goes to `env.problems`."""
    if not env.values.get("HTR_IP"):
        message = "is missing: the address of this machine in the hospital's network"
        env.problems.append(Problem(file, env.lines.get("HTR_IP"), "HTR_IP", message))
    written = {"HTR_IP": _quoted(env.values.get("HTR_IP", ""))}
    for key, default in _DEFAULTS.items():
        value = env.values.get(key) or default.format(name=name)
        written[key] = (value.lstrip("0") or "0") if key.endswith("_PORT") else _quoted(value)
        if not env.values.get(key):
            written[key] += f"  # {key} was not set: this is the default"
        elif key.endswith("_PORT") and not _PORT.fullmatch(value):
            message = f"{shown(value)} is not a port; write a number from 1 to 65535"
            env.problems.append(Problem(file, env.lines[key], key, message))
    return _MANIFEST.format(name=_quoted(name), **written) + "".join(f"# {note}\n" for note in env.notes)


def _check(manifest: str, env: _Env, file: str) -> list[Problem]:
    """Check the manifest as if it had been loaded, and tell problems in terms of the `.env`."""
    (document,) = parse(manifest, file)
    try:
        route = ClinicRoute.model_validate(document.data)
        found = [(conflict.path, conflict.message) for conflict in check_routes([route])]
    except ValidationError as error:
        found = list(sentences(error, document.raw))
    keys = [(_FIELDS.get(path, "name of the route"), message) for path, message in found]
    return [Problem(file, env.lines.get(key), key, message) for key, message in keys]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=not value.isprintable())
