"""The command itself: what it says of itself, and what it keeps to itself when it fails."""

import sys

import pytest
import typer

import dicomrs
from dicomrs.exits import Exit
from dicomrs_cli.main import app
from support.processes import run


def test_it_tells_its_version(dicomrs):
    assert dicomrs("--version").output == f"dicomrs {dicomrs_version()}\n"


def dicomrs_version() -> str:
    return dicomrs.VERSION


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
def test_every_command_teaches_an_example_and_its_exit_codes(command, dicomrs):
    text = dicomrs(command, "--help").output
    assert f"dicomrs {command} " in text
    assert "Exit codes:" in text
    assert "• 0: " in text


def test_a_fault_shows_no_values_of_variables():
    """Patients' names stand in them."""
    script = (
        "import dicomrs_cli.commands.validate as validate\n"
        "from dicomrs_cli.main import app\n"
        "def fail(manifests):\n"
        "    patient = 'Secret' + '^Name'\n"
        "    raise RuntimeError('fault')\n"
        "validate.load_routes = fail\n"
        "app(['validate', 'x.yaml'])\n"
    )
    ended = run([sys.executable, "-c", script])
    assert ended.returncode == Exit.FAILED
    assert "fault" in ended.stderr
    assert "Secret^Name" not in ended.stderr
