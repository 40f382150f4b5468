"""values.yaml, its schema and its page say the same."""

import json

import yaml

from support import chart_values
from support.chart import CHART


def schema():
    return json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def objects(node, path=""):
    """All parts of the schema that describe maps."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}/{key}")


def test_the_page_is_made_from_the_comments():
    assert chart_values.PAGE.read_text(encoding="utf-8") == chart_values.page(), (
        "make it anew: PYTHONPATH=tests .venv/bin/python -m support.chart_values"
    )


def test_every_value_is_explained():
    assert chart_values.undocumented() == []


def test_the_schema_is_closed_everywhere_but_in_a_routes_spec():
    loose = [path for path, node in objects(schema()) if node.get("additionalProperties", True) is True]
    assert loose == ["/properties/route/properties/spec"]


def test_the_schema_names_the_values_and_no_others():
    def same(node, values, path):
        node = schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        if isinstance(values, dict) and "properties" in node:
            named, given = set(node["properties"]), set(values)
            assert given <= named, f"{path}: not in the schema: {given - named}"
            if path.rpartition(".")[2] not in {"requests", "limits", "peer"}:  # what may be given beside the defaults
                assert named <= given, f"{path}: not in values.yaml: {named - given}"
            for key, value in values.items():
                same(node["properties"][key], value, f"{path}.{key}")

    same(schema(), yaml.safe_load(chart_values.VALUES.read_text(encoding="utf-8")), "values")
