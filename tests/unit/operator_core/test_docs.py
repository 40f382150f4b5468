"""docs/troubleshooting.md has a section for each reason; docs/operator.md has each setting and each figure."""

import re
from pathlib import Path

from dicomrs_operator.figures import Figures
from dicomrs_operator.reasons import Reason, section

DOCS = Path(__file__).parents[3] / "docs"
SOURCES = Path(__file__).parents[3] / "operator" / "src" / "dicomrs_operator"


def test_each_reason_has_a_section_and_each_section_a_reason() -> None:
    sections = re.findall(r"^### (\w+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted([*map(str, Reason), "LetGo"])


def test_links_lead_to_sections() -> None:
    assert section(Reason.PORT_NOT_RESERVED) == " (see docs/troubleshooting.md#portnotreserved)"


def test_each_setting_is_on_the_page() -> None:
    read = set(re.findall(r"DICOMRS_[A-Z_]+", (SOURCES / "settings.py").read_text()))
    assert read == set(re.findall(r"DICOMRS_[A-Z_]+", (DOCS / "operator.md").read_text()))


def test_each_figure_is_on_the_page() -> None:
    names = set(re.findall(r"^# TYPE (\w+) (?:counter|histogram|gauge)$", Figures().text().decode(), re.MULTILINE))
    page = set(re.findall(r"dicomrs_operator_\w+", (DOCS / "operator.md").read_text()))
    assert {name for name in names if not name.endswith("_created")} == page - {"dicomrs_operator"}
