"""What the images are built from agrees with the workspace; that they build and run is for `make e2e`."""

import re
import tomllib
from pathlib import Path

from tools.images import CONTAINERFILE, LIMITS, TOP, base_image, image_tag


def test_every_target_has_a_limit() -> None:
    text = CONTAINERFILE.read_text()
    targets = re.findall(r"^FROM service AS (\w+)$", text, re.MULTILINE)
    assert targets == list(LIMITS)
    # In exec form: a shell in front would lose the capability of scp's interpreter, and the signals.
    assert len(re.findall(r'^ENTRYPOINT \["python', text, re.MULTILINE)) == len(targets)


def test_every_package_of_the_workspace_reaches_the_build() -> None:
    workspace = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    let_in = [line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert [one for one in workspace if Path(one).parts[0] not in let_in] == []


def test_version_and_base_are_found() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", image_tag())
    assert base_image().startswith("docker.io/library/python:3.")
