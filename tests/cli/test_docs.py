"""docs/cli.md is what the commands say of themselves."""

import sys
from pathlib import Path

from support.processes import run

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMAND = ["typer", "dicomrs_cli.main", "utils", "docs", "--name", "dicomrs"]


def test_the_page_is_the_help_of_the_commands():
    made = run([sys.executable, "-m", *COMMAND])
    assert made.returncode == 0, made.stderr
    how = f"make it anew: .venv/bin/{' '.join(COMMAND)} --output docs/cli.md"
    assert PAGE.read_text(encoding="utf-8").split() == made.stdout.split(), how
