"""What pages say is there: commands and their options, values, fields of routes, and what they link to."""

import itertools
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from dicomrs.route import ClinicRoute
from dicomrs_cli.main import app
from dicomrs_operator.accept import Circumstances, accept
from dicomrs_operator.routes import Wanted
from dicomrs_operator.settings import Reservation
from support.chart import CHART, helm
from support.processes import find_program, run

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
TROUBLES, INSTALL = DOCS / "troubleshooting.md", DOCS / "kubernetes" / "install.md"
ABOUT_CLUSTERS = [TOP / "README.md", TROUBLES, DOCS / "alerts.md", *sorted((DOCS / "kubernetes").glob("*.md"))]
EVERY = [
    TOP / "README.md",
    TOP / "CONTRIBUTING.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((DOCS / "kubernetes").glob("*.md")),
]
RESERVATION = Reservation("172.22.61.14", (104, 11112), (), "/home/dicom")

each_page = pytest.mark.parametrize("page", ABOUT_CLUSTERS, ids=lambda page: page.stem)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def yaml_blocks(page: Path) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)


def lines() -> Iterator[str]:
    """Each command that is to be typed; one that goes on in the next line is one, and one in a pipe, too."""
    for page in ABOUT_CLUSTERS:
        for line in re.findall(r"^    (\S.*)$", re.sub(r" \\\n\s*", " ", text(page)), re.MULTILINE):
            yield from line.split(" | ")


def typed(*beginning: str) -> list[list[str]]:
    """The words of those that begin so."""
    found = [words for line in lines() if (words := shlex.split(line, comments=True))[: len(beginning)] == [*beginning]]
    assert found, beginning
    return found


def within(marker: str, words: list[str]) -> tuple[list[str], list[str]]:
    """The words before and after the marker."""
    place = words.index(marker) if marker in words else len(words)
    return words[:place], words[place + 1 :]


def anchors(page: Path) -> set[str]:
    """As the usual renderers make them of headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text(page), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text(page)):
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@each_page
def test_the_release_of_the_pages_accepts_their_routes(page: Path) -> None:
    for block in yaml_blocks(page):
        body = yaml.safe_load(block)
        if body.get("kind") == "ClinicRoute":
            ClinicRoute.model_validate(body)
            body["metadata"] |= {"uid": "1", "generation": 1, "creationTimestamp": "2026-01-22T10:15:30Z"}
            (verdict,) = accept([Wanted(body)], {}, Circumstances(RESERVATION)).values()
            assert not verdict.refusals


@each_page
def test_values_are_the_charts(page: Path) -> None:
    schema = json.loads(text(CHART / "values.schema.json"))
    for name in re.findall(r"--set[ =]'?([A-Za-z.]+)=", text(page)):
        node = schema
        for part in name.split("."):
            node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
            assert part in node["properties"], name
            node = node["properties"][part]


@pytest.mark.peer("helm")
def test_helm_knows_its_options() -> None:
    for words in typed("helm"):
        assert run([str(find_program("helm")), *words[1:], "--help"]).returncode == 0, words


@pytest.mark.peer("kubectl")
def test_kubectl_knows_its_options() -> None:
    for words in typed("kubectl"):
        done = run([str(find_program("kubectl")), *within("--", words)[0][1:], "--help"])
        assert (done.returncode, done.stderr) == (0, ""), words


@pytest.mark.peer("helm")
def test_the_chart_takes_the_values_that_helm_is_told(tmp_path: Path) -> None:
    (values,) = [block for block in yaml_blocks(INSTALL) if block.startswith("# values of charts/dicomrs")]
    (tmp_path / "clinic-values.yaml").write_text(values, encoding="utf-8")
    for _, _, release, chart, *options in typed("helm", "install") + typed("helm", "upgrade"):
        told = [pair for pair in itertools.pairwise(options) if pair[0] in {"-n", "-f", "--set"}]
        given = [word.replace("clinic-values.yaml", f"{tmp_path}/clinic-values.yaml") for pair in told for word in pair]
        done = helm("template", release.lower(), str(TOP / chart), *given)
        assert done.returncode == 0, (done.stderr, options)


def test_programs_in_pods_know_their_options() -> None:
    for words in typed("kubectl", "exec"):
        program, *options = within("--", words)[1]
        if program == "dicomrs":
            knows(options)
        elif options[0] == "-m":
            usage = run([sys.executable, "-m", options[1], "--help"]).stdout
            assert all(word in usage for word in options if word.startswith("--")), words


def test_dicomrs_knows_its_options() -> None:
    for words in typed("d"):
        knows(words[1:])


def knows(options: list[str]) -> None:
    done = CliRunner().invoke(app, [*options, "--help"])
    assert done.exit_code == 0, done.output
