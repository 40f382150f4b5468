"""Pages that are made: docs/cli.md of what the commands say, docs/speed.md and docs/proof.md of what was measured."""

import sys
from pathlib import Path

from bench import report
from support import proof
from support.processes import run

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMAND = ["typer", "dicomrs_cli.main", "utils", "docs", "--name", "dicomrs"]


def test_the_page_is_the_help_of_the_commands():
    made = run([sys.executable, "-m", *COMMAND])
    assert made.returncode == 0, made.stderr
    how = f"make it anew: .venv/bin/{' '.join(COMMAND)} --output docs/cli.md"
    assert PAGE.read_text(encoding="utf-8").split() == made.stdout.split(), how


def test_the_page_about_speed_is_made_from_the_newest_results():
    assert report.PAGE.read_text(encoding="utf-8") == report.page(report.newest_results()), (
        "make it anew: .venv/bin/python -m bench.report"
    )


def test_the_page_about_faults_is_made_from_the_newest_campaign_and_shows_no_loss():
    assert proof.PAGE.read_text(encoding="utf-8") == proof.page(proof.newest_results()), (
        "make it anew: PYTHONPATH=tests .venv/bin/python -m support.proof"
    )
    assert not [row.fault for row in proof.rows_of(proof.newest_results()) if row.subject == "dicomrs" and row.losses]
