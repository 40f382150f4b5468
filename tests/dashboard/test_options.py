"""docs/dashboard.md tells of every option of the dashboard, and of no other."""

import re
import sys
from pathlib import Path

from support.processes import run

PAGE = Path(__file__).parents[2] / "docs" / "dashboard.md"


def test_the_table_of_options_has_each_of_them():
    told = run([sys.executable, "-m", "dicomrs_dashboard", "--help"]).stdout
    there = set(re.findall(r"^ +(--[a-z-]+)", told, re.MULTILINE))
    table = PAGE.read_text(encoding="utf-8").split("## Options", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`(--[a-z-]+)", table)) == there
