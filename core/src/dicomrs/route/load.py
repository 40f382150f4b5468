"""Manifests from files: read, checked one by one and against each other, with every problem told at once."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from dicomrs.route.check import check_routes
from dicomrs.route.documents import Document, parse, read_text
from dicomrs.route.model import ClinicRoute
from dicomrs.route.problems import ManifestError, Problem, sentences

Path = str | os.PathLike[str]
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def load_manifests(paths: Iterable[Path]) -> list[ClinicRoute]:
    """Return the routes of YAML files, and of all `*.yaml` of folders, in the order given and by file name.

    What `kubectl get clinicroute -o yaml` prints loads too, one route or a list.

    Raises:
        ManifestError: anything is wrong; it has all problems of all files.
    """
    problems: list[Problem] = []

    def noting(step: Callable[[_In], list[_Out]], item: _In) -> list[_Out]:
        try:
            return step(item)
        except ManifestError as error:
            problems.extend(error.problems)
            return []

    files = dict.fromkeys(file for path in paths for file in noting(manifest_files, path))
    documents = [document for file in files for document in noting(_documents, file)]
    found = [(document, route) for document in documents for route in noting(_routes, document)]
    routes = [route for _, route in found]
    for conflict in check_routes(routes):
        here = found[conflict.route][0].problem(conflict.path, conflict.message)
        there = found[conflict.other][0].problem(conflict.other_path, "")
        problems.append(replace(here, message=f"{here.message} (see {there.file}:{there.line})"))
    if problems:
        raise ManifestError(tuple(sorted(problems, key=lambda problem: (problem.file, problem.line or 0))))
    return routes


def manifest_files(path: Path) -> list[str]:
    """Return the `*.yaml` files of a folder, by name and without hidden ones; of anything else, itself.

    Raises:
        ManifestError: the folder cannot be read or has no such file.
    """
    folder = os.path.normpath(path)
    if not os.path.isdir(folder):
        return [folder]
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ManifestError((Problem(folder, None, "", f"cannot be read: {error.strerror}"),)) from error
    files = [os.path.join(folder, name) for name in names if name.endswith(".yaml") and not name.startswith(".")]
    if not files:
        raise ManifestError((Problem(folder, None, "", 'has no manifest; put one in, named "….yaml"'),))
    return files


def _documents(file: str) -> list[Document]:
    documents = parse(read_text(file), file)
    if not documents:
        raise ManifestError((Problem(file, None, "", "is empty; write a ClinicRoute into it"),))
    return [part for document in documents for part in _items(document)]


def _items(document: Document) -> list[Document]:
    data = document.data
    if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
        return [document.part(("items", number)) for number in range(len(data["items"]))]
    return [document]


def _routes(document: Document) -> list[ClinicRoute]:
    try:
        return [ClinicRoute.model_validate(document.data, by_alias=True, by_name=False)]
    except ValidationError as error:
        found = sentences(error, document.raw)
        raise ManifestError(tuple(document.problem(path, message) for path, message in found)) from None
