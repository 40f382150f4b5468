"""docs/kubernetes/values.md, made from the comments in the chart's values.yaml."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from support.chart import CHART

VALUES = CHART / "values.yaml"
PAGE = CHART.parents[1] / "docs" / "kubernetes" / "values.md"
_HEAD = """# Values of the chart

All that `charts/dicomrs` can be told, with its default. The chart refuses a key that is not here, and
values that cannot work, before it installs anything.
(This page is made from the comments in `charts/dicomrs/values.yaml`.)

| value | default | meaning |
|---|---|---|
"""
_KEY = re.compile(r"( *)([A-Za-z]+):")


def documented() -> Iterator[tuple[str, str]]:
    """Each value with a comment right above it: its path with dots, and the comment on one line."""
    path: list[str] = []
    comment: list[str] = []
    for line in VALUES.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
            continue
        if found := _KEY.match(line):
            path[len(found[1]) // 2 :] = [found[2]]
            if comment:
                yield ".".join(path), " ".join(comment)
        comment = []


def undocumented() -> list[str]:
    """Leaves of values.yaml that neither they nor anything above them explain."""
    told = {path for path, _ in documented()}
    return [path for path in _leaves(_defaults()) if not any(path == one or path.startswith(f"{one}.") for one in told)]


def page() -> str:
    """The page."""
    return _HEAD + "".join(
        f"| `{path}` | `{json.dumps(_at(path))}` | {comment.replace('|', chr(92) + '|')} |\n"
        for path, comment in documented()
    )


def _defaults() -> dict[str, Any]:
    return yaml.safe_load(VALUES.read_text(encoding="utf-8"))


def _at(path: str) -> Any:
    value: Any = _defaults()
    for key in path.split("."):
        value = value[key]
    return value


def _leaves(values: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        else:
            yield path


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
