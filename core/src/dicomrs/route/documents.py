"""YAML documents with the place of everything in them.

PyYAML's safe loader throughout, with less than YAML allows: plain values only, no aliases (small files that grow
huge), no key twice, nothing deep, nothing above 1 MiB.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dicomrs.route.problems import ManifestError, Problem, field_text, is_passing
from dicomrs.route.types import FieldPath, shown

LARGEST_BYTES: Final = 1 << 20
_DEEPEST: Final = 32
_TAG: Final = "tag:yaml.org,2002:"
# Dates are text here, as Kubernetes reads them.
_TEXT: Final = {_TAG + "str", _TAG + "timestamp"}
_INT: Final = _TAG + "int"
# YAML 1.1 would take 0104 for 68 and 1:44 for 104.
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OTHER: Final = {_TAG + kind for kind in ("int", "float", "bool", "null")}


@dataclass(slots=True)
class Document:
    """One document: plain data, and by field path the line (from 1) and the spelling of single values."""

    file: str
    data: Any = None
    lines: dict[FieldPath, int] = field(default_factory=dict)
    raw: dict[FieldPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: FieldPath, message: str) -> Problem:
        """Return a Problem at `path`, or at the nearest thing around it that the file has."""
        near = next(path[:end] for end in range(len(path), -1, -1) if path[:end] in self.lines)
        return Problem(self.file, self.lines[near], field_text(path), message)

    def part(self, path: FieldPath) -> "Document":
        """Return what stands at `path` as a document of its own."""
        data = self.data
        for step in path:
            data = data[step]
        size = len(path)
        lines = {found[size:]: line for found, line in self.lines.items() if found[:size] == path}
        raw = {found[size:]: text for found, text in self.raw.items() if found[:size] == path}
        return Document(self.file, data, lines, raw)


def read_text(file: str) -> str:
    """Return the text of a manifest.

    Raises:
        ManifestError: it cannot be read, is no regular file, is larger than `LARGEST_BYTES`, or is not UTF-8.
    """
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise _refused(file, None, "is not a regular file; name a YAML file or a folder of them")
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        why, passing = f"cannot be read: {error.strerror}", is_passing(error)
        raise ManifestError((Problem(file, None, "", why, passing),)) from error
    if len(content) > LARGEST_BYTES:
        raise _refused(file, None, "is larger than 1 MiB; a manifest is a few hundred lines at most")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(file, line, "is not UTF-8 text; save the file with the encoding UTF-8") from error


def parse(text: str, file: str) -> list[Document]:
    """Return the documents of a YAML text, without the empty ones; `file` is for the messages.

    Raises:
        ManifestError: it is not YAML, or has more of YAML than a manifest needs.
    """
    try:
        documents = [_document(node, file) for node in yaml.compose_all(text, Loader=_Loader)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(file, mark.line + 1 if mark else None, _yaml_sentence(error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(file, line, "has a control character, which YAML does not allow; remove it") from error
    problems = tuple(problem for document in documents for problem in document.problems)
    if problems:
        raise ManifestError(problems)
    return [document for document in documents if document.data is not None]


class _UnwantedError(yaml.MarkedYAMLError):
    """YAML, but of a kind that no manifest needs; its `problem` is a sentence."""


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases and without depth."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
        if self.check_event(yaml.AliasEvent):
            raise _UnwantedError(problem="aliases (*name) are not supported; write it out", problem_mark=mark)
        if self.depth == _DEEPEST:
            raise _UnwantedError(problem="is nested too deeply for a manifest", problem_mark=mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def fetch_more_tokens(self) -> None:
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError) as error:  # PyYAML does not look before it leaps: "\\UFFFFFFFF"
            mark = self.get_mark()
            raise _UnwantedError(problem="has a number or an escape that is out of range", problem_mark=mark) from error


def _document(node: Node, file: str) -> Document:
    document = Document(file)
    document.lines[()] = node.start_mark.line + 1
    document.data = _plain(node, (), document)
    return document


def _plain(node: Node, path: FieldPath, document: Document) -> Any:
    """Return the node as plain data, noting lines, spellings and problems in `document`."""
    if isinstance(node, MappingNode):
        return dict(_pairs(node, path, document))
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            document.lines[*path, index] = item.start_mark.line + 1
        return [_plain(item, (*path, index), document) for index, item in enumerate(node.value)]
    document.raw[path] = node.value
    if node.tag in _TEXT:
        return node.value
    if node.tag == _INT and not _DECIMAL.fullmatch(node.value):
        message = f"{shown(node.value)} is no plain number; leave leading zeros out, or quote it if it is text"
        document.problems.append(document.problem(path, message))
        return None
    if node.tag in _OTHER:
        with suppress(ValueError, OverflowError):  # such as a number of 5000 digits
            return SafeConstructor().construct_object(node)
    document.problems.append(document.problem(path, "cannot be read as a value; put it in quotes"))
    return None


def _pairs(node: MappingNode, path: FieldPath, document: Document) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            document.problems.append(
                Problem(document.file, line, field_text(path), "has a field name that is not plain text")
            )
            continue
        name = str(key.value)
        here = (*path, name)
        if name in seen:
            message = f"appears twice, first on line {seen[name]}; keep one of them"
            document.problems.append(Problem(document.file, line, field_text(here), message))
            continue
        seen[name] = document.lines[here] = line
        yield name, _plain(value, here, document)


def _yaml_sentence(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be read"
    if isinstance(error, _UnwantedError):
        return problem
    if "\\t" in problem:
        return "is not YAML: a tab; indent with spaces"
    return f"is not YAML: {problem}; look at indentation, colons and quotes here and on the line above"


def _refused(file: str, line: int | None, message: str) -> ManifestError:
    return ManifestError((Problem(file, line, "", message),))
